/* sampan serve: the registry over HTTP. */
#include "cmd/command.h"
#include "registry/config.h"
#include "registry/registry.h"

static struct strlist listen_on;
static const char *config;

static const struct option_spec options[] = {
	{ 'l', "listen", OPTION_LIST, &listen_on, "HOST:PORT", "address to listen on (127.0.0.1:5000); may be repeated; ':PORT' means all" },
	{ 0, "config", OPTION_STRING, &config, "FILE", "settings (default: registry.json in the store's root, where it is there)" },
	{ 0 },
};

static int serve(struct store *store, struct registry_options *registry, struct error *err)
{
	if (config_load(store, config, registry, err) < 0)
		return -1;
	if (!registry->listen.len)
		strlist_add(&registry->listen, "127.0.0.1:5000");
	return registry_serve(store, registry, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct registry_options registry = { .listen = listen_on };
	struct store *store _cleanup_(store_close) = NULL;

	(void)argc, (void)argv;
	int result = store_open(context->root, &store, err) < 0 ? -1 : serve(store, &registry, err);
	strlist_free(&registry.listen);
	return result;
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
