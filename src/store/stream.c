/* Reading compressed streams: see stream.h.
 *
 * Each format is a `fill` that decompresses what it can from the input block into the caller's memory, and says itself where the data end. */
#include "store/stream.h"

#include <bzlib.h>
#include <lzma.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/fd.h"

/* `xz -9` needs 65 MiB to read. A file may ask for 4 GiB. */
enum { INPUT_SIZE = 128 * 1024, XZ_MEMORY = 256 << 20 };

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_XZ, COMPRESSION_BZIP2 };
static const char *const compression_names[] = { "none", "gzip", "zstd", "xz", "bzip2" };

struct stream {
	int fd; /* borrowed */
	enum compression compression;
	unsigned char *input;
	size_t at, have; /* input[at … have) is not yet decoded */
	int64_t taken;
	bool file_ended, ended;
	bool between; /* gzip, zstd, bzip2: a whole member was decoded and no other has begun */
	z_stream gzip;
	ZSTD_DStream *zstd;
	lzma_stream xz;
	bz_stream bzip2;
};

/* Reads more input behind what is there. Returns 0 at the end of the file. */
static ssize_t input_more(struct stream *stream, struct error *err)
{
	memmove(stream->input, stream->input + stream->at, stream->have - stream->at);
	stream->have -= stream->at;
	stream->at = 0;
	if (stream->file_ended)
		return 0;
	ssize_t n = fd_read_full(stream->fd, stream->input + stream->have, INPUT_SIZE - stream->have, "the layer", err);
	if (n < 0)
		return -1;
	stream->file_ended = (size_t)n < INPUT_SIZE - stream->have;
	stream->have += (size_t)n;
	stream->taken += n;
	return n;
}

static int broken_off(const struct stream *stream, struct error *err)
{
	return error_set(err, ERROR_CORRUPT, "the %s data break off before their end", compression_names[stream->compression]);
}

static ssize_t fill_none(struct stream *stream, void *bytes, size_t len, struct error *err)
{
	size_t n = stream->have - stream->at;

	if (!n) { /* straight into the caller's memory */
		ssize_t got = stream->file_ended ? 0 : fd_read_full(stream->fd, bytes, len, "the layer", err);
		if (got >= 0) {
			stream->taken += got;
			stream->ended = (size_t)got < len;
		}
		return got;
	}
	n = n < len ? n : len;
	memcpy(bytes, stream->input + stream->at, n);
	stream->at += n;
	return (ssize_t)n;
}

/* Decoders that want input get some: 0, or -1 also where the file ends in the middle of a member. */
static int input_need(struct stream *stream, struct error *err)
{
	ssize_t n = stream->at < stream->have ? 1 : input_more(stream, err);

	return n > 0 ? 0 : n < 0 ? -1 : broken_off(stream, err);
}

/* Behind a member of gzip or bzip2: 1 if another one begins with `magic`. Zero bytes may pad the file. */
static int next_member(struct stream *stream, const char *magic, struct error *err)
{
	size_t len = strlen(magic);

	if (stream->have - stream->at < len && input_more(stream, err) < 0)
		return -1;
	const unsigned char *at = stream->input + stream->at;
	size_t left = stream->have - stream->at;
	if (left >= len && !memcmp(at, magic, len))
		return 1;
	for (size_t i = 0; i < left; i++)
		if (at[i])
			return error_set(err, ERROR_CORRUPT, "there is something else behind the %s data", compression_names[stream->compression]);
	stream->ended = !left;
	stream->at = stream->have;
	return 0;
}

static ssize_t fill_gzip(struct stream *stream, void *bytes, size_t len, struct error *err)
{
	if (stream->between) {
		int more = next_member(stream, "\x1f\x8b", err);
		if (more <= 0)
			return more;
		inflateReset(&stream->gzip);
		stream->between = false;
	}
	if (input_need(stream, err) < 0)
		return -1;
	z_stream *z = &stream->gzip;
	z->next_in = stream->input + stream->at;
	z->avail_in = (uInt)(stream->have - stream->at);
	z->next_out = bytes;
	z->avail_out = len > 1 << 30 ? 1 << 30 : (uInt)len;
	uInt wanted = z->avail_out;
	int result = inflate(z, Z_NO_FLUSH);
	stream->at = stream->have - z->avail_in;
	if (result == Z_STREAM_END)
		stream->between = true;
	else if (result != Z_OK && result != Z_BUF_ERROR)
		return error_set(err, ERROR_CORRUPT, "the gzip data are damaged%s%s", z->msg ? ": " : "", z->msg ? z->msg : "");
	return wanted - z->avail_out;
}

