/* Events of images. */
#ifndef CMD_IMAGE_EVENT_H
#define CMD_IMAGE_EVENT_H
#include "store/events.h"

/* "pull", and what it is called or its id, which is what docker writes for both. */
static inline void image_event(struct store *store, const char *action, const char *id, const char *name)
{
	json_t *attributes = json_object();

	json_object_set_new(attributes, "name", json_string(name));
	event_add(store, "image", action, id, attributes);
}
#endif
