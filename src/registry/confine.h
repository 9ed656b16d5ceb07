/* The sandbox of the server: what it will never need is taken from it before the first connection. */
#ifndef REGISTRY_CONFINE_H
#define REGISTRY_CONFINE_H
#include "registry/registry.h"

/* What is left beside the sockets that are open. Borrowed. */
struct confinement {
	const char *store;		 /* a folder: all rights but running what is in it */
	const struct strlist *readable; /* files and folders; what isn't there is left out */
	const struct strlist *writable; /* folders in which files may be made */
	bool outgoing;			 /* connections to others, with what resolving their names takes */
};
/* Mustn't be called when there are threads already: they would keep all that is given up here (ERROR_FAILED). A kernel that lacks a part is
 * warned about, and goes on with the rest. */
int confine(const struct confinement *confinement, struct error *err);
#endif
