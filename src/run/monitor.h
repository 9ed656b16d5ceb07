/* Who watches over a container: conmon when it is detached, a child of ours when it is not. */
#ifndef RUN_MONITOR_H
#define RUN_MONITOR_H
#include "run/container.h"

/* Both in the process that has entered the container's namespaces (sandbox_enter). */
/* Starts conmon and the container. Returns the id of its first process. */
int monitor_start(const struct container *container, bool terminal, bool interactive, struct error *err);
/* Runs it with our stdin, stdout and stderr. Returns the exit code. */
int monitor_foreground(const struct container *container, bool use_stdin, struct error *err);
#endif
