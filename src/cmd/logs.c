/* sampan logs: what a container printed. */
#include "cmd/command.h"
#include "run/run.h"

static bool follow, timestamps;
static const char *tail;

static const struct option_spec options[] = {
	{ 'f', "follow", OPTION_FLAG, &follow, NULL, "go on until it ends" },
	{ 'n', "tail", OPTION_STRING, &tail, "N", "only the last N lines" },
	{ 't', "timestamps", OPTION_FLAG, &timestamps, NULL, "with the time of each line" },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	int64_t lines = -1;

	(void)argc;
	if (tail && !str_equal(tail, "all") && str_to_int(tail, 0, INT32_MAX, &lines, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--tail %s: a number of lines or 'all' is needed", tail);
	if (store_open(context->root, &store, err) < 0)
		return -1;
	return container_logs(store, argv[0], follow, lines, timestamps, err);
}

const struct command command_logs = {
	.name = "logs",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Show what a container printed",
	.details = "A container in the foreground prints to its terminal and keeps no log.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
