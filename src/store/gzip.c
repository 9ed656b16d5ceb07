/* Writing gzip in several threads: see stream.h.
 *
 * The input is cut into blocks of 256 KiB. Each is deflated on its own, primed with the last 32 KiB of the block before it (so that little
 * compression is lost), and ended with an empty stored block (Z_SYNC_FLUSH), which ends on a byte: the outputs put one
 * behind the other are one deflate stream. Where a block begins depends on nothing but the number of bytes before it, so the output
 * does not depend on the threads, nor on how the writes were cut.
 *
 * The blocks are a ring. `filled` counts the blocks handed to the workers, `begun` those that a worker took, `emptied` those
 * written out; emptied <= begun <= filled <= emptied + ring_len. Without threads (none can be made) the caller compresses. */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "store/stream.h"

/* Level 5 takes two thirds of the time of zlib's usual 6, and 1.5 % more room (150 MB of llvm and its headers). */
enum { BLOCK_SIZE = 256 * 1024, WINDOW_SIZE = 32 * 1024, LEVEL = 5, THREADS_MAX = 16 };

struct block {
	unsigned char *in, *window, *out;
	size_t in_len, window_len, out_len, out_cap;
	uint32_t crc;
	bool last, done;
	bool failed;
};

struct gzip {
	gzip_write_fn *write;
	void *data;
	struct block *ring;
	size_t ring_len;
	uint64_t filled, begun, emptied;
	bool stop, started;
	uint32_t crc;
	uint64_t size;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	pthread_t threads[THREADS_MAX];
	unsigned threads_len;
	z_stream own; /* without threads */
	bool own_open;
};

static bool deflate_open(z_stream *z)
{
	*z = (z_stream){ 0 };
	return deflateInit2(z, LEVEL, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

static void block_compress(struct block *block, z_stream *z)
{
	deflateReset(z);
	if (block->window_len)
		deflateSetDictionary(z, block->window, (uInt)block->window_len);
	z->next_in = block->in;
	z->avail_in = (uInt)block->in_len;
	z->next_out = block->out;
	z->avail_out = (uInt)block->out_cap;
	int result = deflate(z, block->last ? Z_FINISH : Z_SYNC_FLUSH);
	block->failed = z->avail_in || result != (block->last ? Z_STREAM_END : Z_OK) || !z->avail_out;
	block->out_len = block->out_cap - z->avail_out;
	block->crc = (uint32_t)crc32(0, block->in, (uInt)block->in_len);
}

static void *worker(void *data)
{
	struct gzip *gzip = data;
	z_stream z;
	bool open = deflate_open(&z);

	pthread_mutex_lock(&gzip->lock);
	for (;;) {
		while (!gzip->stop && gzip->begun == gzip->filled)
			pthread_cond_wait(&gzip->work, &gzip->lock);
		if (gzip->stop)
			break;
		struct block *block = &gzip->ring[gzip->begun++ % gzip->ring_len];
		pthread_mutex_unlock(&gzip->lock);
		block->failed = true;
		if (open)
			block_compress(block, &z);
		pthread_mutex_lock(&gzip->lock);
		block->done = true;
		pthread_cond_signal(&gzip->done);
	}
	pthread_mutex_unlock(&gzip->lock);
	if (open)
		deflateEnd(&z);
	return NULL;
}

static unsigned processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) < 0 ? 1 : (unsigned)CPU_COUNT(&set);
}

struct gzip *gzip_new(unsigned threads, gzip_write_fn *write, void *data)
{
	struct gzip *gzip = xnew(struct gzip);

	if (!threads)
		threads = processors();
	threads = threads > THREADS_MAX ? THREADS_MAX : threads;
	gzip->write = write;
	gzip->data = data;
	gzip->ring_len = 2 * threads + 1;
	gzip->ring = xcalloc(gzip->ring_len, sizeof *gzip->ring);
	for (size_t i = 0; i < gzip->ring_len; i++) {
		struct block *block = &gzip->ring[i];
		block->out_cap = compressBound(BLOCK_SIZE) + 64;
		block->in = xcalloc(1, BLOCK_SIZE);
		block->window = xcalloc(1, WINDOW_SIZE);
		block->out = xcalloc(1, block->out_cap);
	}
	gzip->crc = (uint32_t)crc32(0, NULL, 0);
	pthread_mutex_init(&gzip->lock, NULL);
	pthread_cond_init(&gzip->work, NULL);
	pthread_cond_init(&gzip->done, NULL);
	while (gzip->threads_len < threads && pthread_create(&gzip->threads[gzip->threads_len], NULL, worker, gzip) == 0)
		gzip->threads_len++;
	return gzip;
}

