/* sampan supervise: a container's restart policy and health check; started by run and start (run/supervise.c). */
#include "cmd/command.h"
#include "run/run.h"

static bool ended;

static const struct option_spec options[] = {
	{ 0, "ended", OPTION_FLAG, &ended, NULL, "it has ended: see to it that somebody watches over it" },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	int64_t generation;

	(void)argc;
	if (ended)
		return container_ended(context->root, argv[0], err);
	if (str_to_int(argv[1], 0, INT64_MAX, &generation, err) < 0 || store_open(context->root, &store, err) < 0)
		return -1;
	return container_supervise(store, argv[0], generation, err);
}

const struct command command_supervise = {
	.name = "supervise",
	.usage = "ID GENERATION",
	.summary = "Watch over a container",
	.options = options,
	.min_args = 2,
	.max_args = 2,
	.rootless_namespace = true,
	.run = run,
};
