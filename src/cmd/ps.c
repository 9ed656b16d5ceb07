/* sampan ps: the containers. */
#include <stdio.h>

#include "cmd/command.h"
#include "run/run.h"

static bool all, no_trunc;

static const struct option_spec options[] = {
	{ 'a', "all", OPTION_FLAG, &all, NULL, "also those that have ended" },
	{ 0, "no-trunc", OPTION_FLAG, &no_trunc, NULL, "show ids and commands in full" },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "CONTAINER ID", NULL }, { NULL, "id" }, { "IMAGE", "image" }, { "COMMAND", NULL }, { NULL, "command" }, { "CREATED", NULL },
	{ NULL, "created" }, { "STATUS", "status" }, { NULL, "state" }, { NULL, "exit_code" }, { "PORTS", "ports" }, { "NAMES", "name" },
};

enum { SHORT_ID = 12, SHORT_COMMAND = 20 };

/* "Up 3 minutes", "Exited (137) 2 hours ago" */
static char *status_text(const struct container_row *row)
{
	char age[32];

	if (row->state == CONTAINER_CREATED)
		return xstrdup("Created");
	if (row->state == CONTAINER_RUNNING) {
		age_print(row->started, time(NULL), age);
		char *ago = strstr(age, " ago");
		if (ago)
			*ago = '\0';
		return xprintf("Up %s", age);
	}
	if (!row->finished)
		return xstrdup("Exited (unknown)");
	return xprintf("Exited (%d) %s", row->exit_code, age_print(row->finished, time(NULL), age));
}

/* In quotes, and cut with an ellipsis, as docker does. */
static char *command_text(const char *command)
{
	if (no_trunc || strlen(command) <= SHORT_COMMAND)
		return xprintf("\"%s\"", command);
	int len = SHORT_COMMAND - 1;
	while (len > 0 && ((unsigned char)command[len] & 0xc0) == 0x80)
		len--;
	return xprintf("\"%.*s…\"", len, command);
}

static void add_row(struct table *table, const struct container_row *row)
{
	static const char *const states[] = { "created", "running", "exited" };
	_cleanup_(freep) char *status = status_text(row), *command = command_text(row->command), *id = xstrndup(row->id, no_trunc ? 64 : SHORT_ID);
	char age[32], when[32], code[16];

	table_cell(table, id);
	table_cell(table, row->id);
	table_cell(table, row->image);
	table_cell(table, command);
	table_cell(table, row->command);
	table_cell(table, age_print(row->created, time(NULL), age));
	table_cell(table, time_print(row->created, when));
	table_cell(table, status);
	table_cell(table, states[row->state]);
	snprintf(code, sizeof code, "%d", row->exit_code);
	if (row->state == CONTAINER_EXITED)
		table_cell_number(table, code, row->exit_code);
	else
		table_cell(table, NULL);
	table_cell(table, row->ports);
	table_cell(table, row->name);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct container_row *rows = NULL;
	size_t len = 0;

	(void)argc, (void)argv;
	if (store_open(context->root, &store, err) < 0 || containers_list(store, all, &rows, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (context->quiet && context->format == FORMAT_TEXT)
			printf("%.*s\n", no_trunc ? 64 : SHORT_ID, rows[i].id);
		add_row(table, &rows[i]);
	}
	if (!context->quiet || context->format == FORMAT_JSON)
		table_print(table, context->format, stdout);
	container_rows_free(rows, len);
	return 0;
}

const struct command command_ps = {
	.name = "ps",
	.group = "Containers",
	.usage = "[OPTIONS]",
	.summary = "List containers",
	.details = "-q prints the ids alone. 'Exited (unknown)' is a container whose end nobody saw: a power cut, or its monitor was killed.",
	.options = options,
	.run = run,
};
