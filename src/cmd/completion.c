/* sampan completion: the shells' scripts, which a package installs, for where there is none. */
#include <stdio.h>
#include <string.h>

#include "base/embedded.h"
#include "cmd/command.h"

extern const struct embedded_file completion_scripts[]; /* sampan.SHELL */

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	(void)context, (void)argc;
	for (const struct embedded_file *file = completion_scripts; file->name; file++)
		if (str_equal(strrchr(file->name, '.') + 1, argv[0])) {
			fwrite(file->bytes, 1, file->len, stdout);
			return 0;
		}
	return error_set(err, ERROR_USAGE, "there are completions for bash, zsh and fish, not for '%s'", argv[0]);
}

const struct command command_completion = {
	.name = "completion",
	.group = "About",
	.usage = "bash|zsh|fish",
	.summary = "Print what makes a shell complete commands, options and names",
	.details = "In ~/.bashrc:  source <(sampan completion bash)\n"
		   "In ~/.zshrc:   source <(sampan completion zsh)    behind compinit\n"
		   "For fish:      sampan completion fish >~/.config/fish/completions/sampan.fish\n"
		   "The Debian package has them where the shells look by themselves.",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
