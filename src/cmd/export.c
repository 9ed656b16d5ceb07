/* sampan export: the files of a container as a tar. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/command.h"
#include "run/run.h"

static const char *output;

static const struct option_spec options[] = {
	{ 'o', "output", OPTION_STRING, &output, "FILE", "write it there instead of to stdout" },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	_cleanup_(fd_close) int file = -1;

	(void)argc;
	if (!output && isatty(STDOUT_FILENO))
		return error_set(err, ERROR_USAGE, "a tar is nothing for a terminal"), error_hint(err, "name a file: -o FILE");
	if (store_open(context->root, &store, err) < 0)
		return -1;
	if (output && (file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
		return error_errno(err, errno, "cannot make %s", output);
	int result = container_export(store, argv[0], output ? file : STDOUT_FILENO, err);
	if (result < 0 && output)
		unlink(output);
	return result;
}

const struct command command_export = {
	.name = "export",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Write the files of a container as a tar",
	.details = "'sampan import' makes an image of it. Volumes and other mounts are not part of it.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
