/* sampan serve: the registry over HTTP. */
#include "cmd/command.h"
#include "registry/registry.h"

static struct strlist listen_on;

static const struct option_spec options[] = {
	{ 'l', "listen", OPTION_LIST, &listen_on, "HOST:PORT", "address to listen on (127.0.0.1:5000); may be repeated; ':PORT' means all" },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct registry_options registry = { 0 };
	struct store *store _cleanup_(store_close) = NULL;

	(void)argc, (void)argv;
	if (!listen_on.len)
		strlist_add(&listen_on, "127.0.0.1:5000");
	registry.listen = listen_on;
	if (store_open(context->root, &store, err) < 0)
		return -1;
	return registry_serve(store, &registry, err);
}

const struct command command_serve = {
	.name = "serve",
	.group = "Registry",
	.usage = "[OPTIONS]",
	.summary = "Serve this store as a registry",
	.details = "It speaks the OCI distribution protocol over plain HTTP, to everybody who can reach the address:\n"
		   "docker, podman, containerd, skopeo and K3s push to it and pull from it. SIGTERM ends it cleanly.",
	.options = options,
	.max_args = 0,
	.run = run,
};
