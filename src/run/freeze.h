/* pause and unpause. */
#ifndef RUN_FREEZE_H
#define RUN_FREEZE_H
#include "run/container.h"

/* Freezes or thaws every process of the container whose first one is `pid`. */
int freeze_container(const struct container *container, int pid, bool freeze, struct error *err);
#endif
