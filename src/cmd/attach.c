/* sampan attach: this terminal on a container that runs. */
#include "cmd/command.h"
#include "run/run.h"

static bool no_stdin;

static const struct option_spec options[] = {
	{ 0, "no-stdin", OPTION_FLAG, &no_stdin, NULL, "only look" },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;

	(void)argc;
	return store_open(context->root, &store, err) < 0 ? -1 : container_attach(store, argv[0], !no_stdin, err);
}

const struct command command_attach = {
	.name = "attach",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Connect this terminal to a running container",
	.details = "With what it printed until now, see 'sampan logs'. ^P^Q leaves a container that has a terminal (-it) running; the exit code is its own.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
