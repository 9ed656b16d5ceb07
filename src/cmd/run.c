/* sampan run: a container of an image. */
#include <stdio.h>
#include <unistd.h>

#include "cmd/run_options.h"
#include "run/host_config.h"

/* What the foreground can't do: it has no conmon, and its supervisor would be this terminal. */
static int check(const struct container_options *wanted, struct error *err)
{
	int64_t most;

	if (run_options_detach())
		return 0;
	if (wanted->terminal && !isatty(STDIN_FILENO))
		return error_set(err, ERROR_USAGE, "-t needs a terminal, and stdin is none");
	if (host_config_restart(wanted->host, &most) != RESTART_NO)
		return error_set(err, ERROR_USAGE, "--restart needs -d: what runs in this terminal ends with it"),
		       error_hint(err, "'sampan run -d …', then 'sampan logs -f NAME'");
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct image image _cleanup_(image_clear) = { 0 };
	struct container_options wanted;
	_cleanup_(freep) char *id = NULL;

	if (store_open(context->root, &store, err) < 0 || run_options_read(store, argc, argv, &wanted, err) < 0 || check(&wanted, err) < 0)
		return -1;
	if (run_options_image(context, store, argv[0], &image, err) < 0)
		return -1;
	int code = container_run(store, &image, &wanted, run_options_detach(), &id, err);
	if (code >= 0 && id)
		puts(id);
	return code;
}

const struct command command_run = {
	.name = "run",
	.group = "Containers",
	.usage = "[OPTIONS] IMAGE [COMMAND…]",
	.summary = "Run a container of an image",
	.details = "An image of another platform runs under QEMU: see 'sampan emulator'. An image that is not in the store is pulled.\n"
		   "The exit code is the container's; ^C asks it to stop, and ends it after ten seconds.",
	.options = run_options,
	.min_args = 1,
	.max_args = -1,
	.stop_at_argument = true,
	.rootless_namespace = true,
	.run = run,
};
