/* Walking files beneath a root: see tree.h. */
#include "build/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"

enum { DEPTH_MAX = 1000, MATCHES_MAX = 100000 };

struct walk {
	const struct tree *tree;
	const char *real; /* the start's path from the root, symlinks resolved: what .dockerignore speaks of */
	const struct ignore *exclude;
	tree_visit *visit;
	void *data;
};

/* A directory on the way down. It is visited late if it is ignored itself, when something beneath it turns out not to be. */
struct frame {
	struct frame *above;
	struct tree_entry entry;
	bool visited;
};

static char *join_path(const char *a, const char *b)
{
	return *a && *b ? xprintf("%s/%s", a, b) : xstrdup(*a ? a : b);
}

/* 0: taken; 1: ignored, but something beneath may be taken; 2: ignored with all beneath. */
static int ignored(const struct walk *walk, const char *path)
{
	_cleanup_(freep) char *full = join_path(walk->real, path);
	const struct { const struct ignore *ignore; const char *path; } rules[] = { { walk->tree->ignore, full }, { walk->exclude, path } };
	int result = 0;

	for (size_t i = 0; i < array_len(rules); i++) {
		if (!rules[i].ignore || !*rules[i].path || !ignore_match(rules[i].ignore, rules[i].path))
			continue;
		int one = ignore_may_descend(rules[i].ignore, rules[i].path) ? 1 : 2;
		result = one > result ? one : result;
	}
	return result;
}

