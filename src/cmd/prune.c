/* sampan prune: removes containers that have ended. */
#include <stdio.h>

#include "cmd/command.h"
#include "run/run.h"

static bool force;
static struct strlist filters;

static const struct option_spec options[] = {
	{ 'f', "force", OPTION_FLAG, &force, NULL, "do not ask; it never does" },
	{ 0, "filter", OPTION_LIST, &filters, "KEY=VALUE", "label=KEY[=VALUE], or until=AGE, like 24h" },
	{ 0 },
};

static bool has_label(const struct container_row *row, const char *wish)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	strlist_split(&list, row->labels, ',');
	return strchr(wish, '=') ? strlist_has(&list, wish) : strlist_env_get(&list, wish) != NULL;
}

static int row_wanted(const struct container_row *row, struct error *err)
{
	int64_t age;

	for (size_t i = 0; i < filters.len; i++) {
		const char *filter = filters.items[i];
		if (str_starts(filter, "label=")) {
			if (!has_label(row, filter + 6))
				return 0;
		} else if (!str_starts(filter, "until=") || period_parse(filter + 6, &age, NULL) < 0) {
			return error_set(err, ERROR_USAGE, "--filter %s: use label=KEY[=VALUE] or until=AGE, like 24h", filter);
		} else if (row->created > time(NULL) - age) {
			return 0;
		}
	}
	return row->state == CONTAINER_EXITED || row->state == CONTAINER_CREATED;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct container_row *rows = NULL;
	size_t len = 0;
	int result = 0;

	(void)argc, (void)argv;
	if (store_open(context->root, &store, err) < 0 || containers_list(store, true, &rows, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len && result == 0; i++) {
		int wanted = row_wanted(&rows[i], err);
		result = wanted < 0 ? -1 : 0;
		if (wanted > 0 && (result = container_remove(store, rows[i].id, false, err)) == 0)
			puts(rows[i].id);
	}
	container_rows_free(rows, len);
	return result;
}

const struct command command_prune = {
	.name = "prune",
	.group = "Containers",
	.usage = "[OPTIONS]",
	.summary = "Remove containers that have ended or never started",
	.details = "What they wrote goes with them. Images are 'sampan gc', volumes 'sampan volume prune'.",
	.options = options,
	.run = run,
};
