/* sampan start: starts containers that were made before. */
#include <stdio.h>

#include "cmd/containers.h"

static bool attach, interactive, all_restart;

static const struct option_spec options[] = {
	{ 'a', "attach", OPTION_FLAG, &attach, NULL, "run it in this terminal, to its end" },
	{ 'i', "interactive", OPTION_FLAG, &interactive, NULL, "with stdin, where it was made with -i" },
	{ 0, "all-restart", OPTION_FLAG, &all_restart, NULL, "those that should run by their restart policy, as after a reboot" },
	{ 0 },
};

static void print_id(const char *id)
{
	puts(id);
}

static int start_here(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;

	if (argc != 1)
		return error_set(err, ERROR_USAGE, "one container at a time runs in a terminal");
	return store_open(context->root, &store, err) < 0 ? -1 : container_start_foreground(store, argv[0], err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;

	if (all_restart && argc)
		return error_set(err, ERROR_USAGE, "--all-restart takes no names");
	if (!all_restart && !argc)
		return error_set(err, ERROR_USAGE, "which container?"), error_hint(err, "'sampan ps -a' lists them");
	if (attach || interactive)
		return start_here(context, argc, argv, err);
	if (!all_restart)
		return containers_each(context, argc, argv, container_start, err);
	return store_open(context->root, &store, err) < 0 ? -1 : containers_revive(store, print_id, err);
}

const struct command command_start = {
	.name = "start",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER… | --all-restart",
	.summary = "Start containers",
	.details = "--all-restart is for the boot: containers with --restart always or unless-stopped come back, as sampan-restart.service\n"
		   "has it; those that were stopped by hand and are unless-stopped don't.",
	.options = options,
	.max_args = -1,
	.rootless_namespace = true,
	.run = run,
};
