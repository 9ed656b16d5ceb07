/* The bytes of a layer: see source.h.
 *
 * Decompressing and hashing take as long as writing the files, so a thread does them ahead of the unpacker, a ring of chunks lying
 * between. Only for regular files: on a pipe the thread might wait for bytes that never come while the unpacker has failed already.
 *
 * A bomb is told by its ratio: gzip cannot do better than 1032 to 1, and layers of real files hardly reach 100 to 1. So gzip's own
 * limit is allowed whatever comes, and what goes beyond it, which only zstd, xz and bzip2 can, stops after the first GiB. */
#include "store/source.h"

#include <sys/stat.h>

#include "base/interrupt.h"
#include "base/progress.h"
#include "base/str.h"

enum { CHUNK_SIZE = 256 * 1024, THREAD_SIZE_MIN = 64 * 1024, RATIO_MAX = 1100, TRAILER_MAX = 64 << 20 };
#define RATIO_FREE ((int64_t)1 << 30)

/* ---- filling chunks ---- */

static void chunk_fill(struct source *source, struct source_chunk *chunk)
{
	ssize_t n = stream_read(source->stream, chunk->bytes, CHUNK_SIZE, &chunk->err);

	chunk->failed = n < 0;
	chunk->len = n < 0 ? 0 : (size_t)n;
	chunk->last = n < CHUNK_SIZE;
	chunk->taken = stream_taken(source->stream);
	digester_add(&source->digester, chunk->bytes, chunk->len);
}

static void *fill_thread(void *data)
{
	struct source *source = data;
	bool last = false;

	pthread_mutex_lock(&source->lock);
	while (!last) {
		/* the chunk that is being read counts as not emptied */
		while (!source->stop && source->filled - source->emptied >= SOURCE_CHUNKS - 1)
			pthread_cond_wait(&source->changed, &source->lock);
		if (source->stop)
			break;
		struct source_chunk *chunk = &source->ring[source->filled % SOURCE_CHUNKS];
		pthread_mutex_unlock(&source->lock);
		chunk_fill(source, chunk);
		last = chunk->last;
		pthread_mutex_lock(&source->lock);
		source->filled++;
		pthread_cond_signal(&source->changed);
	}
	pthread_mutex_unlock(&source->lock);
	return NULL;
}

int source_open(int fd, struct source *ret, struct error *err)
{
	struct stat st;

	*ret = (struct source){ .bytes_max = INT64_MAX };
	digester_init(&ret->digester, DIGEST_SHA256);
	if (stream_open(fd, &ret->stream, err) < 0)
		return -1;
	pthread_mutex_init(&ret->lock, NULL);
	pthread_cond_init(&ret->changed, NULL);
	for (size_t i = 0; i < SOURCE_CHUNKS; i++)
		ret->ring[i].bytes = xcalloc(1, CHUNK_SIZE);
	ret->threaded = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= THREAD_SIZE_MIN &&
			pthread_create(&ret->thread, NULL, fill_thread, ret) == 0;
	return 0;
}

void source_close(struct source *source)
{
	if (!source->stream)
		return;
	if (source->threaded) {
		pthread_mutex_lock(&source->lock);
		source->stop = true;
		pthread_cond_signal(&source->changed);
		pthread_mutex_unlock(&source->lock);
		pthread_join(source->thread, NULL);
	}
	for (size_t i = 0; i < SOURCE_CHUNKS; i++) {
		free(steal(source->ring[i].bytes));
		error_clear(&source->ring[i].err);
	}
	pthread_mutex_destroy(&source->lock);
	pthread_cond_destroy(&source->changed);
	stream_close(&source->stream);
}

/* ---- taking them ---- */

static int check_limits(const struct source *source, int64_t taken, struct error *err)
{
	char size[16];

	if (source->bytes - RATIO_FREE > taken * RATIO_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the layer is a decompression bomb: %lld bytes become more than %lld", (long long)taken,
				 (long long)source->bytes);
	if (source->bytes > source->bytes_max)
		return error_set(err, ERROR_TOO_LARGE, "the layer becomes larger than %s, which is the limit",
				 size_print((uint64_t)source->bytes_max, size));
	return 0;
}

static struct source_chunk *chunk_current(struct source *source)
{
	return &source->ring[(source->emptied + SOURCE_CHUNKS - 1) % SOURCE_CHUNKS];
}

/* Lets go of the current chunk and waits for the one behind it. */
static struct source_chunk *chunk_next(struct source *source)
{
	if (!source->threaded) {
		chunk_fill(source, &source->ring[source->emptied++ % SOURCE_CHUNKS]);
		return chunk_current(source);
	}
	pthread_mutex_lock(&source->lock);
	while (source->filled == source->emptied)
		pthread_cond_wait(&source->changed, &source->lock);
	source->emptied++;
	pthread_cond_signal(&source->changed);
	pthread_mutex_unlock(&source->lock);
	return chunk_current(source);
}

/* 1, or 0 at the end. */
static int advance(struct source *source, struct error *err)
{
	if (source->ended)
		return 0;
	if (interrupt_check(err) < 0)
		return -1;
	struct source_chunk *chunk = chunk_next(source);
	source->at = 0;
	source->ended = chunk->last;
	if (chunk->failed) {
		error_move(err, &chunk->err);
		return -1;
	}
	source->bytes += (int64_t)chunk->len;
	if (source->progress)
		progress_set(source->progress, "Extracting", (uint64_t)chunk->taken);
	return check_limits(source, chunk->taken, err) < 0 ? -1 : chunk->len > 0;
}

ssize_t source_read(void *data, void *bytes, size_t len, struct error *err)
{
	struct source *source = data;
	size_t done = 0;

	while (done < len) {
		const struct source_chunk *chunk = chunk_current(source);
		if (source->at == chunk->len) {
			int more = advance(source, err);
			if (more <= 0)
				return more < 0 ? -1 : (ssize_t)done;
			continue;
		}
		size_t n = chunk->len - source->at < len - done ? chunk->len - source->at : len - done;
		memcpy((char *)bytes + done, chunk->bytes + source->at, n);
		source->at += n;
		done += n;
	}
	return (ssize_t)done;
}

int source_finish(struct source *source, struct digest *ret_diff_id, struct error *err)
{
	int64_t end = source->bytes + TRAILER_MAX;
	int more;

	while ((more = advance(source, err)) > 0)
		if (source->bytes > end)
			return error_set(err, ERROR_TOO_LARGE, "the layer goes on for more than %d bytes behind the end of its archive", TRAILER_MAX);
	if (more < 0)
		return -1;
	if (ret_diff_id)
		digester_finish(&source->digester, ret_diff_id);
	return 0;
}
