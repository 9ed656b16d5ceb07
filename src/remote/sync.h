/* Sets of images copied by rule, between registries or from one into this store. What is equal by digest is skipped, what was interrupted goes on where
 * it stopped, and an image that fails doesn't keep the others. */
#ifndef REMOTE_SYNC_H
#define REMOTE_SYNC_H
#include <regex.h>

#include <jansson.h>

#include "remote/remote.h"

struct sync_rule {
	struct reference from, to; /* without tag: those that are chosen; with one: this */
	bool to_store;		   /* `to` is a name in this store */
	struct strlist tags;	   /* globs; "!…" takes away again what those before it chose. Empty: all */
	char *match;		   /* an extended regular expression for the whole tag, or NULL */
	regex_t expression;	   /* it, compiled */
	int64_t newest;		   /* only so many, the highest versions; 0: all */
	struct platform *platforms;
	size_t platforms_len; /* 0: all */
	bool referrers;	      /* signatures and the like, too */
};
struct sync_rules {
	struct sync_rule *rules;
	size_t len;
};
void sync_rules_clear(struct sync_rules *rules);
/* A list of objects with `from`, `to`, `tags`, `match`, `newest`, `platforms`, `referrers`; a key that is unknown is an error. */
int sync_rules_read(const char *file, struct sync_rules *ret, struct error *err);
/* The same of a text; for sync_rules_read and tests. */
int sync_rules_parse(const char *text, size_t len, struct sync_rules *ret, struct error *err);
/* One rule, as such an object. Borrowed. Appends. */
int sync_rules_add(struct sync_rules *rules, const json_t *object, struct error *err);
/* Which of these tags the rule means, the highest version first if it counts them. */
void sync_rule_choose(const struct sync_rule *rule, const struct strlist *tags, struct strlist *ret);

enum sync_result { SYNC_COPIED, SYNC_SAME, SYNC_WOULD_COPY, SYNC_FAILED };
struct sync_report {
	const char *from, *to; /* complete references */
	enum sync_result result;
	const struct digest *digest; /* NULL if it failed */
	const struct error *error;   /* if it failed */
};
struct sync_options {
	const struct remote_options *from, *to;
	int parallel; /* images at once; 0 is 2 */
	bool dry_run;
	void (*report)(void *data, const struct sync_report *report); /* one call at a time */
	void *data;
};
/* Fails only when interrupted; other failures are reported and counted. */
int sync_run(struct store *store, const struct sync_rules *rules, const struct sync_options *options, size_t *ret_failed, struct error *err);
#endif
