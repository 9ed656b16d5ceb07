/* What the store's owner changes in published repositories without asking the server: a push into the store that the registry serves, say.
 *
 * The server can't see it pass, but its settings are meant for it as well: somebody waits for webhooks, and a quota is there to keep the disk from
 * filling up. So the server leaves in the store what it wants of such changes, and commands that make them ask for room first and leave
 * a notice, which the server fetches within seconds, or when it starts the next time. Where no server wants them no notices are left. */
#ifndef REMOTE_PUBLISH_H
#define REMOTE_PUBLISH_H
#include "store/store.h"

struct publish_quota {
	const char *prefix; /* "team/": of repositories' names; "" is all of them */
	int64_t bytes;
};
/* By the server: what it wants from now on. Writes only what has changed. */
int publish_rules_set(struct store *store, bool notices, const struct publish_quota *quotas, size_t quotas_len, struct error *err);
/* ERROR_DENIED if so many bytes more don't fit into a quota of the repository. */
int publish_fits(struct store *store, const char *repository, int64_t bytes, struct error *err);

struct publish_notice {
	const char *action; /* "push" or "delete" */
	const char *repository, *tag, *digest, *media_type, *user; /* tag, media type and user may be NULL */
	int64_t size, at;   /* size -1: unknown; at: seconds since 1970, filled in by publish_note, as is the user */
};
/* Leaves one, if they are wanted. A failure is no reason to fail what has been done: it is logged. */
void publish_note(struct store *store, const struct publish_notice *notice);
/* Takes all away, in the order in which they came. */
int publish_notices_take(struct store *store, void (*each)(void *data, const struct publish_notice *notice), void *data, struct error *err);
#endif