/* Waits for the oldest block and writes it. */
static int block_empty(struct gzip *gzip, struct error *err)
{
	struct block *block = &gzip->ring[gzip->emptied % gzip->ring_len];

	pthread_mutex_lock(&gzip->lock);
	while (!block->done)
		pthread_cond_wait(&gzip->done, &gzip->lock);
	block->done = false;
	pthread_mutex_unlock(&gzip->lock);
	if (block->failed)
		return error_set(err, ERROR_FAILED, "zlib cannot compress a block");
	gzip->crc = (uint32_t)crc32_combine(gzip->crc, block->crc, (z_off_t)block->in_len);
	gzip->emptied++;
	return gzip->write(gzip->data, block->out, block->out_len, err);
}

static int block_submit(struct gzip *gzip, bool last, struct error *err)
{
	static const unsigned char header[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };
	struct block *block = &gzip->ring[gzip->filled % gzip->ring_len];

	if (!gzip->started && gzip->write(gzip->data, header, sizeof header, err) < 0)
		return -1;
	gzip->started = true;
	block->last = last;
	gzip->size += block->in_len;
	struct block *next = &gzip->ring[(gzip->filled + 1) % gzip->ring_len];
	pthread_mutex_lock(&gzip->lock);
	gzip->filled++;
	pthread_cond_signal(&gzip->work);
	pthread_mutex_unlock(&gzip->lock);
	if (!gzip->threads_len) {
		block->failed = true;
		if (gzip->own_open || (gzip->own_open = deflate_open(&gzip->own)))
			block_compress(block, &gzip->own);
		block->done = true;
	}
	while (gzip->filled - gzip->emptied >= (last ? 1 : gzip->ring_len))
		if (block_empty(gzip, err) < 0)
			return -1;
	if (!last) { /* a block that is not the last is full, and longer than the window */
		next->in_len = 0;
		next->window_len = WINDOW_SIZE;
		memcpy(next->window, block->in + BLOCK_SIZE - WINDOW_SIZE, WINDOW_SIZE);
	}
	return 0;
}

int gzip_write(struct gzip *gzip, const void *bytes, size_t len, struct error *err)
{
	const char *at = bytes;

	while (len) {
		struct block *block = &gzip->ring[gzip->filled % gzip->ring_len];
		if (block->in_len == BLOCK_SIZE) { /* only now, when it cannot be the last */
			if (block_submit(gzip, false, err) < 0)
				return -1;
			continue;
		}
		size_t n = BLOCK_SIZE - block->in_len < len ? BLOCK_SIZE - block->in_len : len;
		memcpy(block->in + block->in_len, at, n);
		block->in_len += n;
		at += n;
		len -= n;
	}
	return 0;
}

int gzip_finish(struct gzip *gzip, struct error *err)
{
	if (block_submit(gzip, true, err) < 0)
		return -1;
	uint32_t values[2] = { gzip->crc, (uint32_t)gzip->size };
	unsigned char tail[8];
	for (int i = 0; i < 8; i++)
		tail[i] = (unsigned char)(values[i / 4] >> 8 * (i % 4));
	return gzip->write(gzip->data, tail, sizeof tail, err);
}

void gzip_free(struct gzip **at)
{
	struct gzip *gzip = *at;

	if (!gzip)
		return;
	pthread_mutex_lock(&gzip->lock);
	gzip->stop = true;
	pthread_cond_broadcast(&gzip->work);
	pthread_mutex_unlock(&gzip->lock);
	for (unsigned i = 0; i < gzip->threads_len; i++)
		pthread_join(gzip->threads[i], NULL);
	if (gzip->own_open)
		deflateEnd(&gzip->own);
	for (size_t i = 0; i < gzip->ring_len; i++) {
		free(gzip->ring[i].in);
		free(gzip->ring[i].window);
		free(gzip->ring[i].out);
	}
	free(gzip->ring);
	pthread_mutex_destroy(&gzip->lock);
	pthread_cond_destroy(&gzip->work);
	pthread_cond_destroy(&gzip->done);
	free(gzip);
	*at = NULL;
}
