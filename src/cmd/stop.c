/* sampan stop: asks containers to end, and makes them. */
#include "cmd/containers.h"

static const char *timeout_text;
static int64_t timeout = -1;

static const struct option_spec options[] = {
	{ 't', "time", OPTION_STRING, &timeout_text, "SECONDS", "how long to wait before SIGKILL (--stop-timeout, or 10)" },
	{ 0 },
};

static int stop(struct store *store, const char *name, struct error *err)
{
	return container_stop(store, name, (int)timeout, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	if (timeout_text && str_to_int(timeout_text, 0, 86400, &timeout, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--time %s: a number of seconds is needed", timeout_text);
	return containers_each(context, argc, argv, stop, err);
}

const struct command command_stop = {
	.name = "stop",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER…",
	.summary = "Stop containers",
	.details = "Sends the image's STOPSIGNAL (SIGTERM), and SIGKILL to what has not ended in time. One that has ended already is fine.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
