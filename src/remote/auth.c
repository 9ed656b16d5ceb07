/* Authorization: see auth.h; the token protocol is distribution's (spec/auth/token.md, oauth.md).
 *
 * A registry names the token server (`realm`) itself, so a registry that is not what it seems could name any host and collect passwords
 * there (CVE-2020-15157, CVE-2026-33540). Credentials go only to a realm on the registry's host, or over HTTPS
 * to one on its domain, when the registry itself was reached over HTTPS; others are asked anonymously, which public images need nothing more than. */
#include "remote/auth.h"

#include <pthread.h>

#include "base/json.h"
#include "base/log.h"

enum { TOKEN_ANSWER_MAX = 256 << 10, TOKENS_MAX = 64, SCOPE_MAX = 2048 };

struct token {
	char *scope, *value;
	time_t ends; /* CLOCK_MONOTONIC */
};

struct auth {
	pthread_mutex_t lock; /* held while a token is fetched, so that threads that need the same one wait for it */
	char *origin;
	struct transport *transport;
	struct credentials credentials;
	struct strlist token_hosts;
	struct token tokens[TOKENS_MAX];
	size_t tokens_len;
};

struct auth *auth_new(const char *origin, struct transport *transport, struct credentials *credentials, const struct strlist *token_hosts)
{
	struct auth *auth = xnew(struct auth);

	pthread_mutex_init(&auth->lock, NULL);
	auth->origin = xstrdup(origin);
	auth->transport = transport;
	auth->credentials = *credentials;
	*credentials = (struct credentials){ 0 };
	strlist_add_all(&auth->token_hosts, token_hosts);
	return auth;
}

void auth_set_origin(struct auth *auth, const char *origin)
{
	free(auth->origin);
	auth->origin = xstrdup(origin);
}

static void token_clear(struct token *token)
{
	free(token->scope);
	free(token->value);
	*token = (struct token){ 0 };
}

void auth_free(struct auth **at)
{
	struct auth *auth = steal(*at);

	if (!auth)
		return;
	for (size_t i = 0; i < auth->tokens_len; i++)
		token_clear(&auth->tokens[i]);
	credentials_clear(&auth->credentials);
	strlist_free(&auth->token_hosts);
	free(auth->origin);
	pthread_mutex_destroy(&auth->lock);
	free(auth);
}

bool auth_has_credentials(const struct auth *auth)
{
	return !credentials_empty(&auth->credentials);
}

/* The part of a host name that one owner registers: its last two labels, or three where the second is short under a country's
 * ("example.co.uk"). Addresses and single labels have none. */
static const char *host_domain(const char *host)
{
	size_t len = strlen(host);
	const char *last = strrchr(host, '.');

	if (!last || host[0] == '[' || strspn(host, "0123456789.") == len)
		return NULL;
	const char *second = last;
	while (second > host && second[-1] != '.')
		second--;
	if (second == host || !(strlen(last + 1) == 2 && last - second <= 3))
		return second;
	const char *third = second - 1;
	while (third > host && third[-1] != '.')
		third--;
	return third;
}

