/* sampan rename: another name for a container. */
#include "cmd/command.h"
#include "run/run.h"

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;

	(void)argc;
	return store_open(context->root, &store, err) < 0 ? -1 : container_rename(store, argv[0], argv[1], err);
}

const struct command command_rename = {
	.name = "rename",
	.group = "Containers",
	.usage = "CONTAINER NAME",
	.summary = "Give a container another name",
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
