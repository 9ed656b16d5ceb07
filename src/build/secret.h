/* Secrets of RUN --mount=type=secret: given on the command line, seen by one RUN, kept nowhere. They lie in a tmpfs while the RUN lasts, are
 * no part of a layer, a cache key, the history or a message, and are wiped from memory when done. */
#ifndef BUILD_SECRET_H
#define BUILD_SECRET_H
#include "build/dockerfile.h"

enum { SECRET_SIZE_MAX = 500 << 10 };

/* Checks the grammar of all of --secret. */
int secret_check(const struct strlist *secrets, struct error *err);
/* The value of a secret: 1 if it was given, else 0. `ret` is a C string too. */
int secret_read(const struct strlist *secrets, const char *id, struct buf *ret, struct error *err);
/* A tmpfs at folder/merged, in the caller's mount namespace. */
int secret_mount(const char *folder, struct error *err);
/* The file, with owner and mode of the mount. */
int secret_write(const char *path, const struct buf *value, const struct run_mount *mount, struct error *err);
/* Wipe and free; for _cleanup_. */
void secret_free(struct buf *value);
void secret_list_free(struct strlist *values);
#endif
