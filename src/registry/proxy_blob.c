/* Blobs of the pull-through cache: see proxy.h.
 *
 * A blob that isn't here is downloaded by a thread of its own, which belongs to no client: all who ask for the blob meanwhile follow the same
 * download, and read from its file what has come. So one download serves any number of clients, and a slow one doesn't hold up the others.
 *
 * A range of a blob that isn't here starts the download of the whole as well, and is served from it when its bytes have come. Passing it
 * through would fetch the same bytes a second time a moment later (who asks for a range is a client that goes on with a pull), and could be
 * verified by nobody.
 *
 * When the last reader has gone before half of the blob is here, and more than FINISH_BYTES are missing, the download ends; otherwise it is
 * finished: the next who asks finds it. Whatever came is kept in either case and continued, also after a kill of the server. */
#include <stdio.h>

#include "base/fd.h"
#include "base/log.h"
#include "registry/internal.h"
#include "registry/proxy.h"

enum {
	FINISH_BYTES = 16 << 20,
	SMALL = 64 << 10, /* is waited for to the end, so that a failure still has a status */
	THREAD_STACK = 512 << 10,
};

/* ---- the table; the proxy's lock is held ---- */

static struct download *find(struct proxy *proxy, const char *repository, const struct digest *digest)
{
	struct download *download = proxy->downloads;

	while (download && !(digest_equal(&download->digest, digest) && str_equal(download->repository, repository)))
		download = download->next;
	return download;
}

static void unlist(struct download *download)
{
	struct download **at = &download->mirror->proxy->downloads;

	if (!download->listed)
		return;
	while (*at != download)
		at = &(*at)->next;
	*at = download->next;
	download->listed = false;
}

static void release(struct download *download)
{
	if (--download->holders)
		return;
	fd_close(&download->fd);
	error_clear(&download->error);
	pthread_cond_destroy(&download->changed);
	free(download->repository);
	free(download->name);
	free(download);
}

/* ---- the thread ---- */

/* The file whose bytes come now. Readers of an earlier one have been given bytes that may be others. */
static int follow_upload(struct download *download, struct upload *upload, struct error *err)
{
	if (str_equal(download->upload, upload_id(upload)))
		return 0;
	int fd = upload_open(upload, err);
	if (fd < 0)
		return -1;
	fd_close(&download->fd);
	download->fd = fd;
	download->generation++;
	snprintf(download->upload, sizeof download->upload, "%s", upload_id(upload));
	return 0;
}

static bool is_worth_finishing(const struct download *download)
{
	return download->size < 0 || download->have >= download->size / 2 || download->size - download->have <= FINISH_BYTES;
}

static int moved(void *data, struct upload *upload, int64_t have, int64_t size, struct error *err)
{
	struct download *download = data;
	struct proxy *proxy = download->mirror->proxy;

	pthread_mutex_lock(&proxy->lock);
	int result = follow_upload(download, upload, err);
	if (result == 0) {
		download->state = DOWNLOAD_RUNNING;
		download->have = have;
		download->size = size;
		if (!download->readers && !is_worth_finishing(download)) {
			unlist(download);
			result = error_set(err, ERROR_INTERRUPTED, "nobody waits for it any more");
		}
		pthread_cond_broadcast(&download->changed);
	}
	pthread_mutex_unlock(&proxy->lock);
	return result;
}

static void finish(struct download *download, int result, struct error *err)
{
	struct proxy *proxy = download->mirror->proxy;

	pthread_mutex_lock(&proxy->lock);
	unlist(download);
	download->state = result == 0 ? DOWNLOAD_DONE : DOWNLOAD_FAILED;
	if (result < 0)
		error_move(&download->error, err);
	pthread_cond_broadcast(&download->changed);
	release(download);
	proxy->downloading--;
	pthread_cond_broadcast(&proxy->ended);
	pthread_mutex_unlock(&proxy->lock);
}

static void *run(void *data)
{
	struct download *download = data;
	struct proxy *proxy = download->mirror->proxy;
	struct error err _cleanup_(error_clear) = { 0 };
	char text[DIGEST_TEXT_SIZE];
	struct note_key key;

	digest_print(&download->digest, text);
	int result = upstream_blob(download->mirror->upstream, download->name, &download->digest, proxy->store, download->repository, moved, download,
				   &err);
	if (result < 0 && err.code != ERROR_INTERRUPTED) {
		note_key_make(&key, "blob", download->repository, text);
		note_failed(proxy, &key, err.code);
		if (!upstream_is_away(&err) && err.code != ERROR_NOT_FOUND)
			log_warn("%s: %s", download->repository, err.message);
	}
	if (result == 0 && download->have <= CONFIG_SIZE_MAX)
		store_cached_describe(proxy->store, &download->digest, NULL);
	finish(download, result, &err);
	return NULL;
}

static int run_start(struct download *download)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	int failed = pthread_create(&thread, &attributes, run, download);
	pthread_attr_destroy(&attributes);
	return failed ? -1 : 0;
}

/* ---- joining ---- */

