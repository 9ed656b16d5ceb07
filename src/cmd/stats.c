/* sampan stats: what running containers use. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/template.h"
#include "run/run.h"

enum { FIRST_MS = 500, INTERVAL_MS = 1000, SHORT_ID = 12 };

static bool no_stream, all;
static const char *format;

static const struct option_spec options[] = {
	{ 0, "no-stream", OPTION_FLAG, &no_stream, NULL, "one table and no more" },
	{ 'a', "all", OPTION_FLAG, &all, NULL, "also those that don't run" },
	{ 0, "format", OPTION_STRING, &format, "json|TEMPLATE", "JSON, or a line for each like '{{.Name}}: {{.CPUPerc}}'" },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "CONTAINER ID", "id" }, { "NAME", "name" },	       { "CPU %", NULL },      { NULL, "cpu_percent" },	     { "MEM USAGE / LIMIT", NULL },
	{ NULL, "memory" },	  { NULL, "memory_limit" },    { "MEM %", NULL },      { "NET I/O", NULL },	     { NULL, "net_received" },
	{ NULL, "net_sent" },	  { "BLOCK I/O", NULL },       { NULL, "block_read" }, { NULL, "block_written" },    { "PIDS", "pids" },
};

/* A container, and what it used when we looked last. */
struct watched {
	char *id; /* owned */
	struct container_usage usage;
};
struct watch {
	struct watched *items;
	size_t len;
	int interval; /* milliseconds since */
};

static void watch_clear(struct watch *watch)
{
	for (size_t i = 0; i < watch->len; i++)
		free(watch->items[i].id);
	free(watch->items);
	*watch = (struct watch){ 0 };
}

static const struct container_usage *find(const struct watch *watch, const char *id)
{
	for (size_t i = 0; i < watch->len; i++)
		if (str_equal(watch->items[i].id, id))
			return &watch->items[i].usage;
	return NULL;
}

/* As it is shown. */
struct row {
	char id[SHORT_ID + 1], cpu[16], memory[40], percent[16], net[40], block[40], pids[24];
	double cpu_percent;
};

static void print_pair(int64_t a, int64_t b, char out[40])
{
	char one[16], other[16];

	snprintf(out, 40, "%s / %s", size_print((uint64_t)a, one), size_print((uint64_t)b, other));
}

static void make_row(const struct container_row *container, const struct container_usage *before, const struct container_usage *now, int interval,
		     struct row *ret)
{
	int64_t used = before && now->cpu_ms > before->cpu_ms ? now->cpu_ms - before->cpu_ms : 0;

	ret->cpu_percent = (double)used * 100 / interval;
	snprintf(ret->id, sizeof ret->id, "%.*s", SHORT_ID, container->id);
	snprintf(ret->cpu, sizeof ret->cpu, "%.2f%%", ret->cpu_percent);
	snprintf(ret->percent, sizeof ret->percent, "%.2f%%", now->limit ? (double)now->memory * 100 / (double)now->limit : 0);
	snprintf(ret->pids, sizeof ret->pids, "%lld", (long long)now->pids);
	print_pair(now->memory, now->limit, ret->memory);
	print_pair(now->received, now->sent, ret->net);
	print_pair(now->read, now->written, ret->block);
}

static void add_row(struct table *table, const struct container_row *container, const struct row *row, const struct container_usage *usage)
{
	table_cell(table, row->id);
	table_cell(table, container->name);
	table_cell(table, row->cpu);
	table_cell_number(table, row->cpu, (int64_t)row->cpu_percent);
	table_cell(table, row->memory);
	table_cell_number(table, "", usage->memory);
	table_cell_number(table, "", usage->limit);
	table_cell(table, row->percent);
	table_cell(table, row->net);
	table_cell_number(table, "", usage->received);
	table_cell_number(table, "", usage->sent);
	table_cell(table, row->block);
	table_cell_number(table, "", usage->read);
	table_cell_number(table, "", usage->written);
	table_cell_number(table, row->pids, usage->pids);
}

static int print_template(const struct container_row *container, const struct row *row, struct error *err)
{
	struct buf line _cleanup_(buf_free) = { 0 };
	json_t *object _cleanup_(json_release) = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ID", row->id, "Container", row->id, "Name",
							   container->name, "CPUPerc", row->cpu, "MemUsage", row->memory, "MemPerc", row->percent,
							   "NetIO", row->net, "BlockIO", row->block, "PIDs", row->pids);

	if (template_print(str_starts(format, "table ") ? format + 6 : format, object, &line, err) < 0)
		return -1;
	puts(line.data ? line.data : "");
	return 0;
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

static void show_table(const struct context *context, const struct table *table)
{
	bool json = context->format == FORMAT_JSON || str_equal(format, "json");

	if (!json && !no_stream && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	table_print(table, json ? FORMAT_JSON : FORMAT_TEXT, stdout);
}

/* One look; `show` false only remembers what was seen. */
static int look(struct context *context, struct store *store, int argc, char **argv, struct watch *watch, bool show, struct error *err)
{
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct watch seen = { 0 };
	struct container_row *rows = NULL;
	size_t len = 0;
	bool lines = format && !str_equal(format, "json");

	if (containers_list(store, all || argc, &rows, &len, err) < 0)
		return -1;
	int result = check_names(rows, len, argc, argv, err);
	for (size_t i = 0; i < len && result == 0; i++) {
		struct row row;
		if (!row_wanted(&rows[i], argc, argv))
			continue;
		xgrow(seen.items, seen.len);
		struct watched *item = &seen.items[seen.len++];
		item->id = xstrdup(rows[i].id);
		container_usage(store, rows[i].id, &item->usage);
		make_row(&rows[i], find(watch, rows[i].id), &item->usage, watch->interval, &row);
		add_row(table, &rows[i], &row, &item->usage);
		if (lines && show)
			result = print_template(&rows[i], &row, err);
	}
	if (result == 0 && show && !lines)
		show_table(context, table);
	fflush(stdout);
	container_rows_free(rows, len);
	watch_clear(watch);
	*watch = seen;
	return result;
}

static int wait_a_while(struct watch *watch, int milliseconds, struct error *err)
{
	struct pollfd waiting = { interrupt_fd(), POLLIN, 0 };

	watch->interval = milliseconds;
	poll(&waiting, 1, milliseconds);
	return interrupt_check(err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct watch watch _cleanup_(watch_clear) = { .interval = 1 };

	if (store_open(context->root, &store, err) < 0 || look(context, store, argc, argv, &watch, false, err) < 0)
		return -1;
	if ((watch.len || !no_stream) && wait_a_while(&watch, FIRST_MS, err) < 0)
		return -1;
	for (;;) {
		if (look(context, store, argc, argv, &watch, true, err) < 0)
			return -1;
		if (no_stream)
			return 0;
		if (wait_a_while(&watch, INTERVAL_MS, err) < 0)
			return -1;
	}
}

const struct command command_stats = {
	.name = "stats",
	.group = "Containers",
	.usage = "[OPTIONS] [CONTAINER…]",
	.summary = "Show what running containers use",
	.details = "Once a second until ^C. All comes from /proc, so that it is the same with any cgroups and none. Memory is what is resident: pages that two\n"
		   "processes share count twice.",
	.options = options,
	.max_args = -1,
	.run = run,
};
