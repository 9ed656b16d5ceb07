/* Making a tar of a layer's directory: see layer.h.
 *
 * The walk goes by names in byte order, so that the order does not depend on the file system. What says how this machine
 * keeps the tree, rather than what the tree is, stays out: access times, names of owners, overlayfs' and SELinux' attributes. */
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "store/layer.h"
#include "store/overlay.h"
#include "store/tar.h"

enum { CHUNK = 64 * 1024, OUTPUT_SIZE = 256 * 1024, DEPTH_MAX = 500 };
_Static_assert(CHUNK >= XATTR_SIZE_MAX && CHUNK >= XATTR_LIST_MAX, "an extended attribute fits into a chunk");

/* A file that has other names: the first of them is where the others point. */
struct linked {
	dev_t device;
	ino_t inode;
	char *path; /* NULL: the slot is free */
};

struct writer {
	int64_t epoch;
	const struct strlist *skip; /* see archive_options */
	bool files;
	int (*write)(void *data, const void *bytes, size_t len, struct error *err);
	void *data;
	struct buf out;
	struct linked *links; /* a hash table, links_cap being a power of two */
	size_t links_len, links_cap;
	char *chunk; /* CHUNK bytes, which is as much as extended attributes and their list may have */
	int depth;
};

static void writer_clear(struct writer *w)
{
	for (size_t i = 0; i < w->links_cap; i++)
		free(w->links[i].path);
	free(w->links);
	free(w->chunk);
	buf_free(&w->out);
}

static int flush(struct writer *w, size_t above, struct error *err)
{
	if (w->out.len <= above)
		return 0;
	if (w->write(w->data, w->out.data, w->out.len, err) < 0)
		return -1;
	buf_clear(&w->out);
	return 0;
}

static int failed(int number, const char *what, const char *path, struct error *err)
{
	return error_errno(err, number, "cannot %s %s", what, path);
}

/* ---- hard links ---- */

static struct linked *link_slot(const struct writer *w, dev_t device, ino_t inode)
{
	size_t at = (size_t)((inode * UINT64_C(0x9e3779b97f4a7c15)) ^ device) & (w->links_cap - 1);

	while (w->links[at].path && !(w->links[at].inode == inode && w->links[at].device == device))
		at = (at + 1) & (w->links_cap - 1);
	return &w->links[at];
}

static void links_grow(struct writer *w)
{
	struct linked *old = w->links;
	size_t old_cap = w->links_cap;

	w->links_cap = old_cap ? old_cap * 2 : 256;
	w->links = xcalloc(w->links_cap, sizeof *w->links);
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].path)
			*link_slot(w, old[i].device, old[i].inode) = old[i];
	free(old);
}

/* The path under which this file was written already (borrowed), or NULL if this is the first one. */
static const char *link_find(struct writer *w, const struct stat *st, const char *path)
{
	if (2 * w->links_len >= w->links_cap)
		links_grow(w);
	struct linked *slot = link_slot(w, st->st_dev, st->st_ino);
	if (slot->path)
		return slot->path;
	*slot = (struct linked){ st->st_dev, st->st_ino, xstrdup(path) };
	w->links_len++;
	return NULL;
}

/* ---- extended attributes ---- */

static bool xattr_kept(const char *name)
{
	return (str_starts(name, "user.") && !str_starts(name, "user.overlay.")) || str_equal(name, "security.capability") ||
	       str_equal(name, "system.posix_acl_access") || str_equal(name, "system.posix_acl_default");
}

/* Capabilities that belong to the root of the namespace in which we are (revision 3, owner 0) are the same as those without an owner
 * (revision 2), which every unpacker knows. */
static size_t capability_normalise(void *value, size_t len)
{
	struct vfs_ns_cap_data *data = value;

	if (len != sizeof *data || data->rootid || (data->magic_etc & htole32(VFS_CAP_REVISION_MASK)) != htole32(VFS_CAP_REVISION_3))
		return len;
	data->magic_etc = (data->magic_etc & ~htole32(VFS_CAP_REVISION_MASK)) | htole32(VFS_CAP_REVISION_2);
	return XATTR_CAPS_SZ_2;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_xattrs(struct writer *w, int fd, const char *path, struct strlist *ret, struct error *err)
{
	const char *names = w->chunk;
	ssize_t len = flistxattr(fd, w->chunk, CHUNK);

	if (len < 0)
		return errno == EOPNOTSUPP || errno == EPERM ? 0 : failed(errno, "list the extended attributes of", path, err);
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		if (str_ends(name, ".overlay.redirect") || str_ends(name, ".overlay.metacopy"))
			return error_set(err, ERROR_UNSUPPORTED, "%s is only half in this layer: it was mounted with redirect_dir or metacopy", path);
		if (xattr_kept(name))
			strlist_add(ret, name);
	}
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, compare_names);
	return 0;
}

