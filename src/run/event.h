/* Events of containers, for the files of this room. */
#ifndef RUN_EVENT_H
#define RUN_EVENT_H
#include "run/container.h"

/* Its name, image and labels go along, and `key` = `value` unless NULL. */
void container_event(struct store *store, const struct container *container, const char *action, const char *key, const char *value);
/* The exit code that its monitor wrote. */
void container_event_die(struct store *store, const struct container *container);
#endif
