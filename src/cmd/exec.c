/* sampan exec: one more process in a running container. */
#include <unistd.h>

#include "cmd/command.h"
#include "run/run.h"

static bool detach, interactive, terminal;
static const char *cwd, *user;
static struct strlist env;

static const struct option_spec options[] = {
	{ 'd', "detach", OPTION_FLAG, &detach, NULL, "do not wait for it" },
	{ 'i', "interactive", OPTION_FLAG, &interactive, NULL, "connect stdin" },
	{ 't', "tty", OPTION_FLAG, &terminal, NULL, "give it a terminal" },
	{ 'e', "env", OPTION_LIST, &env, "NAME=VALUE", "set a variable; NAME alone takes ours" },
	{ 'w', "workdir", OPTION_STRING, &cwd, "DIR", "working directory" },
	{ 'u', "user", OPTION_STRING, &user, "USER[:GROUP]", "run as this user of the image, or id" },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct exec_options wanted = { .env = env, .user = user, .cwd = cwd, .interactive = interactive, .terminal = terminal, .detach = detach };

	if (terminal && !isatty(STDIN_FILENO))
		return error_set(err, ERROR_USAGE, "-t needs a terminal, and stdin is none");
	for (int i = 1; i < argc; i++)
		strlist_add(&wanted.argv, argv[i]);
	int code = store_open(context->root, &store, err) < 0 ? -1 : container_exec(store, argv[0], &wanted, err);
	strlist_free(&wanted.argv);
	return code;
}

const struct command command_exec = {
	.name = "exec",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER COMMAND…",
	.summary = "Run a command in a running container",
	.options = options,
	.min_args = 2,
	.max_args = -1,
	.stop_at_argument = true,
	.run = run,
};
