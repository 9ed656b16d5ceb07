/* Manifests: GET and HEAD by tag or digest, PUT, DELETE. Their bytes are kept and given exactly as they came. */
#include "registry/internal.h"
#include "registry/proxy.h"

enum {
	LARGE_BYTES = 128 << 10,   /* a body that is larger is counted */
	LARGE_IN_ALL = 24 << 20,   /* of these, on all connections together; what is made of them one after the other takes twice as much */
	RETRY_SECONDS = 2,
};

/* The digest that the target's item is, or that its tag points to. */
static bool manifest_named(struct request *request, struct digest *ret)
{
	struct error err _cleanup_(error_clear) = { 0 };
	const char *item = request->target.item;

	if (strchr(item, ':'))
		return request_digest(request, item, ret);
	if (!tag_valid(item)) {
		request_fail(request, MHD_HTTP_NOT_FOUND, "MANIFEST_UNKNOWN", "that is neither a tag nor a digest");
		return false;
	}
	if (store_tag_get(request->server->store, "", request->target.repository, item, ret, &err) == 0)
		return true;
	request_fail_error(request, &err, "MANIFEST_UNKNOWN", "MANIFEST_INVALID");
	return false;
}

/* The tag that a request names, or NULL. */
static const char *tag_of(struct request *request)
{
	return strchr(request->target.item, ':') ? NULL : request->target.item;
}

static bool manifest_decide(struct request *request, struct digest *ret)
{
	return request->mirror ? proxy_manifest(request, ret) : manifest_named(request, ret);
}

/* A damaged one is fetched again where that can be. False if it answered. */
static bool manifest_read(struct request *request, struct digest *ret, struct buf *ret_text, char **ret_media_type)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct store *store = request->server->store;
	const char *repository = request->target.repository;

	if (!manifest_decide(request, ret))
		return false;
	if (store_manifest_get(store, "", repository, ret, ret_text, ret_media_type, &err) == 0)
		return true;
	if (request_condemn(request, ret, &err) && !manifest_decide(request, ret))
		return false;
	if (!err.code && store_manifest_get(store, "", repository, ret, ret_text, ret_media_type, &err) == 0)
		return true;
	request_fail_error(request, &err, "MANIFEST_UNKNOWN", "MANIFEST_INVALID");
	return false;
}

void manifest_get(struct request *request)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *media_type = NULL;
	char name[DIGEST_TEXT_SIZE];
	struct digest digest;

	if (recent_find(request) || !manifest_read(request, &digest, &text, &media_type))
		return;
	digest_print(&digest, name);
	const char *none_match = request_header(request, "If-None-Match");
	if (none_match && strstr(none_match, name))
		request_answer(request, MHD_HTTP_NOT_MODIFIED, NULL, NULL, 0);
	else
		request_answer(request, MHD_HTTP_OK, media_type, text.data, text.len);
	request_set(request, "Docker-Content-Digest", "%s", name);
	request_set(request, "ETag", "\"%s\"", name);
	proxy_describe(request);
	recent_keep(request, &digest, media_type, &text);
	if (!request->head)
		event_note(request, "pull", &digest, tag_of(request), media_type, (int64_t)text.len);
}

/* ---- PUT ---- */

static void refuse_large(struct request *request)
{
	request_fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "SIZE_INVALID", "a manifest may have %d bytes", MANIFEST_SIZE_MAX);
}

void manifest_put_begin(struct request *request)
{
	const char *item = request->target.item;
	struct digest digest;

	if (strchr(item, ':') ? !request_digest(request, item, &digest) : !tag_valid(item)) {
		if (!request->response)
			request_fail(request, MHD_HTTP_BAD_REQUEST, "MANIFEST_INVALID", "that is neither a tag nor a digest");
	} else if (request->content_length > MANIFEST_SIZE_MAX) {
		refuse_large(request);
	}
}

static void body_drop(struct request *request)
{
	buf_free(&request->body);
	manifest_body_forget(request);
}

void manifest_body_forget(struct request *request)
{
	__atomic_sub_fetch(&request->server->large_bytes, request->body_counted, __ATOMIC_RELAXED);
	request->body_counted = 0;
}

/* A client may hold a connection with megabytes of a manifest on it, and have hundreds of them. */
static bool body_has_room(struct request *request, size_t len)
{
	int64_t more = request->body_counted ? (int64_t)len : (int64_t)(request->body.len + len);

	if (request->body.len + len <= LARGE_BYTES)
		return true;
	request->body_counted += more;
	return __atomic_add_fetch(&request->server->large_bytes, more, __ATOMIC_RELAXED) <= LARGE_IN_ALL;
}

void manifest_put_data(struct request *request, const void *bytes, size_t len)
{
	if (request->body.len + len > MANIFEST_SIZE_MAX) {
		body_drop(request);
		refuse_large(request);
	} else if (!body_has_room(request, len)) {
		body_drop(request);
		request_fail(request, MHD_HTTP_TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "too many large manifests are being pushed at once");
		request_set(request, "Retry-After", "%d", RETRY_SECONDS);
	} else {
		buf_add(&request->body, bytes, len);
	}
}

