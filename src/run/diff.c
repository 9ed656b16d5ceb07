/* diff: what a container's upper folder says about the image beneath, see run.h.
 *
 * The upper folder is walked beside the image's tree. Whiteouts are what was removed; an opaque folder hides all that the image has at its
 * place. overlayfs copies the folders above a change up as well: those that are as they were count as changed only because of what is
 * in them. Places that the runtime made to mount upon are nobody's change. The child does the walk and sends lines through a pipe. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "run/child.h"
#include "run/diff.h"
#include "run/view.h"
#include "store/overlay.h"

enum { DEPTH_MAX = 500 };

struct change {
	char kind, *path; /* owned */
};

struct differ {
	struct strlist mountpoints; /* without a slash in front */
	struct change *changes;
	size_t len;
	int depth;
};

void mountpoints_of(const struct container *container, struct strlist *ret)
{
	_cleanup_(freep) char *path = path_join(container->bundle, "config.json");
	struct buf text _cleanup_(buf_free) = { 0 };
	const json_t *mount;
	size_t i;

	if (file_read(AT_FDCWD, path, 16 << 20, &text, NULL) < 0 || !text.data)
		return;
	json_t *config _cleanup_(json_release) = json_parse(text.data, text.len, "config.json", NULL);
	json_array_foreach(json_object_get(config, "mounts"), i, mount) {
		const char *target = json_string_value(json_object_get(mount, "destination"));
		_cleanup_(freep) char *clean = path_clean(target ? target : "/");
		if (clean[0] == '/' && clean[1])
			strlist_add(ret, clean + 1);
	}
}

static void differ_clear(struct differ *differ)
{
	for (size_t i = 0; i < differ->len; i++)
		free(differ->changes[i].path);
	free(differ->changes);
	strlist_free(&differ->mountpoints);
}

static void add(struct differ *differ, char kind, const char *path)
{
	xgrow(differ->changes, differ->len);
	differ->changes[differ->len++] = (struct change){ kind, xprintf("/%s", path) };
}

static void drop_last(struct differ *differ)
{
	free(differ->changes[--differ->len].path);
}

