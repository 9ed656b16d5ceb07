/* Restart policies and health checks, without a daemon: see supervise.c. */
#ifndef RUN_SUPERVISE_H
#define RUN_SUPERVISE_H
#include "run/container.h"

/* Starts a supervisor for a container that has just been started, if its policy or a health check asks for one. It outlives us. */
int supervisor_start(struct store *store, const struct container *container, struct error *err);
bool supervisor_wanted(const struct container *container);
/* This program's own file; NULL if /proc doesn't say. Owned by the caller. */
char *program_path(void);
/* Does one live? */
bool supervisor_alive(const struct container *container);
#endif
