/* sampan rm: removes containers and what they wrote. */
#include "cmd/containers.h"

static bool force;

static const struct option_spec options[] = {
	{ 'f', "force", OPTION_FLAG, &force, NULL, "also running ones, which are killed" },
	{ 0 },
};

static int remove_one(struct store *store, const char *name, struct error *err)
{
	return container_remove(store, name, force, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	return containers_each(context, argc, argv, remove_one, err);
}

const struct command command_rm = {
	.name = "rm",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER…",
	.summary = "Remove containers",
	.details = "What they wrote and the volumes that the image asked for go with them; volumes with a name stay.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
