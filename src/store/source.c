/* The bytes of a layer: see source.h.
 *
 * A bomb is told by its ratio: gzip cannot do better than 1032 to 1, and layers of real files hardly reach 100 to 1. So gzip's own
 * limit is allowed whatever comes, and what goes beyond it, which only zstd, xz and bzip2 can, stops after the first GiB. */
#include "store/source.h"

#include "base/interrupt.h"
#include "base/progress.h"
#include "base/str.h"

enum { BLOCK_SIZE = 256 * 1024, RATIO_MAX = 1100, TRAILER_MAX = 64 << 20 };
#define RATIO_FREE ((int64_t)1 << 30)

int source_open(int fd, struct source *ret, struct error *err)
{
	struct source source = { .bytes_max = INT64_MAX };

	digester_init(&source.digester, DIGEST_SHA256);
	if (stream_open(fd, &source.stream, err) < 0)
		return -1;
	source.block = xcalloc(1, BLOCK_SIZE);
	*ret = source;
	return 0;
}

void source_close(struct source *source)
{
	stream_close(&source->stream);
	free(steal(source->block));
}

static int check_limits(const struct source *source, struct error *err)
{
	int64_t taken = stream_taken(source->stream);
	char size[16];

	if (source->bytes - RATIO_FREE > taken * RATIO_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the layer is a decompression bomb: %lld bytes become more than %lld", (long long)taken,
				 (long long)source->bytes);
	if (source->bytes > source->bytes_max)
		return error_set(err, ERROR_TOO_LARGE, "the layer becomes larger than %s, which is the limit",
				 size_print((uint64_t)source->bytes_max, size));
	return 0;
}

/* The next block: 1, or 0 at the end. */
static int next_block(struct source *source, struct error *err)
{
	if (source->ended)
		return 0;
	if (interrupt_check(err) < 0)
		return -1;
	ssize_t n = stream_read(source->stream, source->block, BLOCK_SIZE, err);
	if (n < 0)
		return -1;
	source->ended = n < BLOCK_SIZE;
	source->at = 0;
	source->have = (size_t)n;
	source->bytes += n;
	digester_add(&source->digester, source->block, (size_t)n);
	if (source->progress)
		progress_set(source->progress, "Extracting", (uint64_t)stream_taken(source->stream));
	return check_limits(source, err) < 0 ? -1 : n > 0;
}

ssize_t source_read(void *data, void *bytes, size_t len, struct error *err)
{
	struct source *source = data;
	size_t done = 0;

	while (done < len) {
		if (source->at == source->have) {
			int more = next_block(source, err);
			if (more <= 0)
				return more < 0 ? -1 : (ssize_t)done;
		}
		size_t n = source->have - source->at < len - done ? source->have - source->at : len - done;
		memcpy((char *)bytes + done, source->block + source->at, n);
		source->at += n;
		done += n;
	}
	return (ssize_t)done;
}

int source_finish(struct source *source, struct digest *ret_diff_id, struct error *err)
{
	int64_t end = source->bytes + TRAILER_MAX;
	int more;

	while ((more = next_block(source, err)) > 0)
		if (source->bytes > end)
			return error_set(err, ERROR_TOO_LARGE, "the layer goes on for more than %d bytes behind the end of its archive", TRAILER_MAX);
	if (more < 0)
		return -1;
	if (ret_diff_id)
		digester_finish(&source->digester, ret_diff_id);
	return 0;
}
