/* A registry as a client sees it: see endpoint.h.
 *
 * Opening it asks GET /v2/ once, in the scheme that policy names: HTTPS, or plain HTTP with --plain-http, for `insecure-registries` and
 * for loopback. Where that fails in a way that smells of the other scheme, the other is probed without any credential, only to say
 * so in the error (on loopback, to use it). */
#include "remote/endpoint.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "remote/auth.h"
#include "remote/config.h"
#include "remote/transport.h"

enum { REDIRECTS_MAX = 5, WAIT_MAX = 60 };

struct endpoint {
	char *registry, *base, *origin; /* base: "https://registry-1.docker.io" */
	char *store_id;			/* Sampan-Store, or NULL */
	struct transport *transport;
	struct auth *auth;
	pthread_mutex_t lock;	    /* guards challenge */
	struct challenge challenge; /* of the last 401; scheme NONE: none was needed so far */
	struct strlist token_hosts;
	bool impatient; /* one try */
	atomic_bool stopped;
};

const char *endpoint_registry(const struct endpoint *endpoint)
{
	return endpoint->registry;
}

const char *endpoint_store(const struct endpoint *endpoint)
{
	return endpoint->store_id;
}

void endpoint_stop(struct endpoint *endpoint)
{
	atomic_store(&endpoint->stopped, true);
	transport_stop(endpoint->transport);
}

void endpoint_close(struct endpoint **at)
{
	struct endpoint *endpoint = steal(*at);

	if (!endpoint)
		return;
	auth_free(&endpoint->auth);
	transport_free(&endpoint->transport);
	challenge_clear(&endpoint->challenge);
	strlist_free(&endpoint->token_hosts);
	pthread_mutex_destroy(&endpoint->lock);
	free(endpoint->registry);
	free(endpoint->base);
	free(endpoint->origin);
	free(endpoint->store_id);
	free(endpoint);
}

/* ---- errors and waiting ---- */

static enum error_code status_code(long status)
{
	switch (status) {
	case 401:
		return ERROR_UNAUTHORIZED;
	case 403:
		return ERROR_DENIED;
	case 404:
		return ERROR_NOT_FOUND;
	case 413:
		return ERROR_TOO_LARGE;
	case 429:
		return ERROR_BUSY;
	case 507:
		return ERROR_NO_SPACE;
	default:
		return status >= 500 ? ERROR_NETWORK : ERROR_FAILED;
	}
}

int endpoint_failed(const struct endpoint *endpoint, const struct answer *answer, struct error *err)
{
	_cleanup_(freep) char *reason = answer_reason(answer);
	const char *usual = answer->status == 401 ? "authentication is needed" :
			    answer->status == 403 ? "access is denied" :
			    answer->status == 404 ? "there is no such thing" :
			    answer->status == 429 ? "too many requests" :
						    NULL;

	error_set(err, status_code(answer->status), "%s%sthe registry answered %ld", reason ? reason : usual ? usual : "",
		  reason || usual ? ": " : "", answer->status);
	if (answer->status == 401 || answer->status == 403)
		return error_hint(err, auth_has_credentials(endpoint->auth) ? "check the credentials with 'sampan login %s'" : "log in with 'sampan login %s'",
				  endpoint->registry);
	return -1;
}

int endpoint_wait(struct endpoint *endpoint, int attempt, const struct answer *last, struct error *err)
{
	const char *text = last && (last->status == 429 || last->status == 503) ? answer_header(last, "Retry-After") : NULL;
	int asked = text ? retry_after_parse(text, time(NULL)) : -1;
	long ms = 250L << (attempt < 6 ? attempt : 6);

	if (asked > WAIT_MAX)
		return error_set(err, ERROR_BUSY, "the registry %s asks to come back in %d s", endpoint->registry, asked);
	if (asked >= 0)
		ms = asked * 1000L;
	log_debug("%s: try %d in %ld ms", endpoint->registry, attempt + 1, ms);
	for (; ms > 0; ms -= 200) {
		struct pollfd wake = { interrupt_fd(), POLLIN, 0 };
		poll(&wake, 1, ms < 200 ? (int)ms : 200);
		if (interrupt_check(err) < 0)
			return -1;
		if (atomic_load(&endpoint->stopped))
			return error_set(err, ERROR_INTERRUPTED, "interrupted");
	}
	return 0;
}

/* ---- one request ---- */

static bool is_own(const struct endpoint *endpoint, const char *url)
{
	_cleanup_(freep) char *origin = url_origin(url);

	return str_equal(origin, endpoint->origin);
}

