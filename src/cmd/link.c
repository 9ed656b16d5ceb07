/* sampan link: a container on a network; started by run, start and network connect (run/link.c). */
#include "run/link.h"

#include "cmd/command.h"

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	int64_t address, prefix;

	(void)context, (void)argc;
	if (str_to_int(argv[4], 1, UINT32_MAX, &address, err) < 0 || str_to_int(argv[5], 1, 32, &prefix, err) < 0)
		return -1;
	struct link link = { .netns = argv[0], .folder = argv[1], .pid_file = argv[2], .interface = argv[3], .address = (uint32_t)address,
			     .prefix = (int)prefix };
	return link_run(&link, err);
}

const struct command command_link = {
	.name = "link",
	.usage = "NETNS FOLDER PID-FILE INTERFACE ADDRESS PREFIX",
	.summary = "Carry frames between a container and a network",
	.min_args = 6,
	.max_args = 6,
	.run = run,
};
