/* sampan help: the overview, or one command's help. */
#include <stdio.h>

#include "cmd/table.h"

static void overview(void)
{
	const char *group = "";

	printf("sampan - ports, hosts, delivers and runs container images for RISC-V boards\n\n"
	       "Usage: sampan [--root DIR] COMMAND [OPTIONS] [ARGUMENTS]\n");
	for (size_t i = 0; command_table[i]; i++) {
		const struct command *command = command_table[i];
		if (!command->group)
			continue;
		if (!str_equal(command->group, group))
			printf("\n%s:\n", command->group);
		group = command->group;
		printf("  %-10s %s\n", command->name, command->summary);
	}
	printf("\n'sampan COMMAND --help' explains one of them.\n");
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	(void)context;
	if (!argc) {
		overview();
		return 0;
	}
	const struct command *command = command_find(argv[0]);
	if (!command)
		return command_unknown(argv[0], err);
	command_help(command);
	return 0;
}

const struct command command_help_overview = {
	.name = "help",
	.group = "About",
	.usage = "[COMMAND]",
	.summary = "Show the commands, or how one is used",
	.max_args = 1,
	.run = run,
};
