/* /token: passwords and refresh tokens for bearer tokens (distribution's spec/auth/token.md for GET, oauth.md for POST).
 *
 * What is asked for and may not be is left out, without an error: the client learns it where it matters, at the request that needs it. Without
 * credentials one gets a token for what anonymous callers may do, which is how docker pulls when it has not logged in. */
#include "base/json.h"
#include "base/log.h"
#include "registry/authorization.h"
#include "registry/internal.h"

enum { FORM_MAX = 32 << 10 };

/* ---- what is asked for ---- */

static int scopes_read(const struct strlist *fields, struct grants *ret, struct error *err)
{
	for (size_t i = 0; i < fields->len; i++)
		if (str_starts(fields->items[i], "scope=") && grants_add_scope(ret, fields->items[i] + strlen("scope="), err) < 0)
			return -1;
	return 0;
}

static void grants_cut(struct grants *grants, const struct access *access, const struct caller *caller)
{
	size_t kept = 0;

	for (size_t i = 0; i < grants->len; i++) {
		struct grant grant = grants->items[i];
		grant.actions &= caller_actions(access, caller, grant.repository);
		if (grant.actions)
			grants->items[kept++] = grant;
		else
			free(grant.repository);
	}
	grants->len = kept;
}

/* ---- the answer ---- */

static void token_answer(struct request *request, const struct strlist *fields, bool refresh)
{
	struct access *access = request->settings->access;
	struct grants grants _cleanup_(grants_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	time_t now = time(NULL);
	char issued[32];

	if (scopes_read(fields, &grants, &err) < 0) {
		request_fail(request, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED", "%s", err.message);
		return;
	}
	grants_cut(&grants, access, &request->caller);
	_cleanup_(freep) char *token = caller_token(access, &request->caller, &grants, now);
	json_t *object _cleanup_(json_release) =
		json_pack("{s:s, s:s, s:I, s:s}", "token", token, "access_token", token, "expires_in",
			  (json_int_t)access->settings->token_seconds, "issued_at", time_print(now, issued));
	if (refresh && request->caller.key) {
		_cleanup_(freep) char *longer = caller_refresh_token(access, &request->caller, now);
		json_object_set_new(object, "refresh_token", json_string(longer));
	}
	_cleanup_(freep) char *text = json_text(object);
	request_answer(request, MHD_HTTP_OK, "application/json", text, strlen(text));
	request_set(request, "Cache-Control", "no-store");
}

static void token_refuse(struct request *request, int wait, struct error *err)
{
	access_refuse(request, wait, err);
	if (!wait)
		request_set(request, "WWW-Authenticate", "Basic realm=\"%s\", charset=\"UTF-8\"", access_service(request->settings->access));
}

static int login(struct request *request, const char *name, const char *password, int *ret_wait, struct error *err)
{
	if (request->settings->access->open) /* whoever one says to be, all may do all */
		return 0;
	return caller_login(request->settings->access, request_client_address(request), name, password, &request->caller, ret_wait, err);
}

/* ---- GET ---- */

void token_get(struct request *request)
{
	struct authorization authorization _cleanup_(authorization_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	const char *certificate = request_client_name(request);
	int wait = 0, result;

	result = authorization_parse(request_header(request, "Authorization"), &authorization, &err);
	if (result == 0 && authorization.scheme == AUTHORIZATION_BEARER)
		result = error_set(&err, ERROR_UNAUTHORIZED, "a token is given for a password, not for another token");
	else if (result == 0 && authorization.scheme == AUTHORIZATION_BASIC)
		result = login(request, authorization.name, authorization.secret, &wait, &err);
	else if (result == 0 && certificate)
		caller_from_certificate(request->settings->access, certificate, &request->caller);
	if (result < 0)
		token_refuse(request, wait, &err);
	else
		token_answer(request, &request->target.query, str_equal(target_query(&request->target, "offline_token"), "true"));
}

/* ---- POST ---- */

void token_post_data(struct request *request, const void *bytes, size_t len)
{
	if (request->body.len + len > FORM_MAX)
		request_fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "SIZE_INVALID", "a request for a token may have %d bytes", FORM_MAX);
	else
		buf_add(&request->body, bytes, len);
}

static int grant_read(struct request *request, const struct strlist *form, int *ret_wait, struct error *err)
{
	const char *type = strlist_env_get(form, "grant_type"), *name = strlist_env_get(form, "username");
	const char *password = strlist_env_get(form, "password"), *refresh = strlist_env_get(form, "refresh_token");

	if (str_equal(type, "password") && name && password)
		return login(request, name, password, ret_wait, err);
	if (str_equal(type, "refresh_token") && refresh)
		return request->settings->access->open ? 0 : caller_from_refresh(request->settings->access, refresh, &request->caller, err);
	return error_set(err, ERROR_INVALID, "grant_type is password, with username and password, or refresh_token, with refresh_token");
}

static void form_forget(struct strlist *form)
{
	for (size_t i = 0; i < form->len; i++)
		explicit_bzero(form->items[i], strlen(form->items[i]));
	strlist_free(form);
}

void token_post_end(struct request *request)
{
	struct strlist form _cleanup_(form_forget) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	int wait = 0;

	int result = form_parse(request->body.data ? request->body.data : "", &form, &err);
	if (result == 0)
		result = grant_read(request, &form, &wait, &err);
	if (request->body.data)
		explicit_bzero(request->body.data, request->body.len);
	if (result == 0)
		token_answer(request, &form, str_equal(strlist_env_get(&form, "access_type"), "offline"));
	else if (err.code == ERROR_UNAUTHORIZED || err.code == ERROR_BUSY)
		token_refuse(request, wait, &err);
	else
		request_fail(request, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED", "%s", err.message);
}
