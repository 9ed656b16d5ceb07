/* Request targets: what of the distribution specification's addresses a path is. Pure: no HTTP library, no store. */
#ifndef REGISTRY_ROUTE_H
#define REGISTRY_ROUTE_H
#include "base/error.h"
#include "base/str.h"

enum { TARGET_LENGTH_MAX = 8192, TARGET_QUERY_MAX = 64 };

enum route {
	ROUTE_NONE,	 /* nothing of ours */
	ROUTE_BASE,	 /* /v2/ */
	ROUTE_CATALOG,	 /* /v2/_catalog */
	ROUTE_TAGS,	 /* /v2/NAME/tags/list */
	ROUTE_MANIFEST,	 /* /v2/NAME/manifests/TAG-OR-DIGEST */
	ROUTE_BLOB,	 /* /v2/NAME/blobs/DIGEST */
	ROUTE_UPLOADS,	 /* /v2/NAME/blobs/uploads/ */
	ROUTE_UPLOAD,	 /* /v2/NAME/blobs/uploads/ID */
	ROUTE_REFERRERS, /* /v2/NAME/referrers/DIGEST */
	ROUTE_TOKEN,	 /* /token */
	ROUTE_AUTHORITY, /* /ca.crt */
	ROUTE_JOIN,	 /* /join */
	ROUTE_PING,	 /* /v1/_ping: docker's search asks it */
	ROUTE_SEARCH,	 /* /v1/search */
	ROUTE_METRICS,	 /* /metrics */
	ROUTE_HEALTH,	 /* /healthz */
	ROUTE_READY,	 /* /readyz */
	ROUTE_PAGE,	 /* / and /ui/FILE */
	ROUTE_REPOSITORY_ROWS, /* /v2/_sampan/repositories */
	ROUTE_TAG_ROWS,	 /* /v2/NAME/_sampan/tags */
	ROUTE_TRANSFERS, /* /v2/_sampan/transfers */
	ROUTE_COUNT,
};

struct target {
	enum route route;
	char *repository;     /* as given, not yet checked; NULL where the route has none; owned */
	char *item;	      /* tag, digest, upload id; NULL where the route has none; owned */
	struct strlist query; /* NAME=VALUE, decoded */
};

/* `raw` is the target of the request line: path and query, still percent-encoded. Fails with ERROR_INVALID (bad encoding, NUL, no
 * path) or ERROR_TOO_LARGE; a path that is nothing of ours is ROUTE_NONE. A '+' in the query stands for itself (media types have it). */
int target_parse(const char *raw, struct target *ret, struct error *err);
/* A body of application/x-www-form-urlencoded, where '+' is a blank: NAME=VALUE, decoded. Appends. */
int form_parse(const char *text, struct strlist *ret, struct error *err);
void target_clear(struct target *target);
const char *route_name(enum route route); /* "manifest", "blob"; "none" */
/* Percent-encoded for a query. Owned by the caller. */
char *target_escape(const char *text);
/* The last value of a query parameter, or NULL. Borrowed. */
const char *target_query(const struct target *target, const char *name);
#endif
