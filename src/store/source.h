/* The bytes of a layer on their way into the unpacker: decompressed, hashed, and watched for bombs. */
#ifndef STORE_SOURCE_H
#define STORE_SOURCE_H
#include <stdbool.h>

#include "base/error.h"
#include "oci/digest.h"
#include "store/stream.h"

struct progress_line;
struct source {
	struct stream *stream;
	struct digester digester;
	char *block; /* decompressed and hashed; [at … have) is not yet taken */
	size_t at, have;
	bool ended;
	int64_t bytes;			/* uncompressed, so far */
	int64_t bytes_max;		/* the reader moves it; INT64_MAX: no limit */
	struct progress_line *progress; /* borrowed, or NULL */
};
int source_open(int fd, struct source *ret, struct error *err);
void source_close(struct source *source);
/* A tar_read_fn whose data is the source. */
ssize_t source_read(void *data, void *bytes, size_t len, struct error *err);
/* Reads what is behind the end of the archive, which belongs to the diff id. */
int source_finish(struct source *source, struct digest *ret_diff_id, struct error *err);
#endif
