/* cp: files into a container and out of it, see run.h.
 *
 * One child (view.h) sees both sides, this machine's root and the container's, as descriptors; every path of either is walked by the kernel
 * beneath its own. In between is a tar: its maker runs in a child of the child, its reader unpacks beneath the folder that was found. What
 * stands where is decided once, by docker's rules:
 *   into a folder that is there       it gets the source's name in it; or, for 'SOURCE/.', the source's children
 *   onto a file that is there         a file takes its place (where a symlink leads, not the symlink's); a folder is refused
 *   onto nothing                      the name is made, in a folder that is there
 * Owners go into a container as they are here, as docker has it, and what comes out belongs to the caller unless the archive mode is asked for. */
#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/child.h"
#include "run/event.h"
#include "run/view.h"

enum { LINKS_MAX = 40 };

/* A path on one side. */
struct place {
	int root;		/* borrowed */
	char *path, *above;	/* owned; from the root on, without a slash in front; `above` is the folder that holds it */
	const char *name;	/* in `above`; points into path; "." is the root itself */
	char *shown;		/* what the user wrote, cleaned: its last part is the name of a copy; owned */
	bool there, slash, contents; /* it ends in a slash; it stands for what is in it */
	struct stat info;
};

struct copying {
	struct view view;
	const char *inside, *outside; /* outside absolute; NULL: a tar on stdin or stdout */
	bool in;
	const struct cp_options *options;
};

static void place_clear(struct place *place)
{
	free(place->path);
	free(place->above);
	free(place->shown);
}

static void place_set(struct place *place, char *path)
{
	while (*path == '/')
		memmove(path, path + 1, strlen(path));
	char *slash = strrchr(path, '/');
	free(place->path);
	free(place->above);
	place->path = path;
	place->name = slash ? slash + 1 : path;
	place->above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
}

