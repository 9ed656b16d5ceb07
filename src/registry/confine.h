/* The sandbox of the server: what it will never need is taken from it before the first connection. */
#ifndef REGISTRY_CONFINE_H
#define REGISTRY_CONFINE_H
#include "registry/registry.h"

/* What is left is the store, `readable`, the sockets that are open, and, if `outgoing`, connections to others with what resolving their names
 * takes. Before any thread. A kernel that lacks a part is warned about, and goes on with the rest. */
int confine(const char *store, const struct strlist *readable, bool outgoing, struct error *err);
#endif
