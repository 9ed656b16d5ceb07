/* overlayfs' marks: see overlay.h. */
#include "store/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <sys/xattr.h>

#include "base/mem.h"

#define OPAQUE_ROOT "trusted.overlay.opaque"
#define OPAQUE_USER "user.overlay.opaque"

bool overlay_is_user(void)
{
	unsigned inside, outside, count;
	FILE *map = fopen("/proc/self/uid_map", "re");
	bool first = !map || (fscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && !inside && !outside && count == 4294967295u);

	if (map)
		fclose(map);
	return !first;
}

int overlay_set_opaque(int dir, const char *path, struct error *err)
{
	if (fsetxattr(dir, overlay_is_user() ? OPAQUE_USER : OPAQUE_ROOT, "y", 1, 0) == 0)
		return 0;
	error_errno(err, errno, "cannot mark the folder %s as opaque", path);
	if (errno == EPERM || errno == EOPNOTSUPP)
		error_hint(err, "put the store onto a file system that has extended attributes (ext4, xfs, btrfs), and run sampan as root or with "
				"ranges in /etc/subuid and /etc/subgid");
	return -1;
}

bool overlay_is_opaque(int dir)
{
	char value;

	return fgetxattr(dir, overlay_is_user() ? OPAQUE_USER : OPAQUE_ROOT, &value, 1) == 1 && value == 'y';
}
