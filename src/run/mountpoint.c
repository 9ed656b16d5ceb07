/* Mount points without a trace: see mountpoint.h. */
#include "run/mountpoint.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

enum { LINKS_MAX = 8 };

static char *path_above(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash > path ? xstrndup(path, (size_t)(slash - path)) : xstrdup("/");
}

static bool is_there(int root, const char *path, struct stat *ret)
{
	_cleanup_(fd_close) int fd = path_open_in_root(root, path, O_PATH | O_CLOEXEC, 0, NULL);

	return fd >= 0 && fstat(fd, ret) == 0;
}

static void restore_time(int dir, const struct stat *info)
{
	const struct timespec times[2] = { { 0, UTIME_OMIT }, info->st_mtim };

	utimensat(dir, ".", times, 0);
}

/* A symlink to nothing at path: where it leads, absolute; else NULL. */
static char *dangling_target(int dir, const char *name, const char *above)
{
	char link[PATH_MAX];
	ssize_t len = readlinkat(dir, name, link, sizeof link - 1);

	if (len <= 0)
		return NULL;
	link[len] = '\0';
	_cleanup_(freep) char *joined = path_join(above, link);
	return path_clean(joined);
}

/* Remembers the folders from the root down to `path` that are not in upper yet. */
static void note_copied(struct mountpoints *list, int tree, int upper, const char *path)
{
	for (const char *end = path; *end;) {
		struct copied_folder folder = { 0 };
		struct stat info;
		end = strchrnul(end + 1, '/');
		_cleanup_(freep) char *part = xstrndup(path, (size_t)(end - path));
		if (str_equal(part, "/") || is_there(upper, part, &info) || !is_there(tree, part, &folder.before))
			continue;
		folder.path = steal(part);
		xgrow(list->copied, list->copied_len);
		list->copied[list->copied_len++] = folder;
	}
}

/* Makes one file or folder whose parent is there. Returns where the name leads if it is a dangling symlink. */
static char *make_one(struct mountpoints *list, int tree, int upper, const char *path, bool is_dir)
{
	_cleanup_(freep) char *above = path_above(path);
	_cleanup_(fd_close) int dir = path_open_in_root(tree, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, NULL);
	const char *name = strrchr(path, '/') + 1;
	struct stat info;

	if (dir < 0 || fstat(dir, &info) < 0)
		return NULL;
	note_copied(list, tree, upper, above);
	int result = is_dir ? mkdirat(dir, name, 0755) : openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (result < 0)
		return errno == EEXIST ? dangling_target(dir, name, above) : NULL;
	if (!is_dir)
		close(result);
	restore_time(dir, &info);
	xgrow(list->made, list->made_len);
	list->made[list->made_len++] = (struct mountpoint){ xstrdup(path), is_dir };
	return NULL;
}

/* Makes what is missing of a path. Returns another path to try instead, if a dangling symlink is in the way. */
static char *make_chain(struct mountpoints *list, int tree, int upper, const char *path, bool is_dir)
{
	struct stat info;

	for (const char *end = path; *end;) {
		end = strchrnul(end + 1, '/');
		_cleanup_(freep) char *part = xstrndup(path, (size_t)(end - path));
		if (is_there(tree, part, &info))
			continue;
		_cleanup_(freep) char *link = make_one(list, tree, upper, part, *end || is_dir);
		if (link)
			return xprintf("%s%s", link, end);
		if (!is_there(tree, part, &info))
			return NULL;
	}
	return NULL;
}

void mountpoint_make(struct mountpoints *list, int tree, int upper, const char *target, bool is_dir)
{
	char *path = path_clean(target);

	for (int i = 0; i < LINKS_MAX && path && path[0] == '/' && path[1]; i++) {
		char *next = make_chain(list, tree, upper, path, is_dir);
		free(path);
		path = next;
	}
	free(path);
}

/* The folder looks as the one below it did, so it says nothing new. */
static bool same_folder(int dir, const struct stat *before)
{
	struct stat now;

	return fstat(dir, &now) == 0 && now.st_mode == before->st_mode && now.st_uid == before->st_uid && now.st_gid == before->st_gid &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec && now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* rmdir takes it only if nothing is in it, and we only if nothing else was changed. */
static void remove_copied(int upper, const struct copied_folder *folder)
{
	_cleanup_(freep) char *above = path_above(folder->path);
	const char *name = strrchr(folder->path, '/') + 1;
	_cleanup_(fd_close) int parent = path_open_in_root(upper, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, NULL);
	_cleanup_(fd_close) int dir = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat info;

	if (dir < 0 || !same_folder(dir, &folder->before) || fstat(parent, &info) < 0)
		return;
	if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
		restore_time(parent, &info);
}

static void remove_made(int upper, const struct mountpoint *made)
{
	_cleanup_(freep) char *above = path_above(made->path);
	const char *name = strrchr(made->path, '/') + 1;
	_cleanup_(fd_close) int dir = path_open_in_root(upper, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, NULL);
	struct stat info, of_dir;

	if (dir < 0 || fstat(dir, &of_dir) < 0 || fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (made->is_dir ? !S_ISDIR(info.st_mode) : !S_ISREG(info.st_mode) || info.st_size > 0)
		return;
	if (unlinkat(dir, name, made->is_dir ? AT_REMOVEDIR : 0) == 0)
		restore_time(dir, &of_dir);
}

void mountpoints_remove(struct mountpoints *list, int upper)
{
	for (size_t i = list->made_len; i > 0; i--)
		remove_made(upper, &list->made[i - 1]);
	for (size_t i = list->copied_len; i > 0; i--)
		remove_copied(upper, &list->copied[i - 1]);
}

void mountpoints_free(struct mountpoints *list)
{
	for (size_t i = 0; i < list->made_len; i++)
		free(list->made[i].path);
	for (size_t i = 0; i < list->copied_len; i++)
		free(list->copied[i].path);
	free(list->made);
	free(list->copied);
	*list = (struct mountpoints){ 0 };
}
