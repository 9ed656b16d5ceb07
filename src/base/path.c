/* Paths beneath a root: see fd.h.
 *
 * Foreign trees (image layers, build contexts) hold symlinks that point anywhere, and a process in a container may swap one
 * between two of our system calls. So a path in such a tree is only ever opened by the kernel's own walk with
 * RESOLVE_IN_ROOT (Linux 5.6): it is atomic against the swap. Where a sandbox denies openat2, our own walk opens one
 * component at a time with O_NOFOLLOW and reads symlinks itself, which is as strict. */
#include <errno.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

enum { LINKS_MAX = 40 };

static int walk(int root, const char *path, int flags, mode_t mode, int links);

/* Opens a component, following it if it is a symlink; `rest` is what comes behind it. `trail` is the path from the root to the
 * directory `dir`. */
static int follow(int root, int dir, const char *name, const char *trail, const char *rest, int flags, mode_t mode, int links)
{
	char target[4096];
	ssize_t len = readlinkat(dir, name, target, sizeof target - 1);

	if (len < 0)
		return -1;
	if (links >= LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	target[len] = '\0';
	_cleanup_(freep) char *joined =
		target[0] == '/' ? xprintf("%s/%s", target, rest) : xprintf("%s/%s/%s", trail, target, rest);
	return walk(root, joined, flags, mode, links + 1);
}

/* `..` is taken lexically from the trail, which holds no symlink since each was opened with O_NOFOLLOW. */
static int walk(int root, const char *path, int flags, mode_t mode, int links)
{
	_cleanup_(fd_close) int at = dup(root);
	struct strlist parts _cleanup_(strlist_free) = { 0 }, trail _cleanup_(strlist_free) = { 0 };

	strlist_split(&parts, path, '/');
	for (size_t i = 0; i < parts.len && at >= 0; i++) {
		const char *name = parts.items[i];
		if (!*name || str_equal(name, "."))
			continue;
		bool last = true;
		for (size_t j = i + 1; j < parts.len; j++)
			last = last && (!*parts.items[j] || str_equal(parts.items[j], "."));
		if (str_equal(name, "..")) {
			if (trail.len)
				free(trail.items[--trail.len]), trail.items[trail.len] = NULL;
			_cleanup_(freep) char *up = strlist_join(&trail, "/");
			int parent = walk(root, up, O_PATH | O_DIRECTORY, 0, links);
			fd_close(&at);
			at = parent;
			continue;
		}
		struct stat st;
		bool is_link = fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
		if (is_link && !(last && (flags & O_NOFOLLOW))) {
			struct strlist behind = { parts.items + i + 1, parts.len - i - 1 };
			_cleanup_(freep) char *rest = strlist_join(&behind, "/"), *here = strlist_join(&trail, "/");
			return follow(root, at, name, here, rest, flags, mode, links);
		}
		int next = last ? openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC, mode) :
				  openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (last)
			return next;
		fd_close(&at);
		at = next;
		strlist_add(&trail, name);
	}
	if (at < 0)
		return -1;
	return openat(at, ".", (flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW)) | O_CLOEXEC);
}

static int open_in_root(int root, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	static bool missing;

	for (int tries = 0; !missing && tries < 100; tries++) {
		int fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
		if (fd >= 0)
			return fd;
		if (errno == ENOSYS)
			missing = true;
		else if (errno != EAGAIN) /* EAGAIN: something was renamed during the walk */
			return -1;
	}
	return path_walk_in_root(root, path, flags, mode);
}

int path_walk_in_root(int root, const char *path, int flags, mode_t mode)
{
	return walk(root, path, flags, mode, 0);
}

int path_open_in_root(int root, const char *path, int flags, mode_t mode, struct error *err)
{
	int fd = open_in_root(root, path, flags, mode);

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	return fd;
}

/* Makes the last component of a path whose others are there. Existing is fine. */
static int make_one(int root, const char *path)
{
	_cleanup_(fd_close) int fd = open_in_root(root, path, O_PATH | O_DIRECTORY, 0);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -1 : 0;
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_(freep) char *above = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	_cleanup_(fd_close) int parent = open_in_root(root, above, O_PATH | O_DIRECTORY, 0);
	if (parent < 0)
		return -1;
	return mkdirat(parent, name, 0755) < 0 && errno != EEXIST ? -1 : 0;
}

static int make_dirs(int root, const char *path)
{
	_cleanup_(freep) char *copy = xstrdup(path);
	char *slash = copy;

	do {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (make_one(root, copy) < 0)
			return -1;
		if (slash)
			*slash = '/';
	} while (slash);
	return 0;
}

int path_parent_in_root(int root, const char *path, bool make, int *ret_dir, const char **ret_name, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (!*name || str_equal(name, ".") || str_equal(name, ".."))
		return error_set(err, ERROR_INVALID, "'%s' does not name a file", path);
	_cleanup_(freep) char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
	if (make && *above && make_dirs(root, above) < 0)
		return error_errno(err, errno, "cannot make the folder %s", above);
	int dir = open_in_root(root, above, O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return error_errno(err, errno, "cannot open %s", *above ? above : "/");
	*ret_dir = dir;
	*ret_name = name;
	return 0;
}

char *path_join(const char *dir, const char *name)
{
	if (*name == '/' || !*dir)
		return xstrdup(name);
	return xprintf("%s%s%s", dir, str_ends(dir, "/") ? "" : "/", name);
}

char *path_clean(const char *path)
{
	struct strlist parts _cleanup_(strlist_free) = { 0 }, kept _cleanup_(strlist_free) = { 0 };
	bool absolute = *path == '/';

	strlist_split(&parts, path, '/');
	for (size_t i = 0; i < parts.len; i++) {
		const char *part = parts.items[i];
		if (!*part || str_equal(part, "."))
			continue;
		bool up = str_equal(part, "..");
		if (up && kept.len && !str_equal(kept.items[kept.len - 1], ".."))
			free(kept.items[--kept.len]), kept.items[kept.len] = NULL;
		else if (!up || !absolute)
			strlist_add(&kept, part);
	}
	_cleanup_(freep) char *text = strlist_join(&kept, "/");
	if (absolute)
		return xprintf("/%s", text);
	return *text ? steal(text) : xstrdup(".");
}
