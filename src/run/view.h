/* A container's files, seen from a child process (child.h) that enters the namespaces that it takes. */
#ifndef RUN_VIEW_H
#define RUN_VIEW_H
#include "run/container.h"

struct view {
	struct store *store;
	const struct container *container;
	struct container_status status; /* read before the child was made */
};
/* As the container sees them, with volumes and what else is mounted: of one that runs its own root, of another its tree with its volumes, mounted
 * for as long as the child lives. The descriptor is the caller's. Of one that doesn't run the container's lock must be held, since two mounts
 * mustn't write to one upper folder. */
int view_open(const struct view *view, struct error *err);
/* The tree alone, where nothing is mounted. */
int view_open_tree(const struct view *view, struct error *err);
/* What lies beneath its upper folder: the image. */
int view_open_image(const struct view *view, struct error *err);
/* The ids of its files: as a user, becomes root of a namespace like the one that made them. */
int view_enter(const struct view *view, struct error *err);
#endif
