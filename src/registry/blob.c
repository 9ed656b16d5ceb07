/* Blobs: GET and HEAD with ranges, DELETE. The bytes go from file to socket inside the kernel. */
#include <stdio.h>

#include "base/fd.h"
#include "registry/internal.h"
#include "registry/proxy.h"
#include "registry/range.h"

static bool blob_named(struct request *request, struct digest *ret)
{
	if (!request_digest(request, request->target.item, ret))
		return false;
	if (store_blob_linked(request->server->store, "", request->target.repository, ret))
		return true;
	request_fail(request, MHD_HTTP_NOT_FOUND, "BLOB_UNKNOWN", "blob %s is not in %s", request->target.item, request->target.repository);
	return false;
}

/* A range that was asked for an older text than ours isn't for us; ours never changes, so the tag must be equal. */
static const char *range_wanted(struct request *request, const char *tag)
{
	const char *condition = request_header(request, "If-Range");

	return condition && !str_equal(condition, tag) ? NULL : request_header(request, "Range");
}

static void blob_describe(struct request *request, const char *digest)
{
	request_set(request, "Docker-Content-Digest", "%s", digest);
	request_set(request, "ETag", "\"%s\"", digest);
	request_set(request, "Accept-Ranges", "bytes");
	request_set(request, "Cache-Control", "max-age=31536000");
}

bool blob_part_choose(struct request *request, const char *digest, int64_t size, struct blob_part *ret)
{
	char tag[DIGEST_TEXT_SIZE + 2];

	*ret = (struct blob_part){ .size = size, .len = size };
	snprintf(tag, sizeof tag, "\"%s\"", digest);
	const char *none_match = request_header(request, "If-None-Match");
	if (none_match && (str_equal(none_match, "*") || strstr(none_match, tag))) {
		request_answer(request, MHD_HTTP_NOT_MODIFIED, NULL, NULL, 0);
		blob_describe(request, digest);
		return false;
	}
	enum range_result range = request->head || size < 0 ? RANGE_WHOLE : range_parse(range_wanted(request, tag), size, &ret->start, &ret->len);
	ret->is_part = range == RANGE_PART;
	if (range != RANGE_UNSATISFIABLE)
		return true;
	request_fail(request, MHD_HTTP_RANGE_NOT_SATISFIABLE, "SIZE_INVALID", "the blob has %lld bytes", (long long)size);
	request_set(request, "Content-Range", "bytes */%lld", (long long)size);
	return false;
}

unsigned blob_part_status(const struct blob_part *part)
{
	return part->is_part ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
}

void blob_part_describe(struct request *request, const char *digest, const struct blob_part *part)
{
	blob_describe(request, digest);
	if (part->is_part)
		request_set(request, "Content-Range", "bytes %lld-%lld/%lld", (long long)part->start, (long long)(part->start + part->len - 1),
			    (long long)part->size);
}

/* Somebody takes it: from its start, since a pull that is continued by ranges is one. */
static void blob_pulled(struct request *request, const struct digest *digest, const struct blob_part *part)
{
	if (!request->head && !part->start)
		event_note_blob(request, "pull", digest, part->size, NULL);
}

static void blob_send(struct request *request, const struct digest *digest, const char *text, int *fd, int64_t size)
{
	struct blob_part part;

	if (!blob_part_choose(request, text, size, &part))
		return;
	request_answer_file(request, blob_part_status(&part), "application/octet-stream", fd_steal(fd), part.start, part.len);
	blob_part_describe(request, text, &part);
	blob_pulled(request, digest, &part);
}

/* A small one comes verified, and is sent from memory. */
static int blob_send_small(struct request *request, const struct digest *digest, const char *text, struct error *err)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };
	struct blob_part part;

	if (store_blob_read(request->server->store, digest, RECENT_BYTES_MAX, &bytes, err) < 0)
		return -1;
	if (!blob_part_choose(request, text, (int64_t)bytes.len, &part))
		return 0;
	request_answer(request, blob_part_status(&part), "application/octet-stream", part.len ? bytes.data + part.start : NULL, (size_t)part.len);
	blob_part_describe(request, text, &part);
	blob_pulled(request, digest, &part);
	recent_keep(request, digest, NULL, &bytes);
	return 0;
}

static int blob_answer(struct request *request, const struct digest *digest, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];
	int64_t size;
	_cleanup_(fd_close) int fd = store_blob_open(request->server->store, digest, &size, err);

	if (fd < 0)
		return -1;
	if (size <= RECENT_BYTES_MAX)
		return blob_send_small(request, digest, digest_print(digest, text), err);
	if (!request->plain) /* front.c leaves large ones to others */
		blob_send(request, digest, digest_print(digest, text), &fd, size);
	return 0;
}

/* A damaged one is fetched again where that can be. */
void blob_get(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct digest digest;

	if (recent_find(request) || (request->mirror && proxy_blob(request)))
		return;
	if (!blob_named(request, &digest) || blob_answer(request, &digest, &err) == 0)
		return;
	if (request_condemn(request, &digest, &err) && ((request->mirror && proxy_blob(request)) || !blob_named(request, &digest)))
		return;
	if (err.code || blob_answer(request, &digest, &err) < 0)
		request_fail_error(request, &err, "BLOB_UNKNOWN", "DIGEST_INVALID");
}

static void blob_deleted(struct request *request, const struct digest *digest)
{
	request_answer(request, MHD_HTTP_ACCEPTED, NULL, NULL, 0);
	event_note_blob(request, "delete", digest, -1, NULL);
}

void blob_delete(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct digest digest;

	if (!request_digest(request, request->target.item, &digest))
		return;
	if (store_blob_unlink(request->server->store, "", request->target.repository, &digest, &err) < 0)
		request_fail_error(request, &err, "BLOB_UNKNOWN", "DIGEST_INVALID");
	else
		blob_deleted(request, &digest);
}
