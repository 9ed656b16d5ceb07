/* Mounting layers: see layer.h.
 *
 * overlayfs takes up to 500 layers, but mount(2) only a page of options. So the names are short (the layers' numbers), and relative
 * to layers/, which must then be the current directory. That belongs to the whole process, and a build mounts from several threads;
 * a thread can have one of its own, though: the mount is made by a short-lived thread that unshares its file system state
 * (CLONE_FS), which leaves it in the caller's mount namespace. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/userns.h"
#include "store/layer.h"
#include "store/overlay.h"

enum { OPTIONS_MAX = 4095 }; /* mount(2) copies a page */

/* One mount(2) with its own current directory. */
struct mount_job {
	int cwd;
	const char *target, *options;
	unsigned long flags;
	int result; /* 0, or errno */
};

static void *mount_thread(void *data)
{
	struct mount_job *job = data;

	bool done = unshare(CLONE_FS) == 0 && fchdir(job->cwd) == 0 &&
		    mount("overlay", job->target, "overlay", job->flags, job->options) == 0;
	job->result = done ? 0 : errno;
	return NULL;
}

static int mount_in(struct mount_job *job, struct error *err)
{
	pthread_t thread;
	int number = pthread_create(&thread, NULL, mount_thread, job);

	if (number)
		return error_errno(err, number, "cannot start a thread");
	pthread_join(thread, NULL);
	if (!job->result)
		return 0;
	error_errno(err, job->result, "cannot mount the layers at %s", job->target);
	if (job->result == EPERM)
		return error_hint(err, overlay_is_user() ? "mounting overlayfs as a user needs Linux 5.11 or newer" :
							   "run sampan as root, or as a user with ranges in /etc/subuid and /etc/subgid");
	if (job->result == EINVAL)
		return error_hint(err, "the kernel's log (dmesg) says more; the store's file system must suit overlayfs as its upper layer: ext4, "
				       "xfs, btrfs or tmpfs, not another overlay or NFS");
	if (job->result == ENODEV)
		return error_hint(err, "this kernel has no overlayfs: modprobe overlay");
	return -1;
}

/* The snapshot's folder as seen from layers/, short and without the root's own name, which may hold what mount options give a meaning. */
static char *relative_dir(const struct store *store, const char *dir, struct error *err)
{
	const char *root = store_path(store);
	size_t len = strlen(root);
	_cleanup_(freep) char *path = !strncmp(dir, root, len) && dir[len] == '/' ? xprintf("../%s", dir + len + strspn(dir + len, "/")) : xstrdup(dir);

	if (strpbrk(path, ":,\\")) {
		error_set(err, ERROR_UNSUPPORTED, "%s cannot be part of a mount: it holds ':', ',' or '\\'", path);
		return NULL;
	}
	return steal(path);
}

/* What hides all beneath may stand in the root of a layer too, where overlayfs doesn't look: the lowest layer that is still seen. */
static size_t lowest_seen(int layers, const struct strlist *numbers)
{
	for (size_t i = numbers->len; i-- > 0;) {
		_cleanup_(fd_close) int fd = openat(layers, numbers->items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && overlay_is_opaque(fd))
			return i;
	}
	return 0;
}

static int mount_options(struct store *store, const struct snapshot_options *options, int layers, struct buf *ret, struct error *err)
{
	_cleanup_(freep) char *dir = relative_dir(store, options->dir, err);
	size_t lowest = lowest_seen(layers, options->layers), count = options->layers->len - lowest;

	if (!dir)
		return -1;
	buf_add_str(ret, "index=off,metacopy=off,redirect_dir=nofollow,"); /* off may still mean follow, which userxattr refuses */
	if (overlay_is_user())
		buf_add_str(ret, "userxattr,");
	buf_add_str(ret, "lowerdir=");
	for (size_t i = options->layers->len; i-- > lowest;)
		buf_printf(ret, "%s%s", options->layers->items[i], i > lowest ? ":" : "");
	if (count < 2) /* none, and overlayfs wants two where there is no upper one: an empty folder */
		buf_printf(ret, "%s%s/empty", count ? ":" : "", dir);
	if (!options->read_only)
		buf_printf(ret, ",upperdir=%s/upper,workdir=%s/work", dir, dir);
	if (ret->len > OPTIONS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the image has too many layers to be mounted: %zu", options->layers->len);
	return 0;
}

/* The upper directory's own owner and mode are those of the mounted root: they go on as the top layer has them. */
static int make_upper(const struct snapshot_options *options, int layers, int dir, struct error *err)
{
	struct stat st;

	if (fstatat(dir, "upper", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (dir_make(dir, "upper", 0755, err) < 0)
		return -1;
	_cleanup_(fd_close) int upper = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (upper < 0)
		return error_errno(err, errno, "cannot open the upper folder");
	if (!options->layers->len)
		return fchmod(upper, 0755) < 0 ? error_errno(err, errno, "cannot change the mode of the upper folder") : 0;
	const char *top = options->layers->items[options->layers->len - 1];
	if (fstatat(layers, top, &st, 0) < 0)
		return error_errno(err, errno, "cannot look at the layer %s", top);
	if (fchown(upper, st.st_uid, st.st_gid) < 0 || fchmod(upper, st.st_mode & 07777) < 0)
		return error_errno(err, errno, "cannot change the owner of the upper folder");
	return 0;
}

static int make_folders(const struct snapshot_options *options, int layers, struct error *err)
{
	if (dir_make(AT_FDCWD, options->dir, 0755, err) < 0)
		return -1;
	_cleanup_(fd_close) int dir = open(options->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_errno(err, errno, "cannot open %s", options->dir);
	if (dir_make(dir, "merged", 0755, err) < 0 || dir_make(dir, "empty", 0755, err) < 0)
		return -1;
	if (options->read_only)
		return 0;
	if (dir_make(dir, "work", 0700, err) < 0)
		return -1;
	return make_upper(options, layers, dir, err);
}

int snapshot_mount(struct store *store, const struct snapshot_options *options, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	/* by path: the store's own descriptor may belong to another mount namespace, and overlayfs takes layers of this one only */
	_cleanup_(freep) char *path = path_join(store_path(store), "layers");
	_cleanup_(fd_close) int layers = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (layers < 0)
		return error_errno(err, errno, "cannot open the folder of the layers");
	if (make_folders(options, layers, err) < 0 || mount_options(store, options, layers, &text, err) < 0)
		return -1;
	_cleanup_(freep) char *target = path_join(options->dir, "merged");
	struct mount_job job = { .cwd = layers, .target = target, .options = text.data,
				 .flags = (options->read_only ? MS_RDONLY : 0) | (options->no_devices ? MS_NODEV : 0) };
	return mount_in(&job, err);
}
