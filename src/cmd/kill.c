/* sampan kill: a signal to containers. */
#include <signal.h>

#include "cmd/containers.h"

static const char *signal_text;
static int signal_number = SIGKILL;

static const struct option_spec options[] = {
	{ 's', "signal", OPTION_STRING, &signal_text, "SIGNAL", "name or number (KILL)" },
	{ 0 },
};

static int send(struct store *store, const char *name, struct error *err)
{
	return container_kill(store, name, signal_number, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	if (signal_text && signal_parse(signal_text, &signal_number, err) < 0)
		return -1;
	return containers_each(context, argc, argv, send, err);
}

const struct command command_kill = {
	.name = "kill",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER…",
	.summary = "Send a signal to containers",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
