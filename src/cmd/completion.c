/* sampan completion: the shells' scripts, which a package installs, for where there is none. */
#include <stdio.h>

#include "cmd/command.h"

extern const char completion_bash[], completion_zsh[], completion_fish[];

static const struct {
	const char *shell, *script;
} scripts[] = { { "bash", completion_bash }, { "zsh", completion_zsh }, { "fish", completion_fish } };

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	(void)context, (void)argc;
	for (size_t i = 0; i < array_len(scripts); i++)
		if (str_equal(argv[0], scripts[i].shell)) {
			fputs(scripts[i].script, stdout);
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
