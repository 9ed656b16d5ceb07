/* Are two upper directories, made by two ways of running the same step, the same? */
#ifndef BUILD_VERIFY_H
#define BUILD_VERIFY_H
#include "base/error.h"

/* Compares types, modes, owners, sizes, contents, link targets and devices of all entries, not times. Logs and caches, which hold times and addresses,
 * are left out: /var/log, /var/cache. Fails with the first entry that differs, and how. */
int verify_same(const char *one, const char *other, struct error *err);
#endif
