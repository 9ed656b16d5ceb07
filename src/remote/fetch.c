/* Fetching a blob: see fetch.h.
 *
 * A blob is hashed as it comes (upload_write) and becomes visible only when its digest is right (upload_commit). When the connection
 * breaks, what came stays as an upload that is known by the wanted digest, and the next try, of this process or of a later one, asks for the
 * rest with Range. What follows is spliced on only as a 206 whose Content-Range begins exactly where we asked and ends where the blob does; a
 * server that ignores Range makes us start over. */
#include "remote/fetch.h"

#include <poll.h>
#include <stdio.h>

#include "base/log.h"

enum { BUSY_TRIES = 20, BUSY_MS = 100 };

struct fetching {
	struct fetch *fetch;
	struct upload *upload;
	int64_t size;	 /* -1: not known yet */
	int64_t offset;	 /* what we had when we asked */
	bool checked;	 /* the head of the answer was seen to fit */
	bool resumed;	 /* bytes of an earlier try are in it */
	bool start_over; /* the answer can't be spliced on */
};

/* ---- what comes ---- */

static int moved(struct fetching *fetching, struct error *err)
{
	struct fetch *fetch = fetching->fetch;

	return fetch->moved ? fetch->moved(fetch->data, fetching->upload, upload_size(fetching->upload), fetching->size, err) : 0;
}

static int64_t length_of(const struct answer *head)
{
	const char *text = answer_header(head, "Content-Length");
	int64_t size;

	return text && str_to_int(text, 0, INT64_MAX, &size, NULL) == 0 ? size : -1;
}

/* Does this 206 hold exactly the bytes from `offset` to the end? */
static bool range_fits(struct fetching *fetching, const struct answer *head)
{
	const char *text = answer_header(head, "Content-Range");
	struct content_range range;

	if (!fetching->offset || !text || content_range_parse(text, &range, NULL) < 0 || range.first != fetching->offset)
		return false;
	if (fetching->size < 0)
		fetching->size = range.total;
	return fetching->size > 0 && range.last == fetching->size - 1 && (range.total < 0 || range.total == fetching->size);
}

static int check_head(struct fetching *fetching, const struct answer *head, struct error *err)
{
	const char *coding = answer_header(head, "Content-Encoding");

	fetching->checked = true;
	if (coding && !str_equal(coding, "identity"))
		return error_set(err, ERROR_INVALID, "the registry sends a blob with a content encoding that was not asked for");
	if (head->status == 200 && !fetching->offset) {
		if (fetching->size < 0)
			fetching->size = length_of(head);
		return moved(fetching, err);
	}
	if (head->status == 206 && range_fits(fetching, head))
		return moved(fetching, err);
	fetching->start_over = true;
	return error_set(err, ERROR_NETWORK, "the registry can't continue the blob where it stopped");
}

static int take_bytes(void *data, const struct answer *head, const void *bytes, size_t len, struct error *err)
{
	struct fetching *fetching = data;
	int64_t have = upload_size(fetching->upload);
	char digest[DIGEST_TEXT_SIZE];

	if (!fetching->checked && check_head(fetching, head, err) < 0)
		return -1;
	if (fetching->size >= 0 && (int64_t)len > fetching->size - have)
		return error_set(err, ERROR_CORRUPT, "the blob %s is longer than the %lld bytes of its %s", digest_print(&fetching->fetch->digest, digest),
				 (long long)fetching->size, fetching->fetch->size < 0 ? "Content-Length" : "descriptor");
	if (upload_write(fetching->upload, bytes, len, err) < 0)
		return -1;
	return moved(fetching, err);
}

/* ---- beginning ---- */

static int begin_fresh(struct fetching *fetching, struct error *err)
{
	struct fetch *fetch = fetching->fetch;

	upload_cancel(&fetching->upload);
	fetching->resumed = false;
	fetching->size = fetch->size;
	if (upload_begin(fetch->store, &fetching->upload, err) < 0)
		return -1;
	upload_set_wanted(fetching->upload, &fetch->digest);
	return 0;
}

/* One that is just being given up by another thread is waited for. */
static int resume(struct fetch *fetch, struct upload **ret)
{
	for (int attempt = 0; attempt < BUSY_TRIES; attempt++) {
		_cleanup_(freep) char *id = upload_find(fetch->store, &fetch->digest);
		struct error err _cleanup_(error_clear) = { 0 };
		if (!id || upload_resume(fetch->store, id, ret, &err) == 0)
			return id ? 0 : -1;
		if (err.code != ERROR_BUSY || fetch->patient)
			return -1;
		poll(NULL, 0, BUSY_MS);
	}
	return -1;
}

/* Goes on with what an earlier fetch left, if it left something that can be. */
static int begin(struct fetching *fetching, struct error *err)
{
	fetching->size = fetching->fetch->size;
	if (resume(fetching->fetch, &fetching->upload) == 0) {
		upload_set_wanted(fetching->upload, &fetching->fetch->digest);
		fetching->resumed = upload_size(fetching->upload) > 0;
		if (fetching->size < 0 || upload_size(fetching->upload) <= fetching->size)
			return 0;
	}
	return begin_fresh(fetching, err);
}

/* ---- asking ---- */

static bool is_whole(const struct fetching *fetching)
{
	return fetching->size >= 0 && upload_size(fetching->upload) == fetching->size;
}

/* The 416 that says: what we have is all that there is. */
static bool says_whole(const struct fetching *fetching, const struct answer *answer)
{
	char wanted[48];

	snprintf(wanted, sizeof wanted, "bytes */%lld", (long long)fetching->offset);
	return answer->status == 416 && str_equal(answer_header(answer, "Content-Range"), wanted);
}