static int visit_above(const struct walk *walk, struct frame *frame, struct error *err)
{
	if (!frame || frame->visited)
		return 0;
	if (visit_above(walk, frame->above, err) < 0)
		return -1;
	frame->visited = true;
	return walk->visit(walk->data, &frame->entry, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_names(int fd, struct strlist *ret, struct error *err)
{
	_cleanup_(fd_close) int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir)
		return error_errno(err, errno, "cannot list a folder");
	copy = -1;
	for (struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strlist_add(ret, entry->d_name);
	closedir(dir);
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, compare_names);
	return 0;
}

static int walk_directory(const struct walk *walk, int fd, struct frame *frame, int depth, struct error *err);

static int walk_entry(const struct walk *walk, int dir, const char *name, const char *path, struct frame *above, int depth, struct error *err)
{
	struct frame frame = { .above = above, .entry = { .path = path, .dir = dir, .name = name } };
	int skip = ignored(walk, path);

	if (skip == 2)
		return 0;
	if (fstatat(dir, name, &frame.entry.st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at %s", path);
	if (walk->tree->hidden && walk->tree->hidden->st_ino == frame.entry.st.st_ino && walk->tree->hidden->st_dev == frame.entry.st.st_dev)
		return 0;
	if (S_ISSOCK(frame.entry.st.st_mode) || (skip && !S_ISDIR(frame.entry.st.st_mode)))
		return 0;
	if (!skip && visit_above(walk, &frame, err) < 0)
		return -1;
	if (!S_ISDIR(frame.entry.st.st_mode))
		return 0;
	_cleanup_(fd_close) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot open the folder %s", *path ? path : name);
	return walk_directory(walk, fd, &frame, depth, err);
}

static int walk_directory(const struct walk *walk, int fd, struct frame *frame, int depth, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (depth > DEPTH_MAX)
		return error_set(err, ERROR_TOO_LARGE, "folders are nested more than %d deep at %s", DEPTH_MAX, frame->entry.path);
	if (interrupt_check(err) < 0 || list_names(fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		_cleanup_(freep) char *path = join_path(frame->entry.path, names.items[i]);
		if (walk_entry(walk, fd, names.items[i], path, frame, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

/* The path of an open file from the root, as the kernel knows it: symlinks on the way are gone. */
static char *real_path(int root, int fd)
{
	char above[4096], path[4096], link[64];

	snprintf(link, sizeof link, "/proc/self/fd/%d", root);
	ssize_t above_len = readlink(link, above, sizeof above - 1);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof path - 1);
	if (above_len < 0 || len < above_len || memcmp(above, path, (size_t)above_len) != 0)
		return NULL;
	path[len] = '\0';
	const char *rest = path + above_len;
	return xstrdup(*rest == '/' ? rest + 1 : rest);
}

static int not_found(const char *path, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "/%s: not found", path);
}

int tree_walk(const struct tree *tree, const char *start, const struct ignore *exclude, tree_visit *visit, void *data, struct error *err)
{
	_cleanup_(fd_close) int fd = path_open_in_root(tree->root, *start ? start : ".", O_PATH, 0, err);
	struct walk walk = { tree, "", exclude, visit, data };
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "cannot look at %s", start);
	_cleanup_(freep) char *real = real_path(tree->root, fd);
	if (!real)
		return not_found(start, err);
	walk.real = real;
	if (S_ISDIR(st.st_mode)) {
		_cleanup_(fd_close) int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct frame frame = { .entry = { .path = "", .dir = dir, .name = ".", .st = st } };
		if (dir < 0)
			return error_errno(err, errno, "cannot open the folder %s", start);
		int skip = *real && tree->ignore && ignore_match(tree->ignore, real);
		if (!skip && visit_above(&walk, &frame, err) < 0)
			return -1;
		return walk_directory(&walk, dir, &frame, 0, err);
	}
	if (tree->ignore && ignore_match(tree->ignore, real))
		return 0;
	const char *slash = strrchr(real, '/');
	_cleanup_(freep) char *above = slash ? xstrndup(real, (size_t)(slash - real)) : xstrdup(".");
	_cleanup_(fd_close) int dir = path_open_in_root(tree->root, above, O_PATH | O_DIRECTORY, 0, err);
	if (dir < 0)
		return -1;
	struct tree_entry entry = { .path = "", .dir = dir, .name = slash ? slash + 1 : real, .st = st };
	if (exclude && ignore_match(exclude, entry.name))
		return 0;
	return visit(data, &entry, err);
}

/* ---- wildcards ---- */
static bool is_wild(const char *text)
{
	return text[strcspn(text, "*?[\\")] != '\0';
}

/* Of what may be taken at this path: it, or something beneath it. */
static bool may_take(const struct tree *tree, const char *path)
{
	if (!tree->ignore || !*path || !ignore_match(tree->ignore, path))
		return true;
	struct stat st;
	_cleanup_(fd_close) int fd = path_open_in_root(tree->root, path, O_PATH, 0, NULL);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && ignore_may_descend(tree->ignore, path);
}

static int match_from(const struct tree *tree, const char *at, char **parts, size_t len, struct strlist *ret, struct error *err)
{
	if (!len) {
		if (ret->len >= MATCHES_MAX)
			return error_set(err, ERROR_TOO_LARGE, "a source matches more than %d files", MATCHES_MAX);
		if (may_take(tree, at))
			strlist_add(ret, at);
		return 0;
	}
	_cleanup_(fd_close) int dir = path_open_in_root(tree->root, *at ? at : ".", O_RDONLY | O_DIRECTORY, 0, NULL);
	struct strlist names _cleanup_(strlist_free) = { 0 };
	if (dir < 0 || list_names(dir, &names, err) < 0)
		return dir < 0 ? 0 : -1;
	bool any_depth = str_equal(parts[0], "**");
	if (any_depth && match_from(tree, at, parts + 1, len - 1, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		struct stat st;
		_cleanup_(freep) char *path = join_path(at, names.items[i]);
		if (any_depth ? fstatat(dir, names.items[i], &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) :
				!ignore_pattern_match(parts[0], names.items[i]))
			continue;
		if (match_from(tree, path, any_depth ? parts : parts + 1, any_depth ? len : len - 1, ret, err) < 0)
			return -1;
	}
	return 0;
}

int tree_match(const struct tree *tree, const char *source, struct strlist *ret, bool *ret_wild, struct error *err)
{
	_cleanup_(freep) char *rooted = xprintf("/%s", source), *clean = path_clean(rooted);
	const char *path = clean + 1;
	struct strlist parts _cleanup_(strlist_free) = { 0 };

	*ret_wild = is_wild(path);
	if (*ret_wild) {
		strlist_split(&parts, path, '/');
		return match_from(tree, "", parts.items, parts.len, ret, err);
	}
	struct error hidden _cleanup_(error_clear) = { 0 };
	_cleanup_(fd_close) int fd = path_open_in_root(tree->root, *path ? path : ".", O_PATH, 0, &hidden);
	if (fd < 0)
		return not_found(path, err);
	_cleanup_(freep) char *real = real_path(tree->root, fd);
	if (!real || !may_take(tree, path) || !may_take(tree, real)) {
		not_found(path, err);
		return real ? error_hint(err, "the file is there, but .dockerignore hides it") : -1;
	}
	strlist_add(ret, path);
	return 0;
}

/* ---- digest ---- */
struct digest_job {
	struct digester *digester;
	bool owners;
};

int tree_open(const struct tree_entry *entry, struct error *err)
{
	struct stat st;
	int fd = openat(entry->dir, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", *entry->path ? entry->path : entry->name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(err, ERROR_BUSY, "%s changes while it is read", entry->name);
	}
	return fd;
}

static int digest_bytes(struct digester *digester, const struct tree_entry *entry, struct error *err)
{
	static char block[128 << 10];
	_cleanup_(fd_close) int fd = tree_open(entry, err);

	if (fd < 0)
		return -1;
	for (;;) {
		ssize_t n = fd_read_full(fd, block, sizeof block, entry->name, err);
		if (n < 0 || interrupt_check(err) < 0)
			return -1;
		digester_add(digester, block, (size_t)n);
		if ((size_t)n < sizeof block)
			return 0;
	}
}

/* Each entry is a header that tells its own length, then the bytes, whose number the header tells: no two trees give one text. */
static int digest_entry(void *data, const struct tree_entry *entry, struct error *err)
{
	struct digest_job *job = data;
	const struct stat *st = &entry->st;
	char target[4096] = "";
	bool regular = S_ISREG(st->st_mode), device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);

	if (S_ISLNK(st->st_mode)) {
		ssize_t len = readlinkat(entry->dir, entry->name, target, sizeof target - 1);
		if (len < 0)
			return error_errno(err, errno, "cannot read the link %s", entry->path);
		target[len] = '\0';
	}
	_cleanup_(freep) char *head = xprintf("%zu:%s:%o:%lld:%u:%u:%llu:%zu:%s:", strlen(entry->path), entry->path,
					      S_ISLNK(st->st_mode) ? S_IFLNK : st->st_mode, regular ? (long long)st->st_size : 0LL,
					      job->owners ? st->st_uid : 0, job->owners ? st->st_gid : 0,
					      device ? (unsigned long long)st->st_rdev : 0ULL, strlen(target), target);
	digester_add(job->digester, head, strlen(head));
	return regular ? digest_bytes(job->digester, entry, err) : 0;
}

int tree_digest(const struct tree *tree, const char *start, const struct ignore *exclude, struct digester *digester, struct error *err)
{
	struct digest_job job = { digester, !tree->is_context };

	return tree_walk(tree, start, exclude, digest_entry, &job, err);
}