/* The tags that a PUT sets: the target's, and those of ?tag= beside a digest (as many as an address has parameters, TARGET_QUERY_MAX). */
static bool manifest_tags(struct request *request, bool by_digest, struct strlist *ret)
{
	if (!by_digest) {
		strlist_add(ret, request->target.item);
		return true;
	}
	for (size_t i = 0; i < request->target.query.len; i++) {
		const char *parameter = request->target.query.items[i];
		if (!str_starts(parameter, "tag="))
			continue;
		if (!tag_valid(parameter + strlen("tag="))) {
			request_fail(request, MHD_HTTP_BAD_REQUEST, "MANIFEST_INVALID", "a tag in ?tag= is invalid");
			return false;
		}
		strlist_add(ret, parameter + strlen("tag="));
	}
	return true;
}

static void manifest_created(struct request *request, const struct digest *digest, const struct strlist *tags, bool by_digest)
{
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };
	char text[DIGEST_TEXT_SIZE], subject[DIGEST_TEXT_SIZE];

	digest_print(digest, text);
	request_answer(request, MHD_HTTP_CREATED, NULL, NULL, 0);
	request_set(request, "Location", "%s/v2/%s/manifests/%s", request_prefix(request), request->target.repository, text);
	request_set(request, "Docker-Content-Digest", "%s", text);
	for (size_t i = 0; by_digest && i < tags->len; i++)
		request_set(request, "OCI-Tag", "%s", tags->items[i]);
	if (manifest_parse(request->body.data, request->body.len, request_header(request, "Content-Type"), &manifest, NULL) < 0)
		return;
	event_note(request, "push", digest, tags->len ? tags->items[0] : NULL, media_type_text(manifest.type), (int64_t)request->body.len);
	if (manifest.has_subject)
		request_set(request, "OCI-Subject", "%s", digest_print(&manifest.subject.digest, subject));
}

static void manifest_refused(struct request *request, struct error *err)
{
	if (err->code == ERROR_NOT_FOUND)
		request_fail(request, MHD_HTTP_NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", "%s", err->message);
	else if (err->code == ERROR_CORRUPT)
		request_fail(request, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID", "%s", err->message);
	else
		request_fail_error(request, err, "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID");
}

/* One that is here already may get another tag in a full repository, too. */
static bool manifest_fits(struct request *request, const struct digest *named)
{
	struct digest digest;

	if (!request->settings->quotas)
		return true;
	if (!named)
		digest_of(DIGEST_SHA256, request->body.data ? request->body.data : "", request->body.len, &digest);
	return quota_take(request, named ? named : &digest, (int64_t)request->body.len);
}

static void manifest_put_all(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct strlist tags _cleanup_(strlist_free) = { 0 };
	const char *repository = request->target.repository, *type = request_header(request, "Content-Type");
	const char *bytes = request->body.data ? request->body.data : "";
	bool by_digest = strchr(request->target.item, ':'), sparse = request->settings->options->sparse;
	struct store *store = request->server->store;
	struct digest digest;

	if (!manifest_tags(request, by_digest, &tags) || (by_digest && !request_digest(request, request->target.item, &digest)) ||
	    !manifest_fits(request, by_digest ? &digest : NULL))
		return;
	int result = by_digest ? store_manifest_put_as(store, "", repository, bytes, request->body.len, type, sparse, &tags, &digest, &err) :
				 store_manifest_put(store, "", repository, bytes, request->body.len, type, sparse, &tags, &digest, &err);
	if (result < 0)
		manifest_refused(request, &err);
	else
		manifest_created(request, &digest, &tags, by_digest);
}

/* What JSON becomes in memory is ten times as large: one large text at a time. */
void manifest_put_end(struct request *request)
{
	static pthread_mutex_t large = PTHREAD_MUTEX_INITIALIZER;
	bool is_large = request->body.len > LARGE_BYTES;

	if (is_large)
		pthread_mutex_lock(&large);
	manifest_put_all(request);
	if (is_large)
		pthread_mutex_unlock(&large);
}

/* ---- DELETE ---- */

/* A tag goes alone; a manifest with all its tags. */
void manifest_delete(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	const char *repository = request->target.repository, *item = request->target.item;
	struct digest digest;

	if (!manifest_named(request, &digest))
		return;
	int result = strchr(item, ':') ? store_manifest_delete(request->server->store, "", repository, &digest, &err) :
					 store_tag_delete(request->server->store, "", repository, item, &err);
	if (result < 0) {
		request_fail_error(request, &err, "MANIFEST_UNKNOWN", "MANIFEST_INVALID");
	} else {
		request_answer(request, MHD_HTTP_ACCEPTED, NULL, NULL, 0);
		event_note(request, "delete", &digest, tag_of(request), NULL, 0);
	}
}
