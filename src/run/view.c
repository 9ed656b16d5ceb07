/* Looking at a container's files: see view.h.
 *
 * A running one is looked at through /proc/PID/root: what its processes have mounted is there, and as every path is walked with
 * RESOLVE_IN_ROOT from that descriptor, no symlink of theirs leads out, even if it is swapped meanwhile. Who owns a user namespace may look
 * into it, but files of its ids can be made by those inside only, so a user's child enters it; root needs no other one. */
#include "run/view.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/userns.h"
#include "run/child.h"
#include "run/host_config.h"
#include "run/namespace.h"

int view_enter(const struct view *view, struct error *err)
{
	if (geteuid() == 0)
		return 0;
	if (container_is_up(&view->status)) {
		if (namespace_join(view->status.pid, "user", CLONE_NEWUSER, err) < 0)
			return -1;
		if (setgid(0) < 0 || setuid(0) < 0)
			return error_errno(err, errno, "cannot become root of the container's namespace");
	} else if (userns_enter_rootless(err) < 0) {
		return -1;
	}
	child_die_with_parent();
	return 0;
}

static int open_folder(const struct view *view, const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_errno(err, errno, "cannot open the files of container %s", container_text(view->container, "Name")) : fd;
}

static int own_mounts(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(err, errno, "cannot make a mount namespace"), error_hint(err, "this needs root or unprivileged user namespaces");
	return 0;
}

static int mount_tree(const struct view *view, const char *dir, bool read_only, struct error *err)
{
	struct strlist layers _cleanup_(strlist_free) = { 0 };
	struct snapshot_options options = { .layers = &layers, .dir = dir, .read_only = read_only };
	_cleanup_(freep) char *merged = path_join(dir, "merged");

	if (json_get_strlist(view->container->record, "Layers", &layers, err) < 0 || own_mounts(err) < 0 ||
	    snapshot_mount(view->store, &options, err) < 0)
		return -1;
	return open_folder(view, merged, err);
}

/* Flags that a mount has must be said again, or a user namespace refuses the change. */
static int make_read_only(int fd, struct error *err)
{
	static const unsigned long kept[][2] = { { ST_NOSUID, MS_NOSUID }, { ST_NODEV, MS_NODEV }, { ST_NOEXEC, MS_NOEXEC }, { ST_NOATIME, MS_NOATIME },
						 { ST_NODIRATIME, MS_NODIRATIME }, { ST_RELATIME, MS_RELATIME } };
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
	struct statvfs info;
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (fstatvfs(fd, &info) < 0)
		return error_errno(err, errno, "cannot look at a mount");
	for (size_t i = 0; i < array_len(kept); i++)
		if (info.f_flag & kept[i][0])
			flags |= kept[i][1];
	return mount(NULL, path, NULL, flags, NULL) < 0 ? error_errno(err, errno, "cannot make a mount read-only") : 0;
}

/* The place in the tree where something is mounted, made if it is missing. */
static int open_target(int tree, const char *target, bool is_dir, struct error *err)
{
	_cleanup_(fd_close) int above = -1;
	struct error why _cleanup_(error_clear) = { 0 };
	const char *name;
	int fd = path_open_in_root(tree, target, O_PATH | O_CLOEXEC, 0, &why);

	if (fd >= 0 || why.code != ERROR_NOT_FOUND) {
		if (fd < 0 && err)
			error_move(err, &why);
		return fd;
	}
	if (path_parent_in_root(tree, target, true, &above, &name, err) < 0)
		return -1;
	_cleanup_(fd_close) int file = is_dir ? -1 : openat(above, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (is_dir ? mkdirat(above, name, 0755) < 0 : file < 0)
		return error_errno(err, errno, "cannot make %s in the container", target);
	return path_open_in_root(tree, target, O_PATH | O_CLOEXEC, 0, err);
}

static int mount_one(int tree, const json_t *mount_object, struct error *err)
{
	const char *source = json_string_at(mount_object, "Source"), *target = json_string_at(mount_object, "Destination");
	struct stat info;
	char path[40];

	if (!*source || stat(source, &info) < 0)
		return 0; /* in memory, or taken away since */
	_cleanup_(fd_close) int at = open_target(tree, target, S_ISDIR(info.st_mode), err);
	if (at < 0)
		return -1;
	snprintf(path, sizeof path, "/proc/self/fd/%d", at);
	if (mount(source, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return error_errno(err, errno, "cannot mount %s at %s", source, target);
	if (host_config_is(mount_object, "RW"))
		return 0;
	_cleanup_(fd_close) int top = path_open_in_root(tree, target, O_PATH | O_CLOEXEC, 0, err);
	return top < 0 ? -1 : make_read_only(top, err);
}

static int mount_all(const struct view *view, struct error *err)
{
	_cleanup_(fd_close) int tree = mount_tree(view, view->container->dir, false, err);
	const json_t *item;
	size_t i;

	if (tree < 0)
		return -1;
	json_array_foreach(json_object_get(view->container->record, "Mounts"), i, item)
		if (mount_one(tree, item, err) < 0)
			return -1;
	if (host_config_is(json_object_get(view->container->record, "HostConfig"), "ReadonlyRootfs") && make_read_only(tree, err) < 0)
		return -1;
	return fd_steal(&tree);
}

int view_open(const struct view *view, struct error *err)
{
	_cleanup_(freep) char *root = xprintf("/proc/%d/root", view->status.pid);

	if (view_enter(view, err) < 0)
		return -1;
	return container_is_up(&view->status) ? open_folder(view, root, err) : mount_all(view, err);
}

int view_open_tree(const struct view *view, struct error *err)
{
	int monitor = bundle_number(view->container, "monitor.pid");
	_cleanup_(freep) char *path = xprintf("/proc/%d/root%s/merged", monitor, view->container->dir);

	if (view_enter(view, err) < 0)
		return -1;
	if (!container_is_up(&view->status))
		return mount_tree(view, view->container->dir, false, err);
	if (!process_start_time(monitor)) {
		error_set(err, ERROR_FAILED, "the monitor of container %s is gone, and with it the way to its files", container_text(view->container, "Name"));
		return error_hint(err, "stop it first");
	}
	return open_folder(view, path, err);
}

int view_open_image(const struct view *view, struct error *err)
{
	_cleanup_(freep) char *dir = path_join(view->container->dir, "image");

	return view_enter(view, err) < 0 ? -1 : mount_tree(view, dir, true, err);
}
