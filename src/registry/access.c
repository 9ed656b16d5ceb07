/* Access at a request, and its start: see access.h.
 *
 * Answers. Who is not known, or whose token is not for this, gets 401 and a challenge that says how to do better; who is known and may not gets
 * 403. Both say the same whether the repository exists or not. /v2/ answers 401 to anonymous callers even where they may pull: docker and skopeo
 * ask there once, and who got 200 would never log in for a push. The challenge is Bearer, with which a client without credentials
 * fetches a token for anonymous callers; or Basic, if the settings say so. */
#include "registry/access.h"

#include "base/fd.h"
#include "base/log.h"
#include "registry/authorization.h"
#include "registry/internal.h"

/* ---- who asks ---- */

static int identify(struct request *request, int *ret_wait, struct error *err)
{
	struct access *access = request->settings->access;
	struct authorization authorization _cleanup_(authorization_clear) = { 0 };
	const char *certificate = request_client_name(request);

	if (authorization_parse(request_header(request, "Authorization"), &authorization, err) < 0)
		return -1;
	switch (authorization.scheme) {
	case AUTHORIZATION_BASIC:
		return caller_login(access, request_client_address(request), authorization.name, authorization.secret, &request->caller, ret_wait, err);
	case AUTHORIZATION_BEARER:
		return caller_from_token(access, authorization.secret, certificate, &request->caller, err);
	case AUTHORIZATION_NONE:
		break;
	}
	if (certificate)
		caller_from_certificate(access, certificate, &request->caller);
	return 0;
}

/* ---- refusing ---- */

/* What a client should ask a token for: the scope of what it wanted to do. */
static char *scope_of(const struct request *request, enum action action)
{
	const char *repository = request->target.repository, *from = target_query(&request->target, "from");

	if (action == ACTION_CATALOG)
		return xstrdup("registry:catalog:*");
	if (!repository)
		return NULL;
	if (action == ACTION_PUSH && from && repository_name_valid(from))
		return xprintf("repository:%s:pull,push repository:%s:pull", repository, from);
	return xprintf("repository:%s:%s", repository, action == ACTION_PUSH ? "pull,push" : action_name(action));
}

static void challenge(struct request *request, enum action action, const char *why)
{
	const struct access *access = request->settings->access;
	_cleanup_(freep) char *scope = scope_of(request, action), *own = NULL;
	struct buf text _cleanup_(buf_free) = { 0 };

	if (access->settings->basic) {
		request_set(request, "WWW-Authenticate", "Basic realm=\"%s\", charset=\"UTF-8\"", access_service(access));
		return;
	}
	own = access->settings->realm ? NULL : request_url(request, "/token");
	buf_printf(&text, "Bearer realm=\"%s\",service=\"%s\"", own ? own : access->settings->realm, access_service(access));
	if (scope)
		buf_printf(&text, ",scope=\"%s\"", scope);
	if (why)
		buf_printf(&text, ",error=\"%s\"", why);
	request_set(request, "WWW-Authenticate", "%s", text.data);
}

void access_refuse(struct request *request, int wait, struct error *err)
{
	if (wait) {
		request_fail(request, MHD_HTTP_TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "%s", err->message);
		request_set(request, "Retry-After", "%d", wait);
		return;
	}
	request_fail(request, MHD_HTTP_UNAUTHORIZED, "UNAUTHORIZED", "%s", err->message);
}

static bool refuse_identity(struct request *request, enum action action, int wait, struct error *err)
{
	log_debug("%s: %s", request_client_address(request), err->message);
	access_refuse(request, wait, err);
	if (!wait)
		challenge(request, action, "invalid_token");
	return false;
}

static bool refuse_action(struct request *request, enum action action)
{
	const struct caller *caller = &request->caller;
	bool by_rules = caller_actions(request->settings->access, caller, request->target.repository) & ACTION_BIT(action);

	if (caller->kind == CALLER_ANONYMOUS) {
		request_fail(request, MHD_HTTP_UNAUTHORIZED, "UNAUTHORIZED", "log in first");
		challenge(request, action, caller->limited ? "insufficient_scope" : NULL);
	} else if (by_rules) {
		request_fail(request, MHD_HTTP_UNAUTHORIZED, "UNAUTHORIZED", "the token is not for this");
		challenge(request, action, "insufficient_scope");
	} else {
		request_fail(request, MHD_HTTP_FORBIDDEN, "DENIED", "%s may not %s here", caller->name, action_name(action));
	}
	return false;
}

/* ---- asking ---- */

bool access_allows(const struct request *request, enum action action, const char *repository)
{
	const struct access *access = request->settings->access;
	const struct caller *caller = &request->caller;
	unsigned bit = ACTION_BIT(action);

	if (access->open)
		return true;
	return (caller_actions(access, caller, repository) & bit) && (!caller->limited || grants_actions(&caller->grants, repository) & bit);
}

bool access_shows(const struct request *request, const char *repository)
{
	return caller_actions(request->settings->access, &request->caller, repository) & ACTION_BIT(ACTION_PULL);
}

bool access_permits(struct request *request, enum action action)
{
	struct error err _cleanup_(error_clear) = { 0 };
	int wait = 0;

	if (action == ACTION_OPEN)
		return true;
	if (action == ACTION_UNSET) {
		request_fail(request, MHD_HTTP_FORBIDDEN, "DENIED", "nobody may do this");
		return false;
	}
	if (request->settings->access->open)
		return true;
	if (identify(request, &wait, &err) < 0)
		return refuse_identity(request, action, wait, &err);
	bool may = action == ACTION_ENTER ? request->caller.name || request->caller.limited :
					    access_allows(request, action, action == ACTION_CATALOG ? NULL : request->target.repository);
	return may || refuse_action(request, action);
}

