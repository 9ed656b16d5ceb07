/* tar archives, entry by entry: ustar, pax (POSIX.1-2001) and GNU's, sparse files in all their four ways.
 *
 * Written here rather than left to libarchive, because a name in a layer is a row of bytes, not text: libarchive converts names to the
 * process's locale, and in a UTF-8 one composes accents, so that two files of a layer become one. */
#ifndef STORE_TAR_H
#define STORE_TAR_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"

enum { TAR_BLOCK = 512, TAR_HEADER_MAX = 1 << 20, TAR_EXTENTS_MAX = 1 << 20 };

enum tar_type {
	TAR_FILE = '0',
	TAR_HARDLINK = '1',
	TAR_SYMLINK = '2',
	TAR_CHARACTER = '3',
	TAR_BLOCKDEV = '4',
	TAR_DIRECTORY = '5',
	TAR_FIFO = '6',
};

struct tar_xattr {
	char *name;
	void *value;
	size_t len;
};
/* Bytes of a sparse file that are there. */
struct tar_extent {
	int64_t offset, len;
};

/* Everything in it is owned by whoever filled it in: tar_entry_clear. Start from {0}. */
struct tar_entry {
	enum tar_type type;
	char *path, *target; /* as in the archive, any bytes but NUL; never NULL from the reader */
	mode_t mode;	     /* permissions, setuid, setgid and sticky bits */
	int64_t uid, gid;
	int64_t size; /* of the file, holes included */
	struct timespec mtime;
	uint32_t major, minor;
	struct tar_xattr *xattrs;
	size_t xattrs_len;
	bool sparse; /* then only the extents are stored, in rising order, each behind the end of the one before */
	struct tar_extent *extents;
	size_t extents_len;
};
void tar_entry_clear(struct tar_entry *entry);
/* Replaces one of the same name. `value` is copied. */
void tar_entry_set_xattr(struct tar_entry *entry, const char *name, const void *value, size_t len);

/* `read` gives up to len bytes, fewer only at the end. */
typedef ssize_t tar_read_fn(void *data, void *bytes, size_t len, struct error *err);
struct tar_reader;
struct tar_reader *tar_reader_new(tar_read_fn *read, void *data);
void tar_reader_free(struct tar_reader **at);
/* The next entry, skipping what is left of the last one's data: 1, or 0 at the end of the archive. Sizes and numbers are checked, the
 * path and target are not but for NUL and emptiness. `ret` is cleared first. */
int tar_next(struct tar_reader *reader, struct tar_entry *ret, struct error *err);
/* The entry's stored bytes (of a sparse file its extents, one behind the other). */
ssize_t tar_read(struct tar_reader *reader, void *bytes, size_t len, struct error *err);

/* Header blocks of an entry, a pax header first where ustar cannot hold it. Appends. Its data must follow, padded by tar_print_padding; for
 * sparse files the map that this prints is the beginning of the data. */
void tar_print_header(const struct tar_entry *entry, struct buf *ret);
int64_t tar_stored_size(const struct tar_entry *entry); /* without the sparse map */
void tar_print_padding(int64_t size, struct buf *ret);
void tar_print_end(struct buf *ret);
#endif
