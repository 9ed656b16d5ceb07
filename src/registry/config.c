/* The settings file: see config.h. */
#include "registry/config.h"

#include "base/fd.h"
#include "base/json.h"
#include "registry/access.h"
#include "registry/proxy.h"

enum { CONFIG_FILE_MAX = 1 << 20, CONNECTIONS_LIMIT = 65536, TIMEOUT_LIMIT = 3600 };

/* ---- the sections that belong to the server as a whole ---- */

static int read_listen(struct registry_options *options, const json_t *section, struct error *err)
{
	json_t *whole _cleanup_(json_release) = json_object();

	if (options->listen.len)
		return 0;
	json_object_set(whole, "listen", (json_t *)section);
	return json_get_strlist(whole, "listen", &options->listen, err) < 0 ? -1 : 0;
}

static int read_connections(struct registry_options *options, const json_t *section, struct error *err)
{
	json_int_t value = json_integer_value(section);

	if (!json_is_integer(section) || value < 1 || value > CONNECTIONS_LIMIT)
		return error_set(err, ERROR_INVALID, "it must be a number from 1 to %d", CONNECTIONS_LIMIT);
	if (!options->connections_max)
		options->connections_max = (int)value;
	return 0;
}

static int read_seconds(const json_t *section, const char *key, int *ret, struct error *err)
{
	int64_t value;
	int found = json_get_int(section, key, &value, err);

	if (found < 0 || (found && (value < 1 || value > TIMEOUT_LIMIT)))
		return found < 0 ? -1 : error_set(err, ERROR_INVALID, "'%s' must be from 1 to %d seconds", key, TIMEOUT_LIMIT);
	*ret = (int)value;
	return 0;
}

static int read_timeouts(struct registry_options *options, const json_t *section, struct error *err)
{
	static const char *const known[] = { "headers", "silence", "transfer", NULL };

	if (!json_is_object(section))
		return error_set(err, ERROR_INVALID, "it must be an object");
	if (config_check_keys(section, known, err) < 0 || read_seconds(section, "headers", &options->headers_seconds, err) < 0 ||
	    read_seconds(section, "transfer", &options->transfer_seconds, err) < 0)
		return -1;
	return read_seconds(section, "silence", &options->silence_seconds, err);
}

static int read_user(struct registry_options *options, const json_t *section, struct error *err)
{
	if (!json_is_string(section))
		return error_set(err, ERROR_INVALID, "it must be a string");
	if (!options->user)
		options->user = xstrdup(json_string_value(section));
	return 0;
}

static int read_sparse(struct registry_options *options, const json_t *section, struct error *err)
{
	if (!json_is_boolean(section))
		return error_set(err, ERROR_INVALID, "it must be true or false");
	options->sparse = json_is_true(section);
	return 0;
}

void registry_options_clear(struct registry_options *options)
{
	strlist_free(&options->listen);
	registry_tls_clear(&options->tls);
	access_settings_free(&options->access);
	free(options->external_url);
	strlist_free(&options->trusted_proxies);
	free(options->user);
	strlist_free(&options->readable);
	strlist_free(&options->writable);
	proxy_free(&options->proxy);
	keep_options_clear(&options->keep);
	observe_options_clear(&options->observe);
	*options = (struct registry_options){ 0 };
}

/* key of the file, who reads it */
static const struct {
	const char *key;
	config_read_fn *read;
} sections[] = {
	{ "listen", read_listen },
	{ "connections", read_connections },
	{ "access", access_read },
	{ "timeouts", read_timeouts },
	{ "user", read_user },
	{ "tls", tls_config },
	{ "external-url", origin_config_url },
	{ "trusted-proxies", origin_config_proxies },
	{ "upstreams", proxy_read_upstreams },
	{ "cache", proxy_read_cache },
	{ "gc", gc_config },
	{ "retention", retention_config },
	{ "quotas", quotas_config },
	{ "access_log", access_log_config },
	{ "webhooks", webhooks_config },
	{ "page", page_config },
	{ "sparse", read_sparse },
};

/* ---- reading ---- */

int config_check_keys(const json_t *object, const char *const *known, struct error *err)
{
	return json_check_keys(object, known, "setting", err);
}

int config_connects(struct registry_options *options, struct error *err)
{
	options->outgoing = true;
	if (!options->shut_in)
		return 0;
	error_set(err, ERROR_UNSUPPORTED, "they let the server connect to others now, which it gave up the right to when it started");
	return error_hint(err, "restart it");
}

int config_get_period(const json_t *object, const char *key, int64_t *ret, struct error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= INT32_MAX)
		*ret = json_integer_value(value);
	else if (!json_is_string(value) || period_parse(json_string_value(value), ret, NULL) < 0)
		return error_set(err, ERROR_INVALID, "'%s' must be a time like 30s, 5m, 12h, 7d or 4w, or a number of seconds", key);
	return 1;
}

static int apply_section(const json_t *settings, const char *key, struct registry_options *options, struct error *err)
{
	const json_t *section = json_object_get(settings, key);

	for (size_t i = 0; section && i < array_len(sections); i++)
		if (str_equal(sections[i].key, key) && sections[i].read(options, section, err) < 0)
			return error_wrap(err, "'%s'", key);
	return 0;
}

static int apply(const json_t *settings, struct registry_options *options, struct error *err)
{
	const char *known[array_len(sections) + 1] = { NULL };

	for (size_t i = 0; i < array_len(sections); i++)
		known[i] = sections[i].key;
	if (config_check_keys(settings, known, err) < 0)
		return -1;
	for (size_t i = 0; i < array_len(sections); i++)
		if (apply_section(settings, sections[i].key, options, err) < 0)
			return -1;
	return 0;
}

/* All sections, or one (`key`). */
static int load(const char *root, const char *path, const char *key, struct registry_options *options, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct error mine _cleanup_(error_clear) = { 0 };
	_cleanup_(freep) char *found = path ? xstrdup(path) : path_join(root, "registry.json");

	if (file_read(AT_FDCWD, found, CONFIG_FILE_MAX, &text, &mine) < 0) {
		if (!path && mine.code == ERROR_NOT_FOUND)
			return 0;
		error_move(err, &mine);
		return -1;
	}
	json_t *settings _cleanup_(json_release) = json_parse(text.data ? text.data : "", text.len, "settings", err);
	if (!settings || (key ? apply_section(settings, key, options, err) : apply(settings, options, err)) < 0)
		return error_wrap(err, "cannot use %s", found);
	return 0;
}

int config_load(const char *root, const char *path, struct registry_options *options, struct error *err)
{
	return load(root, path, NULL, options, err);
}

int config_load_section(const char *root, const char *path, const char *key, struct registry_options *options, struct error *err)
{
	return load(root, path, key, options, err);
}