bool access_is_public(const struct request *request, const char *repository)
{
	const struct caller anonymous = { .kind = CALLER_ANONYMOUS };

	return caller_actions(request->settings->access, &anonymous, repository) & ACTION_BIT(ACTION_PULL);
}

void access_widen(struct request *request, const char *from)
{
	if (!request->caller.limited || request->caller.kind == CALLER_ISSUED || !access_shows(request, from))
		return;
	request_fail(request, MHD_HTTP_UNAUTHORIZED, "UNAUTHORIZED", "the token is not for reading %s", from);
	challenge(request, ACTION_PUSH, "insufficient_scope");
}

/* ---- starting ---- */

static int check_texts(const struct access_settings *settings, struct error *err)
{
	const char *texts[] = { settings->service, settings->realm };

	for (size_t i = 0; i < array_len(texts); i++)
		for (const char *at = texts[i] ? texts[i] : ""; *at; at++)
			if (*at < 0x21 || *at > 0x7e || *at == '"' || *at == '\\')
				return error_set(err, ERROR_INVALID, "'service' and 'realm' go into a header: no blanks, quotes or backslashes");
	if (settings->rules_set && settings->anonymous_set) {
		error_set(err, ERROR_INVALID, "what anonymous callers may do is said twice: by rules and by 'anonymous'");
		return error_hint(err, "give them a rule: {\"repositories\": [\"*\"], \"users\": [\"anonymous\"], \"actions\": [\"pull\"]}");
	}
	return 0;
}

static int open_files(struct access *access, struct access_settings *settings, struct error *err)
{
	_cleanup_(freep) char *path = path_join(store_path(access->store), ACCOUNTS_FILE);

	if (account_file_open(&access->accounts, path, false, err) < 0)
		return -1;
	if (settings->htpasswd && account_file_open(&access->htpasswd, settings->htpasswd, true, err) < 0)
		return -1;
	for (size_t i = 0; i < settings->issuers_len; i++)
		if (issuer_start(&settings->issuers[i], err) < 0)
			return -1;
	return 0;
}

/* The one place where a password is printed: it is kept nowhere. */
static int first_account(struct access *access, struct error *err)
{
	const struct access_settings *settings = access->settings;
	struct account admin _cleanup_(account_clear) = { .name = xstrdup("admin"), .created = time(NULL) };

	if (account_file_count(&access->accounts) || settings->htpasswd || settings->issuers_len)
		return 0;
	_cleanup_(freep) char *password = password_make();
	strlist_add(&admin.groups, GROUP_ADMIN);
	if (password_hash(password, &admin.hash, err) < 0 || accounts_add(store_dir(access->store), &admin, err) < 0)
		return -1;
	log_info("sampan: the first user is 'admin', with the password %s\n"
		 "  It is not shown again; 'sampan user passwd admin' makes another, 'sampan user add' more users.",
		 password);
	explicit_bzero(password, strlen(password));
	return 0;
}

static void say(struct access *access, bool local)
{
	if (access->open && !local)
		log_warn("whoever reaches the registry may do everything, without a log-in");
	else if (access->open && account_file_count(&access->accounts))
		log_info("sampan: access: everybody on this machine may do everything; --anonymous none|pull|push asks for a log-in");
	else if (access->open)
		log_debug("access: everybody may do everything");
	else if (access->settings->rules_set)
		log_info("sampan: access: by the %zu rules of the settings", access->settings->rules.len);
	else
		log_info("sampan: access: without a log-in one may %s",
			 access->anonymous & ACTION_BIT(ACTION_PUSH) ? "pull and push" : access->anonymous ? "pull" : "do nothing");
}

int access_start(struct store *store, struct access_settings *settings, bool local, struct access *before, struct access **ret, struct error *err)
{
	struct access *access _cleanup_(access_stop) = xnew(struct access);
	unsigned char secret[ED25519_KEY_SIZE];
	bool asked;

	access->store = store;
	access->settings = settings = settings ? settings : (access->defaults = access_settings_new());
	asked = settings->rules_set || settings->htpasswd || settings->issuers_len;
	access->issuer = xprintf("sampan:%s", store_id(store));
	proofs_init(&access->passwords);
	proofs_init(&access->tokens);
	sem_init(&access->password_turns, 0, PASSWORD_CHECKS);
	damping_init(&access->damping);
	if (before)
		damping_copy(&access->damping, &before->damping);
	access->anonymous = local && !asked ? ACTIONS_ALL : ACTION_BIT(ACTION_PULL) | ACTION_BIT(ACTION_CATALOG);
	if (settings->anonymous_set)
		access->anonymous = settings->anonymous;
	access->open = access->anonymous == ACTIONS_ALL && !settings->rules_set;
	if (check_texts(settings, err) < 0 || open_files(access, settings, err) < 0 || access_key_load(store_dir(store), secret, err) < 0)
		return error_wrap(err, "access");
	jwt_signer_init(&access->signer, secret);
	explicit_bzero(secret, sizeof secret);
	if (!access->open && first_account(access, err) < 0)
		return error_wrap(err, "access");
	say(access, local);
	*ret = steal(access);
	return 0;
}

void access_stop(struct access **at)
{
	struct access *access = steal(*at);

	if (!access)
		return;
	account_file_close(&access->accounts);
	account_file_close(&access->htpasswd);
	access_settings_free(&access->defaults);
	free(access->issuer);
	explicit_bzero(&access->signer, sizeof access->signer);
	free(access);
}
