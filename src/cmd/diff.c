/* sampan diff: what a container changed of its image's files. */
#include <stdio.h>

#include "cmd/command.h"
#include "run/run.h"

static const struct table_column columns[] = { { NULL, "kind" }, { NULL, "path" } };

struct output {
	struct table *table; /* for JSON; NULL: lines */
};

static void report(void *data, char kind, const char *path)
{
	const struct output *output = data;
	_cleanup_(freep) char *shown = xstrdup(path);

	if (!output->table) {
		printf("%c %s\n", kind, str_make_printable(shown));
		return;
	}
	table_cell(output->table, (char[]){ kind, '\0' });
	table_cell(output->table, path);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct table *table _cleanup_(table_free) = context->format == FORMAT_JSON ? table_new(columns, array_len(columns)) : NULL;
	struct output output = { table };

	(void)argc;
	if (store_open(context->root, &store, err) < 0 || container_diff(store, argv[0], report, &output, err) < 0)
		return -1;
	if (table)
		table_print(table, FORMAT_JSON, stdout);
	return 0;
}

const struct command command_diff = {
	.name = "diff",
	.group = "Containers",
	.usage = "CONTAINER",
	.summary = "List what a container changed of its image's files",
	.details = "A is added, C changed, D removed. Volumes and other mounts are not part of it.",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
