/* Unpacking a layer: see layer.h.
 *
 * The archive is foreign. Each entry is written by us, through the descriptor of its parent directory, which the kernel looked up
 * beneath the root (RESOLVE_IN_ROOT), so that no symlink that an earlier entry made leads out. The last component is never followed:
 * what is there is removed first (but a directory stays under a directory), and the new one is made exclusively. Owner, then extended
 * attributes, then mode (a change of owner clears setuid and capabilities), then times; those of directories at the very end, since every
 * entry inside changes them.
 *
 * Whiteouts speak of the layers beneath, never of this one (image-spec, layer.md): an entry of the same name in the same archive stays,
 * in whatever order the two come. */
#include "store/extract.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "store/overlay.h"
#include "store/source.h"
#include "store/tar.h"

enum { BLOCK_SIZE = 256 * 1024, ENTRIES_MAX = 10000000, SHOWN_MAX = 160, SPARSE_FACTOR = 16, ENTRY_OVERHEAD = 4096, STREAM_OVERHEAD = 64 << 20 };
#define BYTES_MAX ((int64_t)64 << 30)
#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

/* What a directory gets at the end. */
struct late {
	char *path;
	struct timespec mtime;
	mode_t mode;
	int64_t number; /* of the entry */
};

struct extract {
	int root; /* borrowed */
	const struct extract_options *options;
	struct source source;
	struct tar_reader *tar;
	struct tar_entry entry;
	char *path;			  /* of the entry, cleaned */
	int64_t entries, bytes, logical; /* so far: entries, bytes written, sizes with holes */
	int64_t entries_max, bytes_max;
	bool as_root;
	char *parent_path; /* the last parent that was opened, since the next entry mostly has the same; NULL: none */
	int parent;
	struct late *late;
	size_t late_len;
	char *block;
};

static void extract_clear(struct extract *x)
{
	for (size_t i = 0; i < x->late_len; i++)
		free(x->late[i].path);
	free(x->late);
	free(x->block);
	free(x->path);
	free(x->parent_path);
	fd_close(&x->parent);
	tar_entry_clear(&x->entry);
	tar_reader_free(&x->tar);
	source_close(&x->source);
}

/* A foreign name as it may stand on a terminal. `out` is returned. */
static const char *shown(const char *name, char out[SHOWN_MAX + 4])
{
	size_t len = strnlen(name, SHOWN_MAX);

	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)name[i] < ' ' || name[i] == 127 ? '?' : name[i];
	strcpy(out + len, name[len] ? "..." : "");
	return out;
}

static int invalid(const char *path, struct error *err, const char *why)
{
	char text[SHOWN_MAX + 4];

	return error_set(err, ERROR_INVALID, "the archive holds '%s', %s", shown(path, text), why);
}

static int failed(int number, struct error *err, const char *what)
{
	error_errno(err, number, "cannot %s", what);
	if (number == ENOSPC || number == EDQUOT)
		error_hint(err, "free some space ('sampan gc'), or put the store onto another disk with --root");
	return -1;
}

/* ---- where an entry goes ---- */

/* "./a//b/" becomes "a/b", "/a" becomes "a"; the root is ".". What goes above the root is refused, not clamped: nobody who means well writes it. */
static int clean_path(const struct extract *x, const char *path, char **ret, struct error *err)
{
	const char *prefix = x->options->prefix;

	while (*path == '/')
		path++;
	_cleanup_(freep) char *clean = path_clean(path);
	if (str_equal(clean, "..") || str_starts(clean, "../"))
		return invalid(path, err, "which leads out of it");
	if (prefix && !str_equal(prefix, ".")) {
		char *joined = str_equal(clean, ".") ? xstrdup(prefix) : path_join(prefix, clean);
		free(clean);
		clean = joined;
	}
	if (strlen(clean) >= PATH_MAX)
		return invalid(path, err, "a path that is too long");
	for (const char *at = clean; *at; at += strspn(at, "/")) {
		size_t len = strcspn(at, "/");
		if (len > NAME_MAX)
			return invalid(path, err, "a name that is too long");
		at += len;
	}
	free(*ret);
	*ret = steal(clean);
	return 0;
}

