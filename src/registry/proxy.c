/* The pull-through cache as a whole: its settings, which upstream a request means, and the keeper, which lets old things go. */
#include "registry/proxy.h"

#include <errno.h>
#include <signal.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "registry/config.h"
#include "registry/internal.h"

enum {
	TTL_DEFAULT = 300,
	TIMEOUT_DEFAULT = 10,
	TIMEOUT_MAX = 300,
	MIRRORS_MAX = 64,
	PASSWORD_MAX = 64 << 10,
	KEEPER_SECONDS = 600, /* at most, between two looks */
	SWEEP_GRACE = 3600,
	UPLOADS_KEPT = 86400,
	RETRY_AFTER = 5,
};

/* ---- settings ---- */

static struct proxy *proxy_of(struct registry_options *options)
{
	struct proxy *proxy = options->proxy;

	if (proxy)
		return proxy;
	proxy = options->proxy = xnew(struct proxy);
	proxy->keep = proxy->bytes = -1;
	pthread_mutex_init(&proxy->lock, NULL);
	pthread_cond_init(&proxy->landed, NULL);
	pthread_cond_init(&proxy->ended, NULL);
	pthread_cond_init(&proxy->stopped, NULL);
	return proxy;
}

void proxy_free(struct proxy **at)
{
	struct proxy *proxy = steal(*at);

	if (!proxy)
		return;
	for (size_t i = 0; i < proxy->mirrors_len; i++) {
		free(proxy->mirrors[i].prefix);
		strlist_free(&proxy->mirrors[i].names);
		upstream_free(&proxy->mirrors[i].upstream);
	}
	pthread_mutex_destroy(&proxy->lock);
	pthread_cond_destroy(&proxy->landed);
	pthread_cond_destroy(&proxy->ended);
	pthread_cond_destroy(&proxy->stopped);
	free(proxy->mirrors);
	free(proxy->notes);
	free(proxy);
}

/* A password in a file of its own, or in the environment: settings are copied and shown around. Owned by the caller; NULL if there is none. */
static int read_password(const json_t *object, char **ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	const char *file, *variable;

	if (json_get_string(object, "password-file", &file, err) < 0 || json_get_string(object, "password-env", &variable, err) < 0)
		return -1;
	if (file && variable)
		return error_set(err, ERROR_INVALID, "'password-file' and 'password-env' can't both be there");
	if (variable && !(*ret = xstrdup(getenv(variable))))
		return error_set(err, ERROR_INVALID, "the environment has no %s", variable);
	if (!file)
		return 0;
	if (file_read(AT_FDCWD, file, PASSWORD_MAX, &text, err) < 0)
		return -1;
	*ret = buf_steal(&text);
	(*ret)[strcspn(*ret, "\r\n")] = '\0';
	return 0;
}

/* One that has no scheme is spoken to in HTTPS, or in HTTP if it says so. */
static char *complete_url(const char *text, bool plain)
{
	return strstr(text, "://") ? xstrdup(text) : xprintf("%s://%s", plain ? "http" : "https", text);
}

static int read_urls(const json_t *object, struct strlist *ret, struct error *err)
{
	struct strlist mirrors _cleanup_(strlist_free) = { 0 };
	const char *url;
	bool plain;

	if (json_get_string(object, "url", &url, err) < 0 || json_get_bool(object, "plain-http", &plain, err) < 0 ||
	    json_get_strlist(object, "mirrors", &mirrors, err) < 0)
		return -1;
	if (str_empty(url))
		return error_set(err, ERROR_INVALID, "it needs a 'url'");
	for (size_t i = 0; i < mirrors.len; i++)
		strlist_take(ret, complete_url(mirrors.items[i], plain));
	strlist_take(ret, complete_url(url, plain));
	return 0;
}

static int read_connection(const json_t *object, struct remote_options *ret, struct error *err)
{
	int64_t timeout = TIMEOUT_DEFAULT;
	bool verify = true;

	if (json_get_string(object, "username", &ret->username, err) < 0 || json_get_string(object, "auth-file", &ret->auth_file, err) < 0 ||
	    json_get_string(object, "ca", &ret->ca_file, err) < 0 || json_get_string(object, "proxy", &ret->proxy, err) < 0 ||
	    config_get_period(object, "timeout", &timeout, err) < 0)
		return -1;
	if (json_object_get(object, "tls-verify") && json_get_bool(object, "tls-verify", &verify, err) < 0)
		return -1;
	if (timeout < 1 || timeout > TIMEOUT_MAX)
		return error_set(err, ERROR_INVALID, "'timeout' must be from 1s to %ds", TIMEOUT_MAX);
	ret->skip_verify = !verify;
	ret->patience = (int)timeout;
	return 0;
}

