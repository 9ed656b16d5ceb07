/* sampan serve: the registry over HTTP. */
#include <stdlib.h>

#include "cmd/command.h"
#include "cmd/serve.h"
#include "registry/access.h"
#include "registry/config.h"
#include "registry/privilege.h"
#include "registry/registry.h"

static struct strlist listen_on, names;
static const char *root, *config, *tls, *certificate, *key, *external_url, *user, *anonymous, *htpasswd;
static bool no_sandbox;

static const struct option_spec options[] = {
	{ 'l', "listen", OPTION_LIST, &listen_on, "ADDRESS", "HOST:PORT, ':PORT' (all), http://…, https://…, unix:/PATH; may be repeated (127.0.0.1:5000)" },
	{ 0, "tls", OPTION_STRING, &tls, "auto", "make a certificate authority of our own, and certificates for this host by it" },
	{ 0, "tls-name", OPTION_LIST, &names, "NAME", "another name or address of this host, for --tls auto; may be repeated" },
	{ 0, "tls-cert", OPTION_STRING, &certificate, "FILE", "use this certificate, with those that it is signed by behind it (PEM)" },
	{ 0, "tls-key", OPTION_STRING, &key, "FILE", "its key (PEM)" },
	{ 0, "external-url", OPTION_STRING, &external_url, "URL", "where clients see this registry, if a proxy in front of it doesn't say so" },
	{ 0, "user", OPTION_STRING, &user, "NAME", "whom root becomes (the owner of the store)" },
	{ 0, "no-sandbox", OPTION_FLAG, &no_sandbox, NULL, "keep the right to all files, programs and connections" },
	{ 0, "config", OPTION_STRING, &config, "FILE", "settings (default: registry.json in the store's root, where it is there)" },
	{ 0, "anonymous", OPTION_STRING, &anonymous, "none|pull|push|all", "what needs no log-in (on loopback: all; else: pull)" },
	{ 0, "htpasswd", OPTION_STRING, &htpasswd, "FILE", "users beside those of 'sampan user': NAME:HASH a line, bcrypt ('htpasswd -B')" },
	{ 0 },
};

/* ---- the environment ---- */

static const struct {
	const char *variable, **at;
} environment[] = {
	{ "SAMPAN_TLS", &tls },		      { "SAMPAN_TLS_CERT", &certificate }, { "SAMPAN_TLS_KEY", &key },	    { "SAMPAN_EXTERNAL_URL", &external_url },
	{ "SAMPAN_ANONYMOUS", &anonymous }, { "SAMPAN_HTPASSWD", &htpasswd },    { "SAMPAN_CONFIG", &config },
};

static void take_list(const char *variable, struct strlist *ret)
{
	const char *value = getenv(variable);

	if (!str_empty(value))
		strlist_split(ret, value, ',');
}

void serve_environment_listen(struct strlist *ret)
{
	take_list("SAMPAN_LISTEN", ret);
}

/* What no flag said. */
static void take_environment(void)
{
	for (size_t i = 0; i < array_len(environment); i++) {
		const char *value = getenv(environment[i].variable);
		if (!*environment[i].at && !str_empty(value))
			*environment[i].at = value;
	}
	if (!listen_on.len)
		serve_environment_listen(&listen_on);
	if (!names.len)
		take_list("SAMPAN_TLS_NAMES", &names);
}

/* ---- the command ---- */

static int take_options(struct registry_options *registry, struct error *err)
{
	if (tls && !str_equal(tls, "auto"))
		return error_set(err, ERROR_USAGE, "--tls %s: it can only be 'auto'; a certificate is named by --tls-cert and --tls-key", tls);
	strlist_add_all(&registry->listen, &listen_on);
	registry->tls = (struct registry_tls){ .automatic = tls, .certificate = xstrdup(certificate), .key = xstrdup(key) };
	strlist_add_all(&registry->tls.names, &names);
	registry->external_url = xstrdup(external_url);
	registry->user = xstrdup(user);
	registry->no_sandbox = no_sandbox;
	if (anonymous && access_set_anonymous(registry, anonymous, err) < 0)
		return -1;
	if (htpasswd)
		access_set_htpasswd(registry, htpasswd);
	return 0;
}

/* At the start, and again by SIGHUP. */
static int load(struct registry_options *ret, struct error *err)
{
	if (take_options(ret, err) < 0 || config_load(root, config, ret, err) < 0)
		return -1;
	if (config)
		strlist_add(&ret->readable, config);
	access_reads(ret->access, &ret->readable, &ret->outgoing);
	ret->load = load;
	return 0;
}

/* Root makes the store's files for their user. */
static int serve(const struct registry_options *registry, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct privilege privilege _cleanup_(privilege_clear) = { 0 };

	if (privilege_choose(root, registry->user, &privilege, err) < 0 || privilege_lend(&privilege, err) < 0)
		return -1;
	int result = store_open(root, &store, err);
	privilege_return(&privilege);
	return result < 0 ? -1 : registry_serve(store, registry, &privilege, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct registry_options registry _cleanup_(registry_options_clear) = { 0 };

	(void)argc, (void)argv;
	root = context->root;
	take_environment();
	if (load(&registry, err) < 0)
		return -1;
	return serve(&registry, err);
}

const struct command command_serve = {
	.name = "serve",
	.group = "Registry",
	.usage = "[OPTIONS]",
	.summary = "Serve this store as a registry",
	.details = "It speaks the OCI distribution protocol, over plain HTTP or HTTPS:\n"
		   "docker, podman, containerd, skopeo and K3s push to it and pull from it. With a certificate, an address\n"
		   "without http:// in front speaks HTTPS. Clients learn to trust the authority of --tls auto from /ca.crt,\n"
		   "whose fingerprint the start prints. SIGHUP reads the settings file again, opens the access log anew and reloads\n"
		   "certificates, as a change of their files does; SIGTERM ends it cleanly. Sockets of a systemd .socket unit are used too.\n\n"
		   "On loopback everybody may do everything. Elsewhere one pulls without, and pushes with a log-in; the first start makes the user 'admin'\n"
		   "and prints its password. 'sampan user' makes more, and the section \"access\" of the settings has rules by repository.\n\n"
		   "Where a flag isn't given, the environment counts: SAMPAN_LISTEN and SAMPAN_TLS_NAMES (lists with commas), SAMPAN_TLS, SAMPAN_TLS_CERT,\n"
		   "SAMPAN_TLS_KEY, SAMPAN_EXTERNAL_URL, SAMPAN_ANONYMOUS, SAMPAN_HTPASSWD, SAMPAN_CONFIG.\n\n"
		   "The settings file is a JSON object: \"listen\": [ADDRESS…], \"connections\": N, \"timeouts\": {\"headers\": SECONDS,\n"
		   "\"silence\": SECONDS, \"transfer\": SECONDS}, \"user\", \"external-url\", \"trusted-proxies\": [\"10.0.0.0/8\"…] (whose X-Forwarded-… and Forwarded\n"
		   "are believed beside loopback's), \"tls\": {\"auto\": true, \"names\": [NAME…], \"certificate\": FILE, \"key\": FILE,\n"
		   "\"client-ca\": FILE, \"client-certificate\": \"required\" or \"optional\"}; for the cache of other registries \"upstreams\" and\n"
		   "\"cache\" (doc/cache.md); for gc, retention, quotas, access log and webhooks see doc/REGISTRY.md;\n"
		   "\"page\": false leaves out the web page at /; \"sparse\": true takes indexes of which not all is here.",
	.options = options,
	.max_args = 0,
	.run = run,
};