static void forget_parent(struct extract *x)
{
	fd_close(&x->parent);
	free(steal(x->parent_path));
}

/* Gives a directory that was left out of the archive the owner and mode that the image has so far. */
static void copy_lower(struct extract *x, int dir, const char *path)
{
	const struct strlist *lower = x->options->lower;

	for (size_t i = lower ? lower->len : 0; i-- > 0;) {
		_cleanup_(fd_close) int layer = openat(x->options->layers, lower->items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		_cleanup_(fd_close) int fd = layer < 0 ? -1 : path_open_in_root(layer, path, O_PATH | O_NOFOLLOW, 0, NULL);
		struct stat st;
		if (fd < 0 || fstat(fd, &st) < 0)
			continue;
		if (!S_ISDIR(st.st_mode))
			return;
		struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st.st_mtim };
		if (fchown(dir, st.st_uid, st.st_gid) < 0 || fchmod(dir, st.st_mode & 07777) < 0 || futimens(dir, times) < 0)
			log_debug("cannot give %s the owner and mode that it has beneath", path);
		return;
	}
}

/* Makes one missing directory whose own parent is there. */
static int make_parent(struct extract *x, const char *path, struct error *err)
{
	_cleanup_(fd_close) int above = -1;
	const char *name;

	if (path_parent_in_root(x->root, path, false, &above, &name, err) < 0)
		return -1;
	if (mkdirat(above, name, 0700) < 0)
		return errno == EEXIST ? invalid(path, err, "which is a link that leads nowhere") : failed(errno, err, "make a folder");
	_cleanup_(fd_close) int dir = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fchmod(dir, 0755) < 0)
		return failed(errno, err, "open a folder");
	copy_lower(x, dir, path);
	return 0;
}

static int make_parents(struct extract *x, const char *path, struct error *err)
{
	_cleanup_(freep) char *partial = xstrdup(path);

	for (char *slash = partial; slash; ) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		struct error why _cleanup_(error_clear) = { 0 };
		_cleanup_(fd_close) int fd = path_open_in_root(x->root, partial, O_PATH | O_DIRECTORY, 0, &why);
		if (fd < 0 && why.code != ERROR_NOT_FOUND) {
			error_move(err, &why);
			return -1;
		}
		if (fd < 0 && make_parent(x, partial, err) < 0)
			return -1;
		if (slash)
			*slash = '/';
	}
	return 0;
}

/* The parent directory of x->path, and the name in it, which points into x->path. The descriptor stays x's. */
static int open_parent(struct extract *x, const char **ret_name, struct error *err)
{
	const char *slash = strrchr(x->path, '/'), *name = slash ? slash + 1 : x->path;
	_cleanup_(freep) char *above = slash ? xstrndup(x->path, (size_t)(slash - x->path)) : xstrdup(".");

	if (!str_equal(above, x->parent_path)) {
		struct error why _cleanup_(error_clear) = { 0 };
		forget_parent(x);
		x->parent = path_open_in_root(x->root, above, O_RDONLY | O_DIRECTORY, 0, &why);
		if (x->parent < 0 && why.code == ERROR_NOT_FOUND) {
			if (make_parents(x, above, err) < 0)
				return -1;
			error_clear(&why);
			x->parent = path_open_in_root(x->root, above, O_RDONLY | O_DIRECTORY, 0, &why);
		}
		if (x->parent < 0) {
			error_move(err, &why);
			return -1;
		}
		x->parent_path = steal(above);
	}
	*ret_name = name;
	return 0;
}

/* Removes what is in the way of the entry. A directory stays for a directory: then 1. `ret_hides` says whether something other than a directory, which hid
 * what lies beneath, went away. */
