/* Names of a network's members, in /etc/hosts. See hosts.c. */
#ifndef RUN_HOSTS_H
#define RUN_HOSTS_H
#include "run/container.h"

/* The lines for a container: all that run on one of its networks, and itself; NULL if it is on none. Owned by the caller. */
char *hosts_block(struct store *store, const struct container *container);
#endif
