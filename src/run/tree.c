/* export: the files of a container as a tar, see run.h.
 *
 * A running one is read through its monitor's mounts, where the overlay stands alone, without /proc and volumes; one that doesn't run is mounted for the
 * time in a child's own mount namespace. */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/child.h"
#include "run/container.h"

struct export {
	struct store *store;
	const struct container *container;
	struct strlist layers;
	int to;
};

static int write_out(void *data, const void *bytes, size_t len, struct error *err)
{
	const struct export *export = data;

	return fd_write_all(export->to, bytes, len, "the archive", err);
}

static int archive(const char *path, struct export *export, struct error *err)
{
	_cleanup_(fd_close) int tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (tree < 0)
		return error_errno(err, errno, "cannot open the files of container %s", container_text(export->container, "Name"));
	return layer_archive(tree, -1, write_out, export, err);
}

static int work_export(void *data, struct error *err)
{
	struct export *export = data;
	_cleanup_(freep) char *merged = path_join(export->container->dir, "merged");
	struct snapshot_options options = { .layers = &export->layers, .dir = export->container->dir };

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(err, errno, "cannot make a mount namespace");
	return snapshot_mount(export->store, &options, err) < 0 ? -1 : archive(merged, export, err);
}

int container_export(struct store *store, const char *name, int to, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct export export = { .store = store, .container = &container, .to = to };
	struct container_status status;
	_cleanup_(fd_close) int lock = -1;
	int result;

	if (container_open(store, name, &container, err) < 0 || container_lock(&container, &lock, err) < 0)
		return -1;
	container_status(&container, &status);
	if (container_is_up(&status)) {
		_cleanup_(freep) char *path = xprintf("/proc/%d/root%s/merged", bundle_number(&container, "monitor.pid"), container.dir);
		return archive(path, &export, err);
	}
	result = json_get_strlist(container.record, "Layers", &export.layers, err) < 0 ? -1 : child_run(work_export, &export, err);
	strlist_free(&export.layers);
	return result;
}
