/* sampan login: checks credentials and keeps them where docker keeps them. */
#include "cmd/prompt.h"
#include "cmd/remote.h"

static const char *username, *password;
static bool password_stdin;

static const struct option_spec options[] = {
	{ 'u', "username", OPTION_STRING, &username, "NAME", "user name" },
	{ 'p', "password", OPTION_STRING, &password, "PASSWORD", "password (others can see it in the process list)" },
	{ 0, "password-stdin", OPTION_FLAG, &password_stdin, NULL, "read the password from stdin" },
	REMOTE_OPTIONS_CONNECTION,
	{ 0 },
};

static int read_password(struct buf *ret, struct error *err)
{
	if (password) {
		buf_add_str(ret, password);
		return 0;
	}
	return password_stdin ? prompt_password_stdin(ret, err) : prompt_ask("Password", true, ret, err);
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
	else if (prompt_ask("Username", false, &name, err) < 0)
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