bool realm_is_trusted(const char *origin, const char *realm, const struct strlist *token_hosts)
{
	_cleanup_(freep) char *realm_origin = url_origin(realm), *registry_host = url_host(origin), *realm_host = url_host(realm);

	if (!realm_origin || !registry_host || !realm_host)
		return false;
	bool registry_secure = str_starts(origin, "https://"), realm_secure = str_starts(realm_origin, "https://");
	if (registry_secure && !realm_secure)
		return false;
	if (str_equal(registry_host, realm_host))
		return true;
	if (!realm_secure)
		return false;
	if (strlist_has(token_hosts, realm_host))
		return true;
	const char *a = host_domain(registry_host), *b = host_domain(realm_host);
	return registry_secure && a && b && str_equal(a, b);
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static const char *token_cached(struct auth *auth, const char *scope, const char *refused)
{
	for (size_t i = 0; i < auth->tokens_len; i++) {
		struct token *token = &auth->tokens[i];
		if (!str_equal(token->scope, scope))
			continue;
		if (now() < token->ends && !(refused && str_starts(refused, "Bearer ") && str_equal(refused + 7, token->value)))
			return token->value;
	}
	return NULL;
}

static void token_keep(struct auth *auth, const char *scope, const char *value, int64_t seconds)
{
	size_t at = 0;

	while (at < auth->tokens_len && !str_equal(auth->tokens[at].scope, scope))
		at++;
	if (at == TOKENS_MAX)
		at = 0;
	else if (at == auth->tokens_len)
		auth->tokens_len++;
	token_clear(&auth->tokens[at]);
	/* Without expires_in it is good for 60 s (token.md); leave some of it for the way. */
	seconds = seconds < 60 ? 60 : seconds > 3600 ? 3600 : seconds;
	auth->tokens[at] = (struct token){ xstrdup(scope), xstrdup(value), now() + seconds - 10 };
}

/* "&name=value", value escaped. */
static void add_field(struct buf *query, const char *name, const char *value)
{
	_cleanup_(freep) char *escaped = url_escape(value);

	buf_printf(query, "%s%s=%s", query->len ? "&" : "", name, escaped);
}

/* One scope a field: several are separated by blanks. */
static void add_scopes(struct buf *query, const char *scope)
{
	struct strlist parts _cleanup_(strlist_free) = { 0 };

	strlist_split(&parts, scope, ' ');
	for (size_t i = 0; i < parts.len; i++)
		if (*parts.items[i])
			add_field(query, "scope", parts.items[i]);
}

static void get_exchange(const struct auth *auth, const struct challenge *challenge, const char *scope, bool trusted, char **ret_url,
			 char **ret_authorization)
{
	struct buf query _cleanup_(buf_free) = { 0 };

	if (challenge->service)
		add_field(&query, "service", challenge->service);
	add_scopes(&query, scope);
	if (trusted && auth->credentials.username) {
		add_field(&query, "account", auth->credentials.username);
		_cleanup_(freep) char *encoded = credentials_encode(auth->credentials.username, auth->credentials.password);
		*ret_authorization = xprintf("Basic %s", encoded);
	}
	*ret_url = query.len ? xprintf("%s%c%s", challenge->realm, strchr(challenge->realm, '?') ? '&' : '?', query.data) : xstrdup(challenge->realm);
}

static void post_body(const struct auth *auth, const struct challenge *challenge, const char *scope, struct buf *ret)
{
	add_field(ret, "grant_type", "refresh_token");
	add_field(ret, "service", challenge->service ? challenge->service : "");
	add_field(ret, "client_id", "sampan");
	if (*scope)
		add_field(ret, "scope", scope);
	add_field(ret, "refresh_token", auth->credentials.identity_token);
}

static bool token_is_clean(const char *token)
{
	for (; *token; token++)
		if (*token <= 0x20 || *token >= 0x7f)
			return false;
	return true;
}

/* A token goes into a header: control characters in it would make others. */
static int token_from_answer(struct auth *auth, const char *scope, const struct answer *answer, char **ret, struct error *err)
{
	json_t *root _cleanup_(json_release) = json_parse(answer->body.data ? answer->body.data : "", answer->body.len, "token", err);
	const char *token, *access;
	int64_t seconds;

	if (!root || json_get_string(root, "token", &token, err) < 0 || json_get_string(root, "access_token", &access, err) < 0 ||
	    json_get_int(root, "expires_in", &seconds, err) < 0)
		return -1;
	token = str_empty(token) ? access : token;
	if (str_empty(token) || !token_is_clean(token))
		return error_set(err, ERROR_INVALID, "the token server's answer holds no usable token");
	token_keep(auth, scope, token, seconds);
	*ret = xprintf("Bearer %s", token);
	return 0;
}

static int token_refused(const struct auth *auth, const struct answer *answer, const char *realm_host, bool trusted, struct error *err)
{
	_cleanup_(freep) char *reason = answer_reason(answer);
	bool denied = answer->status == 401 || answer->status == 403 || answer->status == 400;

	error_set(err, denied ? ERROR_UNAUTHORIZED : ERROR_NETWORK, "the token server %s answered %ld%s%s", realm_host, answer->status,
		  reason ? ": " : "", reason ? reason : "");
	if (denied && !trusted && auth_has_credentials(auth))
		return error_hint(err,
				  "the credentials were not sent, since %s is foreign to the registry; if it is right, add it to \"token-hosts\" in sampan.json",
				  realm_host);
	return denied ? error_hint(err, "check the user name and password with 'sampan login'") : -1;
}

static int token_fetch(struct auth *auth, const struct challenge *challenge, const char *scope, char **ret, struct error *err)
{
	bool trusted = realm_is_trusted(auth->origin, challenge->realm, &auth->token_hosts);
	_cleanup_(freep) char *host = url_host(challenge->realm), *origin = url_origin(challenge->realm), *url = NULL, *authorization = NULL;
	struct buf body _cleanup_(buf_free) = { 0 };
	struct answer answer _cleanup_(answer_clear) = { 0 };
	struct exchange exchange = { .method = "GET", .limit = TOKEN_ANSWER_MAX };

	if (!host || !origin)
		return error_set(err, ERROR_INVALID, "the registry's token server is no http or https URL");
	if (str_starts(auth->origin, "https://") && !str_starts(origin, "https://"))
		return error_set(err, ERROR_DENIED, "the registry is on HTTPS, but its token server %s is not: nothing was sent to it", host);
	if (trusted && auth->credentials.identity_token) {
		post_body(auth, challenge, scope, &body);
		exchange.method = "POST";
		exchange.url = challenge->realm;
		exchange.body = body.data;
		exchange.body_size = (int64_t)body.len;
	} else {
		get_exchange(auth, challenge, scope, trusted, &url, &authorization);
		exchange.url = url;
		exchange.authorization = authorization;
	}
	if (!trusted && auth_has_credentials(auth))
		log_warn_once("the credentials are not sent to the token server %s, which is foreign to the registry", host);
	if (transport_exchange(auth->transport, &exchange, &answer, NULL, err) < 0)
		return error_wrap(err, "cannot get a token");
	if (answer.status != 200)
		return token_refused(auth, &answer, host, trusted, err);
	return token_from_answer(auth, scope, &answer, ret, err);
}

static int bearer(struct auth *auth, const struct challenge *challenge, const char *scope, const char *refused, char **ret, struct error *err)
{
	scope = scope ? scope : challenge->scope ? challenge->scope : "";
	if (strlen(scope) > SCOPE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the registry asks for a token with too long a scope");
	if (auth->credentials.registry_token) {
		*ret = refused ? NULL : xprintf("Bearer %s", auth->credentials.registry_token);
		return 0;
	}
	pthread_mutex_lock(&auth->lock);
	const char *cached = token_cached(auth, scope, refused);
	int result = 0;
	if (cached)
		*ret = xprintf("Bearer %s", cached);
	else
		result = token_fetch(auth, challenge, scope, ret, err);
	pthread_mutex_unlock(&auth->lock);
	return result;
}

int auth_answer(struct auth *auth, const struct challenge *challenge, const char *scope, const char *refused, char **ret, struct error *err)
{
	if (challenge->scheme == CHALLENGE_BEARER)
		return bearer(auth, challenge, scope, refused, ret, err);
	if (challenge->scheme == CHALLENGE_BASIC && auth->credentials.username && !refused) {
		_cleanup_(freep) char *encoded = credentials_encode(auth->credentials.username, auth->credentials.password);
		*ret = xprintf("Basic %s", encoded);
		return 0;
	}
	*ret = NULL;
	return 0;
}
