/* A reserve on the disk, so that a full one can be emptied.
 *
 * To delete is to write: a tag goes by a transaction, and gc by many. On a disk that pushes have filled to the brim none of them fits, and who
 * wants to make room can't. So the store keeps a file of nothing, of a size that some deletions need, where there is space enough for it. A deletion
 * that finds the disk full takes the file away and tries again; gc, or the next start, puts it back. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "store/internal.h"

#define RESERVE "reserve"

enum {
	RESERVE_BYTES = 512 << 10,
	FREE_MIN = 1 << 20, /* nearer to its end the disk has better use for it */
};

/* A convenience: that it fails is no failure. */
void reserve_make(struct store *store)
{
	struct statvfs disk;

	if (faccessat(store->dir, RESERVE, F_OK, 0) == 0 || fstatvfs(store->dir, &disk) < 0 || (uint64_t)disk.f_bavail * disk.f_frsize < FREE_MIN)
		return;
	_cleanup_(fd_close) int fd = openat(store->dir, RESERVE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && fallocate(fd, 0, 0, RESERVE_BYTES) < 0)
		unlinkat(store->dir, RESERVE, 0);
}

bool reserve_spend(struct store *store, struct error *failure)
{
	if (failure->code != ERROR_NO_SPACE || unlinkat(store->dir, RESERVE, 0) < 0)
		return false;
	log_debug("the disk is full: the reserve is spent");
	error_clear(failure);
	return true;
}
