/* File descriptors: see fd.h. */
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/interrupt.h"

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int fd_steal(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int fd_write_all(int fd, const void *bytes, size_t len, const char *what, struct error *err)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "cannot write %s", what);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_full(int fd, void *bytes, size_t len, const char *what, struct error *err)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (char *)bytes + have, len - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "cannot read %s", what);
		if (!n)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int fd_read_all(int fd, size_t limit, struct buf *ret, const char *what, struct error *err)
{
	char block[16384];

	for (;;) {
		ssize_t n = fd_read_full(fd, block, sizeof block, what, err);
		if (n < 0)
			return -1;
		if ((size_t)n > limit)
			return error_set(err, ERROR_TOO_LARGE, "%s is larger than expected", what);
		limit -= (size_t)n;
		buf_add(ret, block, (size_t)n);
		if ((size_t)n < sizeof block)
			return 0;
	}
}

int file_read(int dir, const char *path, size_t limit, struct buf *ret, struct error *err)
{
	_cleanup_(fd_close) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	return fd_read_all(fd, limit, ret, path, err);
}

int fd_copy(int from, int to, const char *what, struct error *err)
{
	char block[65536];

	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			break;
	}
	for (;;) {
		ssize_t n = fd_read_full(from, block, sizeof block, what, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		if (fd_write_all(to, block, (size_t)n, what, err) < 0)
			return -1;
	}
}

int fd_sync(int fd, const char *what, struct error *err)
{
	if (fsync(fd) < 0)
		return error_errno(err, errno, "cannot sync %s", what);
	return 0;
}

int dir_sync(int dir, const char *path, struct error *err)
{
	_cleanup_(fd_close) int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	return fd_sync(fd, path, err);
}

int file_replace(int dir, const char *name, const void *bytes, size_t len, mode_t mode, struct error *err)
{
	_cleanup_(freep) char *temporary = xprintf("%s.%d.tmp", name, (int)getpid());
	_cleanup_(freep) char *parent = xstrdup(name);
	char *slash = strrchr(parent, '/');

	if (slash)
		*slash = '\0';
	_cleanup_(fd_close) int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return error_errno(err, errno, "cannot create %s", temporary);
	if (fd_write_all(fd, bytes, len, name, err) < 0 || fd_sync(fd, name, err) < 0)
		goto failed;
	if (renameat(dir, temporary, dir, name) < 0) {
		error_errno(err, errno, "cannot rename %s to %s", temporary, name);
		goto failed;
	}
	return dir_sync(dir, slash ? (*parent ? parent : "/") : ".", err);
failed:
	unlinkat(dir, temporary, 0);
	return -1;
}

int dir_make(int dir, const char *path, mode_t mode, struct error *err)
{
	_cleanup_(freep) char *copy = xstrdup(path);

	for (char *slash = copy + 1;; slash++) {
		if (*slash && *slash != '/')
			continue;
		char end = *slash;
		*slash = '\0';
		if (mkdirat(dir, copy, mode) < 0 && errno != EEXIST)
			return error_errno(err, errno, "cannot make the folder %s", copy);
		if (!end)
			return 0;
		*slash = end;
	}
}

/* A tree may be nested deeper than we may open files (an image layer may make it so to hurt): what lies deeper than REMOVE_DEPTH_MAX is moved up into
 * the tree's top, which is listed again until nothing is left in it. */
enum { REMOVE_DEPTH_MAX = 64 };

struct removal {
	dev_t device;
	int top; /* the tree's own directory, once it is open */
	int depth;
	unsigned moved;
};

static int remove_in(struct removal *removal, int dir, const char *name, struct error *err);

static int remove_later(struct removal *removal, int dir, const char *name, struct error *err)
{
	char moved[40];

	do {
		snprintf(moved, sizeof moved, "removed.%u", removal->moved++);
		if (renameat2(dir, name, removal->top, moved, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno == EACCES && fchmodat(dir, name, 0700, 0) == 0 && renameat2(dir, name, removal->top, moved, RENAME_NOREPLACE) == 0)
			return 0;
	} while (errno == EEXIST);
	return error_errno(err, errno, "cannot remove %s", name);
}

static int remove_children(struct removal *removal, int fd, struct error *err)
{
	DIR *list = fdopendir(fd);
	unsigned moved;
	int result = 0;

	if (!list) {
		close(fd);
		return error_errno(err, errno, "cannot list a folder to remove");
	}
	if (removal->depth++ == 0)
		removal->top = dirfd(list);
	do {
		moved = removal->moved;
		rewinddir(list);
		for (struct dirent *entry; result == 0 && (entry = readdir(list));)
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				result = remove_in(removal, dirfd(list), entry->d_name, err);
	} while (result == 0 && removal->depth == 1 && moved != removal->moved);
	removal->depth--;
	closedir(list);
	return result;
}

static int remove_in(struct removal *removal, int dir, const char *name, struct error *err)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return error_errno(err, errno, "cannot remove %s", name);
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return 0;
	if (removal->depth >= REMOVE_DEPTH_MAX)
		return remove_later(removal, dir, name, err);
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, 0) == 0)
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot remove %s", name);
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_dev != removal->device) {
		close(fd);
		return error_set(err, ERROR_BUSY, "cannot remove %s: something is mounted there", name);
	}
	if (remove_children(removal, fd, err) < 0)
		return -1;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return error_errno(err, errno, "cannot remove %s", name);
}

int dir_remove(int dir, const char *name, struct error *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at %s", name);
	struct removal removal = { .device = st.st_dev, .top = -1 };
	return remove_in(&removal, dir, name, err);
}

int file_lock(int fd, bool exclusive, bool wait, const char *what, struct error *err)
{
	int operation = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB);

	while (flock(fd, operation) < 0) {
		if (errno == EINTR && !interrupt_pending())
			continue;
		if (errno == EWOULDBLOCK)
			return 1;
		return error_errno(err, errno, "cannot lock %s", what);
	}
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int dir_names(int dir, const char *path, struct strlist *ret, struct error *err)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	size_t from = ret->len;

	if (!list) {
		error_errno(err, errno, "cannot list %s", path);
		fd_close(&fd);
		return -1;
	}
	for (struct dirent *entry; (entry = readdir(list));)
		if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
			strlist_add(ret, entry->d_name);
	closedir(list);
	if (ret->len > from)
		qsort(ret->items + from, ret->len - from, sizeof *ret->items, compare_names);
	return 0;
}
