/* sampan unpause: and go on. */
#include "cmd/containers.h"

static int act(struct store *store, const char *name, struct error *err)
{
	return container_pause(store, name, false, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	return containers_each(context, argc, argv, act, err);
}

const struct command command_unpause = {
	.name = "unpause",
	.group = "Containers",
	.usage = "CONTAINER…",
	.summary = "Let paused containers go on",
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
