/* Compressed streams: reading whatever a layer comes in, writing gzip. */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Reads a file from its current position, decompressed. None, gzip (of several members), zstd (of several frames), xz and bzip2 are told
 * apart by their first bytes. The descriptor is borrowed and needs not be seekable. */
struct stream;
int stream_open(int fd, struct stream **ret, struct error *err);
/* Up to len bytes, fewer only at the end, which has come in order: a compressed stream that breaks off is ERROR_CORRUPT. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t len, struct error *err);
/* Bytes taken from the file so far. */
int64_t stream_taken(const struct stream *stream);
const char *stream_compression(const struct stream *stream); /* "none", "gzip", "zstd", "xz", "bzip2" */
void stream_close(struct stream **at);

/* Writes one gzip member with an empty header (no name, no time), compressing in `threads` threads (0: as many as this machine
 * has processors). The same bytes in give the same bytes out whatever the number of threads. `write` is called in the thread of the caller. */
struct gzip;
typedef int gzip_write_fn(void *data, const void *bytes, size_t len, struct error *err);
struct gzip *gzip_new(unsigned threads, gzip_write_fn *write, void *data);
int gzip_write(struct gzip *gzip, const void *bytes, size_t len, struct error *err);
/* The end: everything has gone through `write` afterwards. */
int gzip_finish(struct gzip *gzip, struct error *err);
void gzip_free(struct gzip **at);
#endif
