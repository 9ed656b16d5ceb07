/* The bytes of a layer on their way into the unpacker: decompressed, hashed, and watched for bombs. */
#ifndef STORE_SOURCE_H
#define STORE_SOURCE_H
#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"
#include "oci/digest.h"
#include "store/stream.h"

struct progress_line;

/* A piece of the archive: decompressed and hashed. */
struct source_chunk {
	char *bytes;
	size_t len;
	int64_t taken; /* compressed bytes up to its end */
	bool last, failed;
	struct error err; /* if it failed */
};
enum { SOURCE_CHUNKS = 4 };

struct source {
	struct stream *stream;	  /* of the thread while there is one, as is the digester */
	struct digester digester;
	struct source_chunk ring[SOURCE_CHUNKS];
	uint64_t filled, emptied; /* chunks so far; the one being read is emptied - 1 */
	bool threaded, stop;
	pthread_t thread;
	pthread_mutex_t lock; /* for filled, emptied and stop */
	pthread_cond_t changed;
	size_t at;			/* in the chunk that is being read */
	bool ended;			/* the last chunk was taken */
	int64_t bytes;			/* uncompressed, taken so far */
	int64_t bytes_max;		/* the reader moves it; INT64_MAX: no limit */
	struct progress_line *progress; /* borrowed, or NULL */
};
/* `ret` must stay where it is until source_close. Borrows the descriptor. */
int source_open(int fd, struct source *ret, struct error *err);
void source_close(struct source *source);
/* A tar_read_fn whose data is the source. */
ssize_t source_read(void *data, void *bytes, size_t len, struct error *err);
/* Reads what is behind the end of the archive, which belongs to the diff id. */
int source_finish(struct source *source, struct digest *ret_diff_id, struct error *err);
#endif
