/* COPY and ADD: see copy.h. */
#include "build/copy.h"

#include <errno.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/owner.h"
#include "store/layer.h"
#include "store/stream.h"
#include "store/tar.h"

/* One source on its way. `base` is the directory that the walk's paths are put under; `single` is the name of a lone file in it. */
struct job {
	const struct tree *tree;
	const struct copy_options *options;
	int base;
	const char *single;
	struct made {
		char *path;
		struct timespec mtime;
	} *made; /* directories, whose times are set when all is in them */
	size_t made_len;
	struct linked {
		dev_t dev;
		ino_t ino;
		char *path;
	} *linked; /* files with several names */
	size_t linked_len;
};

static void job_clear(struct job *job)
{
	for (size_t i = 0; i < job->made_len; i++)
		free(job->made[i].path);
	for (size_t i = 0; i < job->linked_len; i++)
		free(job->linked[i].path);
	free(job->made);
	free(job->linked);
	fd_close(&job->base);
}

static struct timespec time_of(const struct copy_options *options, struct timespec own)
{
	return options->epoch >= 0 ? (struct timespec){ .tv_sec = options->epoch } : own;
}

static uid_t uid_of(const struct job *job, const struct stat *st)
{
	return job->options->uid >= 0 ? (uid_t)job->options->uid : job->tree && !job->tree->is_context ? st->st_uid : 0;
}

static gid_t gid_of(const struct job *job, const struct stat *st)
{
	return job->options->gid >= 0 ? (gid_t)job->options->gid : job->tree && !job->tree->is_context ? st->st_gid : 0;
}

/* ---- the destination ---- */
static int make_directory(int root, const char *path, int64_t uid, int64_t gid, int64_t epoch, struct error *err)
{
	const struct timespec times[2] = { { .tv_sec = epoch }, { .tv_sec = epoch } };
	_cleanup_(fd_close) int dir = -1;
	const char *name;

	if (path_parent_in_root(root, path, false, &dir, &name, err) < 0)
		return -1;
	if (mkdirat(dir, name, 0755) < 0 || fchmodat(dir, name, 0755, 0) < 0 ||
	    fchownat(dir, name, (uid_t)(uid < 0 ? 0 : uid), (gid_t)(gid < 0 ? 0 : gid), AT_SYMLINK_NOFOLLOW) < 0 ||
	    (epoch >= 0 && utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0))
		return error_errno(err, errno, "cannot make the folder %s", path);
	return 0;
}

int copy_make_directory(int root, const char *path, int64_t uid, int64_t gid, int64_t epoch, struct error *err)
{
	_cleanup_(freep) char *clean = path_clean(path);
	int there = 1;

	for (char *slash = clean + (*clean == '/');; slash++) {
		if (*slash && *slash != '/')
			continue;
		char end = *slash;
		*slash = '\0';
		struct error why _cleanup_(error_clear) = { 0 };
		_cleanup_(fd_close) int fd = path_open_in_root(root, *clean ? clean : ".", O_PATH | O_DIRECTORY, 0, &why);
		if (fd < 0 && why.code != ERROR_NOT_FOUND)
			return error_set(err, ERROR_EXISTS, "%s is there, but cannot be entered as a directory", clean);
		if (fd < 0 && make_directory(root, clean, uid, gid, epoch, err) < 0)
			return -1;
		there = there && fd >= 0;
		if (!end)
			return there;
		*slash = end;
	}
}

static bool names_directory(const char *dest)
{
	return str_ends(dest, "/") || str_ends(dest, "/.") || str_ends(dest, "/..");
}

/* Is there a directory at the path (symlinks followed inside the root)? */
static bool is_directory(int root, const char *path)
{
	_cleanup_(fd_close) int fd = path_open_in_root(root, path, O_PATH | O_DIRECTORY, 0, NULL);

	return fd >= 0;
}

