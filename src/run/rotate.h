/* --log-opt max-file: the older logs of a container, log.1 being the newest of them. See rotate.c. */
#ifndef RUN_ROTATE_H
#define RUN_ROTATE_H
#include "run/container.h"

struct rotation {
	int dir, changes; /* the bundle, and what inotify says of it; -1: one file is enough */
	int files;	  /* with the one being written */
};
bool rotation_wanted(const json_t *record);
void rotation_begin(const struct container *container, struct rotation *ret);
/* When `changes` is readable. */
void rotation_turn(struct rotation *rotation);
void rotation_end(struct rotation *rotation);
#endif
