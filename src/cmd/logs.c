/* sampan logs: what a container printed. */
#include "cmd/command.h"
#include "run/run.h"

static bool follow, timestamps;
static const char *tail, *since, *until;

static const struct option_spec options[] = {
	{ 'f', "follow", OPTION_FLAG, &follow, NULL, "go on until it ends" },
	{ 'n', "tail", OPTION_STRING, &tail, "N", "only the last N lines" },
	{ 0, "since", OPTION_STRING, &since, "TIME", "only what is newer: 10m, 2h, or 2026-01-02T03:04:05Z" },
	{ 0, "until", OPTION_STRING, &until, "TIME", "only what is older" },
	{ 't', "timestamps", OPTION_FLAG, &timestamps, NULL, "with the time of each line" },
	{ 0 },
};

/* A time, or how long ago. */
static int read_time(const char *flag, const char *text, struct timespec *ret, struct error *err)
{
	int64_t ago;

	if (!text || time_parse(text, ret, NULL) == 0)
		return 0;
	if (period_parse(text, &ago, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--%s %s: a time like 2026-01-02T03:04:05Z is needed, or how long ago: 10m", flag, text);
	clock_gettime(CLOCK_REALTIME, ret);
	ret->tv_sec -= ago;
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct log_options wanted = { .follow = follow, .timestamps = timestamps, .tail = -1 };

	(void)argc;
	if (tail && !str_equal(tail, "all") && str_to_int(tail, 0, INT32_MAX, &wanted.tail, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--tail %s: a number of lines or 'all' is needed", tail);
	if (read_time("since", since, &wanted.since, err) < 0 || read_time("until", until, &wanted.until, err) < 0)
		return -1;
	if (store_open(context->root, &store, err) < 0)
		return -1;
	return container_logs(store, argv[0], &wanted, err);
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