static int read_upstream(const json_t *object, struct mirror *mirror, struct error *err)
{
	struct strlist urls _cleanup_(strlist_free) = { 0 };
	struct upstream_options options = { .name = mirror->prefix, .urls = &urls };
	_cleanup_(freep) char *password = NULL;

	if (read_urls(object, &urls, err) < 0 || read_connection(object, &options.remote, err) < 0 || read_password(object, &password, err) < 0)
		return -1;
	if (!options.remote.username != !password)
		return error_set(err, ERROR_INVALID, "'username' needs 'password-file' or 'password-env', and they need it");
	options.remote.password = password;
	return upstream_new(&options, &mirror->upstream, err);
}

static int read_mirror(const json_t *object, struct mirror *mirror, struct error *err)
{
	static const char *const known[] = { "prefix", "ns",	    "url",  "mirrors", "plain-http", "username", "password-file", "password-env",
					     "auth-file", "ca", "tls-verify", "proxy",   "ttl",	     "timeout",	 "library",	  "default",  NULL };
	const char *prefix;

	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "an upstream is an object with 'prefix' and 'url'");
	if (config_check_keys(object, known, err) < 0 || json_get_string(object, "prefix", &prefix, err) < 0)
		return -1;
	if (!prefix || !repository_name_valid(prefix))
		return error_set(err, ERROR_INVALID, "it needs a 'prefix' with which the name of a repository can begin, as in docker.io");
	mirror->prefix = xstrdup(prefix);
	mirror->ttl = TTL_DEFAULT;
	if (json_get_strlist(object, "ns", &mirror->names, err) < 0 || config_get_period(object, "ttl", &mirror->ttl, err) < 0 ||
	    read_upstream(object, mirror, err) < 0)
		return -1;
	if (!json_object_get(object, "ns"))
		strlist_add(&mirror->names, prefix);
	if (json_get_bool(object, "default", &mirror->fallback, err) < 0)
		return -1;
	mirror->library = str_equal(prefix, "docker.io") || upstream_is_hub(mirror->upstream);
	return json_object_get(object, "library") ? json_get_bool(object, "library", &mirror->library, err) : 0;
}

/* "a/b" is below "a". */
static const char *below(const char *repository, const char *prefix)
{
	size_t len = strlen(prefix);

	return str_starts(repository, prefix) && repository[len] == '/' ? repository + len + 1 : NULL;
}

static int check_distinct(const struct proxy *proxy, const struct mirror *mirror, struct error *err)
{
	for (const struct mirror *other = proxy->mirrors; other < mirror; other++) {
		if (other->fallback && mirror->fallback)
			return error_set(err, ERROR_INVALID, "'%s' is the default already", other->prefix);
		if (str_equal(other->prefix, mirror->prefix) || below(other->prefix, mirror->prefix) || below(mirror->prefix, other->prefix))
			return error_set(err, ERROR_INVALID, "the prefix is within that of another, '%s'", other->prefix);
		for (size_t i = 0; i < mirror->names.len; i++)
			if (strlist_has(&other->names, mirror->names.items[i]))
				return error_set(err, ERROR_INVALID, "'ns' %s means '%s' already", mirror->names.items[i], other->prefix);
	}
	return 0;
}

/* What is read while it runs; a password, when the settings are read again. */
static void allow_files(struct registry_options *options, const json_t *object)
{
	static const char *const keys[] = { "ca", "auth-file", "password-file" };

	for (size_t i = 0; i < array_len(keys); i++) {
		const char *file = json_string_value(json_object_get(object, keys[i]));
		if (file)
			strlist_add(&options->readable, file);
	}
}

int proxy_read_upstreams(struct registry_options *options, const json_t *section, struct error *err)
{
	struct proxy *proxy = proxy_of(options);
	size_t i;
	json_t *object;

	if (!json_is_array(section) || json_array_size(section) > MIRRORS_MAX)
		return error_set(err, ERROR_INVALID, "it must be a list of at most %d upstreams", MIRRORS_MAX);
	if (json_array_size(section) && config_connects(options, err) < 0)
		return -1;
	proxy->mirrors = xcalloc(json_array_size(section) + 1, sizeof *proxy->mirrors);
	json_array_foreach((json_t *)section, i, object) {
		struct mirror *mirror = &proxy->mirrors[proxy->mirrors_len++];
		mirror->proxy = proxy;
		if (read_mirror(object, mirror, err) < 0 || check_distinct(proxy, mirror, err) < 0)
			return error_wrap(err, "upstream %zu%s%s", i + 1, mirror->prefix ? ", " : "", mirror->prefix ? mirror->prefix : "");
		allow_files(options, object);
	}
	return 0;
}