/* What to send at once, from what earlier answers asked for; NULL: nothing. */
static int authorization_for(struct endpoint *endpoint, const struct request *request, char **ret, struct error *err)
{
	struct challenge challenge = { 0 };

	pthread_mutex_lock(&endpoint->lock);
	challenge.scheme = endpoint->challenge.scheme;
	challenge.realm = xstrdup(endpoint->challenge.realm);
	challenge.service = xstrdup(endpoint->challenge.service);
	pthread_mutex_unlock(&endpoint->lock);
	*ret = NULL;
	int result = challenge.scheme ? auth_answer(endpoint->auth, &challenge, request->scope, NULL, ret, err) : 0;
	challenge_clear(&challenge);
	return result;
}

/* All WWW-Authenticate headers of an answer: the best challenge. One that can't be read is passed over for another that can. */
static int answer_challenge(const struct answer *answer, struct challenge *ret, struct error *err)
{
	struct challenge best _cleanup_(challenge_clear) = { 0 };
	struct error failure _cleanup_(error_clear) = { 0 };

	for (size_t i = 0; i < answer->headers.len; i++) {
		const char *line = answer->headers.items[i];
		struct challenge one = { 0 };
		if (strncasecmp(line, "WWW-Authenticate:", 17))
			continue;
		error_clear(&failure);
		if (challenge_parse(line + 17, &one, &failure) < 0)
			continue;
		if (one.scheme > best.scheme) {
			challenge_clear(&best);
			best = one;
		} else {
			challenge_clear(&one);
		}
	}
	if (best.scheme == CHALLENGE_NONE && failure.code != ERROR_NONE) {
		error_move(err, &failure);
		return -1;
	}
	*ret = best;
	best = (struct challenge){ 0 };
	return 0;
}

/* After a 401: 1 if it is worth trying again with *authorization. */
static int answer_401(struct endpoint *endpoint, const struct request *request, const struct answer *answer, char **authorization,
		      struct error *err)
{
	struct challenge challenge = { 0 };
	char *fresh = NULL;

	if (answer_challenge(answer, &challenge, err) < 0)
		return -1;
	int result = auth_answer(endpoint->auth, &challenge, request->scope, *authorization, &fresh, err);
	pthread_mutex_lock(&endpoint->lock);
	challenge_clear(&endpoint->challenge);
	endpoint->challenge = challenge;
	pthread_mutex_unlock(&endpoint->lock);
	if (result < 0 || !fresh)
		return result;
	free(*authorization);
	*authorization = fresh;
	return 1;
}

static bool is_redirect(const struct request *request, const struct answer *answer)
{
	long status = answer->status;

	return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
	       (str_equal(request->method, "GET") || str_equal(request->method, "HEAD")) && answer_header(answer, "Location");
}

static int follow(const struct answer *answer, char **url, struct error *err)
{
	_cleanup_(freep) char *next = url_resolve(*url, answer_header(answer, "Location"));
	_cleanup_(freep) char *origin = next ? url_origin(next) : NULL;

	if (!origin)
		return error_set(err, ERROR_INVALID, "the registry redirects to something that is no http or https URL");
	if (str_starts(*url, "https://") && !str_starts(origin, "https://"))
		return error_set(err, ERROR_DENIED, "the registry redirects from HTTPS to %s, which is not: not followed", origin);
	free(*url);
	*url = steal(next);
	return 0;
}

static int exchange_once(struct endpoint *endpoint, const struct request *request, const char *url, const char *authorization,
			 struct answer *ret, bool *ret_again, struct error *err)
{
	enum transport_failure failure;
	struct exchange exchange = {
		.method = request->method,
		.url = url,
		.headers = request->headers,
		.authorization = authorization,
		.body = request->body,
		.body_size = request->body_size,
		.body_fd = request->body_fd,
		.sent = request->sent,
		.sink = request->sink,
		.data = request->data,
		.limit = request->limit,
	};

	int result = transport_exchange(endpoint->transport, &exchange, ret, &failure, err);
	*ret_again = result < 0 ? failure == FAILURE_RETRY || failure == FAILURE_CONNECT : ret->status == 429 || ret->status >= 500;
	if (result == 0 && ret->status == 507)
		*ret_again = false;
	return result;
}

