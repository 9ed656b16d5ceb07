/* sampan wait: until containers have ended. */
#include <stdio.h>

#include "cmd/command.h"
#include "run/run.h"

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;

	if (store_open(context->root, &store, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++) {
		int code = container_wait(store, argv[i], err);
		if (code < 0)
			return -1;
		printf("%d\n", code);
	}
	return 0;
}

const struct command command_wait = {
	.name = "wait",
	.group = "Containers",
	.usage = "CONTAINER…",
	.summary = "Wait until containers have ended, and print their exit codes",
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
