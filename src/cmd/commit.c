/* sampan commit: an image of what a container has become. */
#include <stdio.h>

#include "build/change.h"
#include "cmd/command.h"
#include "run/run.h"

static const char *message, *author;
static struct strlist changes;
static bool pause_it = true;

static const struct option_spec options[] = {
	{ 'm', "message", OPTION_STRING, &message, "TEXT", "for the image's history" },
	{ 'a', "author", OPTION_STRING, &author, "NAME", "who made it: 'Name <mail@example.org>'" },
	{ 'c', "change", OPTION_LIST, &changes, "INSTRUCTION", "a line of a Dockerfile that changes its settings: 'CMD [\"sh\"]'" },
	{ 'p', "pause", OPTION_FLAG, &pause_it, NULL, "its processes stand still meanwhile (true)" },
	{ 0 },
};

static int change(struct image_config *config, void *data, struct error *err)
{
	(void)data;
	return config_change(config, &changes, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct reference name _cleanup_(reference_clear) = { 0 };
	struct commit_options wanted = { .message = message, .author = author, .pause = pause_it, .change = change, .name = argc > 1 ? &name : NULL };
	char text[DIGEST_TEXT_SIZE];
	struct digest id;

	if (argc > 1 && reference_parse(argv[1], &name, err) < 0)
		return -1;
	if (name.has_digest)
		return error_set(err, ERROR_USAGE, "'%s' has a digest: a new name is NAME[:TAG]", argv[1]);
	if (store_open(context->root, &store, err) < 0 || container_commit(store, argv[0], &wanted, &id, err) < 0)
		return -1;
	puts(digest_print(&id, text));
	return 0;
}

const struct command command_commit = {
	.name = "commit",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER [NAME[:TAG]]",
	.summary = "Make an image of what a container has become",
	.details = "Its changed files are one more layer on top of its image's; volumes are not part of it. Better images come from 'sampan build'.",
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
