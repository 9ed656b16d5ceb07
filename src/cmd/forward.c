/* sampan forward: the published ports of a container; started by run and start (run/forward.c). */
#include "run/forward.h"

#include "cmd/command.h"

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	int64_t pasta;

	(void)context;
	if (str_to_int(argv[1], 1, INT32_MAX, &pasta, err) < 0)
		return -1;
	return forward_run(argv[0], (int)pasta, argv + 2, (size_t)argc - 2, err);
}

const struct command command_forward = {
	.name = "forward",
	.usage = "NETNS PASTA-PID [HOST-ADDRESS HOST-PORT CONTAINER-PORT]...",
	.summary = "Carry connections to a container's published ports",
	.min_args = 5,
	.max_args = -1,
	.run = run,
};