static ssize_t fill_zstd(struct stream *stream, void *bytes, size_t len, struct error *err)
{
	if (stream->at == stream->have) {
		ssize_t n = input_more(stream, err);
		if (n < 0)
			return -1;
		if (n == 0 && !stream->between) { /* it may still hold back bytes that it decoded */
			ZSTD_inBuffer none = { NULL, 0, 0 };
			ZSTD_outBuffer rest = { bytes, len, 0 };
			size_t more = ZSTD_decompressStream(stream->zstd, &rest, &none);
			if (ZSTD_isError(more) || !rest.pos)
				return broken_off(stream, err);
			stream->between = more == 0;
			return (ssize_t)rest.pos;
		}
		if (n == 0) {
			stream->ended = true;
			return 0;
		}
	}
	ZSTD_inBuffer in = { stream->input, stream->have, stream->at };
	ZSTD_outBuffer out = { bytes, len, 0 };
	size_t left = ZSTD_decompressStream(stream->zstd, &out, &in);
	stream->at = in.pos;
	if (ZSTD_isError(left))
		return error_set(err, ERROR_CORRUPT, "the zstd data are damaged: %s", ZSTD_getErrorName(left));
	stream->between = left == 0;
	return (ssize_t)out.pos;
}

/* Of several streams and the padding between them the library takes care. */
static ssize_t fill_xz(struct stream *stream, void *bytes, size_t len, struct error *err)
{
	lzma_stream *xz = &stream->xz;

	if (stream->at == stream->have && input_more(stream, err) < 0)
		return -1;
	bool last = stream->at == stream->have;
	xz->next_in = stream->input + stream->at;
	xz->avail_in = stream->have - stream->at;
	xz->next_out = bytes;
	xz->avail_out = len;
	lzma_ret result = lzma_code(xz, last ? LZMA_FINISH : LZMA_RUN);
	stream->at = stream->have - xz->avail_in;
	if (result == LZMA_MEMLIMIT_ERROR)
		return error_set(err, ERROR_TOO_LARGE, "the xz data need more than %d MiB of memory to be read", XZ_MEMORY >> 20);
	if (result == LZMA_BUF_ERROR && last)
		return broken_off(stream, err);
	if (result != LZMA_OK && result != LZMA_STREAM_END && result != LZMA_BUF_ERROR)
		return error_set(err, ERROR_CORRUPT, "the xz data are damaged");
	stream->ended = result == LZMA_STREAM_END;
	return (ssize_t)(len - xz->avail_out);
}

static int bzip2_restart(struct stream *stream, struct error *err)
{
	BZ2_bzDecompressEnd(&stream->bzip2);
	stream->bzip2 = (bz_stream){ 0 };
	return BZ2_bzDecompressInit(&stream->bzip2, 0, 0) == BZ_OK ? 0 : error_set(err, ERROR_FAILED, "cannot start bzip2");
}

static ssize_t fill_bzip2(struct stream *stream, void *bytes, size_t len, struct error *err)
{
	bz_stream *bz = &stream->bzip2;

	if (stream->between) {
		int more = next_member(stream, "BZh", err);
		if (more <= 0 || bzip2_restart(stream, err) < 0)
			return more <= 0 ? more : -1;
		stream->between = false;
	}
	if (input_need(stream, err) < 0)
		return -1;
	bz->next_in = (char *)stream->input + stream->at;
	bz->avail_in = (unsigned)(stream->have - stream->at);
	bz->next_out = bytes;
	bz->avail_out = len > 1 << 30 ? 1 << 30 : (unsigned)len;
	unsigned wanted = bz->avail_out;
	int result = BZ2_bzDecompress(bz);
	stream->at = stream->have - bz->avail_in;
	if (result != BZ_OK && result != BZ_STREAM_END)
		return error_set(err, ERROR_CORRUPT, "the bzip2 data are damaged");
	stream->between = result == BZ_STREAM_END;
	return wanted - bz->avail_out;
}

