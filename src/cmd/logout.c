/* sampan logout: forgets the credentials for a registry. */
#include "cmd/remote.h"

static const struct option_spec options[] = {
	{ 0, "authfile", OPTION_STRING, &remote_flags.auth_file, "PATH", "file with credentials (default: docker's)" },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	const char *registry = argc ? argv[0] : "docker.io";
	struct remote_options remote;

	if (remote_flags_read(NULL, &remote, err) < 0 || remote_logout(registry, &remote, err) < 0)
		return -1;
	if (!context->quiet)
		printf("Removing login credentials for %s\n", registry);
	return 0;
}

const struct command command_logout = {
	.name = "logout",
	.group = "Images",
	.usage = "[OPTIONS] [REGISTRY]",
	.summary = "Forget the credentials for a registry",
	.options = options,
	.max_args = 1,
	.run = run,
};
