/* An upstream as a cache asks it: one registry and perhaps mirrors of it, asked in turn.
 *
 * Somebody waits for every answer, so nothing here tries long: a place that can't be reached, is over its limit or fails again and again is left
 * in peace for a while (what Retry-After says; else some seconds, more each time), in which asking it fails at once with the same error. When
 * the while is over one request finds out for all. Used by many threads at once; how many requests are under way is bounded. */
#ifndef REMOTE_UPSTREAM_H
#define REMOTE_UPSTREAM_H
#include "remote/remote.h"

struct upstream_options {
	const char *name;	  /* for the log */
	const struct strlist *urls; /* "https://HOST[:PORT][/PREFIX OF REPOSITORIES]"; the last is the upstream itself, those before it are mirrors */
	struct remote_options remote; /* credentials are for the upstream itself, never for a mirror */
};
struct upstream;
/* Asks nothing yet. Copies the options. */
int upstream_new(const struct upstream_options *options, struct upstream **ret, struct error *err);
void upstream_free(struct upstream **at);
const char *upstream_url(const struct upstream *upstream); /* borrowed */
bool upstream_is_hub(const struct upstream *upstream);	   /* Docker's, where official images are below library/ */

/* All fail with ERROR_NOT_FOUND (it says that there is none), ERROR_UNAUTHORIZED or ERROR_DENIED, or one for which
 * upstream_is_away: then what is cached is the best that there is. `repository` is as the upstream names it. */
bool upstream_is_away(const struct error *err);
/* Seconds until it will be asked again; 0: now. */
int upstream_rests(struct upstream *upstream);

/* What a tag points to. *ret_known is false if it doesn't say, or doesn't know HEAD. */
int upstream_tag(struct upstream *upstream, const char *repository, const char *tag, struct digest *ret, bool *ret_known, struct error *err);
/* By tag or digest; verified against a digest that was asked for, or else the one that the answer names, or else named by sha256. Appends. */
int upstream_manifest(struct upstream *upstream, const char *repository, const char *name, struct buf *ret, char **ret_media_type,
		      struct digest *ret_digest, struct error *err);
/* Does it have the blob? *ret_size is -1 if it doesn't say how long. */
int upstream_blob_size(struct upstream *upstream, const char *repository, const struct digest *digest, int64_t *ret_size, struct error *err);
/* Into the store, and readable there through `link_to`; see struct fetch for `moved`. */
int upstream_blob(struct upstream *upstream, const char *repository, const struct digest *digest, struct store *store, const char *link_to,
		  int (*moved)(void *data, struct upload *upload, int64_t have, int64_t size, struct error *err), void *data, struct error *err);
/* A small document of a repository: "tags/list?n=10", "referrers/sha256:…"; *ret_more says that another page follows. Appends. */
int upstream_document(struct upstream *upstream, const char *repository, const char *path, struct buf *ret, bool *ret_more, struct error *err);
#endif
