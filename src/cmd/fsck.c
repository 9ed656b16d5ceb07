/* sampan fsck: is every blob what its name says, and everything there that is named? */
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "cmd/command.h"
#include "registry/config.h"
#include "registry/privilege.h"
#include "registry/refetch.h"

static bool rebuild, local;
static const char *config;

static const struct option_spec options[] = {
	{ 0, "rebuild", OPTION_FLAG, &rebuild, NULL, "make the database anew from the blobs, where it is lost or damaged" },
	{ 0, "local", OPTION_FLAG, &local, NULL, "fetch nothing from upstreams" },
	{ 0, "config", OPTION_STRING, &config, "FILE", "settings with upstreams (default: registry.json in the store's root)" },
	{ 0 },
};

struct findings {
	bool text;
	json_t *list;
	const char *root;
	struct store *store;
};

static void report(void *data, const char *text)
{
	struct findings *findings = data;

	json_array_append_new(findings->list, json_string(text));
	if (findings->text)
		puts(text);
}

/* What came from an upstream comes from there again. Root fetches it for the store's user. */
static int repair(void *data, struct error *err)
{
	struct findings *findings = data;
	struct registry_options settings _cleanup_(registry_options_clear) = { 0 };
	struct privilege privilege _cleanup_(privilege_clear) = { 0 };
	struct error failure _cleanup_(error_clear) = { 0 };

	if (config_load_section(findings->root, config, "upstreams", &settings, &failure) < 0) {
		log_warn("nothing is fetched from upstreams: %s", failure.message);
		return 0;
	}
	if (!settings.proxy)
		return 0;
	if (privilege_choose(findings->root, NULL, &privilege, err) < 0 || privilege_lend(&privilege, err) < 0)
		return -1;
	int result = refetch_missing(findings->store, settings.proxy, report, findings, err);
	privilege_return(&privilege);
	return result;
}

/* Who is told to run fsck, and did, is told the next step. */
static int open_store(const char *root, struct store **ret, struct error *err)
{
	if (store_open(root, ret, err) == 0)
		return 0;
	if (err->code == ERROR_CORRUPT) {
		free(steal(err->hint));
		error_hint(err, "'sampan fsck --rebuild' makes the database anew from the blobs");
	}
	return -1;
}

/* A damaged store is a result, not an error of the command: exit code 1. */
static int run(struct context *context, int argc, char **argv, struct error *err)
{
	_cleanup_(json_release) json_t *list = json_array(); /* of what is wrong */
	struct findings findings = { .text = context->format == FORMAT_TEXT, .list = list, .root = context->root };
	struct store *store _cleanup_(store_close) = NULL;
	size_t damaged = 0;

	(void)argc, (void)argv;
	if (rebuild && store_rebuild(context->root, report, &findings, err) < 0)
		return -1;
	json_array_clear(list); /* what a rebuild did isn't wrong */
	if (open_store(context->root, &store, err) < 0)
		return -1;
	findings.store = store;
	if (store_fsck_repair(store, report, local ? NULL : repair, &findings, &damaged, err) < 0)
		return -1;
	if (context->format == FORMAT_JSON) {
		_cleanup_(json_release) json_t *object = json_pack("{s:I, s:O}", "damaged", (json_int_t)damaged, "findings", list);
		json_dumpf(object, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (damaged)
		printf("%zu damaged; what was is in %s/quarantine. What is not fetched again comes with the next pull or push of the image\n", damaged,
		       store_path(store));
	else if (!json_array_size(list) && !context->quiet)
		puts("The store is sound");
	return json_array_size(list) ? 1 : 0;
}

const struct command command_fsck = {
	.name = "fsck",
	.group = "Store",
	.usage = "[OPTIONS]",
	.summary = "Check the store, every blob against its digest",
	.details = "Reads everything. Damaged blobs move to the folder quarantine/ of the store, and what came from an\n"
		   "upstream of the registry is fetched again; the next pull or push of an image brings back the rest. Servers may run meanwhile.\n"
		   "The exit code is 1 if something was damaged or is missing.\n"
		   "--rebuild brings back images and tags, not containers and the build cache; nothing else may use the store meanwhile.",
	.options = options,
	.run = run,
};
