/* File descriptors: whole reads and writes, files that appear at once or not at all, paths beneath a root. */
#ifndef BASE_FD_H
#define BASE_FD_H
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/* For _cleanup_(fd_close): closes if it is not negative; keeps errno. */
void fd_close(int *fd);
int fd_steal(int *fd);

/* Whole or failed; EINTR and short counts are handled. `what` names the file in the error. */
int fd_write_all(int fd, const void *bytes, size_t len, const char *what, struct error *err);
/* Up to len bytes, fewer only at the end of the file. Returns the count. */
ssize_t fd_read_full(int fd, void *bytes, size_t len, const char *what, struct error *err);
/* The rest of the file, at most `limit` bytes (more is ERROR_TOO_LARGE). Appends. */
int fd_read_all(int fd, size_t limit, struct buf *ret, const char *what, struct error *err);
int file_read(int dir, const char *path, size_t limit, struct buf *ret, struct error *err);
/* Sends the kernel's copy of `len` bytes at `offset` of a file to another descriptor, without passing through us where it can. */
int fd_copy(int from, int to, const char *what, struct error *err);

/* Replaces dir/name: temporary file, fsync, rename, fsync of the directory. After 0 it survives a power cut. */
int file_replace(int dir, const char *name, const void *bytes, size_t len, mode_t mode, struct error *err);
int fd_sync(int fd, const char *what, struct error *err);
/* Makes the names in a directory durable. */
int dir_sync(int dir, const char *path, struct error *err);
/* mkdir -p; existing directories are fine. */
int dir_make(int dir, const char *path, mode_t mode, struct error *err);
/* The names in a directory, sorted by bytes, without "." and "..". Appends. */
int dir_names(int dir, const char *path, struct strlist *ret, struct error *err);
/* rm -rf of dir/name, never through a symlink and never across what is mounted. Not there is fine. */
int dir_remove(int dir, const char *name, struct error *err);

/* Opens `path` as a process whose root is `root` would: `..` and absolute symlinks stay inside. It is openat2 with
 * RESOLVE_IN_ROOT; mustn't be replaced by string checks. `flags` as for open. */
int path_open_in_root(int root, const char *path, int flags, mode_t mode, struct error *err);
/* The walk that it falls back to where the kernel has no openat2; here for the tests. Returns -1 with errno. */
int path_walk_in_root(int root, const char *path, int flags, mode_t mode);
/* As above, but a symlink in the last component is not followed (O_NOFOLLOW), and the directories above it are made (0755)
 * where they are missing. Returns the parent's descriptor and the last component (pointing into path). */
int path_parent_in_root(int root, const char *path, bool make, int *ret_dir, const char **ret_name, struct error *err);
/* dir + "/" + name, with one slash; an absolute name wins. Owned by the caller. */
char *path_join(const char *dir, const char *name);
/* Lexically: no ".", "..", "//"; absolute stays absolute ("/.." is "/"). Owned by the caller. */
char *path_clean(const char *path);

/* Takes a lock that ends with the process (flock). Waiting can be interrupted. Returns 1 if !wait and another holds it. */
int file_lock(int fd, bool exclusive, bool wait, const char *what, struct error *err);
#endif