/* What stands there; a symlink in the last place is followed a step if `follow`. 1 if it was. */
static int place_step(struct place *place, bool follow, struct error *err)
{
	struct error why _cleanup_(error_clear) = { 0 };
	_cleanup_(fd_close) int dir = path_open_in_root(place->root, place->above, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, &why);
	char target[4096];

	place->there = false;
	if (dir < 0 && why.code == ERROR_NOT_FOUND)
		return 0;
	if (dir < 0) {
		error_move(err, &why);
		return -1;
	}
	/* ".." behind a symlink: only the kernel knows where that is */
	_cleanup_(fd_close) int up = str_equal(place->name, "..") ? path_open_in_root(place->root, place->path, O_PATH | O_CLOEXEC, 0, err) : -1;
	if (up >= 0 ? fstat(up, &place->info) < 0 : fstatat(dir, place->name, &place->info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at %s", place->shown);
	place->there = true;
	if (!S_ISLNK(place->info.st_mode) || !follow)
		return 0;
	ssize_t len = readlinkat(dir, place->name, target, sizeof target - 1);
	if (len < 0)
		return error_errno(err, errno, "cannot read the symbolic link %s", place->shown);
	target[len] = '\0';
	while (len > 1 && target[len - 1] == '/')
		target[--len] = '\0';
	place_set(place, path_join(place->above, target));
	return 1;
}

static int place_find(int root, const char *text, bool follow, struct place *ret, struct error *err)
{
	_cleanup_(freep) char *rooted = xprintf("/%s", text);
	struct place place = { .root = root };
	int more = 1;

	place.contents = str_ends(rooted, "/.");
	place.slash = place.contents || str_ends(rooted, "/");
	place.shown = path_clean(rooted);
	place.contents |= str_equal(place.shown, "/");
	place_set(&place, xstrdup(place.shown[1] ? place.shown : "."));
	for (int links = 0; more > 0 && links <= LINKS_MAX; links++)
		more = place_step(&place, follow || place.slash, err);
	if (more > 0)
		error_set(err, ERROR_INVALID, "too many symbolic links at %s", place.shown);
	if (more)
		place_clear(&place);
	else
		*ret = place;
	return more ? -1 : 0;
}

static bool is_folder(const struct place *place)
{
	return place->there && S_ISDIR(place->info.st_mode);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int find_source(int root, const char *text, bool follow, struct place *ret, struct error *err)
{
	if (place_find(root, text, follow, ret, err) < 0)
		return -1;
	if (!ret->there)
		return error_set(err, ERROR_NOT_FOUND, "there is no %s", ret->shown);
	return ret->slash && !is_folder(ret) ? error_set(err, ERROR_INVALID, "%s is no folder", ret->shown) : 0;
}

/* Where the names of the archive begin, and how the first is called: prefix is borrowed from the places. */
static int decide_target(const struct place *from, const struct place *to, const char **ret_prefix, const char **ret_as, struct error *err)
{
	if (is_folder(to)) {
		*ret_prefix = to->path;
		*ret_as = from->contents ? "." : base_name(from->shown);
		return 0;
	}
	if (to->there && is_folder(from))
		return error_set(err, ERROR_INVALID, "a folder can't be copied onto the file %s", to->shown);
	if (to->there && to->slash)
		return error_set(err, ERROR_INVALID, "%s is no folder", to->shown);
	_cleanup_(fd_close) int dir = path_open_in_root(to->root, to->above, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, NULL);
	if (dir < 0 || (to->slash && !is_folder(from)))
		return error_set(err, ERROR_NOT_FOUND, "there is no folder %s%s", to->shown, dir < 0 ? ", nor one that could hold it" : "");
	*ret_prefix = to->above;
	*ret_as = to->name;
	return 0;
}

/* ---- the tar in between ---- */

struct making {
	int dir, to;
	const char *name, *as;
	bool broken; /* nobody reads any more, who says why himself */
};

static int write_out(void *data, const void *bytes, size_t len, struct error *err)
{
	struct making *making = data;
	int result = fd_write_all(making->to, bytes, len, "the archive", err);

	struct pollfd reader = { making->to, 0, 0 };

	making->broken = result < 0 && poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR);
	return result;
}

static int make_archive(void *data, int to, struct error *err)
{
	struct making *making = data;

	signal(SIGPIPE, SIG_IGN);
	making->to = to;
	int result = tree_archive(making->dir, making->name, making->as, write_out, making, err);
	return making->broken ? 0 : result;
}

/* Files of the kernel have no size to go by. */
static int open_above(const struct place *from, struct error *err)
{
	_cleanup_(fd_close) int dir = path_open_in_root(from->root, from->above, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, err);
	struct statfs info;

	if (dir < 0)
		return -1;
	if (fstatfs(dir, &info) == 0 && (info.f_type == PROC_SUPER_MAGIC || info.f_type == SYSFS_MAGIC))
		return error_set(err, ERROR_UNSUPPORTED, "%s is the kernel's: it can't be copied", from->shown);
	return fd_steal(&dir);
}

static int prepare(const struct place *from, const char *as, int to, struct making *ret, struct error *err)
{
	*ret = (struct making){ .dir = open_above(from, err), .to = to, .name = from->name, .as = as };
	return ret->dir < 0 ? -1 : 0;
}

static int copy_between(const struct place *from, const struct place *to, bool own, struct error *err)
{
	struct error why _cleanup_(error_clear) = { 0 };
	struct making making;
	struct child child;
	const char *prefix, *as;
	int archive;

	if (decide_target(from, to, &prefix, &as, err) < 0 || prepare(from, as, -1, &making, err) < 0)
		return -1;
	_cleanup_(fd_close) int dir = making.dir;
	if (child_start_piped(make_archive, &making, &child, &archive, err) < 0)
		return -1;
	int result = tree_extract(archive, to->root, prefix, own, err);
	close(archive);
	if (child_wait(&child, &why) == 0)
		return result;
	/* an archive that breaks off is the consequence, not the cause */
	error_clear(err);
	error_move(err, &why);
	return -1;
}

/* ---- the four ways ---- */

static int copy_from_stdin(const struct copying *copying, int inside, struct error *err)
{
	struct place to _cleanup_(place_clear) = { 0 };

	if (place_find(inside, copying->inside, true, &to, err) < 0)
		return -1;
	if (!is_folder(&to))
		return error_set(err, ERROR_INVALID, "a tar can only be unpacked into a folder that is there, and %s is none", to.shown);
	return tree_extract(STDIN_FILENO, inside, to.path, false, err);
}

static int copy_to_stdout(const struct copying *copying, int inside, struct error *err)
{
	struct place from _cleanup_(place_clear) = { 0 };
	struct making making;

	if (find_source(inside, copying->inside, copying->options->follow, &from, err) < 0 ||
	    prepare(&from, from.contents ? "." : base_name(from.shown), STDOUT_FILENO, &making, err) < 0)
		return -1;
	_cleanup_(fd_close) int dir = making.dir;
	return tree_archive(making.dir, making.name, making.as, write_out, &making, err);
}

static int work_copy(void *data, struct error *err)
{
	const struct copying *copying = data;
	struct place from _cleanup_(place_clear) = { 0 }, to _cleanup_(place_clear) = { 0 };
	_cleanup_(fd_close) int inside = view_open(&copying->view, err);
	_cleanup_(fd_close) int outside = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (inside < 0)
		return -1;
	if (outside < 0)
		return error_errno(err, errno, "cannot open /");
	umask(0);
	if (!copying->outside)
		return copying->in ? copy_from_stdin(copying, inside, err) : copy_to_stdout(copying, inside, err);
	bool in = copying->in;
	if (find_source(in ? outside : inside, in ? copying->outside : copying->inside, copying->options->follow, &from, err) < 0 ||
	    place_find(in ? inside : outside, in ? copying->inside : copying->outside, true, &to, err) < 0)
		return -1;
	return copy_between(&from, &to, !in && !copying->options->archive, err);
}

int container_copy(struct store *store, const char *name, const char *inside, const char *outside, bool in, const struct cp_options *options,
		   struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct copying copying = { .view = { store, &container, { 0 } }, .inside = inside, .in = in, .options = options };
	_cleanup_(fd_close) int lock = -1;

	if (container_open(store, name, &container, err) < 0 || container_lock(&container, &lock, err) < 0)
		return -1;
	container_status(&container, &copying.view.status);
	if (container_is_up(&copying.view.status))
		fd_close(&lock), lock = -1;
	_cleanup_(freep) char *here = outside ? getcwd(NULL, 0) : NULL, *absolute = outside ? path_join(here ? here : "/", outside) : NULL;
	copying.outside = absolute;
	container_event(store, &container, in ? "extract-to-dir" : "archive-path", NULL, NULL);
	return child_run(work_copy, &copying, err);
}