/* A destination that is a symlink to a file, or to nothing, stands for where it points to. */
static char *resolve_links(int root, const char *path)
{
	char *at = path_clean(path);

	for (int links = 0; links < 40; links++) {
		char target[4096];
		const char *slash = strrchr(at, '/');
		_cleanup_(freep) char *above = xstrndup(at, slash ? (size_t)(slash - at) : 0);
		_cleanup_(fd_close) int dir = path_open_in_root(root, *above ? above : ".", O_PATH | O_DIRECTORY, 0, NULL);
		ssize_t len = dir < 0 ? -1 : readlinkat(dir, slash ? slash + 1 : at, target, sizeof target - 1);
		if (len < 0)
			break;
		target[len] = '\0';
		_cleanup_(freep) char *joined = *target == '/' ? xstrdup(target) : xprintf("%s/%s", above, target), *rooted = xprintf("/%s", joined);
		free(at);
		at = path_clean(rooted);
	}
	return at;
}

/* Opens the directory into which a file named `name` goes, and tells the name that it gets. Owned by the caller. */
static int open_file_dest(const struct copy_options *options, const char *name, int *ret_dir, char **ret_name, struct error *err)
{
	bool into = options->many || names_directory(options->dest) || is_directory(options->root, options->dest);
	_cleanup_(freep) char *full = into ? path_join(options->dest, name) : xstrdup(options->dest);
	_cleanup_(freep) char *path = into ? path_clean(full) : resolve_links(options->root, full);
	_cleanup_(freep) char *above = xstrdup(path);
	char *slash = strrchr(above, '/');
	const char *last = slash ? slash + 1 : above;

	if (!*last)
		return error_set(err, ERROR_INVALID, "the destination %s is not a file name", options->dest);
	_cleanup_(freep) char *base = xstrdup(last);
	if (slash)
		*slash = '\0';
	if (copy_make_directory(options->root, slash && *above ? above : "/", options->uid, options->gid, options->epoch, err) < 0)
		return -1;
	int dir = path_open_in_root(options->root, slash && *above ? above : ".", O_PATH | O_DIRECTORY, 0, err);
	if (dir < 0)
		return -1;
	*ret_dir = dir;
	*ret_name = steal(base);
	return 0;
}

/* ---- one entry ---- */
/* What is there gives way to a file; a directory does not. */
static int make_way(int dir, const char *path, struct error *err)
{
	if (unlinkat(dir, path, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR)
		return error_set(err, ERROR_EXISTS, "cannot copy a file over the directory %s", path);
	return error_errno(err, errno, "cannot replace %s", path);
}

/* Capabilities and user attributes travel between stages; what overlayfs keeps for itself does not. */
static int copy_xattrs(int from, int to, const char *path, struct error *err)
{
	char names[65536], value[65536];
	ssize_t len = flistxattr(from, names, sizeof names);

	for (char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
		bool wanted = str_equal(name, "security.capability") || (str_starts(name, "user.") && !str_starts(name, "user.overlay."));
		ssize_t size = wanted ? fgetxattr(from, name, value, sizeof value) : -1;
		if (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) < 0)
			return error_errno(err, errno, "cannot set the attribute %s of %s", name, path);
	}
	return 0;
}

static int finish_file(const struct job *job, int fd, const char *path, const struct stat *st, struct error *err)
{
	mode_t mode = mode_apply(job->options->chmod, st->st_mode, false);
	struct timespec mtime = time_of(job->options, st->st_mtim), times[2] = { mtime, mtime };

	if (fchown(fd, uid_of(job, st), gid_of(job, st)) < 0 || fchmod(fd, mode) < 0 || futimens(fd, times) < 0)
		return error_errno(err, errno, "cannot set owner, mode or time of %s", path);
	return 0;
}

/* 1 if the file was linked to a name that it was copied to before. */
static int link_known(struct job *job, const struct tree_entry *entry, const char *path)
{
	if (entry->st.st_nlink < 2 || job->tree->is_context)
		return 0;
	for (size_t i = 0; i < job->linked_len; i++)
		if (job->linked[i].ino == entry->st.st_ino && job->linked[i].dev == entry->st.st_dev)
			return linkat(job->base, job->linked[i].path, job->base, path, 0) == 0;
	xgrow(job->linked, job->linked_len);
	job->linked[job->linked_len++] = (struct linked){ entry->st.st_dev, entry->st.st_ino, xstrdup(path) };
	return 0;
}

