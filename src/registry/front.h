/* The front: takes the connections of plain HTTP, keeps those that are idle, and answers what lies in memory; see front.c. */
#ifndef REGISTRY_FRONT_H
#define REGISTRY_FRONT_H
#include <microhttpd.h>

#include "base/error.h"

struct front;
struct server;
struct front *front_new(struct server *server);
/* Connections that come to `fd` and want more than the front has are given to the daemon. Both are borrowed. Before front_start. */
int front_add(struct front *front, int fd, struct MHD_Daemon *daemon, struct error *err);
int front_start(struct front *front, struct error *err);
void front_quiesce(struct front *front); /* takes no new connections any more */
void front_free(struct front **front);	 /* before the daemons end */
#endif