static int read_xattrs(struct writer *w, int fd, const char *path, struct tar_entry *entry, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (list_xattrs(w, fd, path, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		ssize_t len = fgetxattr(fd, names.items[i], w->chunk, CHUNK);
		if (len < 0 && errno == ENODATA)
			continue;
		if (len < 0)
			return failed(errno, "read the extended attributes of", path, err);
		size_t kept = str_equal(names.items[i], "security.capability") ? capability_normalise(w->chunk, (size_t)len) : (size_t)len;
		tar_entry_set_xattr(entry, names.items[i], w->chunk, kept);
	}
	return 0;
}

/* ---- files ---- */

static bool all_zero(const char *bytes, size_t len)
{
	return !len || (!bytes[0] && !memcmp(bytes, bytes + 1, len - 1));
}

static void add_chunk(struct tar_entry *entry, int64_t offset, int64_t len)
{
	struct tar_extent *last = entry->extents_len ? &entry->extents[entry->extents_len - 1] : NULL;

	if (last && last->offset + last->len == offset) {
		last->len += len;
		return;
	}
	xgrow(entry->extents, entry->extents_len);
	entry->extents[entry->extents_len++] = (struct tar_extent){ offset, len };
}

static int read_chunk(struct writer *w, int fd, int64_t offset, size_t len, const char *path, struct error *err)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = pread(fd, w->chunk + have, len - have, offset + (int64_t)have);
		if (n < 0 && errno != EINTR)
			return failed(errno, "read", path, err);
		if (n == 0)
			return error_set(err, ERROR_BUSY, "%s was changed while it was read", path);
		have += n > 0 ? (size_t)n : 0;
	}
	return interrupt_check(err);
}

/* The map of a file that takes less room on disk than it is long. Its holes are the chunks of zeroes: where exactly the file system has holes of its
 * own differs from one to the other, and the archive should not. */
static int find_holes(struct writer *w, int fd, struct tar_entry *entry, struct error *err)
{
	for (int64_t at = 0; at < entry->size; at += CHUNK) {
		int64_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		if (data > at)
			at = data - data % CHUNK;
		size_t len = entry->size - at < CHUNK ? (size_t)(entry->size - at) : CHUNK;
		if (read_chunk(w, fd, at, len, entry->path, err) < 0)
			return -1;
		if (!all_zero(w->chunk, len))
			add_chunk(entry, at, (int64_t)len);
	}
	entry->sparse = !(entry->extents_len == 1 && entry->extents[0].len == entry->size);
	if (entry->extents_len > TAR_EXTENTS_MAX / 2)
		entry->sparse = false;
	return 0;
}

static int write_bytes(struct writer *w, int fd, int64_t offset, int64_t len, const char *path, struct error *err)
{
	for (int64_t end = offset + len; offset < end;) {
		size_t n = end - offset < CHUNK ? (size_t)(end - offset) : CHUNK;
		if (read_chunk(w, fd, offset, n, path, err) < 0)
			return -1;
		buf_add(&w->out, w->chunk, n);
		offset += (int64_t)n;
		if (flush(w, OUTPUT_SIZE - CHUNK, err) < 0)
			return -1;
	}
	return 0;
}

static int write_file(struct writer *w, int fd, const struct stat *st, struct tar_entry *entry, struct error *err)
{
	int64_t stored;

	entry->size = st->st_size;
	if (st->st_size - (int64_t)st->st_blocks * 512 >= CHUNK && find_holes(w, fd, entry, err) < 0)
		return -1;
	tar_print_header(entry, &w->out);
	for (size_t i = 0; i < entry->extents_len && entry->sparse; i++)
		if (write_bytes(w, fd, entry->extents[i].offset, entry->extents[i].len, entry->path, err) < 0)
			return -1;
	if (!entry->sparse && write_bytes(w, fd, 0, entry->size, entry->path, err) < 0)
		return -1;
	stored = tar_stored_size(entry);
	tar_print_padding(stored, &w->out);
	return flush(w, OUTPUT_SIZE - CHUNK, err);
}