/* Of one name: as it is in the image, if it is there. */
static bool find_below(int image, const char *name, struct stat *ret)
{
	return image >= 0 && fstatat(image, name, ret, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool same_folder(const struct stat *a, const struct stat *b)
{
	return S_ISDIR(a->st_mode) && S_ISDIR(b->st_mode) && a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool is_empty(int dir, const char *name, const struct stat *info)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (S_ISDIR(info->st_mode))
		return dir_names(dir, name, &names, NULL) == 0 && !names.len;
	return S_ISREG(info->st_mode) && info->st_size == 0;
}

static int walk(struct differ *differ, int upper, int image, const char *above, bool *ret_touched, struct error *err);

/* A folder, with what is in it. `image` is the folder that holds its like in the image, or -1. */
static int walk_folder(struct differ *differ, int upper, int image, const char *name, const char *path, bool *ret_touched, struct error *err)
{
	_cleanup_(fd_close) int dir = openat(upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(fd_close) int below = image < 0 ? -1 : openat(image, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return error_errno(err, errno, "cannot open /%s", path);
	if (differ->depth >= DEPTH_MAX)
		return error_set(err, ERROR_TOO_LARGE, "/%s is nested more than %d folders deep", path, DEPTH_MAX);
	_cleanup_(freep) char *slashed = xprintf("%s/", path);
	differ->depth++;
	int result = walk(differ, dir, below, slashed, ret_touched, err);
	differ->depth--;
	return result;
}

static int walk_one(struct differ *differ, int upper, int image, const char *name, const char *path, bool *touched, struct error *err)
{
	struct stat now, before;
	bool there = find_below(image, name, &before), inside = false;

	if (fstatat(upper, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at /%s", path);
	if (overlay_is_whiteout(&now)) {
		if (there)
			add(differ, 'D', path);
		return 0;
	}
	if (!there && strlist_has(&differ->mountpoints, path) && is_empty(upper, name, &now)) {
		*touched = true;
		return 0;
	}
	size_t at = differ->len;
	add(differ, there ? 'C' : 'A', path);
	if (!S_ISDIR(now.st_mode))
		return 0;
	if (walk_folder(differ, upper, there && S_ISDIR(before.st_mode) ? image : -1, name, path, &inside, err) < 0)
		return -1;
	bool unchanged = there && (same_folder(&now, &before) || (inside && S_ISDIR(before.st_mode) && now.st_mode == before.st_mode));
	/* a folder that was made for a mount point in it is not the container's either */
	if (at + 1 == differ->len && (unchanged || (!there && inside))) {
		drop_last(differ);
		*touched |= inside;
	}
	return 0;
}

/* What the image has at the place of an opaque folder is hidden: what isn't there again was removed. */
static int add_hidden(struct differ *differ, int upper, int image, const char *above, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	struct stat info;

	if (dir_names(image, ".", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		_cleanup_(freep) char *path = xprintf("%s%s", above, names.items[i]);
		if (fstatat(upper, names.items[i], &info, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			add(differ, 'D', path);
	}
	return 0;
}

static int walk(struct differ *differ, int upper, int image, const char *above, bool *ret_touched, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (interrupt_check(err) < 0 || dir_names(upper, ".", &names, err) < 0)
		return -1;
	if (image >= 0 && *above && overlay_is_opaque(upper) && add_hidden(differ, upper, image, above, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		_cleanup_(freep) char *path = xprintf("%s%s", above, names.items[i]);
		if (walk_one(differ, upper, image, names.items[i], path, ret_touched, err) < 0)
			return -1;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct change *one = a, *other = b;

	return strcmp(one->path, other->path);
}

static int send_all(const struct differ *differ, int to, struct error *err)
{
	for (size_t i = 0; i < differ->len; i++) {
		const struct change *change = &differ->changes[i];
		if (fd_write_all(to, &change->kind, 1, "a pipe", err) < 0 || fd_write_all(to, change->path, strlen(change->path) + 1, "a pipe", err) < 0)
			return -1;
	}
	return 0;
}

static int work_diff(void *data, int to, struct error *err)
{
	const struct view *view = data;
	struct differ differ _cleanup_(differ_clear) = { 0 };
	_cleanup_(freep) char *path = path_join(view->container->dir, "upper");
	_cleanup_(fd_close) int image = view_open_image(view, err), upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool touched = false;

	if (image < 0)
		return -1;
	if (upper < 0) /* never started: nothing can have changed */
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot open %s", path);
	mountpoints_of(view->container, &differ.mountpoints);
	if (walk(&differ, upper, image, "", &touched, err) < 0)
		return -1;
	if (differ.len)
		qsort(differ.changes, differ.len, sizeof *differ.changes, compare);
	return send_all(&differ, to, err);
}

/* Each is its kind, its path and a NUL. */
static int receive(int from, struct buf *text, struct error *err)
{
	char block[65536];
	ssize_t n;

	while ((n = fd_read_full(from, block, sizeof block, "a pipe", err)) > 0)
		buf_add(text, block, (size_t)n);
	return (int)n;
}

int container_diff(struct store *store, const char *name, void (*report)(void *data, char kind, const char *path), void *data, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	struct view view = { store, &container, { 0 } };
	_cleanup_(fd_close) int from = -1;
	struct child child;

	if (container_open(store, name, &container, err) < 0)
		return -1;
	container_status(&container, &view.status);
	if (child_start_piped(work_diff, &view, &child, &from, err) < 0)
		return -1;
	int received = receive(from, &text, err);
	if (child_wait(&child, received < 0 ? NULL : err) < 0 || received < 0)
		return -1;
	for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
		report(data, text.data[at], text.data + at + 1);
	return 0;
}