int proxy_read_cache(struct registry_options *options, const json_t *section, struct error *err)
{
	static const char *const known[] = { "keep", "size", NULL };
	struct proxy *proxy = proxy_of(options);
	const char *size;
	uint64_t bytes;

	if (!json_is_object(section))
		return error_set(err, ERROR_INVALID, "it must be an object with 'keep' or 'size'");
	if (config_check_keys(section, known, err) < 0 || config_get_period(section, "keep", &proxy->keep, err) < 0 ||
	    json_get_string(section, "size", &size, err) < 0 || (size && size_parse(size, &bytes, err) < 0))
		return -1;
	if (size)
		proxy->bytes = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
	return 0;
}

/* ---- the keeper ---- */

/* What was let go is swept when it has had its grace. *sweep_at is when, 0: nothing waits for it. */
static void keep_once(struct proxy *proxy, int64_t *sweep_at)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct store_usage freed;
	int64_t gone = 0;
	int result = store_cached_evict(proxy->store, proxy->keep, proxy->bytes, &gone, &err);

	if (gone) {
		log_info("sampan: the cache lets %lld manifests go", (long long)gone);
		*sweep_at = note_now() + SWEEP_GRACE;
	}
	if (result == 0 && *sweep_at && note_now() >= *sweep_at) {
		*sweep_at = 0;
		result = store_gc(proxy->store, &(struct gc_options){ SWEEP_GRACE, UPLOADS_KEPT, -1, true }, &freed, &err);
	}
	if (result < 0 && err.code != ERROR_INTERRUPTED)
		log_warn("the cache can't be tidied: %s", err.message);
}

/* Often enough that "keep" is kept to within a quarter. */
static int64_t keeper_pause(const struct proxy *proxy)
{
	int64_t seconds = proxy->keep >= 0 ? proxy->keep / 4 : KEEPER_SECONDS;

	return seconds < 1 ? 1 : seconds > KEEPER_SECONDS ? KEEPER_SECONDS : seconds;
}

static void *keeper(void *data)
{
	struct proxy *proxy = data;
	int64_t sweep_at = 0;

	pthread_mutex_lock(&proxy->lock);
	while (!proxy->stopping) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += keeper_pause(proxy);
		if (pthread_cond_timedwait(&proxy->stopped, &proxy->lock, &until) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&proxy->lock);
		keep_once(proxy, &sweep_at);
		pthread_mutex_lock(&proxy->lock);
	}
	pthread_mutex_unlock(&proxy->lock);
	return NULL;
}

void proxy_start(struct proxy *proxy, struct store *store)
{
	sigset_t all, old;

	if (!proxy)
		return;
	proxy->store = store;
	if (proxy->keep < 0 && proxy->bytes < 0)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	proxy->keeping = pthread_create(&proxy->keeper, NULL, keeper, proxy) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!proxy->keeping)
		log_warn("the cache is not tidied: no thread could be started");
}

bool proxy_is_idle(struct proxy *proxy)
{
	if (!proxy)
		return true;
	pthread_mutex_lock(&proxy->lock);
	bool idle = !proxy->downloading;
	pthread_mutex_unlock(&proxy->lock);
	return idle;
}

void proxy_stop(struct proxy *proxy)
{
	if (!proxy)
		return;
	pthread_mutex_lock(&proxy->lock);
	proxy->stopping = true;
	pthread_cond_broadcast(&proxy->stopped);
	while (proxy->downloading)
		pthread_cond_wait(&proxy->ended, &proxy->lock);
	pthread_mutex_unlock(&proxy->lock);
	if (proxy->keeping)
		pthread_join(proxy->keeper, NULL);
}

/* ---- which upstream ---- */

/* containerd names the registry that it wants a mirror of. It must be one of ours: a host that a request may choose is none that we ask. */
static struct mirror *mirror_named(struct proxy *proxy, const char *ns)
{
	for (size_t i = 0; i < proxy->mirrors_len; i++)
		if (strlist_has(&proxy->mirrors[i].names, ns))
			return &proxy->mirrors[i];
	return NULL;
}

struct mirror *proxy_mirror_above(const struct proxy *proxy, const char *repository, const char **ret_name)
{
	for (size_t i = 0; i < proxy->mirrors_len; i++) {
		const char *name = below(repository, proxy->mirrors[i].prefix);
		if (!name)
			continue;
		*ret_name = name;
		return &proxy->mirrors[i];
	}
	return NULL;
}