static int make_way(struct extract *x, const char *name, bool directory, bool *ret_hides, struct error *err)
{
	struct stat st;

	*ret_hides = false;
	if (fstatat(x->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : failed(errno, err, "look at what is there");
	if (S_ISDIR(st.st_mode) && directory)
		return 1;
	if (x->options->strict && (S_ISDIR(st.st_mode) || directory))
		return error_set(err, ERROR_EXISTS, directory ? "a folder cannot take the place of a file" : "a file cannot take the place of a folder");
	*ret_hides = !S_ISDIR(st.st_mode);
	if (S_ISDIR(st.st_mode) ? dir_remove(x->parent, name, err) < 0 : unlinkat(x->parent, name, 0) < 0 && failed(errno, err, "replace a file") < 0)
		return -1;
	/* The parent of the next entry may have been looked up through what is gone: without a path it is looked up anew. */
	free(steal(x->parent_path));
	return 0;
}

/* ---- owner, attributes, mode, times ---- */

static int owner_failed(const struct extract *x, int number, struct error *err)
{
	if (number != EINVAL && number != EPERM)
		return failed(number, err, "change the owner");
	error_set(err, ERROR_UNSUPPORTED, "its owner %lld:%lld cannot be used by this user", (long long)x->entry.uid, (long long)x->entry.gid);
	return error_hint(err, "run sampan as root, or give this user 65536 ids in /etc/subuid and /etc/subgid (usermod --add-subuids, --add-subgids)");
}

/* Extended attributes that an image may bring along. overlayfs' own would change what other layers mean; the rest of trusted and
 * security belongs to the machine. */
static bool xattr_allowed(const char *name)
{
	return (str_starts(name, "user.") && !str_starts(name, "user.overlay.")) || str_equal(name, "security.capability") ||
	       str_equal(name, "system.posix_acl_access") || str_equal(name, "system.posix_acl_default");
}

static int set_xattrs(const struct extract *x, int fd, struct error *err)
{
	for (size_t i = 0; i < x->entry.xattrs_len; i++) {
		const struct tar_xattr *xattr = &x->entry.xattrs[i];
		char text[SHOWN_MAX + 4];
		if (!xattr_allowed(xattr->name)) {
			log_debug("the extended attribute %s of a layer is left out", shown(xattr->name, text));
			continue;
		}
		if (fsetxattr(fd, xattr->name, xattr->value, xattr->len, 0) == 0)
			continue;
		if (errno != EOPNOTSUPP && errno != EPERM)
			return failed(errno, err, "set an extended attribute");
		log_warn_once("extended attributes of the image are lost, such as '%s': %s", shown(xattr->name, text), strerror(errno));
	}
	return 0;
}

static void entry_times(const struct extract *x, struct timespec ret[2])
{
	ret[0] = ret[1] = x->entry.mtime;
}

/* For what can be opened. A directory's times are left for the end. */
static int finish_fd(struct extract *x, int fd, struct error *err)
{
	bool directory = x->entry.type == TAR_DIRECTORY;
	mode_t mode = x->entry.mode | (directory && !x->as_root ? 0700 : 0);
	struct timespec times[2];

	if (!x->options->own && fchown(fd, (uid_t)x->entry.uid, (gid_t)x->entry.gid) < 0)
		return owner_failed(x, errno, err);
	if (set_xattrs(x, fd, err) < 0)
		return -1;
	if (fchmod(fd, mode) < 0)
		return failed(errno, err, "change the mode");
	entry_times(x, times);
	if (!directory && futimens(fd, times) < 0)
		return failed(errno, err, "set the time");
	if (!directory)
		return 0;
	xgrow(x->late, x->late_len);
	x->late[x->late_len++] = (struct late){ xstrdup(x->path), x->entry.mtime, x->entry.mode, x->entries };
	return 0;
}

/* For what mustn't be opened: symlinks, devices, FIFOs, which we have just made. */
static int finish_name(struct extract *x, const char *name, struct error *err)
{
	struct timespec times[2];

	if (!x->options->own && fchownat(x->parent, name, (uid_t)x->entry.uid, (gid_t)x->entry.gid, AT_SYMLINK_NOFOLLOW) < 0)
		return owner_failed(x, errno, err);
	if (x->entry.type != TAR_SYMLINK) {
		/* fchmodat knows no AT_SYMLINK_NOFOLLOW before Linux 6.6; a descriptor without rights does the same */
		_cleanup_(fd_close) int fd = openat(x->parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		char path[40];
		struct stat st;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (fd < 0 || fstat(fd, &st) < 0 || S_ISLNK(st.st_mode) || chmod(path, x->entry.mode) < 0)
			return failed(errno, err, "change the mode");
	}
	entry_times(x, times);
	if (utimensat(x->parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(errno, err, "set the time");
	return 0;
}

/* ---- entries ---- */

/* Nothing is written before it is known to be within the limits. */
static int charge_file(struct extract *x, struct error *err)
{
	int64_t stored = tar_stored_size(&x->entry);
	char size[16];

	if (stored > x->bytes_max - x->bytes || x->entry.size > INT64_MAX - x->logical ||
	    (x->bytes_max < INT64_MAX / SPARSE_FACTOR && x->logical + x->entry.size > x->bytes_max * SPARSE_FACTOR))
		return error_set(err, ERROR_TOO_LARGE, "the layer's files are larger than %s together, which is the limit",
				 size_print((uint64_t)x->bytes_max, size));
	x->bytes += stored;
	x->logical += x->entry.size;
	return 0;
}

static int copy_bytes(struct extract *x, int fd, int64_t len, struct error *err)
{
	while (len) {
		size_t want = len < BLOCK_SIZE ? (size_t)len : BLOCK_SIZE;
		ssize_t n = tar_read(x->tar, x->block, want, err);
		if (n < 0 || interrupt_check(err) < 0 || fd_write_all(fd, x->block, (size_t)n, "a file", err) < 0)
			return -1;
		len -= n;
	}
	return 0;
}

static int make_file(struct extract *x, const char *name, struct error *err)
{
	const struct tar_entry *entry = &x->entry;

	if (charge_file(x, err) < 0)
		return -1;
	_cleanup_(fd_close) int fd = openat(x->parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(errno, err, "create the file");
	if (entry->sparse && ftruncate(fd, entry->size) < 0)
		return errno == EFBIG || errno == EINVAL ? error_set(err, ERROR_TOO_LARGE, "the file system does not hold files of that size") :
							   failed(errno, err, "make the file as long as it is");
	for (size_t i = 0; i < entry->extents_len && entry->sparse; i++) {
		if (lseek(fd, entry->extents[i].offset, SEEK_SET) < 0)
			return failed(errno, err, "seek");
		if (copy_bytes(x, fd, entry->extents[i].len, err) < 0)
			return -1;
	}
	if (!entry->sparse && copy_bytes(x, fd, entry->size, err) < 0)
		return -1;
	return finish_fd(x, fd, err);
}

/* `there`: it was kept from before. `hides`: something that hid the layers beneath was in its place. */
static int make_directory(struct extract *x, const char *name, bool there, bool hides, struct error *err)
{
	if (!there && mkdirat(x->parent, name, 0700) < 0)
		return failed(errno, err, "make the folder");
	_cleanup_(fd_close) int fd = openat(x->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failed(errno, err, "open the folder");
	if (hides && x->options->whiteouts && overlay_set_opaque(fd, name, err) < 0)
		return -1;
	return finish_fd(x, fd, err);
}

static int make_symlink(struct extract *x, const char *name, struct error *err)
{
	if (!*x->entry.target || strlen(x->entry.target) >= PATH_MAX)
		return error_set(err, ERROR_INVALID, "its target is empty or too long");
	if (symlinkat(x->entry.target, x->parent, name) < 0)
		return failed(errno, err, "make the symbolic link");
	return finish_name(x, name, err);
}

static int make_special(struct extract *x, const char *name, struct error *err)
{
	mode_t type = x->entry.type == TAR_FIFO ? S_IFIFO : x->entry.type == TAR_BLOCKDEV ? S_IFBLK : S_IFCHR;
	dev_t device = type == S_IFIFO ? 0 : makedev(x->entry.major, x->entry.minor);

	if (mknodat(x->parent, name, type | 0600, device) < 0) {
		if (errno != EPERM || type == S_IFIFO)
			return failed(errno, err, "make the device");
		log_warn_once("device nodes of the image are left out, since only root may make them");
		return 0;
	}
	return finish_name(x, name, err);
}

static int link_missing(const struct extract *x, struct error *err)
{
	char text[SHOWN_MAX + 4];

	return error_set(err, ERROR_INVALID, "it is a hard link to '%s', which the layer does not hold", shown(x->entry.target, text));
}

/* The target is a name in this layer like any other; a symlink is itself what is linked to. Must come before what is in the way is removed, which may be the
 * target. */
static int make_hardlink(struct extract *x, const char *name, struct error *err)
{
	_cleanup_(freep) char *target = NULL;
	_cleanup_(fd_close) int dir = -1;
	struct error why _cleanup_(error_clear) = { 0 };
	const char *target_name;
	struct stat from, to;
	bool hides;

	if (clean_path(x, x->entry.target, &target, err) < 0)
		return -1;
	if (path_parent_in_root(x->root, target, false, &dir, &target_name, &why) < 0 ||
	    fstatat(dir, target_name, &from, AT_SYMLINK_NOFOLLOW) < 0 || overlay_is_whiteout(&from))
		return link_missing(x, err);
	if (S_ISDIR(from.st_mode))
		return error_set(err, ERROR_INVALID, "it is a hard link to a folder");
	if (fstatat(x->parent, name, &to, AT_SYMLINK_NOFOLLOW) == 0 && to.st_dev == from.st_dev && to.st_ino == from.st_ino)
		return 0;
	if (make_way(x, name, false, &hides, err) < 0)
		return -1;
	if (linkat(dir, target_name, x->parent, name, 0) < 0)
		return errno == ENOENT ? link_missing(x, err) : failed(errno, err, "make the hard link");
	return 0;
}

static int make_entry(struct extract *x, const char *name, struct error *err)
{
	bool hides;

	if (x->entry.type == TAR_HARDLINK)
		return make_hardlink(x, name, err);
	int there = make_way(x, name, x->entry.type == TAR_DIRECTORY, &hides, err);
	if (there < 0)
		return -1;
	switch (x->entry.type) {
	case TAR_DIRECTORY: return make_directory(x, name, there, hides, err);
	case TAR_SYMLINK: return make_symlink(x, name, err);
	case TAR_FILE: return make_file(x, name, err);
	default: return make_special(x, name, err);
	}
}

/* ".wh.NAME" */
static int make_whiteout(struct extract *x, const char *name, struct error *err)
{
	struct stat st;

	if (!*name || str_equal(name, ".") || str_equal(name, ".."))
		return error_set(err, ERROR_INVALID, "it is a whiteout of nothing inside");
	if (fstatat(x->parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISDIR(st.st_mode))
			return 0; /* hides what is beneath anyway */
		_cleanup_(fd_close) int fd = openat(x->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return failed(errno, err, "open the folder");
		return overlay_set_opaque(fd, name, err);
	}
	if (mknodat(x->parent, name, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	int number = errno;
	failed(number, err, "mark a file as removed");
	if (number == EPERM)
		error_hint(err, "run sampan as root, or on Linux 5.11 or newer");
	return -1;
}

/* What a path means beside itself: 1 if it is of aufs, whose layers docker's format was, and says nothing to us. */
static int check_marks(const struct extract *x, struct error *err)
{
	for (const char *at = x->entry.path, *slash; at; at = slash ? slash + 1 : NULL) { /* not the cleaned one, for ".wh.a/../b" */
		slash = strchr(at, '/');
		if (str_starts(at, WHITEOUT_META) && !(str_equal(at, WHITEOUT_OPAQUE)))
			return 1;
		if (slash && str_starts(at, WHITEOUT))
			return error_set(err, ERROR_INVALID, "a whiteout cannot be a folder");
	}
	return 0;
}

static int extract_entry(struct extract *x, struct error *err)
{
	const char *name;

	if (clean_path(x, x->entry.path, &x->path, err) < 0)
		return -1;
	int marks = x->options->whiteouts ? check_marks(x, err) : 0;
	if (marks)
		return marks < 0 ? -1 : 0;
	if (str_equal(x->path, ".")) {
		if (x->entry.type != TAR_DIRECTORY)
			return error_set(err, ERROR_INVALID, "the root of the layer is no folder");
		_cleanup_(fd_close) int fd = openat(x->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return fd < 0 ? failed(errno, err, "open the folder") : finish_fd(x, fd, err);
	}
	if (open_parent(x, &name, err) < 0)
		return -1;
	if (!x->options->whiteouts || !str_starts(name, WHITEOUT))
		return make_entry(x, name, err);
	if (str_equal(name, WHITEOUT_OPAQUE))
		return overlay_set_opaque(x->parent, name, err);
	return make_whiteout(x, name + strlen(WHITEOUT), err);
}

/* Deeper ones first, since the mode of those above may lock us out; of two words on one directory the later comes last. */
static int late_compare(const void *left, const void *right)
{
	const struct late *a = left, *b = right;
	size_t a_len = strlen(a->path), b_len = strlen(b->path);

	if (a_len != b_len)
		return a_len < b_len ? 1 : -1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static int finish_directories(struct extract *x, struct error *err)
{
	if (x->late_len)
		qsort(x->late, x->late_len, sizeof *x->late, late_compare);
	for (size_t i = 0; i < x->late_len; i++) {
		const struct late *late = &x->late[i];
		struct error why _cleanup_(error_clear) = { 0 };
		_cleanup_(fd_close) int fd = path_open_in_root(x->root, late->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &why);
		if (fd < 0) /* a later entry took its place */
			continue;
		struct timespec times[2] = { late->mtime, late->mtime };
		if (futimens(fd, times) < 0 || (!x->as_root && fchmod(fd, late->mode) < 0))
			return failed(errno, err, "set the time of a folder");
	}
	return 0;
}

static int extract_all(struct extract *x, struct error *err)
{
	char text[SHOWN_MAX + 4];
	int more;

	while ((more = tar_next(x->tar, &x->entry, err)) > 0) {
		if (interrupt_check(err) < 0)
			return -1;
		if (++x->entries > x->entries_max)
			return error_set(err, ERROR_TOO_LARGE, "the layer has more than %lld entries, which is the limit", (long long)x->entries_max);
		if (x->source.bytes_max < INT64_MAX)
			x->source.bytes_max += ENTRY_OVERHEAD;
		if (extract_entry(x, err) < 0)
			return error_wrap(err, "cannot unpack %s", shown(x->entry.path, text));
	}
	return more < 0 ? -1 : finish_directories(x, err);
}

int layer_extract_with(int source, int dir, const struct extract_options *options, struct digest *ret_diff_id, struct error *err)
{
	struct extract x _cleanup_(extract_clear) = { .root = dir, .options = options, .parent = -1, .as_root = geteuid() == 0 };
	int64_t bytes_max = options->limits.bytes_max ? options->limits.bytes_max : BYTES_MAX;

	if (source_open(source, &x.source, err) < 0)
		return -1;
	x.source.progress = options->progress;
	x.bytes_max = bytes_max < 0 ? INT64_MAX : bytes_max;
	if (bytes_max > 0 && bytes_max < INT64_MAX / 2)
		x.source.bytes_max = bytes_max + STREAM_OVERHEAD;
	x.entries_max = options->limits.entries_max ? options->limits.entries_max : ENTRIES_MAX;
	x.tar = tar_reader_new(source_read, &x.source);
	x.block = xcalloc(1, BLOCK_SIZE);
	if (extract_all(&x, err) < 0)
		return -1;
	return source_finish(&x.source, ret_diff_id, err);
}

int layer_extract(int source, int dir, bool apply_whiteouts, const struct layer_limits *limits, struct digest *ret_diff_id, struct error *err)
{
	struct extract_options options = { .whiteouts = apply_whiteouts, .layers = -1 };

	if (limits)
		options.limits = *limits;
	return layer_extract_with(source, dir, &options, ret_diff_id, err);
}

int tree_extract(int source, int root, const char *prefix, bool own, struct error *err)
{
	struct extract_options options = { .layers = -1, .prefix = prefix, .own = own, .strict = true, .limits = { .bytes_max = -1, .entries_max = INT64_MAX } };

	return layer_extract_with(source, root, &options, NULL, err);
}