/* One try: with at most one answer to a 401, and redirects. */
static int request_try(struct endpoint *endpoint, const struct request *request, struct answer *ret, bool *ret_again, struct error *err)
{
	_cleanup_(freep) char *url = request->url[0] == '/' ? xprintf("%s%s", endpoint->base, request->url) : xstrdup(request->url);
	_cleanup_(freep) char *authorization = NULL;
	bool answered = false;

	*ret_again = false;
	if (str_starts(endpoint->base, "https://") && !str_starts(url, "https://"))
		return error_set(err, ERROR_DENIED, "the registry is on HTTPS, but sends us to a place that is not: nothing was sent there");
	if (is_own(endpoint, url) && authorization_for(endpoint, request, &authorization, err) < 0)
		return -1;
	for (int redirects = 0;;) {
		struct answer answer _cleanup_(answer_clear) = { 0 };
		bool own = is_own(endpoint, url);
		if (exchange_once(endpoint, request, url, own ? authorization : NULL, &answer, ret_again, err) < 0)
			return -1;
		if (answer.status == 401 && own && !answered) {
			int more = answer_401(endpoint, request, &answer, &authorization, err);
			if (more < 0)
				return -1;
			answered = true;
			if (more)
				continue;
		}
		if (is_redirect(request, &answer)) {
			if (++redirects > REDIRECTS_MAX)
				return error_set(err, ERROR_INVALID, "the registry redirects more than %d times", REDIRECTS_MAX);
			if (follow(&answer, &url, err) < 0)
				return -1;
			continue;
		}
		*ret = answer;
		answer = (struct answer){ 0 };
		return 0;
	}
}

int endpoint_request(struct endpoint *endpoint, const struct request *request, struct answer *ret, bool *ret_again, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };
	bool again = false;

	for (int attempt = 1;; attempt++) {
		struct error failure _cleanup_(error_clear) = { 0 };
		int result = request_try(endpoint, request, &answer, &again, &failure);
		if (!again || request->once || endpoint->impatient || attempt == ENDPOINT_TRIES) {
			if (ret_again)
				*ret_again = again;
			if (result < 0) {
				if (err)
					error_move(err, &failure);
				return -1;
			}
			break;
		}
		if (endpoint_wait(endpoint, attempt, result < 0 ? NULL : &answer, err) < 0)
			return -1;
		answer_clear(&answer);
	}
	*ret = answer;
	answer = (struct answer){ 0 };
	return 0;
}

/* ---- opening ---- */

static const char *registry_host(const char *registry)
{
	return str_equal(registry, "docker.io") ? "registry-1.docker.io" : registry;
}

static void set_base(struct endpoint *endpoint, bool secure)
{
	free(endpoint->base);
	free(endpoint->origin);
	endpoint->base = xprintf("%s://%s", secure ? "https" : "http", registry_host(endpoint->registry));
	endpoint->origin = url_origin(endpoint->base);
}

static int ping(struct endpoint *endpoint, struct transport *transport, bool secure, struct answer *ret, enum transport_failure *ret_failure,
		struct error *err)
{
	_cleanup_(freep) char *url = xprintf("%s://%s/v2/", secure ? "https" : "http", registry_host(endpoint->registry));
	struct exchange exchange = { .method = "GET", .url = url };

	return transport_exchange(transport, &exchange, ret, ret_failure, err);
}

/* Does anyone speak the other scheme there? The certificate does not matter for the question. */
static bool speaks(struct endpoint *endpoint, bool secure)
{
	struct transport *probe _cleanup_(transport_free) =
		transport_new(&(struct transport_options){ .skip_verify = true, .direct = host_is_loopback(endpoint->registry) });
	struct answer answer _cleanup_(answer_clear) = { 0 };

	return ping(endpoint, probe, secure, &answer, NULL, NULL) == 0 && (secure || answer.status != 400);
}

/* An answer like that of a TLS server to which one speaks HTTP: Go's and nginx' say 400, others hang up. */
static bool smells_of_tls(int result, enum transport_failure failure, const struct answer *answer)
{
	return result == 0 ? answer->status == 400 : failure == FAILURE_SPEECH || failure == FAILURE_RETRY;
}

/* Pings in the scheme that was asked for and reports the wrong one. With `either` the other scheme is taken instead. */
static int choose_scheme(struct endpoint *endpoint, bool plain, bool either, struct answer *ret, struct error *err)
{
	struct error failed _cleanup_(error_clear) = { 0 };
	struct answer answer _cleanup_(answer_clear) = { 0 };
	enum transport_failure failure;
	int result = ping(endpoint, endpoint->transport, !plain, &answer, &failure, &failed);

	set_base(endpoint, !plain);
	if (plain && smells_of_tls(result, failure, &answer) && speaks(endpoint, true)) {
		if (!either) {
			error_set(err, ERROR_NETWORK, "the registry speaks HTTPS, not HTTP");
			return error_hint(err, "leave out --plain-http, and take it off insecure-registries in sampan.json");
		}
		answer_clear(&answer);
		error_clear(&failed);
		set_base(endpoint, true);
		result = ping(endpoint, endpoint->transport, true, &answer, &failure, &failed);
	} else if (!plain && result < 0 && (failure == FAILURE_TLS || failure == FAILURE_RETRY) && speaks(endpoint, false)) {
		error_set(err, ERROR_NETWORK, "the registry speaks HTTP, not HTTPS");
		return error_hint(err, "add --plain-http, or put %s into insecure-registries in sampan.json", endpoint->registry);
	}
	if (result < 0) {
		error_move(err, &failed);
		return -1;
	}
	*ret = answer;
	answer = (struct answer){ 0 };
	return 0;
}

