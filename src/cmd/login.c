/* sampan login: checks credentials and keeps them where docker keeps them. */
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/remote.h"

enum { ANSWER_MAX = 64 << 10 };

static const char *username, *password;
static bool password_stdin;

static const struct option_spec options[] = {
	{ 'u', "username", OPTION_STRING, &username, "NAME", "user name" },
	{ 'p', "password", OPTION_STRING, &password, "PASSWORD", "password (others can see it in the process list)" },
	{ 0, "password-stdin", OPTION_FLAG, &password_stdin, NULL, "read the password from stdin" },
	REMOTE_OPTIONS_CONNECTION,
	{ 0 },
};

static void cut_line(struct buf *text)
{
	if (text->data)
		text->data[strcspn(text->data, "\r\n")] = '\0';
}

/* Asks on the terminal, without echo for a password. */
static int ask(const char *question, bool hidden, struct buf *ret, struct error *err)
{
	struct termios before, silent;
	char line[1024];

	if (!isatty(STDIN_FILENO)) {
		error_set(err, ERROR_USAGE, "there is no terminal to ask for the %s", hidden ? "password" : "user name");
		return error_hint(err, "use --username and --password-stdin");
	}
	fprintf(stderr, "%s: ", question);
	tcgetattr(STDIN_FILENO, &before);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (hidden)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
	if (hidden) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (n <= 0)
		return error_set(err, ERROR_INTERRUPTED, "interrupted");
	buf_add(ret, line, (size_t)n);
	explicit_bzero(line, sizeof line);
	cut_line(ret);
	return 0;
}

static int read_password(struct buf *ret, struct error *err)
{
	if (password) {
		buf_add_str(ret, password);
		return 0;
	}
	if (!password_stdin)
		return ask("Password", true, ret, err);
	if (fd_read_all(STDIN_FILENO, ANSWER_MAX, ret, "stdin", err) < 0)
		return -1;
	cut_line(ret);
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct buf name _cleanup_(buf_free) = { 0 }, secret _cleanup_(buf_free) = { 0 };
	const char *registry = argc ? argv[0] : "docker.io";
	struct remote_options remote;

	if (remote_flags_read(NULL, &remote, err) < 0)
		return -1;
	if (username)
		buf_add_str(&name, username);
	else if (ask("Username", false, &name, err) < 0)
		return -1;
	if (read_password(&secret, err) < 0)
		return -1;
	if (!name.len || !name.data[0] || !secret.len || !secret.data[0])
		return error_set(err, ERROR_USAGE, "the user name and the password must not be empty");
	if (remote_login(registry, name.data, secret.data, &remote, err) < 0)
		return -1;
	if (!context->quiet)
		printf("Login Succeeded\n");
	return 0;
}

const struct command command_login = {
	.name = "login",
	.group = "Images",
	.usage = "[OPTIONS] [REGISTRY]",
	.summary = "Log in to a registry",
	.details = "The credentials are kept in docker's config.json, or by the credential helper that it names.",
	.options = options,
	.max_args = 1,
	.run = run,
};
