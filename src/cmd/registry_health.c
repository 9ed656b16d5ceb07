/* sampan registry health: asks a registry whether it can do its work (/readyz). For a container's HEALTHCHECK and other probes that have neither
 * shell nor curl. */
#include <stdio.h>

#include "cmd/registry.h"
#include "cmd/serve.h"
#include "registry/listen.h"

enum { PATIENCE = 5 };

static const struct option_spec options[] = { REMOTE_OPTIONS_CONNECTION, { 0 } };

/* Where `sampan serve` of this environment can be reached: the first of $SAMPAN_LISTEN that has a port. Of all addresses loopback is one. */
static char *own_registry(void)
{
	struct strlist listen _cleanup_(strlist_free) = { 0 };

	serve_environment_listen(&listen);
	for (size_t i = 0; i < listen.len; i++) {
		_cleanup_(freep) char *host = listen_host(listen.items[i]);
		bool all = !host || str_equal(host, "0.0.0.0") || str_equal(host, "::");
		const char *port = strrchr(listen.items[i], ':');
		if (port && !str_starts(listen.items[i], "unix:"))
			return all ? xprintf("127.0.0.1%s", port) : xprintf(strchr(host, ':') ? "[%s]%s" : "%s%s", host, port);
	}
	return xstrdup("127.0.0.1:5000");
}

static int health_run(struct context *context, int argc, char **argv, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };
	_cleanup_(endpoint_close) struct endpoint *endpoint = NULL;
	_cleanup_(freep) char *registry = argc ? xstrdup(argv[0]) : own_registry();
	struct remote_options remote;

	if (remote_flags_read(NULL, &remote, err) < 0)
		return -1;
	remote.anonymous = true;
	remote.patience = PATIENCE;
	remote.proxy = argc ? NULL : "";
	remote.skip_verify = remote.skip_verify || !argc; /* a certificate isn't made for 127.0.0.1, and nothing but "ready" is asked */
	if (endpoint_open(registry, NULL, &remote, &endpoint, err) < 0 || registry_ask(endpoint, "GET", "/readyz", NULL, 4096, &answer, err) < 0)
		return error_wrap(err, "the registry %s is not ready", registry);
	if (!context->quiet)
		printf("%.*s\n", (int)answer.body.len, answer.body.data);
	return 0;
}

const struct command command_registry_health = {
	.name = "registry health",
	.usage = "[OPTIONS] [HOST:PORT]",
	.summary = "Ask a registry whether it is ready",
	.details = "Without HOST:PORT the one that 'sampan serve' runs here, at $SAMPAN_LISTEN or 127.0.0.1:5000. It needs no log-in. The exit code is 0 if the\n"
		   "registry answers that it is ready: its store can be read and written, and has space.",
	.options = options,
	.max_args = 1,
	.run = health_run,
};
