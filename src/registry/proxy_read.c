/* Serving a blob while it comes: see proxy.h.
 *
 * What a reader gives out isn't verified yet, so it keeps back the blob's last byte until the download has been verified, synced and
 * committed: a client has all bytes of a blob only if they are the right ones. When the download fails, or begins again with other bytes, the
 * connection is broken in the middle of the answer, which every client sees. A range that ends before the last byte is no whole blob, and
 * isn't kept back. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "registry/internal.h"
#include "registry/proxy.h"

struct reader {
	struct download *download;
	int fd;
	unsigned generation;
	int64_t start, end; /* end INT64_MAX: where the blob ends */
};

/* How far the file may be read now; the lock is held. */
static int64_t readable(const struct download *download)
{
	if (download->state == DOWNLOAD_DONE)
		return download->have;
	return download->size < 0 || download->have >= download->size ? download->have - 1 : download->have;
}

/* Bytes at `at`: waits for one at least. 0: the end, -1: the download failed. */
static int64_t wait_for(struct reader *reader, int64_t at)
{
	struct download *download = reader->download;
	struct proxy *proxy = download->mirror->proxy;
	int64_t len = 0;

	pthread_mutex_lock(&proxy->lock);
	for (;;) {
		int64_t end = readable(download);
		if (download->state == DOWNLOAD_FAILED || download->generation != reader->generation)
			len = -1;
		else if (at < end)
			len = (end < reader->end ? end : reader->end) - at;
		if (len || at >= reader->end || download->state == DOWNLOAD_DONE)
			break;
		pthread_cond_wait(&download->changed, &proxy->lock);
	}
	pthread_mutex_unlock(&proxy->lock);
	return len;
}

static ssize_t reader_read(void *data, uint64_t at, char *bytes, size_t max)
{
	struct reader *reader = data;
	int64_t from = reader->start + (int64_t)at, len = wait_for(reader, from);
	ssize_t n;

	if (len <= 0)
		return len ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
	do
		n = pread(reader->fd, bytes, len < (int64_t)max ? (size_t)len : max, from);
	while (n < 0 && errno == EINTR);
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void reader_free(void *data)
{
	struct reader *reader = data;

	download_leave(reader->download);
	fd_close(&reader->fd);
	free(reader);
}

/* At this moment of the download. */
static struct reader *reader_new(struct download *download, int64_t *ret_size)
{
	struct proxy *proxy = download->mirror->proxy;
	struct reader *reader = xnew(struct reader);

	reader->download = download;
	pthread_mutex_lock(&proxy->lock);
	reader->fd = fcntl(download->fd, F_DUPFD_CLOEXEC, 0);
	reader->generation = download->generation;
	*ret_size = download->size;
	pthread_mutex_unlock(&proxy->lock);
	return reader;
}

void download_answer(struct request *request, struct download *download)
{
	char text[DIGEST_TEXT_SIZE];
	struct blob_part part;
	int64_t size;
	struct reader *reader = reader_new(download, &size);

	digest_print(&download->digest, text);
	if (!blob_part_choose(request, text, size, &part)) {
		reader_free(reader);
		return;
	}
	reader->start = part.start;
	reader->end = part.len < 0 ? INT64_MAX : part.start + part.len;
	request_answer_stream(request, blob_part_status(&part), "application/octet-stream", part.len, reader_read, reader, reader_free);
	blob_part_describe(request, text, &part);
}
