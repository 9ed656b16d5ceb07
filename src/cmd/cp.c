/* sampan cp: files into a container and out of it. */
#include <unistd.h>

#include "base/fd.h"
#include "cmd/command.h"
#include "run/run.h"

static bool archive, follow;

static const struct option_spec options[] = {
	{ 'a', "archive", OPTION_FLAG, &archive, NULL, "what comes out keeps its owners (as root)" },
	{ 'L', "follow-link", OPTION_FLAG, &follow, NULL, "copy what a symbolic link leads to" },
	{ 0 },
};

/* The container's name in "NAME:PATH", with the path behind it; NULL for a path of this machine, which has a slash or a dot before any colon. */
static char *split(const char *text, const char **ret_path)
{
	const char *colon = strchr(text, ':');

	*ret_path = text;
	if (text[0] == '/' || text[0] == '.' || !colon || colon == text || memchr(text, '/', (size_t)(colon - text)))
		return NULL;
	*ret_path = colon + 1;
	return xstrndup(text, (size_t)(colon - text));
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	const struct cp_options wanted = { .follow = follow, .archive = archive };
	const char *from, *to;
	_cleanup_(freep) char *source = split(argv[0], &from), *target = split(argv[1], &to);

	(void)argc;
	if (source && target)
		return error_set(err, ERROR_USAGE, "from one container to another nothing can be copied"),
		       error_hint(err, "through this machine it can: 'sampan cp A:/x - | sampan cp - B:/'");
	if (!source && !target)
		return error_set(err, ERROR_USAGE, "one of the two must be in a container: NAME:/PATH");
	const char *outside = source ? to : from, *inside = source ? from : to;
	bool stream = str_equal(outside, "-");
	if (!*outside || !*inside)
		return error_set(err, ERROR_USAGE, *outside ? "the path in the container is empty" : "the path on this machine is empty");
	if (stream && isatty(source ? STDOUT_FILENO : STDIN_FILENO))
		return error_set(err, ERROR_USAGE, "a tar is nothing for a terminal");
	if (store_open(context->root, &store, err) < 0)
		return -1;
	return container_copy(store, source ? source : target, inside, stream ? NULL : outside, !source, &wanted, err);
}

const struct command command_cp = {
	.name = "cp",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER:PATH DEST|-  |  [OPTIONS] SOURCE|- CONTAINER:PATH",
	.summary = "Copy files into a container or out of it",
	.details = "The container may be running or not; its volumes are seen as it sees them. '-' is a tar on stdin or stdout. 'DIR/.' stands for what is in\n"
		   "a folder. Owners go in as they are here; what comes out is yours.",
	.options = options,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
