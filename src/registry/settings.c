/* The settings in force: made at the start, made anew by SIGHUP, without a request that notices.
 *
 * What follows from the settings (access rules, quotas, upstreams, …) is one object that never changes. A reload makes another one beside it, all
 * of it or, if anything in it is wrong, nothing; from then on requests that begin get the new one, those that have begun end with the one that
 * they began with. Who holds one is counted by connection: a connection looks at its next request whether there is a newer one. One that
 * nobody holds, whose downloads and webhooks have come to their end, is freed by the thread that watches the server.
 *
 * Some things can't change while the server runs: sockets are opened, and files chosen, by root before it becomes another and is held by its
 * sandbox. Of those the log says that a restart is needed. */
#include "registry/settings.h"

#include "base/log.h"
#include "registry/config.h"
#include "registry/internal.h"
#include "registry/keep.h"
#include "registry/proxy.h"
#include "remote/publish.h"

/* ---- making ---- */

static int settings_open(struct server *server, struct settings *settings, struct error *err)
{
	const struct registry_options *options = settings->options;
	struct access *before = server->settings == settings ? NULL : server->settings->access;

	if (access_start(server->store, options->access, server->local, before, &settings->access, err) < 0)
		return -1;
	settings->proxy = options->proxy;
	settings->quotas = quotas_new(&options->keep);
	return 0;
}

int settings_start(struct server *server, struct error *err)
{
	return settings_open(server, server->settings, err);
}

/* Commands that change what is published beside us ask for them: see publish.h. */
static void tell_commands(struct server *server, const struct settings *settings)
{
	const struct keep_options *keep = &settings->options->keep;
	_cleanup_(freep) struct publish_quota *quotas = xcalloc(keep->quotas_len + 1, sizeof *quotas);
	struct error err _cleanup_(error_clear) = { 0 };

	for (size_t i = 0; i < keep->quotas_len; i++)
		quotas[i] = (struct publish_quota){ keep->quotas[i].prefix, keep->quotas[i].bytes };
	if (publish_rules_set(server->store, settings->options->observe.webhooks_len > 0, quotas, keep->quotas_len, &err) < 0)
		log_warn("commands beside the server will not know its quotas and webhooks: %s", err.message);
}

/* Before requests can see them. */
static void settings_begin(struct server *server, struct settings *settings)
{
	const struct observe_options *observe = &settings->options->observe;

	proxy_start(settings->proxy, server->store);
	if (observe->webhooks_len)
		settings->webhooks = webhooks_start(server->store, observe->webhooks, observe->webhooks_len);
	observer_set_webhooks(server->observer, settings->webhooks);
	tell_commands(server, settings);
}

void settings_run(struct server *server)
{
	settings_begin(server, server->settings);
}

/* ---- freeing ---- */

static bool is_idle(const struct server *server, const struct settings *settings)
{
	return !settings->holders && proxy_is_idle(settings->proxy) && webhooks_ended(settings->webhooks) &&
	       !keeper_uses(server->keeper, &settings->options->keep);
}

static void settings_free(struct settings *settings)
{
	proxy_stop(settings->proxy);
	webhooks_stop(&settings->webhooks);
	quotas_free(&settings->quotas);
	access_stop(&settings->access);
	origin_clear(&settings->origin);
	registry_options_clear(&settings->own);
	free(settings);
}

void settings_sweep(struct server *server)
{
	for (struct settings **at = &server->settings->next; *at;) {
		struct settings *old = *at;
		pthread_mutex_lock(&server->lock);
		bool idle = is_idle(server, old);
		pthread_mutex_unlock(&server->lock);
		if (idle) {
			*at = old->next;
			settings_free(old);
		} else {
			at = &old->next;
		}
	}
}

void settings_stop(struct server *server)
{
	observer_set_webhooks(server->observer, NULL);
	while (server->settings) {
		struct settings *settings = server->settings;
		server->settings = settings->next;
		settings_free(settings);
	}
}

/* ---- holding ---- */

void settings_release(struct connection *connection)
{
	if (connection->settings)
		connection->settings->holders--;
	connection->settings = NULL;
}

/* Without the lock while there is nothing new, which is nearly always. */
struct settings *settings_take(struct server *server, struct connection *connection)
{
	if (connection->settings == __atomic_load_n(&server->settings, __ATOMIC_RELAXED))
		return connection->settings;
	pthread_mutex_lock(&server->lock);
	settings_release(connection);
	connection->settings = server->settings;
	connection->settings->holders++;
	pthread_mutex_unlock(&server->lock);
	return connection->settings;
}

/* ---- reloading ---- */

static bool lists_equal(const struct strlist *a, const struct strlist *b)
{
	bool equal = a->len == b->len;

	for (size_t i = 0; i < a->len && equal; i++)
		equal = str_equal(a->items[i], b->items[i]);
	return equal;
}

static bool tls_equal(const struct registry_tls *a, const struct registry_tls *b)
{
	return a->automatic == b->automatic && str_equal(a->certificate, b->certificate) && str_equal(a->key, b->key) &&
	       lists_equal(&a->names, &b->names) && str_equal(a->client_ca, b->client_ca) && a->client_optional == b->client_optional;
}

/* Compared with what the server was started with, which is still so. */
static void say_fixed(const struct registry_options *now, const struct registry_options *wanted)
{
	const struct {
		const char *name;
		bool same;
	} fixed[] = {
		{ "listen", lists_equal(&now->listen, &wanted->listen) },
		{ "connections", now->connections_max == wanted->connections_max },
		{ "user", str_equal(now->user, wanted->user) },
		{ "tls", tls_equal(&now->tls, &wanted->tls) },
		{ "timeouts.silence", now->silence_seconds == wanted->silence_seconds },
		{ "access_log", now->observe.log_format == wanted->observe.log_format && str_equal(now->observe.log_file, wanted->observe.log_file) },
	};

	for (size_t i = 0; i < array_len(fixed); i++)
		if (!fixed[i].same)
			log_warn("the settings: '%s' has changed, which needs a restart", fixed[i].name);
}

static int settings_read(struct server *server, struct settings *settings, struct error *err)
{
	const struct registry_options *first = server->options;

	settings->options = &settings->own;
	settings->own.shut_in = !first->outgoing && !first->no_sandbox;
	if (first->load(&settings->own, err) < 0 || (settings->own.outgoing && config_connects(&settings->own, err) < 0))
		return -1;
	return origin_open(&settings->own, &settings->origin, err) < 0 || settings_open(server, settings, err) < 0 ? -1 : 0;
}

static void settings_replace(struct server *server, struct settings *settings)
{
	struct settings *old = server->settings;

	settings->holders = 1;
	settings->next = old;
	settings_begin(server, settings);
	pthread_mutex_lock(&server->lock);
	__atomic_store_n(&server->settings, settings, __ATOMIC_RELAXED);
	old->holders--;
	pthread_mutex_unlock(&server->lock);
	webhooks_inherit(settings->webhooks, old->webhooks);
	keeper_set(server->keeper, &settings->options->keep);
}

void settings_reload(struct server *server)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct settings *settings = xnew(struct settings);

	if (settings_read(server, settings, &err) < 0) {
		log_error("the settings stay as they were: %s%s%s", err.message, err.hint ? "; " : "", err.hint ? err.hint : "");
		settings_free(settings);
		return;
	}
	say_fixed(server->options, &settings->own);
	settings_replace(server, settings);
	log_info("sampan: the settings were read again");
}
