/* export: the files of a container as a tar, see run.h. */
#include <unistd.h>

#include "base/fd.h"
#include "run/child.h"
#include "run/container.h"
#include "run/event.h"
#include "run/view.h"

struct export {
	struct view view;
	int to;
};

static int work_export(void *data, struct error *err)
{
	struct export *export = data;
	_cleanup_(fd_close) int tree = view_open_tree(&export->view, err);

	return tree < 0 ? -1 : layer_archive(tree, -1, archive_write_fd, &export->to, err);
}

int container_export(struct store *store, const char *name, int to, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct export export = { .view = { store, &container, { 0 } }, .to = to };
	_cleanup_(fd_close) int lock = -1;

	if (container_open(store, name, &container, err) < 0 || container_lock(&container, &lock, err) < 0)
		return -1;
	container_status(&container, &export.view.status);
	if (container_is_up(&export.view.status))
		fd_close(&lock), lock = -1;
	container_event(store, &container, "export", NULL, NULL);
	return child_run(work_export, &export, err);
}