static int copy_regular(struct job *job, const struct tree_entry *entry, const char *path, struct error *err)
{
	if (make_way(job->base, path, err) < 0)
		return -1;
	if (link_known(job, entry, path))
		return 0;
	_cleanup_(fd_close) int from = tree_open(entry, err);
	if (from < 0)
		return -1;
	_cleanup_(fd_close) int to = openat(job->base, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return error_errno(err, errno, "cannot create %s", path);
	if (fd_copy(from, to, path, err) < 0)
		return -1;
	if (!job->tree->is_context && copy_xattrs(from, to, path, err) < 0)
		return -1;
	/* chown drops capabilities, so that they are set again behind it */
	if (finish_file(job, to, path, &entry->st, err) < 0)
		return -1;
	return job->tree->is_context ? 0 : copy_xattrs(from, to, path, err);
}

static int copy_directory(struct job *job, const struct tree_entry *entry, const char *path, struct error *err)
{
	struct stat there;

	if (fstatat(job->base, path, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(there.st_mode))
			return 0;
		error_set(err, ERROR_EXISTS, "cannot copy the directory %s: the image has a file or symlink of that name", path);
		return error_hint(err, "copy what is in it to where the link points to, in a COPY of its own");
	}
	if (mkdirat(job->base, path, 0700) < 0 ||
	    fchownat(job->base, path, uid_of(job, &entry->st), gid_of(job, &entry->st), AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(job->base, path, mode_apply(job->options->chmod, entry->st.st_mode, true), 0) < 0)
		return error_errno(err, errno, "cannot make the folder %s", path);
	xgrow(job->made, job->made_len);
	job->made[job->made_len++] = (struct made){ xstrdup(path), time_of(job->options, entry->st.st_mtim) };
	return 0;
}

static int copy_special(struct job *job, const struct tree_entry *entry, const char *path, struct error *err)
{
	const struct stat *st = &entry->st;
	char target[4096];

	if (make_way(job->base, path, err) < 0)
		return -1;
	if (S_ISLNK(st->st_mode)) {
		ssize_t len = readlinkat(entry->dir, entry->name, target, sizeof target - 1);
		if (len < 0)
			return error_errno(err, errno, "cannot read the link %s", path);
		target[len] = '\0';
		if (symlinkat(target, job->base, path) < 0)
			return error_errno(err, errno, "cannot make the link %s", path);
	} else if (mknodat(job->base, path, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0 ||
		   fchmodat(job->base, path, mode_apply(job->options->chmod, st->st_mode, false), 0) < 0) {
		return error_errno(err, errno, "cannot make the device or pipe %s", path);
	}
	struct timespec mtime = time_of(job->options, st->st_mtim), times[2] = { mtime, mtime };
	if (fchownat(job->base, path, uid_of(job, st), gid_of(job, st), AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(job->base, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, errno, "cannot set owner or time of %s", path);
	return 0;
}

static int copy_entry(void *data, const struct tree_entry *entry, struct error *err)
{
	struct job *job = data;
	const char *path = *entry->path ? entry->path : job->single;

	if (!path) /* the source directory itself: its place is there */
		return 0;
	if (S_ISREG(entry->st.st_mode))
		return copy_regular(job, entry, path, err);
	if (S_ISDIR(entry->st.st_mode))
		return copy_directory(job, entry, path, err);
	return copy_special(job, entry, path, err);
}

/* ---- ADD of archives ---- */
static ssize_t read_stream(void *stream, void *bytes, size_t len, struct error *err)
{
	return stream_read(stream, bytes, len, err);
}

/* By its content, as docker tells it: a tar with an entry, compressed by one of what layer_extract reads, or not. Rewinds. */
static bool is_archive(int fd)
{
	struct tar_entry entry _cleanup_(tar_entry_clear) = { 0 };
	_cleanup_(stream_close) struct stream *stream = NULL;

	_cleanup_(tar_reader_free) struct tar_reader *reader = stream_open(fd, &stream, NULL) < 0 ? NULL : tar_reader_new(read_stream, stream);
	bool yes = reader && tar_next(reader, &entry, NULL) > 0;
	lseek(fd, 0, SEEK_SET);
	return yes;
}

/* Unpacked aside first, and then copied as a directory would be: so that owner, mode and what is in the way are one matter. */
static int unpack(int archive, const struct copy_options *options, struct error *err)
{
	_cleanup_(freep) char *folder = path_join(options->scratch, "unpack");
	struct copy_options plain = *options;
	struct digest unused;

	if (dir_remove(AT_FDCWD, folder, err) < 0 || dir_make(AT_FDCWD, folder, 0755, err) < 0)
		return -1;
	_cleanup_(fd_close) int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_errno(err, errno, "cannot open %s", folder);
	if (layer_extract(archive, root, false, NULL, &unused, err) < 0)
		return -1;
	plain.unpack = false;
	plain.exclude = NULL;
	const struct tree tree = { .root = root };
	return copy_path(&tree, "", &plain, err) < 0 ? -1 : dir_remove(AT_FDCWD, folder, err);
}

/* ---- one source ---- */
static int set_times(const struct job *job, struct error *err)
{
	for (size_t i = job->made_len; i-- > 0;) {
		const struct timespec times[2] = { job->made[i].mtime, job->made[i].mtime };
		if (utimensat(job->base, job->made[i].path, times, AT_SYMLINK_NOFOLLOW) < 0)
			return error_errno(err, errno, "cannot set the time of %s", job->made[i].path);
	}
	return 0;
}

static int copy_tree(struct job *job, const char *source, int from, struct error *err)
{
	const struct copy_options *options = job->options;
	int there = copy_make_directory(options->root, options->dest, options->uid, options->gid, options->epoch, err);
	struct stat st;

	if (there < 0)
		return -1;
	job->base = path_open_in_root(options->root, options->dest, O_RDONLY | O_DIRECTORY, 0, err);
	if (job->base < 0)
		return -1;
	if (tree_walk(job->tree, source, options->exclude, copy_entry, job, err) < 0 || set_times(job, err) < 0)
		return -1;
	if (there || fstat(from, &st) < 0)
		return 0;
	/* made just now: it is the source's, so to say */
	struct timespec mtime = time_of(options, st.st_mtim), times[2] = { mtime, mtime };
	if (fchown(job->base, uid_of(job, &st), gid_of(job, &st)) < 0 ||
	    fchmod(job->base, mode_apply(options->chmod, st.st_mode, true)) < 0 || futimens(job->base, times) < 0)
		return error_errno(err, errno, "cannot set owner, mode or time of %s", options->dest);
	return 0;
}

int copy_path(const struct tree *tree, const char *source, const struct copy_options *options, struct error *err)
{
	struct job job _cleanup_(job_clear) = { .tree = tree, .options = options, .base = -1 };
	_cleanup_(fd_close) int from = path_open_in_root(tree->root, *source ? source : ".", O_PATH, 0, err);
	struct stat st;

	if (from < 0)
		return -1;
	if (fstat(from, &st) < 0)
		return error_errno(err, errno, "cannot look at %s", source);
	if (S_ISDIR(st.st_mode))
		return copy_tree(&job, source, from, err);
	if (options->unpack && S_ISREG(st.st_mode)) {
		_cleanup_(fd_close) int archive = path_open_in_root(tree->root, source, O_RDONLY | O_NONBLOCK, 0, err);
		if (archive < 0)
			return -1;
		if (is_archive(archive))
			return unpack(archive, options, err);
	}
	const char *slash = strrchr(source, '/');
	_cleanup_(freep) char *name = NULL;
	if (open_file_dest(options, slash ? slash + 1 : source, &job.base, &name, err) < 0)
		return -1;
	job.single = name;
	return tree_walk(tree, source, options->exclude, copy_entry, &job, err);
}

int copy_text(const char *name, const char *text, const struct copy_options *options, struct error *err)
{
	struct job job _cleanup_(job_clear) = { .options = options, .base = -1 };
	_cleanup_(freep) char *final = NULL;
	struct stat st = { .st_mode = S_IFREG | 0644 };

	clock_gettime(CLOCK_REALTIME, &st.st_mtim);
	if (open_file_dest(options, name, &job.base, &final, err) < 0 || make_way(job.base, final, err) < 0)
		return -1;
	_cleanup_(fd_close) int to = openat(job.base, final, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return error_errno(err, errno, "cannot create %s", final);
	if (fd_write_all(to, text, strlen(text), final, err) < 0)
		return -1;
	return finish_file(&job, to, final, &st, err);
}