static enum compression detect(const unsigned char *at, size_t len)
{
	static const struct {
		enum compression compression;
		size_t len;
		const char *bytes;
	} magics[] = {
		{ COMPRESSION_GZIP, 3, "\x1f\x8b\x08" },
		{ COMPRESSION_ZSTD, 4, "\x28\xb5\x2f\xfd" },
		{ COMPRESSION_XZ, 6, "\xfd\x37zXZ\0" },
	};
	for (size_t i = 0; i < array_len(magics); i++)
		if (len >= magics[i].len && !memcmp(at, magics[i].bytes, magics[i].len))
			return magics[i].compression;
	/* a skippable zstd frame, as zstd:chunked may begin with */
	if (len >= 4 && (at[0] & 0xf0) == 0x50 && !memcmp(at + 1, "\x2a\x4d\x18", 3))
		return COMPRESSION_ZSTD;
	/* the head of the first block, or of the end; "BZh" alone may be a file's name at the start of a tar */
	if (len >= 10 && !memcmp(at, "BZh", 3) &&
	    (!memcmp(at + 4, "\x31\x41\x59\x26\x53\x59", 6) || !memcmp(at + 4, "\x17\x72\x45\x38\x50\x90", 6)))
		return COMPRESSION_BZIP2;
	return COMPRESSION_NONE;
}

static int decoder_start(struct stream *stream, struct error *err)
{
	switch (stream->compression) {
	case COMPRESSION_NONE: return 0;
	case COMPRESSION_GZIP: return inflateInit2(&stream->gzip, 15 + 16) == Z_OK ? 0 : error_set(err, ERROR_FAILED, "cannot start zlib");
	case COMPRESSION_ZSTD: stream->zstd = ZSTD_createDStream(); return stream->zstd ? 0 : error_set(err, ERROR_FAILED, "cannot start zstd");
	case COMPRESSION_XZ:
		return lzma_stream_decoder(&stream->xz, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK ? 0 : error_set(err, ERROR_FAILED, "cannot start xz");
	case COMPRESSION_BZIP2: return bzip2_restart(stream, err);
	}
	abort();
}

int stream_open(int fd, struct stream **ret, struct error *err)
{
	_cleanup_(stream_close) struct stream *stream = xnew(struct stream);

	stream->fd = fd;
	stream->input = xcalloc(1, INPUT_SIZE);
	if (input_more(stream, err) < 0)
		return -1;
	stream->compression = detect(stream->input, stream->have);
	if (decoder_start(stream, err) < 0)
		return -1;
	*ret = steal(stream);
	return 0;
}

ssize_t stream_read(struct stream *stream, void *bytes, size_t len, struct error *err)
{
	static ssize_t (*const fills[])(struct stream *, void *, size_t, struct error *) = { fill_none, fill_gzip, fill_zstd, fill_xz,
											     fill_bzip2 };
	size_t have = 0;

	while (have < len && !stream->ended) {
		ssize_t n = fills[stream->compression](stream, (char *)bytes + have, len - have, err);
		if (n < 0)
			return -1;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int64_t stream_taken(const struct stream *stream)
{
	return stream->taken;
}

const char *stream_compression(const struct stream *stream)
{
	return compression_names[stream->compression];
}

void stream_close(struct stream **at)
{
	struct stream *stream = *at;

	if (!stream)
		return;
	if (stream->compression == COMPRESSION_GZIP)
		inflateEnd(&stream->gzip);
	ZSTD_freeDStream(stream->zstd);
	lzma_end(&stream->xz);
	BZ2_bzDecompressEnd(&stream->bzip2);
	free(stream->input);
	free(stream);
	*at = NULL;
}
