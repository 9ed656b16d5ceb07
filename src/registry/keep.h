/* Keeping the store small while the server runs: gc on a schedule, retention, quotas.
 *
 * Housekeeping runs in a thread that exists only while it works, so an idle server has neither its memory nor its reads: when nothing has
 * changed since the last time there is nothing to do, and nothing is done. It takes only what is published: images that the store's owner
 * built or pulled, with or without a name, are his own business ('sampan gc'). */
#ifndef REGISTRY_KEEP_H
#define REGISTRY_KEEP_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct digest;
struct registry_options;
struct request;
struct retention_rule;
struct server;

struct quota_options {
	char *prefix; /* "team/": of repositories' names; "" is all of them */
	int64_t bytes;
};
struct keep_options {
	bool gc_configured, gc_off;
	int64_t gc_every, gc_grace, gc_uploads; /* seconds; defaults where !gc_configured */
	struct retention_rule *rules;
	size_t rules_len;
	struct quota_options *quotas;
	size_t quotas_len;
};
void keep_options_clear(struct keep_options *options);
/* Sections of the settings file: see config.h. */
int gc_config(struct registry_options *options, const json_t *section, struct error *err);
int retention_config(struct registry_options *options, const json_t *section, struct error *err);
int quotas_config(struct registry_options *options, const json_t *section, struct error *err);

/* ---- housekeeping ---- */
struct keeper;
struct keeper *keeper_new(struct server *server, const struct keep_options *options);
/* Called every few seconds by the thread that watches the server: starts a run that is due, ends one that is done. */
void keeper_tick(struct keeper *keeper);
/* Other settings, from the next run on; which ones are in use. */
void keeper_set(struct keeper *keeper, const struct keep_options *options);
bool keeper_uses(const struct keeper *keeper, const struct keep_options *options);
void keeper_free(struct keeper **at); /* waits for a run; it has seen the interrupt */

/* ---- quotas ---- */
struct quotas;
struct quotas *quotas_new(const struct keep_options *options); /* NULL without any */
void quotas_free(struct quotas **at);
/* Is there room for `bytes` more in the request's repository? Else the request is answered: 403 DENIED. Takes the room: what was not used
 * is given back by the next count of what is there. A blob that the repository holds already needs none. */
bool quota_take(struct request *request, const struct digest *digest, int64_t bytes);
/* Only looks, for an upload that begins or goes on: 413 if the body will not fit, 403 if nothing fits any more. `digest` NULL: not yet known. */
bool quota_fits(struct request *request, const struct digest *digest, int64_t bytes);
#endif
