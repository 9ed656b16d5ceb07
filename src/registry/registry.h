/* The server: the repositories with registry "" of a store, over the OCI distribution protocol. */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H
#include "store/store.h"

struct registry_options {
	struct strlist listen; /* "127.0.0.1:6000", "[::1]:6000", ":6000" */
	int connections_max;   /* 0: 1024 */
};
/* Serves until SIGTERM or SIGINT, then lets running requests end (at most 10 s). Logs one line per listener when it is ready:
 * "sampan: serving /var/lib/sampan on http://127.0.0.1:6000". Answers carry the header Sampan-Store with store_id, by which a client
 * that has the same store open knows that a push needs no upload. */
int registry_serve(struct store *store, const struct registry_options *options, struct error *err);
#endif