/* ---- entries ---- */

static void fill_entry(const struct writer *w, const struct stat *st, struct tar_entry *entry)
{
	entry->mode = st->st_mode & 07777;
	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
	entry->mtime = st->st_mtim;
	if (w->epoch >= 0 && (entry->mtime.tv_sec > w->epoch || (entry->mtime.tv_sec == w->epoch && entry->mtime.tv_nsec)))
		entry->mtime = (struct timespec){ .tv_sec = w->epoch };
}

/* A mark has no owner and no time, so that it is the same whenever it was made. */
static int write_whiteout(struct writer *w, const char *above, const char *name, struct error *err)
{
	struct tar_entry entry _cleanup_(tar_entry_clear) = { .type = TAR_FILE, .mode = 0600 };

	entry.path = xprintf("%s.wh.%s", above, name);
	tar_print_header(&entry, &w->out);
	return flush(w, OUTPUT_SIZE - CHUNK, err);
}

static int write_children(struct writer *w, int dir, const char *above, struct error *err);

/* What the kernel shows of itself has no size and no end. */
static bool is_kernels(int fd)
{
	static const long magics[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC };
	struct statfs info;

	if (fstatfs(fd, &info) < 0)
		return false;
	for (size_t i = 0; i < array_len(magics); i++)
		if (info.f_type == magics[i])
			return true;
	return false;
}

static int write_directory(struct writer *w, int fd, struct tar_entry *entry, struct error *err)
{
	char *path = xprintf("%s/", entry->path);

	free(entry->path);
	entry->path = path;
	tar_print_header(entry, &w->out);
	if (w->files && is_kernels(fd))
		return 0;
	if (w->depth >= DEPTH_MAX)
		return error_set(err, ERROR_TOO_LARGE, "%s is nested more than %d folders deep", entry->path, DEPTH_MAX);
	w->depth++;
	int result = write_children(w, fd, path, err);
	w->depth--;
	return result;
}

static int write_opened(struct writer *w, int dir, const char *name, const struct stat *expected, struct tar_entry *entry, struct error *err)
{
	bool directory = S_ISDIR(expected->st_mode);
	_cleanup_(fd_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (directory ? O_DIRECTORY : 0));
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return failed(errno, "open", entry->path, err);
	if (st.st_ino != expected->st_ino || st.st_dev != expected->st_dev)
		return error_set(err, ERROR_BUSY, "%s was changed while it was read", entry->path);
	if (read_xattrs(w, fd, entry->path, entry, err) < 0)
		return -1;
	return directory ? write_directory(w, fd, entry, err) : write_file(w, fd, &st, entry, err);
}

static int write_symlink(struct writer *w, int dir, const char *name, struct tar_entry *entry, struct error *err)
{
	ssize_t len = readlinkat(dir, name, w->chunk, CHUNK);

	if (len < 0 || len == CHUNK)
		return failed(len < 0 ? errno : ENAMETOOLONG, "read the symbolic link", entry->path, err);
	entry->target = xstrndup(w->chunk, (size_t)len);
	entry->mode = 0777;
	tar_print_header(entry, &w->out);
	return 0;
}

/* `entry` has its path. */
static int write_kind(struct writer *w, int dir, const char *name, const struct stat *st, struct tar_entry *entry, struct error *err)
{
	fill_entry(w, st, entry);
	const char *first = st->st_nlink > 1 && !S_ISDIR(st->st_mode) && !S_ISSOCK(st->st_mode) ? link_find(w, st, entry->path) : NULL;
	if (first) {
		entry->type = TAR_HARDLINK;
		entry->target = xstrdup(first);
		tar_print_header(entry, &w->out);
		return 0;
	}
	entry->major = major(st->st_rdev);
	entry->minor = minor(st->st_rdev);
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR: entry->type = TAR_DIRECTORY; return write_opened(w, dir, name, st, entry, err);
	case S_IFREG: entry->type = TAR_FILE; return write_opened(w, dir, name, st, entry, err);
	case S_IFLNK: entry->type = TAR_SYMLINK; return write_symlink(w, dir, name, entry, err);
	case S_IFCHR: entry->type = TAR_CHARACTER; break;
	case S_IFBLK: entry->type = TAR_BLOCKDEV; break;
	case S_IFIFO: entry->type = TAR_FIFO; break;
	default: log_debug("the socket %s is left out of the layer", entry->path); return 0;
	}
	tar_print_header(entry, &w->out);
	return 0;
}

