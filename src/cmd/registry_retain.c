/* sampan registry retain: retention now, by the rules of the settings file or of the command line. */
#include <stdio.h>

#include "cmd/registry.h"
#include "registry/config.h"

static bool dry_run;
static const char *config, *keep, *newer, *untagged;
static struct strlist tags;

static const struct option_spec options[] = {
	{ 'n', "dry-run", OPTION_FLAG, &dry_run, NULL, "show what would go" },
	{ 0, "config", OPTION_STRING, &config, "FILE", "settings with rules (default: registry.json in the store's root)" },
	{ 0, "keep", OPTION_STRING, &keep, "N", "keep the newest N tags of a repository" },
	{ 0, "newer-than", OPTION_STRING, &newer, "TIME", "keep tags that were set within 30d, 12h, …" },
	{ 0, "tags", OPTION_LIST, &tags, "PATTERN", "keep tags that match; may be repeated" },
	{ 0, "untagged", OPTION_STRING, &untagged, "TIME", "take manifests without a tag that are older" },
	{ 0 },
};

static const struct table_column columns[] = { { "REPOSITORY", "repository" }, { "TAG", "tag" }, { "DIGEST", "digest" } };

static bool given_here(void)
{
	return keep || newer || tags.len || untagged;
}

static int rule_here(int argc, char **argv, struct retention_rule *rule, struct error *err)
{
	rule->keep_newest = rule->newer_than = rule->untagged_older_than = -1;
	for (int i = 0; i < argc; i++)
		strlist_add(&rule->repositories, argv[i]);
	strlist_add_all(&rule->tags, &tags);
	if ((keep && str_to_int(keep, 0, INT64_MAX, &rule->keep_newest, err) < 0) || (newer && period_parse(newer, &rule->newer_than, err) < 0) ||
	    (untagged && period_parse(untagged, &rule->untagged_older_than, err) < 0)) {
		err->code = ERROR_USAGE;
		return -1;
	}
	if (!argc)
		return error_set(err, ERROR_USAGE, "which repositories? Give patterns, like 'team/*'");
	return 0;
}

static void report(void *data, const char *repository, const char *tag, const char *digest)
{
	table_cell(data, repository);
	table_cell(data, tag);
	table_cell(data, digest);
}

static int apply(struct context *context, struct store *store, const struct keep_options *rules, struct error *err)
{
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	int64_t count = 0;

	if (!rules->rules_len) {
		error_set(err, ERROR_USAGE, "there are no rules");
		return error_hint(err, "add a section 'retention' to the settings, or give --keep, --newer-than, --tags or --untagged");
	}
	if (store_retain(store, rules->rules, rules->rules_len, dry_run, report, table, &count, err) < 0)
		return -1;
	if (context->format == FORMAT_JSON || (count && !context->quiet))
		table_print(table, context->format, stdout);
	if (context->format == FORMAT_TEXT && !context->quiet)
		printf("%s%lld tags or manifests %s\n", count ? "\n" : "", (long long)count,
		       dry_run ? "would go" : "are gone; 'sampan registry gc' frees their space");
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct registry_options settings _cleanup_(registry_options_clear) = { 0 };
	struct store *store _cleanup_(store_close) = NULL;

	if (argc && !given_here())
		return error_set(err, ERROR_USAGE, "what may stay? Give --keep, --newer-than, --tags or --untagged");
	if (store_open(context->root, &store, err) < 0)
		return -1;
	if (given_here()) {
		settings.keep.rules = xnew(struct retention_rule);
		settings.keep.rules_len = 1;
		if (rule_here(argc, argv, settings.keep.rules, err) < 0)
			return -1;
	} else if (config_load_section(context->root, config, "retention", &settings, err) < 0) {
		return -1;
	}
	return apply(context, store, &settings.keep, err);
}

const struct command command_registry_retain = {
	.name = "registry retain",
	.usage = "[OPTIONS] [PATTERN…]",
	.summary = "Take away tags and manifests that retention rules let go",
	.details = "Without options the rules of the settings are applied, as the server itself does before its gc. With --keep, --newer-than, --tags\n"
		   "or --untagged these are the rule for the repositories that PATTERN names: a tag stays if one of them keeps it.",
	.options = options,
	.max_args = -1,
	.run = run,
};
