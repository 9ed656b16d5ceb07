/* sampan import: a root file system becomes an image. */
#include <strings.h>

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/image_event.h"
#include "remote/remote.h"

static const char *platform;
static struct strlist changes;

static const struct option_spec options[] = {
	{ 0, "platform", OPTION_STRING, &platform, "OS/ARCH", "what its programs run on (default: this machine)" },
	{ 'c', "change", OPTION_LIST, &changes, "INSTRUCTION", "CMD, ENTRYPOINT, ENV, LABEL, USER or WORKDIR, as in a Dockerfile" },
	{ 0 },
};

/* CMD and ENTRYPOINT: a JSON list, or a line for the shell. */
static int set_list(const char *text, struct strlist *list, bool *has, struct error *err)
{
	json_t *items _cleanup_(json_release) = text[0] == '[' ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const json_t *item;
	size_t i;

	strlist_free(list);
	*has = true;
	if (!items) {
		strlist_add(list, "/bin/sh");
		strlist_add(list, "-c");
		strlist_add(list, text);
		return 0;
	}
	json_array_foreach(items, i, item) {
		if (!json_is_string(item))
			return error_set(err, ERROR_USAGE, "a list of strings is expected: %s", text);
		strlist_add(list, json_string_value(item));
	}
	return 0;
}

static int set_pair(const char *text, struct strlist *list, struct error *err)
{
	const char *equals = strchr(text, '=');

	if (!equals || equals == text)
		return error_set(err, ERROR_USAGE, "NAME=VALUE is expected: %s", text);
	_cleanup_(freep) char *name = xstrndup(text, (size_t)(equals - text));
	strlist_env_set(list, name, equals + 1);
	return 0;
}

static int set_text(const char *text, char **at)
{
	free(*at);
	*at = xstrdup(text);
	return 0;
}

static int apply(const char *change, struct image_config *config, struct error *err)
{
	const char *rest = change + strcspn(change, " \t");
	_cleanup_(freep) char *name = xstrndup(change, (size_t)(rest - change));

	rest += strspn(rest, " \t");
	if (!strcasecmp(name, "CMD"))
		return set_list(rest, &config->cmd, &config->has_cmd, err);
	if (!strcasecmp(name, "ENTRYPOINT"))
		return set_list(rest, &config->entrypoint, &config->has_entrypoint, err);
	if (!strcasecmp(name, "ENV"))
		return set_pair(rest, &config->env, err);
	if (!strcasecmp(name, "LABEL"))
		return set_pair(rest, &config->labels, err);
	if (!strcasecmp(name, "USER"))
		return set_text(rest, &config->user);
	if (!strcasecmp(name, "WORKDIR"))
		return set_text(rest, &config->working_dir);
	return error_set(err, ERROR_USAGE, "--change takes CMD, ENTRYPOINT, ENV, LABEL, USER and WORKDIR, not '%s'", name);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct reference name _cleanup_(reference_clear) = { 0 };
	struct digest digest;
	char text[DIGEST_TEXT_SIZE];

	platform_host(&config.platform);
	if (platform && platform_parse(platform, &config.platform, err) < 0)
		return -1;
	for (size_t i = 0; i < changes.len; i++)
		if (apply(changes.items[i], &config, err) < 0)
			return -1;
	if (argc > 1 && reference_parse(argv[1], &name, err) < 0)
		return -1;
	if (store_open(context->root, &store, err) < 0 || remote_import(store, argv[0], &config, argc > 1 ? &name : NULL, &digest, err) < 0)
		return -1;
	image_event(store, "import", digest_print(&digest, text), argc > 1 ? argv[1] : text);
	if (context->format == FORMAT_JSON)
		printf("{\"digest\":\"%s\"}\n", digest_print(&digest, text));
	else
		printf("%s\n", digest_print(&digest, text));
	return 0;
}

const struct command command_import = {
	.name = "import",
	.group = "Images",
	.usage = "[OPTIONS] FILE|- [NAME[:TAG]]",
	.summary = "Make an image of a root file system in a tar",
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
