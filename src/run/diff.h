/* What diff and commit share. */
#ifndef RUN_DIFF_H
#define RUN_DIFF_H
#include "run/container.h"

/* Where things were mounted when it was started last, without a slash in front: the runtime makes what is missing there. Appends. */
void mountpoints_of(const struct container *container, struct strlist *ret);
#endif
