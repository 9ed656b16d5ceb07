/* A file that may change: see watch.h. */
#include "registry/watch.h"

#include <errno.h>
#include <stdbool.h>

#include "base/fd.h"

/* ctime is set by the kernel, so a change that keeps size and mtime is seen as well. */
static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

int watch_read(struct watch *watch, size_t limit, struct buf *ret, struct error *err)
{
	struct stat now = { .st_mode = 1 }; /* what no file has: "missing" is a state that differs from "not looked yet" */

	/* Before it is read: what is written meanwhile is seen the next time. */
	if (stat(watch->path, &now) < 0)
		now = (struct stat){ .st_mode = 1, .st_size = errno };
	if (same(&now, &watch->seen))
		return 0;
	watch->seen = now;
	return file_read(AT_FDCWD, watch->path, limit, ret, err) < 0 ? -1 : 1;
}

void watch_clear(struct watch *watch)
{
	free(watch->path);
	*watch = (struct watch){ 0 };
}
