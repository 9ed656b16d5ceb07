/* sampan create: a container that is not started yet. */
#include <stdio.h>

#include "cmd/run_options.h"

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct image image _cleanup_(image_clear) = { 0 };
	struct container_options wanted;
	_cleanup_(freep) char *id = NULL;

	if (store_open(context->root, &store, err) < 0 || run_options_read(store, argc, argv, &wanted, err) < 0)
		return -1;
	if (run_options_image(context, store, argv[0], &image, err) < 0 || container_create(store, &image, &wanted, &id, err) < 0)
		return -1;
	puts(id);
	return 0;
}

const struct command command_create = {
	.name = "create",
	.group = "Containers",
	.usage = "[OPTIONS] IMAGE [COMMAND…]",
	.summary = "Make a container without starting it",
	.details = "'sampan start' starts it. The options are those of 'sampan run', without -d.",
	.options = run_options + 1,
	.min_args = 1,
	.max_args = -1,
	.stop_at_argument = true,
	.rootless_namespace = true,
	.run = run,
};
