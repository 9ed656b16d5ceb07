/* sampan top: the processes of a container. */
#include <stdio.h>

#include "cmd/command.h"
#include "run/run.h"

static const struct table_column columns[] = { { "PID", "pid" },	   { "PPID", "ppid" }, { "UID", "uid" },
					       { "STATE", "state" },	   { "TIME", NULL },   { NULL, "cpu_ms" },
					       { "COMMAND", "command" } };

static void add_row(struct table *table, const struct process_row *row)
{
	char number[24];
	const int64_t numbers[] = { row->pid, row->parent, row->uid };

	for (size_t i = 0; i < array_len(numbers); i++) {
		snprintf(number, sizeof number, "%lld", (long long)numbers[i]);
		table_cell_number(table, number, numbers[i]);
	}
	table_cell(table, (char[]){ row->state, '\0' });
	long long seconds = row->cpu_ms / 1000;
	snprintf(number, sizeof number, "%02lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
	table_cell(table, number);
	snprintf(number, sizeof number, "%lld", (long long)row->cpu_ms);
	table_cell_number(table, number, row->cpu_ms);
	_cleanup_(freep) char *command = xstrdup(row->command);
	table_cell(table, str_make_printable(command));
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct process_row *rows = NULL;
	size_t len = 0;

	(void)argc;
	if (store_open(context->root, &store, err) < 0 || container_processes(store, argv[0], &rows, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		add_row(table, &rows[i]);
	table_print(table, context->format, stdout);
	processes_free(rows, len);
	return 0;
}

const struct command command_top = {
	.name = "top",
	.group = "Containers",
	.usage = "CONTAINER",
	.summary = "List the processes of a container",
	.details = "The ids are this machine's.",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
