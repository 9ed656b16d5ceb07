/* Events of containers: see event.h. */
#include "run/event.h"

#include "store/events.h"

void container_event(struct store *store, const struct container *container, const char *action, const char *key, const char *value)
{
	const json_t *labels = json_object_get(container->record, "Labels");
	json_t *attributes = labels ? json_deep_copy(labels) : json_object();

	json_object_set_new(attributes, "image", json_string(container_text(container, "ImageName")));
	json_object_set_new(attributes, "name", json_string(container_text(container, "Name")));
	if (key)
		json_set_text(attributes, key, value);
	event_add(store, "container", action, container->id, attributes);
}

void container_event_die(struct store *store, const struct container *container)
{
	_cleanup_(freep) char *path = xprintf("exits/%s", container->id), *code = xprintf("%d", bundle_number(container, path));

	container_event(store, container, "die", "exitCode", code);
}
