/* A user namespace of our own, for work that needs many ids without being root. */
#ifndef BASE_USERNS_H
#define BASE_USERNS_H
#include <stdbool.h>

#include "base/error.h"

/* For the whole command, before any thread: an unprivileged user becomes root of a new user and mount namespace in which
 * the ids of /etc/subuid and /etc/subgid are mapped (newuidmap), or only the user's own id with a warning where there are none.
 * As root, or inside already, it does nothing. Should be called by commands that unpack, build or run; mustn't by `serve`. */
int userns_enter_rootless(struct error *err);
/* True in a namespace that userns_enter_rootless made, in this process or one of its parents. */
bool userns_is_rootless(void);

/* In a single-threaded child process, as root of its namespace: a nested user and mount namespace with every id that we have
 * mapped to itself. Whoever is inside may mount binfmt_misc for itself alone (Linux 6.7). */
int userns_enter_identity(struct error *err);
#endif
