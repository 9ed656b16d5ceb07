/* Uploads over HTTP (distribution-spec: Pushing blobs, Mounting a blob from another repository).
 *
 * An upload lives in the store between two requests, and is taken from there for the time of one: the store's lock on it says that only one
 * request at a time adds to it, its memory of the running digest that nothing is hashed twice, and that it lies in a file that it
 * survives a restart. So there is no table of sessions here. */
#include "base/fd.h"
#include "registry/internal.h"
#include "registry/range.h"

enum { MOUNT_REPOSITORIES = 1000 }; /* looked at for one that the caller may pull */

static void upload_describe(struct request *request, const char *id, int64_t size)
{
	request_set(request, "Location", "%s/v2/%s/blobs/uploads/%s", request_prefix(request), request->target.repository, id);
	request_set(request, "Range", "0-%lld", (long long)(size ? size - 1 : 0));
	request_set(request, "Docker-Upload-UUID", "%s", id);
	request_set(request, "OCI-Chunk-Min-Length", "1");
}

static void blob_created(struct request *request, const struct digest *digest, int64_t size, const char *action, const char *from)
{
	char text[DIGEST_TEXT_SIZE];

	digest_print(digest, text);
	request_answer(request, MHD_HTTP_CREATED, NULL, NULL, 0);
	request_set(request, "Location", "%s/v2/%s/blobs/%s", request_prefix(request), request->target.repository, text);
	request_set(request, "Docker-Content-Digest", "%s", text);
	event_note_blob(request, action, digest, size, from);
}

static void upload_fail(struct request *request, struct error *err)
{
	request_fail_error(request, err, "BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID");
}

/* ---- the body ---- */

void upload_body_data(struct request *request, const void *bytes, size_t len)
{
	if (request->error.code || !request->upload)
		return;
	/* A body without a length is looked at as it grows. */
	if (request->content_length < 0 && request->settings->quotas && !quota_fits(request, NULL, upload_size(request->upload) + (int64_t)len))
		return;
	if (upload_write(request->upload, bytes, len, &request->error) == 0)
		request->received += (int64_t)len;
	else
		upload_fail(request, &request->error);
}

/* Becomes a blob, readable through the repository. */
static void upload_finish(struct request *request, const struct digest *digest)
{
	struct error err _cleanup_(error_clear) = { 0 };
	int64_t size = upload_size(request->upload);

	if (!quota_take(request, digest, size))
		return;
	if (upload_commit_to(&request->upload, "", request->target.repository, digest, NULL, &err) == 0)
		blob_created(request, digest, size, "push", NULL);
	else if (err.code == ERROR_CORRUPT)
		request_fail(request, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID", "%s", err.message);
	else
		upload_fail(request, &err);
}

/* ---- POST ---- */

static bool mount_fits(struct request *request, const struct digest *digest)
{
	int64_t size = 0;

	if (!request->settings->quotas)
		return true;
	_cleanup_(fd_close) int fd = store_blob_open(request->server->store, digest, &size, NULL);
	return quota_take(request, digest, size);
}

/* The repositories that have it: `from`, or, if that is NULL, any that is published; what lies only among the local images is not. */
static void mount_sources(struct store *store, const char *from, const struct digest *digest, struct strlist *ret)
{
	if (!from)
		store_blob_repositories(store, "", digest, MOUNT_REPOSITORIES, ret, NULL);
	else if (store_blob_linked(store, "", from, digest))
		strlist_add(ret, from);
}

/* Who mounts reads: it needs the right to pull there. Else the answer is the same as if the blob weren't there; unless the client named the
 * repository and a wider token would do: then it is told that, since it would send what is here already. False also then. */
static bool mountable(struct request *request, const char *from, const struct digest *digest)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	mount_sources(request->server->store, from, digest, &names);
	for (size_t i = 0; i < names.len; i++)
		if (access_allows(request, ACTION_PULL, names.items[i]) || access_is_public(request, names.items[i]))
			return true;
	if (from && names.len)
		access_widen(request, from);
	return false;
}

/* What can't be mounted becomes an ordinary upload: the specification's way. False if it did. */
static bool upload_mount(struct request *request)
{
	const char *mount = target_query(&request->target, "mount"), *from = target_query(&request->target, "from");
	struct store *store = request->server->store;
	struct digest digest;

	if (!mount)
		return false;
	if (!request_digest(request, mount, &digest))
		return true;
	if (from && !repository_name_valid(from)) {
		request_fail(request, MHD_HTTP_BAD_REQUEST, "NAME_INVALID", "the name of the repository to mount from is invalid");
		return true;
	}
	if (!mountable(request, from, &digest))
		return request->response != NULL;
	if (!mount_fits(request, &digest))
		return true;
	if (store_blob_link(store, "", request->target.repository, &digest, NULL) < 0)
		return false;
	blob_created(request, &digest, -1, "mount", from);
	return true;
}

/* Of an upload that begins: a byte at least, so that a full repository says so at once. */
static int64_t length_known(const struct request *request)
{
	return request->content_length > 0 ? request->content_length : 1;
}

