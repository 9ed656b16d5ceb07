/* sampan stats: what running containers use, once. */
#include <stdio.h>
#include <unistd.h>

#include "cmd/command.h"
#include "run/run.h"

enum { SAMPLE_MS = 500 };

static bool no_stream;

static const struct option_spec options[] = {
	{ 0, "no-stream", OPTION_FLAG, &no_stream, NULL, "one table and no more, which is what it does anyway; for scripts made for docker" },
	{ 0 },
};

static const struct table_column columns[] = { { "CONTAINER ID", "id" }, { "NAME", "name" },	{ "CPU %", NULL }, { NULL, "cpu_percent" },
					       { "MEM USAGE", "memory" }, { "PIDS", "pids" } };

struct sample {
	int64_t cpu_ms, memory, pids;
};

/* All zero if it is not running any more. */
static struct sample take(struct store *store, const char *id)
{
	struct process_row *rows = NULL;
	struct sample sum = { 0 };
	size_t len = 0;

	if (container_processes(store, id, &rows, &len, NULL) < 0)
		return sum;
	for (size_t i = 0; i < len; i++) {
		sum.cpu_ms += rows[i].cpu_ms;
		sum.memory += rows[i].memory;
	}
	sum.pids = (int64_t)len;
	processes_free(rows, len);
	return sum;
}

static void add_row(struct table *table, const struct container_row *row, const struct sample *before, const struct sample *now)
{
	_cleanup_(freep) char *id = xstrndup(row->id, 12);
	char text[24], size[16];
	int64_t used = now->cpu_ms > before->cpu_ms ? now->cpu_ms - before->cpu_ms : 0, percent = used * 100 / SAMPLE_MS;

	table_cell(table, id);
	table_cell(table, row->name);
	snprintf(text, sizeof text, "%lld%%", (long long)percent);
	table_cell(table, text);
	table_cell_number(table, text, percent);
	table_cell_number(table, size_print((uint64_t)now->memory, size), now->memory);
	snprintf(text, sizeof text, "%lld", (long long)now->pids);
	table_cell_number(table, text, now->pids);
}

static bool row_wanted(const struct container_row *row, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (str_equal(row->name, argv[i]) || str_starts(row->id, argv[i]))
			return true;
	return argc == 0;
}

static int check_names(const struct container_row *rows, size_t len, int argc, char **argv, struct error *err)
{
	for (int i = 0; i < argc; i++) {
		size_t n = 0;
		while (n < len && !row_wanted(&rows[n], 1, &argv[i]))
			n++;
		if (n == len)
			return error_set(err, ERROR_NOT_FOUND, "no such running container: %s", argv[i]);
	}
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct container_row *rows = NULL;
	size_t len = 0;

	if (store_open(context->root, &store, err) < 0 || containers_list(store, false, &rows, &len, err) < 0)
		return -1;
	int result = check_names(rows, len, argc, argv, err);
	struct sample *before = xcalloc(len + 1, sizeof *before);
	for (size_t i = 0; result == 0 && i < len; i++)
		before[i] = take(store, rows[i].id);
	if (result == 0 && len)
		usleep(SAMPLE_MS * 1000);
	for (size_t i = 0; result == 0 && i < len; i++) {
		struct sample now = take(store, rows[i].id);
		if (row_wanted(&rows[i], argc, argv))
			add_row(table, &rows[i], &before[i], &now);
	}
	if (result == 0)
		table_print(table, context->format, stdout);
	free(before);
	container_rows_free(rows, len);
	return result;
}

const struct command command_stats = {
	.name = "stats",
	.group = "Containers",
	.usage = "[OPTIONS] [CONTAINER…]",
	.summary = "Show what running containers use",
	.details = "Measured over half a second, from /proc, so that it is the same with any cgroups and none. Memory is what is resident: pages that two\n"
		   "processes share count twice.",
	.options = options,
	.max_args = -1,
	.run = run,
};
