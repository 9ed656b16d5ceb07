/* How overlayfs marks what a layer takes away: a whiteout is a character device 0:0, an opaque directory has an extended attribute whose
 * name depends on whether the mount is made in the first user namespace or in another. */
#ifndef STORE_OVERLAY_H
#define STORE_OVERLAY_H
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"

/* Are we in a user namespace that is not the machine's first? Then overlayfs is mounted with userxattr. */
bool overlay_is_user(void);
static inline bool overlay_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}
int overlay_set_opaque(int dir, const char *path, struct error *err);
bool overlay_is_opaque(int dir);
#endif