/* Is there room for it, and how will the digest be made, so that nothing is read twice? As that of ?digest=, or ?digest-algorithm= where the digest
 * comes later. */
static bool upload_wanted(struct request *request, enum digest_algorithm *ret)
{
	const char *text = target_query(&request->target, "digest"), *name = target_query(&request->target, "digest-algorithm");
	struct digest digest = { .algorithm = DIGEST_SHA256 };

	if ((text && !request_digest(request, text, &digest)) || !quota_fits(request, text ? &digest : NULL, length_known(request)))
		return false;
	*ret = digest.algorithm;
	if (text || !name)
		return true;
	*ret = str_equal(name, digest_algorithm_name(DIGEST_SHA512)) ? DIGEST_SHA512 : DIGEST_SHA256;
	if (str_equal(name, digest_algorithm_name(*ret)))
		return true;
	request_fail(request, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID", "digest-algorithm is sha256 or sha512");
	return false;
}

void upload_post_begin(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	enum digest_algorithm algorithm;

	if (upload_mount(request) || !upload_wanted(request, &algorithm))
		return;
	if (upload_begin_in(request->server->store, request->target.repository, &request->upload, &err) < 0)
		upload_fail(request, &err);
	else
		upload_set_algorithm(request->upload, algorithm);
}

/* With a digest the body is the blob, unless there is none: then it comes in a PUT. */
void upload_post_end(struct request *request)
{
	const char *text = target_query(&request->target, "digest");
	struct digest digest;

	bool whole = request->received || request_header(request, "Content-Type");
	if (text && whole && request_digest(request, text, &digest)) {
		upload_finish(request, &digest);
		return;
	}
	if (request->received) {
		request_fail(request, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID", "a POST with a body needs ?digest=");
		return;
	}
	request->upload_known = true;
	request_answer(request, MHD_HTTP_ACCEPTED, NULL, NULL, 0);
	upload_describe(request, upload_id(request->upload), upload_size(request->upload));
}

/* ---- PATCH, PUT ---- */

static bool upload_take(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };

	if (upload_resume_in(request->server->store, request->target.repository, request->target.item, &request->upload, &err) == 0) {
		request->upload_known = true;
		return true;
	}
	if (err.code == ERROR_BUSY)
		request_fail(request, MHD_HTTP_CONFLICT, "BLOB_UPLOAD_INVALID", "%s", err.message);
	else
		upload_fail(request, &err);
	return false;
}

/* A chunk starts where the upload ends, and is as long as it says. */
static void chunk_check(struct request *request)
{
	if (!quota_fits(request, NULL, upload_size(request->upload) + (request->content_length > 0 ? request->content_length : 0)))
		return;
	const char *text = request_header(request, "Content-Range");
	struct error err _cleanup_(error_clear) = { 0 };
	int64_t start, end, size = upload_size(request->upload);

	if (!text)
		return;
	if (chunk_parse(text, &start, &end, &err) < 0) {
		request_fail(request, MHD_HTTP_BAD_REQUEST, "BLOB_UPLOAD_INVALID", "%s", err.message);
	} else if (start != size) {
		request_fail(request, MHD_HTTP_RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", "the upload has %lld bytes, the chunk starts at %lld",
			     (long long)size, (long long)start);
		upload_describe(request, upload_id(request->upload), size);
	} else if (request->content_length >= 0 && request->content_length != end - start + 1) {
		request_fail(request, MHD_HTTP_BAD_REQUEST, "SIZE_INVALID", "Content-Range and Content-Length are of different lengths");
	}
}

void upload_patch_begin(struct request *request)
{
	if (upload_take(request))
		chunk_check(request);
}

/* A chunked body may differ from its Content-Range: it is in the upload then, and the answer says how far that is. */
void upload_patch_end(struct request *request)
{
	request_answer(request, MHD_HTTP_ACCEPTED, NULL, NULL, 0);
	upload_describe(request, upload_id(request->upload), upload_size(request->upload));
}

void upload_put_begin(struct request *request)
{
	const char *text = target_query(&request->target, "digest");
	struct digest digest;

	if (!text)
		request_fail(request, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID", "the last request of an upload needs ?digest=");
	else if (request_digest(request, text, &digest) && upload_take(request))
		chunk_check(request);
}

void upload_put_end(struct request *request)
{
	struct digest digest;

	if (request_digest(request, target_query(&request->target, "digest"), &digest))
		upload_finish(request, &digest);
}

/* ---- GET, DELETE ---- */

void upload_get(struct request *request)
{
	if (!upload_take(request))
		return;
	request_answer(request, MHD_HTTP_NO_CONTENT, NULL, NULL, 0);
	upload_describe(request, upload_id(request->upload), upload_size(request->upload));
}

void upload_delete(struct request *request)
{
	if (!upload_take(request))
		return;
	upload_cancel(&request->upload);
	request_answer(request, MHD_HTTP_NO_CONTENT, NULL, NULL, 0);
}