static struct download *download_new(struct request *request, const struct digest *digest)
{
	struct proxy *proxy = request->mirror->proxy;
	struct download *download = xnew(struct download);

	download->mirror = request->mirror;
	download->repository = xstrdup(request->target.repository);
	download->name = xstrdup(request->mirror_name);
	download->digest = *digest;
	download->size = download->fd = -1;
	download->holders = 1;
	pthread_cond_init(&download->changed, NULL);
	download->listed = true;
	download->next = proxy->downloads;
	proxy->downloads = download;
	proxy->downloading++;
	return download;
}

struct download *download_join(struct request *request, const struct digest *digest)
{
	struct proxy *proxy = request->mirror->proxy;

	pthread_mutex_lock(&proxy->lock);
	struct download *download = find(proxy, request->target.repository, digest);
	if (!download) {
		download = download_new(request, digest);
		if (run_start(download) < 0) {
			unlist(download);
			download->state = DOWNLOAD_FAILED;
			error_set(&download->error, ERROR_BUSY, "the registry has too much to do");
			download->holders--;
			proxy->downloading--;
		}
	}
	download->holders++;
	download->readers++;
	pthread_mutex_unlock(&proxy->lock);
	return download;
}

void download_leave(struct download *download)
{
	struct proxy *proxy = download->mirror->proxy;

	pthread_mutex_lock(&proxy->lock);
	download->readers--;
	release(download);
	pthread_mutex_unlock(&proxy->lock);
}

enum download_state download_wait(struct download *download, int64_t small)
{
	struct proxy *proxy = download->mirror->proxy;

	pthread_mutex_lock(&proxy->lock);
	while (download->state == DOWNLOAD_ASKING || (download->state == DOWNLOAD_RUNNING && download->size >= 0 && download->size <= small))
		pthread_cond_wait(&download->changed, &proxy->lock);
	enum download_state state = download->state;
	pthread_mutex_unlock(&proxy->lock);
	return state;
}

/* ---- requests ---- */

/* The store has it from elsewhere: it may be read here if the upstream says that it is there, too. True if it answered. */
static bool adopt(struct request *request, const struct digest *digest)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct store *store = request->server->store;
	int64_t size;

	if (upstream_blob_size(request->mirror->upstream, request->mirror_name, digest, &size, &err) == 0 &&
	    store_blob_link(store, "", request->target.repository, digest, &err) == 0)
		return false;
	proxy_fail(request, &err, "BLOB_UNKNOWN");
	return true;
}

static int64_t size_under_way(struct request *request, const struct digest *digest)
{
	struct proxy *proxy = request->mirror->proxy;

	pthread_mutex_lock(&proxy->lock);
	const struct download *download = find(proxy, request->target.repository, digest);
	int64_t size = download && download->state == DOWNLOAD_RUNNING ? download->size : -1;
	pthread_mutex_unlock(&proxy->lock);
	return size;
}

static ssize_t read_nothing(void *data, uint64_t at, char *bytes, size_t len)
{
	(void)data, (void)at, (void)bytes, (void)len;
	return MHD_CONTENT_READER_END_OF_STREAM;
}

/* HEAD is passed on: clients ask it before a push, say, and want no blob. */
static void head(struct request *request, const struct digest *digest)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct blob_part part;
	char text[DIGEST_TEXT_SIZE];
	int64_t size = size_under_way(request, digest);

	if (size < 0 && upstream_blob_size(request->mirror->upstream, request->mirror_name, digest, &size, &err) < 0) {
		proxy_fail(request, &err, "BLOB_UNKNOWN");
	} else if (blob_part_choose(request, digest_print(digest, text), size, &part)) {
		request_answer_stream(request, MHD_HTTP_OK, "application/octet-stream", size, read_nothing, NULL, NULL);
		blob_part_describe(request, text, &part);
	}
}

/* True if it answered. */
static bool stream(struct request *request, const struct digest *digest)
{
	struct download *download = download_join(request, digest);
	enum download_state state = download_wait(download, SMALL);

	if (state == DOWNLOAD_RUNNING) {
		download_answer(request, download);
		return true;
	}
	if (state == DOWNLOAD_FAILED) {
		struct error err = { 0 };
		error_set(&err, download->error.code, "%s", download->error.message); /* it has ended: nobody writes there any more */
		proxy_fail(request, &err, "BLOB_UNKNOWN");
	}
	download_leave(download);
	return state == DOWNLOAD_FAILED;
}

bool proxy_blob(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct store *store = request->server->store;
	struct digest digest;
	struct note_key key;

	if (!request_digest(request, request->target.item, &digest))
		return true;
	if (store_blob_linked(store, "", request->target.repository, &digest))
		return false;
	note_key_make(&key, "blob", request->target.repository, request->target.item);
	struct note note = note_find(request->mirror->proxy, &key);
	if (note_forbids(&note, &err)) {
		proxy_fail(request, &err, "BLOB_UNKNOWN");
		return true;
	}
	if (store_blob_has(store, &digest))
		return adopt(request, &digest);
	if (!request->head)
		return stream(request, &digest);
	head(request, &digest);
	return true;
}
