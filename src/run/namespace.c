/* Entering namespaces: see namespace.h. */
#include "run/namespace.h"

#include <errno.h>
#include <sched.h>

#include "base/fd.h"

/* Namespaces that are ours already can't be entered again. */
int namespace_join(int pid, const char *kind, int flag, struct error *err)
{
	_cleanup_(freep) char *theirs = xprintf("/proc/%d/ns/%s", pid, kind), *ours = xprintf("/proc/self/ns/%s", kind);
	_cleanup_(fd_close) int fd = open(theirs, O_RDONLY | O_CLOEXEC);
	struct stat one, other;

	if (fd < 0 || fstat(fd, &one) < 0 || stat(ours, &other) < 0)
		return error_errno(err, errno, "cannot find the namespaces of process %d", pid);
	if (one.st_ino == other.st_ino && one.st_dev == other.st_dev)
		return 0;
	if (setns(fd, flag) < 0)
		return error_errno(err, errno, "cannot enter the container's %s namespace", kind);
	return 0;
}
