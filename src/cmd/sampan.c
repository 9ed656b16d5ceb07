/* The command table and main.
 *
 * What comes before the command's name (--root, --debug) and what every command takes (--format, --quiet, --help) is in option.c;
 * here a name becomes a command, an error becomes an exit code. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/userns.h"
#include "cmd/command.h"
#include "cmd/table.h"

#define COMMAND(name) extern const struct command command_##name;
#include "cmd/commands.def"
#undef COMMAND

const struct command *const command_table[] = {
#define COMMAND(name) &command_##name,
#include "cmd/commands.def"
#undef COMMAND
	NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; command_table[i]; i++)
		if (str_equal(command_table[i]->name, name))
			return command_table[i];
	return NULL;
}

int command_unknown(const char *name, struct error *err)
{
	const char *names[array_len(command_table)] = { NULL };

	for (size_t i = 0; command_table[i]; i++)
		names[i] = command_table[i]->name;
	const char *near = str_nearest(name, names);
	error_set(err, ERROR_USAGE, "there is no command '%s'", name);
	if (near)
		return error_hint(err, "did you mean 'sampan %s'?", near);
	return error_hint(err, "'sampan help' lists the commands");
}

/* /var/lib/sampan for root, else $XDG_DATA_HOME/sampan. Never freed: it lives as long as the program. */
static const char *default_root(void)
{
	const char *root = getenv("SAMPAN_ROOT"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (!str_empty(root))
		return root;
	if (geteuid() == 0 && !userns_is_rootless())
		return "/var/lib/sampan";
	if (!str_empty(data))
		return path_join(data, "sampan");
	return path_join(str_empty(home) ? "/tmp" : home, ".local/share/sampan");
}

static int report(struct error *err)
{
	int code = error_exit_code(err->code == ERROR_NONE ? ERROR_FAILED : err->code);

	log_failure(err);
	error_clear(err);
	return code;
}

static int run(struct context *context, const struct command *command, int argc, char **argv, struct error *err)
{
	int parsed = option_parse(command, context, argc, argv, &argc, &argv, err);

	if (parsed)
		return parsed < 0 ? -1 : 0;
	if (command->rootless_namespace && userns_enter_rootless(err) < 0)
		return -1;
	int code = command->run(context, argc, argv, err);
	if (fflush(stdout) == EOF && errno != EPIPE)
		return error_errno(err, errno, "cannot write the output");
	return code;
}

int main(int argc, char **argv)
{
	struct error err = { 0 };
	struct context context = { .root = default_root() };
	const char *name;

	setlocale(LC_CTYPE, "");
	interrupt_install();
	int at = option_parse_global(&context, argc, argv, &err);
	if (at < 0)
		return report(&err);
	name = at < argc ? argv[at] : "help";
	if (str_equal(name, "--version"))
		name = "version";
	const struct command *command = command_find(name);
	if (!command) {
		command_unknown(name, &err);
		return report(&err);
	}
	int code = run(&context, command, argc - at - 1, argv + at + 1, &err);
	return code < 0 ? report(&err) : code;
}