static int ask(struct fetching *fetching, struct answer *ret, bool *ret_again, struct error *err)
{
	struct fetch *fetch = fetching->fetch;
	char digest[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *url = xprintf("/v2/%s/blobs/%s", fetch->repository, digest_print(&fetch->digest, digest));
	struct strlist headers _cleanup_(strlist_free) = { 0 };

	if (fetching->offset && fetching->size >= 0)
		strlist_printf(&headers, "Range: bytes=%lld-%lld", (long long)fetching->offset, (long long)fetching->size - 1);
	else if (fetching->offset)
		strlist_printf(&headers, "Range: bytes=%lld-", (long long)fetching->offset);
	struct request request = {
		.method = "GET", .url = url, .scope = fetch->scope, .headers = &headers, .sink = take_bytes, .data = fetching, .once = true,
	};
	answer_clear(ret);
	int result = endpoint_request(fetch->endpoint, &request, ret, ret_again, err);
	const char *after = result == 0 ? answer_header(ret, "Retry-After") : NULL;
	fetch->status = ret->status;
	fetch->retry_after = after ? retry_after_parse(after, time(NULL)) : -1;
	return result;
}

/* An answer came to its end. 1 if the blob is whole, 0 if another try may help, -1 for good. */
static int judge(struct fetching *fetching, const struct answer *answer, bool again, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];

	digest_print(&fetching->fetch->digest, digest);
	if (says_whole(fetching, answer)) {
		fetching->size = fetching->offset;
		return moved(fetching, err) < 0 ? -1 : 1;
	}
	if (answer->status == 200 || answer->status == 206) {
		if (!fetching->checked && check_head(fetching, answer, err) < 0) /* it had no body */
			return -1;
		if (fetching->size < 0 || is_whole(fetching))
			return 1;
		error_set(err, ERROR_CORRUPT, "the blob %s was cut off after %lld of %lld bytes", digest, (long long)upload_size(fetching->upload),
			  (long long)fetching->size);
		return 0;
	}
	endpoint_failed(fetching->fetch->endpoint, answer, err);
	error_wrap(err, "cannot get the blob %s", digest);
	return again ? 0 : -1;
}

/* One GET for what is missing. 1 if it is whole, 0 if another try may help (*last is the answer, then), -1 for good. */
static int fetch_try(struct fetching *fetching, struct answer *last, struct error *err)
{
	bool again;

	fetching->offset = upload_size(fetching->upload);
	fetching->checked = fetching->start_over = false;
	if (is_whole(fetching))
		return moved(fetching, err) < 0 ? -1 : 1;
	int result = ask(fetching, last, &again, err);
	if (is_whole(fetching) && !fetching->start_over && (result < 0 ? err->code == ERROR_NETWORK : true))
		return error_clear(err), 1;
	if (fetching->start_over || (result == 0 && last->status == 416 && !says_whole(fetching, last))) {
		if (result == 0)
			error_set(err, ERROR_NETWORK, "the registry can't continue the blob where it stopped");
		struct error failure _cleanup_(error_clear) = { 0 };
		fetching->start_over = true;
		return begin_fresh(fetching, &failure);
	}
	if (result < 0)
		return again ? 0 : -1;
	return judge(fetching, last, again, err);
}

/* Until all bytes are here. */
static int fetch_bytes(struct fetching *fetching, struct error *err)
{
	struct answer last _cleanup_(answer_clear) = { 0 };

	for (int attempt = 1;; attempt++) {
		struct error failure _cleanup_(error_clear) = { 0 };
		int result = fetch_try(fetching, &last, &failure);
		if (result > 0)
			return 0;
		bool worth = fetching->fetch->patient || fetching->start_over || upload_size(fetching->upload) > fetching->offset;
		if (result < 0 || attempt == ENDPOINT_TRIES || !worth) {
			error_move(err, &failure);
			return -1;
		}
		log_debug("%s", failure.message);
		if (endpoint_wait(fetching->fetch->endpoint, attempt, last.status ? &last : NULL, err) < 0)
			return -1;
	}
}

static int commit(struct fetching *fetching, struct error *err)
{
	const struct fetch *fetch = fetching->fetch;

	if (fetch->link_to)
		return upload_commit_to(&fetching->upload, "", fetch->link_to, &fetch->digest, NULL, err);
	return upload_commit(&fetching->upload, &fetch->digest, NULL, err);
}

/* The bytes and their digest. A resumed blob that is wrong may have had a bad beginning: then once more from the start. */
int fetch_blob(struct fetch *fetch, struct error *err)
{
	struct fetching fetching = { .fetch = fetch };
	struct error failure _cleanup_(error_clear) = { 0 };
	char text[DIGEST_TEXT_SIZE];

	fetch->status = 0;
	fetch->retry_after = -1;
	if (begin(&fetching, err) < 0)
		return -1;
	for (;;) {
		if (fetch_bytes(&fetching, &failure) < 0) {
			if (failure.code == ERROR_CORRUPT || (failure.code == ERROR_NO_SPACE && !fetch->patient))
				upload_cancel(&fetching.upload);
			else
				upload_suspend(&fetching.upload);
			break;
		}
		if (commit(&fetching, &failure) == 0)
			return 0;
		if (failure.code != ERROR_CORRUPT)
			break;
		if (!fetching.resumed) {
			error_wrap(&failure, "the blob %s came altered", digest_print(&fetch->digest, text));
			break;
		}
		error_clear(&failure);
		if (begin_fresh(&fetching, &failure) < 0)
			break;
	}
	if (err)
		error_move(err, &failure);
	return -1;
}
