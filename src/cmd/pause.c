/* sampan pause: processes stand still */
#include "cmd/containers.h"

static int act(struct store *store, const char *name, struct error *err)
{
	return container_pause(store, name, true, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	return containers_each(context, argc, argv, act, err);
}

const struct command command_pause = {
	.name = "pause",
	.group = "Containers",
	.usage = "CONTAINER…",
	.summary = "Stop all processes of containers for a while",
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
