/* Other issuers: their keys, from a file or an address, and the tokens that these keys signed.
 *
 * A file is looked at before each use. An address is asked at the start, each hour, and when a signature fits no key that we have, since an issuer may
 * sign with a new one before we have seen it; but at most once a minute, so that forged tokens are no way to make us ask. One thread asks;
 * the others go on with the keys that are there. Keys that can't be read or reached any more are kept: the log says so, and pulls go on. */
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "registry/access.h"
#include "remote/transport.h"

enum { LEEWAY_SECONDS = 60, KEYS_TEXT_MAX = 1 << 20, KEYS_SECONDS = 3600, KEYS_SECONDS_MIN = 60 };

static time_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool has_address(const struct access_issuer *issuer)
{
	return strstr(issuer->keys_at, "://") != NULL;
}

static int keys_replace(struct access_issuer *issuer, const struct buf *text, struct error *err)
{
	struct jwks keys = { 0 };

	if (jwks_parse(text->data ? text->data : "", text->len, &keys, err) < 0)
		return error_wrap(err, "cannot use the keys of %s", issuer->issuer);
	pthread_mutex_lock(&issuer->lock);
	jwks_free(&issuer->keys);
	issuer->keys = keys;
	pthread_mutex_unlock(&issuer->lock);
	return 0;
}

static int keys_fetch(struct access_issuer *issuer, struct error *err)
{
	struct transport_options options = { 0 };
	struct transport *transport _cleanup_(transport_free) = transport_new(&options);
	struct exchange exchange = { .method = "GET", .url = issuer->keys_at, .limit = KEYS_TEXT_MAX };
	struct answer answer _cleanup_(answer_clear) = { 0 };

	if (transport_exchange(transport, &exchange, &answer, NULL, err) < 0)
		return error_wrap(err, "cannot fetch the keys of %s", issuer->issuer);
	if (answer.status != 200)
		return error_set(err, ERROR_NETWORK, "cannot fetch the keys of %s: the server answered %ld", issuer->issuer, answer.status);
	return keys_replace(issuer, &answer.body, err);
}

/* `wanted`: a token is there that fits none of the keys. */
static bool fetch_due(const struct access_issuer *issuer, bool wanted)
{
	return !issuer->fetched || monotonic() - issuer->fetched >= (wanted ? KEYS_SECONDS_MIN : KEYS_SECONDS);
}

/* issuer->reading is held. */
static int keys_refresh(struct access_issuer *issuer, bool wanted, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	if (has_address(issuer)) {
		if (!fetch_due(issuer, wanted))
			return 0;
		issuer->fetched = monotonic();
		return keys_fetch(issuer, err);
	}
	if (!issuer->watch.path)
		issuer->watch.path = xstrdup(issuer->keys_at);
	int changed = watch_read(&issuer->watch, KEYS_TEXT_MAX, &text, err);
	if (changed < 0)
		return error_wrap(err, "cannot use the keys of %s", issuer->issuer);
	return changed ? keys_replace(issuer, &text, err) : 0;
}

static void keys_refresh_or_log(struct access_issuer *issuer, bool wanted)
{
	struct error err _cleanup_(error_clear) = { 0 };

	if (pthread_mutex_trylock(&issuer->reading) != 0)
		return;
	int result = keys_refresh(issuer, wanted, &err);
	pthread_mutex_unlock(&issuer->reading);
	if (result < 0)
		log_failure(&err);
}

/* A file must be there at the start; who is at the address may come later. */
int issuer_start(struct access_issuer *issuer, struct error *err)
{
	pthread_mutex_init(&issuer->lock, NULL);
	pthread_mutex_init(&issuer->reading, NULL);
	if (!has_address(issuer))
		return keys_refresh(issuer, false, err);
	if (!str_starts(issuer->keys_at, "https://")) {
		_cleanup_(freep) char *host = url_host(issuer->keys_at);
		if (!host || !str_starts(issuer->keys_at, "http://") || !host_is_loopback(host))
			return error_set(err, ERROR_INVALID, "%s: keys are fetched over https, or over http from this machine", issuer->keys_at);
	}
	keys_refresh_or_log(issuer, false);
	return 0;
}

static bool keys_verify(struct access_issuer *issuer, const struct jwt *jwt)
{
	pthread_mutex_lock(&issuer->lock);
	bool good = jwt_verify(jwt, &issuer->keys);
	pthread_mutex_unlock(&issuer->lock);
	return good;
}

static bool signature_good(struct access_issuer *issuer, const struct jwt *jwt)
{
	keys_refresh_or_log(issuer, false);
	if (keys_verify(issuer, jwt))
		return true;
	if (!has_address(issuer))
		return false;
	keys_refresh_or_log(issuer, true);
	return keys_verify(issuer, jwt);
}

int issuer_caller(struct access_issuer *issuer, const struct jwt *jwt, struct caller *ret, struct error *err)
{
	struct jwt_terms terms = { .issuer = issuer->issuer, .audience = issuer->audience, .now = time(NULL), .leeway = LEEWAY_SECONDS };
	const char *name;

	if (!signature_good(issuer, jwt))
		return error_set(err, ERROR_UNAUTHORIZED, "the token's signature is not by a key of %s", issuer->issuer);
	if (jwt_check(jwt, &terms, err) < 0 || json_get_string(jwt->claims, "sub", &name, err) < 0 ||
	    grants_add_claim(&ret->grants, json_object_get(jwt->claims, "access"), err) < 0)
		return -1;
	ret->kind = CALLER_ISSUED;
	ret->name = xprintf("%s of %s", name ? name : "somebody", issuer->issuer);
	ret->issuer = issuer;
	ret->limited = true;
	return 0;
}
