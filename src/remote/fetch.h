/* One blob from a registry into the store: for pulls, and for a cache that passes it on while it comes. */
#ifndef REMOTE_FETCH_H
#define REMOTE_FETCH_H
#include "remote/endpoint.h"

struct fetch {
	struct store *store;
	struct endpoint *endpoint;
	const char *repository; /* there */
	const char *scope;	/* as in struct request */
	struct digest digest;
	int64_t size;	     /* -1: what the registry says, or the end of its answer */
	bool patient;	     /* try again also when nothing came at all */
	const char *link_to; /* a published repository through which it may be read, at once; or NULL */
	/* Called when bytes can be read from `upload` (have may be 0) and as they come; `size` -1 is still unknown. Another upload than the last time
	 * means that what came before was dropped. A negative return ends the fetch; what is there is kept for another. */
	int (*moved)(void *data, struct upload *upload, int64_t have, int64_t size, struct error *err);
	void *data;

	/* for the caller, of the last answer */
	long status;	 /* 0: there was none */
	int retry_after; /* seconds, -1: it did not say */
};
/* ERROR_CORRUPT: the bytes are others than the digest says, and nothing is kept. After other failures what came is kept for the next. */
int fetch_blob(struct fetch *fetch, struct error *err);
#endif