/* Pings until the registry is well, and learns from its answer. */
static int connect_registry(struct endpoint *endpoint, bool plain, bool either, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };

	for (int attempt = 1;; attempt++) {
		if (choose_scheme(endpoint, plain, either, &answer, err) < 0)
			return -1;
		if (endpoint->impatient || attempt == ENDPOINT_TRIES || (answer.status != 429 && answer.status < 500))
			break;
		if (endpoint_wait(endpoint, attempt, &answer, err) < 0)
			return -1;
		answer_clear(&answer);
	}
	if (answer.status == 404)
		return error_set(err, ERROR_NOT_FOUND, "%s is no registry: it answers 404 to /v2/", endpoint->registry);
	if (answer.status == 429 || answer.status >= 500)
		return endpoint_failed(endpoint, &answer, err);
	endpoint->store_id = xstrdup(answer_header(&answer, "Sampan-Store"));
	return answer.status == 401 ? answer_challenge(&answer, &endpoint->challenge, err) : 0;
}

/* docker's folder for a registry's own CA. Owned by the caller. */
static char *registry_ca(const char *registry)
{
	_cleanup_(freep) char *path = xprintf("/etc/docker/certs.d/%s/ca.crt", registry);

	return access(path, R_OK) == 0 ? steal(path) : NULL;
}

static int check_registry_name(const char *registry, struct error *err)
{
	struct reference reference = { 0 };
	_cleanup_(freep) char *text = xprintf("%s/x", registry);
	struct error failure _cleanup_(error_clear) = { 0 };

	if (reference_parse(text, &reference, &failure) == 0) {
		bool same = str_equal(reference.registry, registry);
		reference_clear(&reference);
		if (same)
			return 0;
	}
	error_set(err, ERROR_INVALID, "'%s' is no registry", registry);
	return error_hint(err, "a registry is HOST or HOST:PORT, and HOST has a dot or is localhost");
}

int endpoint_open(const char *registry, const char *repository, const struct remote_options *options, struct endpoint **ret, struct error *err)
{
	struct endpoint *endpoint _cleanup_(endpoint_close) = NULL;
	struct settings settings _cleanup_(settings_clear) = { 0 };
	struct credentials credentials _cleanup_(credentials_clear) = { 0 };
	_cleanup_(freep) char *ca = options->ca_file ? xstrdup(options->ca_file) : registry_ca(registry);
	bool loopback = host_is_loopback(registry);

	if (check_registry_name(registry, err) < 0 || (!options->anonymous && settings_load(&settings, err) < 0) ||
	    credentials_find(registry, repository, options, &credentials, err) < 0)
		return -1;
	bool plain = options->plain_http || settings_is_insecure(&settings, registry);
	endpoint = xnew(struct endpoint);
	pthread_mutex_init(&endpoint->lock, NULL);
	endpoint->registry = xstrdup(registry);
	endpoint->impatient = options->patience;
	endpoint->transport = transport_new(&(struct transport_options){ options->skip_verify, ca, loopback, options->proxy, options->patience });
	set_base(endpoint, !plain && !loopback);
	strlist_add_all(&endpoint->token_hosts, &settings.token_hosts);
	endpoint->auth = auth_new(endpoint->origin, endpoint->transport, &credentials, &settings.token_hosts);
	if (connect_registry(endpoint, plain || loopback, loopback && !plain, err) < 0)
		return -1;
	auth_set_origin(endpoint->auth, endpoint->origin);
	*ret = steal(endpoint);
	return 0;
}

int endpoint_login(struct endpoint *endpoint, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };
	struct request request = { .method = "GET", .url = "/v2/" };

	if (endpoint->challenge.scheme == CHALLENGE_BEARER &&
	    !realm_is_trusted(endpoint->origin, endpoint->challenge.realm, &endpoint->token_hosts)) {
		_cleanup_(freep) char *host = url_host(endpoint->challenge.realm);
		error_set(err, ERROR_DENIED, "the registry's token server %s is foreign to it: the credentials were not sent", host ? host : "");
		return error_hint(err, "if it is right, add it to \"token-hosts\" in sampan.json");
	}
	if (endpoint_request(endpoint, &request, &answer, NULL, err) < 0)
		return -1;
	if (answer.status == 401 || answer.status == 403)
		return error_set(err, ERROR_UNAUTHORIZED, "the registry does not accept these credentials");
	return answer.status == 200 ? 0 : endpoint_failed(endpoint, &answer, err);
}
