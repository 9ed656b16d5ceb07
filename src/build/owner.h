/* --chown and --chmod: who owns a copied file, and what its mode becomes. */
#ifndef BUILD_OWNER_H
#define BUILD_OWNER_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* "user[:group]", names or numbers, by /etc/passwd and /etc/group of the tree `root`. A user's name brings its group of /etc/passwd, a number
 * alone is both. */
int owner_resolve(int root, const char *text, int64_t *ret_uid, int64_t *ret_gid, struct error *err);

/* Checks "0644" or "u=rwX,go=rX" for its grammar. */
int mode_check(const char *text, struct error *err);
/* What a mode becomes by a text that mode_check took; NULL leaves it. Cannot fail. */
mode_t mode_apply(const char *text, mode_t mode, bool is_directory);
#endif
