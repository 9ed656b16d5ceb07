/* Reading compressed streams: see stream.h.
 *
 * Each format is a `fill` that decompresses what it can from the input block into the caller's memory. gzip and zstd, in which
 * nearly every layer comes, are decoded here; xz and bzip2 are left to libarchive's filters, reading through us. */
#include "store/stream.h"

#include <archive.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/fd.h"

enum { INPUT_SIZE = 128 * 1024, MAGIC_SIZE = 10 };

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_XZ, COMPRESSION_BZIP2 };
static const char *const compression_names[] = { "none", "gzip", "zstd", "xz", "bzip2" };

struct stream {
	int fd; /* borrowed */
	enum compression compression;
	unsigned char *input;
	size_t at, have; /* input[at … have) is not yet decoded */
	int64_t taken;
	bool file_ended, ended;
	bool between; /* gzip, zstd: a whole member was decoded and no other has begun */
	z_stream gzip;
	ZSTD_DStream *zstd;
	struct archive *filter;
	struct error *filter_err; /* of the call that is running */
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

/* Behind a gzip member: another one, or zero bytes that pad the file, or the end. */
static int gzip_next_member(struct stream *stream, struct error *err)
{
	if (stream->have - stream->at < 2 && input_more(stream, err) < 0)
		return -1;
	const unsigned char *at = stream->input + stream->at;
	size_t left = stream->have - stream->at;
	if (!left) {
		stream->ended = true;
		return 0;
	}
	if (left >= 2 && at[0] == 0x1f && at[1] == 0x8b) {
		inflateReset(&stream->gzip);
		stream->between = false;
		return 0;
	}
	for (size_t i = 0; i < left; i++)
		if (at[i])
			return error_set(err, ERROR_CORRUPT, "there is something else behind the gzip data");
	stream->at = stream->have;
	return 0;
}

static ssize_t fill_gzip(struct stream *stream, void *bytes, size_t len, struct error *err)
{
	if (stream->between)
		return gzip_next_member(stream, err);
	if (stream->at == stream->have) {
		ssize_t n = input_more(stream, err);
		if (n <= 0)
			return n < 0 ? -1 : broken_off(stream, err);
	}
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

static la_ssize_t filter_read(struct archive *archive, void *data, const void **ret)
{
	struct stream *stream = data;

	(void)archive;
	if (stream->at == stream->have && input_more(stream, stream->filter_err) < 0)
		return -1;
	*ret = stream->input + stream->at;
	size_t n = stream->have - stream->at;
	stream->at = stream->have;
	return (la_ssize_t)n;
}

static ssize_t filter_failed(struct stream *stream, struct error *err)
{
	const char *why = archive_error_string(stream->filter);

	if (err && err->message) /* it was the file that could not be read */
		return -1;
	return error_set(err, ERROR_CORRUPT, "the %s data are damaged: %s", compression_names[stream->compression],
			 why ? why : "no reason is known");
}

/* The filter is opened with the first read, since opening reads. */
static int filter_open(struct stream *stream, struct error *err)
{
	struct archive *filter = stream->filter = archive_read_new();
	struct archive_entry *entry;

	archive_read_support_format_raw(filter);
	archive_read_support_format_empty(filter);
	if (stream->compression == COMPRESSION_XZ)
		archive_read_support_filter_xz(filter);
	else
		archive_read_support_filter_bzip2(filter);
	if (archive_read_open(filter, stream, NULL, filter_read, NULL) != ARCHIVE_OK)
		return (int)filter_failed(stream, err);
	int result = archive_read_next_header(filter, &entry);
	if (result == ARCHIVE_EOF)
		stream->ended = true;
	else if (result != ARCHIVE_OK)
		return (int)filter_failed(stream, err);
	return 0;
}

static ssize_t fill_filter(struct stream *stream, void *bytes, size_t len, struct error *err)
{
	stream->filter_err = err;
	if (!stream->filter && (filter_open(stream, err) < 0 || stream->ended))
		return stream->ended ? 0 : -1;
	la_ssize_t n = archive_read_data(stream->filter, bytes, len);
	if (n < 0)
		return filter_failed(stream, err);
	stream->ended = n == 0;
	return n;
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

int stream_open(int fd, struct stream **ret, struct error *err)
{
	_cleanup_(stream_close) struct stream *stream = xnew(struct stream);

	stream->fd = fd;
	stream->input = xcalloc(1, INPUT_SIZE);
	if (input_more(stream, err) < 0)
		return -1;
	stream->compression = detect(stream->input, stream->have);
	if (stream->compression == COMPRESSION_GZIP && inflateInit2(&stream->gzip, 15 + 16) != Z_OK)
		return error_set(err, ERROR_FAILED, "cannot start zlib");
	if (stream->compression == COMPRESSION_ZSTD && !(stream->zstd = ZSTD_createDStream()))
		return error_set(err, ERROR_FAILED, "cannot start zstd");
	*ret = steal(stream);
	return 0;
}

ssize_t stream_read(struct stream *stream, void *bytes, size_t len, struct error *err)
{
	static ssize_t (*const fills[])(struct stream *, void *, size_t, struct error *) = { fill_none, fill_gzip, fill_zstd, fill_filter,
											     fill_filter };
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
	if (stream->filter)
		archive_read_free(stream->filter);
	free(stream->input);
	free(stream);
	*at = NULL;
}