static bool left_out(const struct writer *w, int dir, const char *name, const char *path, const struct stat *st);

static int write_entry(struct writer *w, int dir, const char *above, const char *name, struct error *err)
{
	struct tar_entry entry _cleanup_(tar_entry_clear) = { 0 };
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return w->files && errno == ENOENT ? 0 : failed(errno, "look at", name, err);
	if (!w->files && overlay_is_whiteout(&st))
		return write_whiteout(w, above, name, err);
	if (!w->files && str_starts(name, ".wh."))
		return error_set(err, ERROR_UNSUPPORTED, "%s%s cannot be in a layer: names that begin with .wh. mark removed files there", above, name);
	entry.path = xprintf("%s%s", above, name);
	return left_out(w, dir, name, entry.path, &st) ? 0 : write_kind(w, dir, name, &st, &entry, err);
}

static int list_names(int dir, const char *above, struct strlist *ret, struct error *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list) {
		int number = errno;
		fd_close(&fd);
		return failed(number, "list", *above ? above : "the layer", err);
	}
	errno = 0;
	for (struct dirent *entry; (entry = readdir(list)); errno = 0)
		if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
			strlist_add(ret, entry->d_name);
	int number = errno;
	closedir(list);
	if (number)
		return failed(number, "list", *above ? above : "the layer", err);
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, compare_names);
	return 0;
}

/* Is it one of the empty files and folders that are to be skipped? A folder that holds nothing else is empty, too. */
static bool left_out(const struct writer *w, int dir, const char *name, const char *path, const struct stat *st)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (!w->skip || !strlist_has(w->skip, path))
		return false;
	if (!S_ISDIR(st->st_mode))
		return S_ISREG(st->st_mode) && st->st_size == 0;
	_cleanup_(fd_close) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || list_names(fd, path, &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.len; i++) {
		_cleanup_(freep) char *below = xprintf("%s/%s", path, names.items[i]);
		struct stat info;
		if (fstatat(fd, names.items[i], &info, AT_SYMLINK_NOFOLLOW) < 0 || !left_out(w, fd, names.items[i], below, &info))
			return false;
	}
	return true;
}

/* `above` is "" or the directory's path with a slash behind. */
static int write_children(struct writer *w, int dir, const char *above, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (interrupt_check(err) < 0 || list_names(dir, above, &names, err) < 0)
		return -1;
	if (!w->files && overlay_is_opaque(dir) && write_whiteout(w, above, ".wh..opq", err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (write_entry(w, dir, above, names.items[i], err) < 0 || flush(w, OUTPUT_SIZE - CHUNK, err) < 0)
			return -1;
	return 0;
}

int archive_write_fd(void *data, const void *bytes, size_t len, struct error *err)
{
	const int *fd = data;

	return fd_write_all(*fd, bytes, len, "the archive", err);
}

int layer_archive_with(int dir, const struct archive_options *options, archive_write_fn *write, void *data, struct error *err)
{
	struct writer w _cleanup_(writer_clear) = { .epoch = options->epoch, .skip = options->skip, .write = write, .data = data,
						    .chunk = xcalloc(1, CHUNK) };

	if (write_children(&w, dir, "", err) < 0)
		return error_wrap(err, "cannot make a layer");
	tar_print_end(&w.out);
	return flush(&w, 0, err);
}

int layer_archive(int dir, int64_t epoch, archive_write_fn *write, void *data, struct error *err)
{
	struct archive_options options = { .epoch = epoch };

	return layer_archive_with(dir, &options, write, data, err);
}

int tree_archive(int dir, const char *name, const char *as, archive_write_fn *write, void *data, struct error *err)
{
	struct writer w _cleanup_(writer_clear) = { .epoch = -1, .files = true, .write = write, .data = data, .chunk = xcalloc(1, CHUNK) };
	struct tar_entry entry _cleanup_(tar_entry_clear) = { .path = xstrdup(as) };
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(errno, "look at", name, err);
	if (write_kind(&w, dir, name, &st, &entry, err) < 0)
		return -1;
	tar_print_end(&w.out);
	return flush(&w, 0, err);
}
