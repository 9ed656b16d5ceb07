/* Callers: how one becomes known, and the tokens that say so later (distribution's spec/auth/token.md and jwt.md).
 *
 * A token of ours names its owner (`sub`) and the owner's key (`key`), which follows from the stored hash of the password: it is valid as long as
 * that hash is there. A refresh token is the same for another audience, so that neither passes for the other. */
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "registry/access.h"

enum {
	REFRESH_SECONDS = 90 * 86400,
	KEY_LETTERS = 32,
};
#define REFRESH_AUDIENCE "refresh token" /* no service: those have no blanks */
/* How long the check of a user that isn't there takes, where there is no other to be like. */
#define MODEL_HASH "$2b$10$abcdefghijklmnopqrstuuJUqcj/MDK9PQaI4HWs9bLvm8ffUBCKW"

void caller_clear(struct caller *caller)
{
	free(caller->name);
	free(caller->key);
	strlist_free(&caller->groups);
	rules_free(&caller->rules);
	grants_free(&caller->grants);
	*caller = (struct caller){ 0 };
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* ---- accounts ---- */

static bool account_lookup(struct access *access, const char *name, struct account *ret)
{
	return account_file_find(&access->accounts, name, ret) || (access->htpasswd.parse && account_file_find(&access->htpasswd, name, ret));
}

static void join_groups(const struct access *access, struct caller *caller)
{
	const struct access_settings *settings = access->settings;

	for (size_t i = 0; i < settings->groups_len; i++)
		if (strlist_has(&settings->groups[i].members, caller->name))
			strlist_add(&caller->groups, settings->groups[i].name);
}

static void key_of(const char *hash, char **ret)
{
	char text[DIGEST_TEXT_SIZE];
	struct digest digest;

	digest_of(DIGEST_SHA256, hash, strlen(hash), &digest);
	*ret = xstrndup(digest_hex(&digest, text), KEY_LETTERS);
}

/* Takes what is in `account`. */
static void caller_from_account(struct access *access, struct account *account, struct caller *ret)
{
	ret->kind = account->robot ? CALLER_ROBOT : CALLER_USER;
	ret->name = steal(account->name);
	key_of(account->hash, &ret->key);
	ret->groups = account->groups;
	ret->rules = account->rules;
	account->groups = (struct strlist){ 0 };
	account->rules = (struct rules){ 0 };
	join_groups(access, ret);
}

void caller_from_certificate(struct access *access, const char *certificate, struct caller *ret)
{
	ret->kind = CALLER_CERTIFICATE;
	ret->name = xprintf("cert:%s", certificate);
	join_groups(access, ret);
}

/* ---- passwords ---- */

static int wrong(struct error *err)
{
	return error_set(err, ERROR_UNAUTHORIZED, "the user name or the password is wrong");
}

static int too_many(struct error *err)
{
	return error_set(err, ERROR_BUSY, "too many wrong passwords; wait a little");
}

/* A right secret always passes, so that nobody can lock robots out by guessing. */
static int secret_login(struct access *access, const char *network, const struct account *account, const char *secret, int *ret_wait, struct error *err)
{
	if (account && account->robot && secret_matches(account->hash, secret))
		return 0;
	*ret_wait = damping_charge(&access->damping, DAMPING_ADDRESS, network, now_ms());
	return *ret_wait ? too_many(err) : wrong(err);
}

static char *model_hash(struct access *access)
{
	char *model = account_file_model(&access->accounts);

	if (!model && access->htpasswd.parse)
		model = account_file_model(&access->htpasswd);
	return model ? model : xstrdup(MODEL_HASH);
}

static int password_login(struct access *access, const char *network, const char *name, const struct account *account, const char *password,
			  int *ret_wait, struct error *err)
{
	const char *hash = account && !account->robot ? account->hash : NULL;
	int64_t now = now_ms();

	if (hash && proofs_have(&access->passwords, hash, password, now))
		return 0;
	if ((*ret_wait = damping_charge(&access->damping, DAMPING_ADDRESS, network, now)))
		return too_many(err);
	if ((*ret_wait = damping_charge(&access->damping, DAMPING_USER, name, now))) {
		damping_refund(&access->damping, DAMPING_ADDRESS, network);
		return too_many(err);
	}
	_cleanup_(freep) char *model = hash ? NULL : model_hash(access);
	if (!password_matches(hash, model, password, &access->password_turns))
		return wrong(err);
	proofs_add(&access->passwords, hash, password, now);
	damping_refund(&access->damping, DAMPING_USER, name);
	damping_refund(&access->damping, DAMPING_ADDRESS, network);
	return 0;
}

int caller_login(struct access *access, const char *address, const char *name, const char *password, struct caller *ret, int *ret_wait, struct error *err)
{
	struct account account _cleanup_(account_clear) = { 0 };
	bool known = account_lookup(access, name, &account);
	char network[DAMPING_NAME_SIZE], text[32];

	*ret_wait = 0;
	damping_network(address, network);
	int result = secret_has_form(password) ? secret_login(access, network, known ? &account : NULL, password, ret_wait, err) :
						 password_login(access, network, name, known ? &account : NULL, password, ret_wait, err);
	if (result < 0 && !*ret_wait) /* a name that nobody has may be a password in the wrong field */
		log_info("sampan: log-in of %s from %s failed", known ? name : "a user that isn't there", address);
	if (result < 0)
		return -1;
	if (account.expires && account.expires <= time(NULL))
		return error_set(err, ERROR_UNAUTHORIZED, "the token of %s ended at %s", name, time_print(account.expires, text));
	caller_from_account(access, &account, ret);
	return 0;
}

/* ---- tokens of ours ---- */

const char *access_service(const struct access *access)
{
	return access->settings->service ? access->settings->service : "sampan";
}

static json_t *claims_make(const struct access *access, const struct caller *caller, const char *audience, time_t now, int64_t seconds)
{
	json_t *claims = json_pack("{s:s, s:s, s:I, s:I, s:I}", "iss", access->issuer, "aud", audience, "iat", (json_int_t)now, "nbf", (json_int_t)now,
				   "exp", (json_int_t)(now + seconds));

	json_object_set_new(claims, "sub", json_string(caller->name ? caller->name : ""));
	if (caller->key)
		json_object_set_new(claims, "key", json_string(caller->key));
	return claims;
}

char *caller_token(struct access *access, const struct caller *caller, const struct grants *grants, time_t now)
{
	json_t *claims _cleanup_(json_release) = claims_make(access, caller, access_service(access), now, access->settings->token_seconds);

	json_object_set_new(claims, "access", grants_print(grants));
	return jwt_sign(&access->signer, claims);
}

char *caller_refresh_token(struct access *access, const struct caller *caller, time_t now)
{
	json_t *claims _cleanup_(json_release) = claims_make(access, caller, REFRESH_AUDIENCE, now, REFRESH_SECONDS);

	return jwt_sign(&access->signer, claims);
}

static int ended(struct error *err)
{
	return error_set(err, ERROR_UNAUTHORIZED, "the token's owner is gone or has another password now; log in again");
}

/* Who a verified token is of, if that is still so. */
static int owner_find(struct access *access, const json_t *claims, const char *certificate, struct caller *ret, struct error *err)
{
	struct account account _cleanup_(account_clear) = { 0 };
	const char *name, *key;

	if (json_get_string(claims, "sub", &name, NULL) != 1 || json_get_string(claims, "key", &key, NULL) < 0)
		return error_set(err, ERROR_UNAUTHORIZED, "the token names nobody");
	if (!*name)
		return 0;
	if (str_starts(name, "cert:")) {
		if (!certificate || !str_equal(certificate, name + strlen("cert:")))
			return error_set(err, ERROR_UNAUTHORIZED, "the token belongs to the client certificate '%.100s'", name + strlen("cert:"));
		caller_from_certificate(access, certificate, ret);
		return 0;
	}
	if (!account_lookup(access, name, &account) || (account.expires && account.expires <= time(NULL)))
		return ended(err);
	caller_from_account(access, &account, ret);
	return str_equal(ret->key, key) ? 0 : ended(err);
}

/* A signature that was checked needs no second check within the next minutes: it costs more than all the rest of a small request. */
static bool own_signature(struct access *access, const struct jwt *jwt)
{
	int64_t now = now_ms();

	if (proofs_have(&access->tokens, "", jwt->text, now))
		return true;
	if (!jwt_verify_own(jwt, &access->signer))
		return false;
	proofs_add(&access->tokens, "", jwt->text, now);
	return true;
}

static int own_token(struct access *access, const struct jwt *jwt, const char *audience, const char *certificate, struct caller *ret, struct error *err)
{
	struct jwt_terms terms = { .issuer = access->issuer, .audience = audience, .now = time(NULL) };

	if (!own_signature(access, jwt))
		return error_set(err, ERROR_UNAUTHORIZED, "the token's signature is wrong");
	if (jwt_check(jwt, &terms, err) < 0 || owner_find(access, jwt->claims, certificate, ret, err) < 0)
		return -1;
	ret->limited = true;
	return grants_add_claim(&ret->grants, json_object_get(jwt->claims, "access"), err);
}

/* ---- tokens of all issuers ---- */

static int token_parse(const char *text, struct jwt *ret, struct error *err)
{
	struct error mine _cleanup_(error_clear) = { 0 };

	return jwt_parse(text, ret, &mine) < 0 ? error_set(err, ERROR_UNAUTHORIZED, "the token can't be used: %s", mine.message) : 0;
}

int caller_from_token(struct access *access, const char *token, const char *certificate, struct caller *ret, struct error *err)
{
	struct caller caller _cleanup_(caller_clear) = { 0 };
	struct jwt jwt _cleanup_(jwt_clear) = { 0 };
	struct access_settings *settings = access->settings;
	const char *issuer = NULL;
	int result = -1;

	if (token_parse(token, &jwt, err) < 0)
		return -1;
	json_get_string(jwt.claims, "iss", &issuer, NULL);
	if (str_equal(issuer, access->issuer)) {
		result = own_token(access, &jwt, access_service(access), certificate, &caller, err);
	} else {
		size_t i = 0;
		while (i < settings->issuers_len && !str_equal(settings->issuers[i].issuer, issuer))
			i++;
		if (i == settings->issuers_len)
			return error_set(err, ERROR_UNAUTHORIZED, "the token is of an issuer that is not known here");
		result = issuer_caller(&settings->issuers[i], &jwt, &caller, err);
	}
	if (result < 0)
		return -1;
	*ret = caller;
	caller = (struct caller){ 0 };
	return 0;
}

int caller_from_refresh(struct access *access, const char *token, struct caller *ret, struct error *err)
{
	struct caller caller _cleanup_(caller_clear) = { 0 };
	struct jwt jwt _cleanup_(jwt_clear) = { 0 };

	if (token_parse(token, &jwt, err) < 0 || own_token(access, &jwt, REFRESH_AUDIENCE, NULL, &caller, err) < 0)
		return -1;
	if (!caller.key)
		return ended(err);
	caller.limited = false;
	*ret = caller;
	caller = (struct caller){ 0 };
	return 0;
}

/* ---- rights ---- */

unsigned caller_actions(const struct access *access, const struct caller *caller, const char *repository)
{
	const struct access_settings *settings = access->settings;
	struct subject subject = { .name = caller->name, .groups = &caller->groups }, anonymous = { 0 };
	bool rules = settings->rules_set;

	if (access->open || strlist_has(&caller->groups, GROUP_ADMIN))
		return ACTIONS_ALL;
	if (caller->kind == CALLER_ISSUED)
		return !repository || patterns_match(&caller->issuer->repositories, repository) ? ACTIONS_ALL : 0;
	if (caller->kind == CALLER_ROBOT)
		return rules_own_actions(&caller->rules, repository) | (rules ? rules_actions(&settings->rules, &anonymous, repository) : access->anonymous);
	if (rules)
		return rules_actions(&settings->rules, &subject, repository);
	return caller->kind == CALLER_ANONYMOUS ? access->anonymous : ACTIONS_ALL;
}