/* dockerd asks a mirror without saying of what. What was pushed here under the same name comes first; HEAD of a blob is the first question of
 * a push. */
static struct mirror *mirror_default(struct request *request)
{
	struct proxy *proxy = request->settings->proxy;
	bool reads = str_equal(request->method, "GET") || (request->head && request->target.route == ROUTE_MANIFEST);

	for (size_t i = 0; reads && i < proxy->mirrors_len; i++) {
		if (!proxy->mirrors[i].fallback)
			continue;
		request->mirror_guessed = !store_repository_exists(proxy->store, "", request->target.repository);
		return request->mirror_guessed ? &proxy->mirrors[i] : NULL;
	}
	return NULL;
}

/* The upstream and its name for the repository. False if it answered. */
static bool find(struct request *request, struct mirror **ret, const char **ret_name)
{
	const char *ns = target_query(&request->target, "ns"), *host = request_header(request, "Host");
	struct proxy *proxy = request->settings->proxy;

	*ret_name = request->target.repository;
	if (!ns || (host && str_equal(ns, host))) {
		*ret = proxy_mirror_above(proxy, request->target.repository, ret_name);
		if (!*ret)
			*ret = mirror_default(request);
		return true;
	}
	*ret = mirror_named(proxy, ns);
	if (*ret)
		return true;
	request_fail(request, MHD_HTTP_NOT_FOUND, "NAME_UNKNOWN", "no upstream is configured for ns=%s", ns);
	return false;
}

/* What is cached may be read, and be deleted to make room; an upload is a push. */
static bool is_allowed(struct request *request)
{
	if (request->head || str_equal(request->method, "GET") || str_equal(request->method, "DELETE"))
		return request->target.route != ROUTE_UPLOAD;
	return false;
}

bool proxy_choose(struct request *request)
{
	struct proxy *proxy = request->settings->proxy;
	struct mirror *mirror;
	const char *name;

	if (!proxy || !proxy->mirrors_len || !request->target.repository)
		return true;
	if (!find(request, &mirror, &name))
		return false;
	if (!mirror)
		return true;
	request->mirror = mirror;
	request->mirror_name = mirror->library && !strchr(name, '/') ? xprintf("library/%s", name) : xstrdup(name);
	free(request->target.repository);
	request->target.repository = xprintf("%s/%s", mirror->prefix, request->mirror_name);
	if (!request_repository(request))
		return false;
	if (is_allowed(request))
		return true;
	request_fail(request, MHD_HTTP_METHOD_NOT_ALLOWED, "UNSUPPORTED", "%s is a cache of %s: push to a name that doesn't begin with %s/",
		     request->target.repository, upstream_url(mirror->upstream), mirror->prefix);
	request_set(request, "Allow", "GET, HEAD, DELETE");
	return false;
}

void proxy_name(struct request *request)
{
	const char *ns = request->mirror ? target_query(&request->target, "ns") : NULL;

	if (ns && strlist_has(&request->mirror->names, ns))
		request_set(request, "OCI-Namespace", "%s", ns);
}

/* ---- failures ---- */

void proxy_fail(struct request *request, struct error *err, const char *unknown)
{
	int rest = upstream_rests(request->mirror->upstream);

	if (request->mirror_guessed) {
		request_fail(request, MHD_HTTP_NOT_FOUND, unknown, "it isn't here, and the default upstream has not given it: %s", err->message);
	} else if (err->code == ERROR_NETWORK || err->code == ERROR_INTERRUPTED) {
		request_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "UNAVAILABLE", "the upstream can't be asked: %s", err->message);
		request_set(request, "Retry-After", "%d", rest ? rest : RETRY_AFTER);
	} else if (err->code == ERROR_BUSY) {
		request_fail(request, MHD_HTTP_TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "the upstream takes no more requests: %s", err->message);
		request_set(request, "Retry-After", "%d", rest ? rest : RETRY_AFTER);
	} else if (err->code == ERROR_UNAUTHORIZED || err->code == ERROR_DENIED) {
		request_fail(request, MHD_HTTP_FORBIDDEN, "DENIED", "the upstream refuses: %s", err->message);
	} else if (err->code == ERROR_NOT_FOUND || err->code == ERROR_NO_SPACE) {
		request_fail_error(request, err, unknown, unknown);
		return;
	} else {
		log_warn("%s: %s", request->target.repository, err->message);
		request_fail(request, MHD_HTTP_BAD_GATEWAY, "UNKNOWN", "what the upstream sent can't be used: %s", err->message);
	}
	error_clear(err);
}
