/* Retention: which tags and untagged manifests of published repositories may go.
 *
 * A repository's tags are looked at from the newest to the oldest; those to go are taken in steps of a few, each one write transaction that looks
 * again whether the tag is still what it was. Tags that came meanwhile are newer, so that they only push others further down. After a step
 * the search begins anew: what stays is the same, and memory is bounded whatever a repository holds. Nothing is freed here: a
 * manifest that loses its last tag becomes loose, and gc knows what of it others need. */
#include <fnmatch.h>
#include <stdio.h>

#include "base/interrupt.h"
#include "store/internal.h"

enum { STEP_TAGS = 128, STEP_REPOSITORIES = 256 };

struct retain {
	struct store *store;
	const struct retention_rule *rules;
	size_t rules_len;
	bool dry_run;
	void (*report)(void *data, const char *repository, const char *tag, const char *digest);
	void *data;
	int64_t now, count;
};

struct victim {
	char *tag; /* owned; NULL: an untagged manifest */
	char *digest;
	int64_t manifest, since; /* since: the tag was set, the manifest last pushed */
};

struct victims {
	struct victim items[STEP_TAGS];
	size_t len;
};

static void victims_clear(struct victims *victims)
{
	for (size_t i = 0; i < victims->len; i++) {
		free(victims->items[i].tag);
		free(victims->items[i].digest);
	}
	victims->len = 0;
}

void retention_rules_free(struct retention_rule *rules, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		strlist_free(&rules[i].repositories);
		strlist_free(&rules[i].tags);
	}
	free(rules);
}

static bool matches_any(const struct strlist *patterns, const char *name)
{
	for (size_t i = 0; i < patterns->len; i++)
		if (fnmatch(patterns->items[i], name, 0) == 0)
			return true;
	return false;
}

static const struct retention_rule *rule_for(const struct retain *retain, const char *repository)
{
	for (size_t i = 0; i < retain->rules_len; i++)
		if (matches_any(&retain->rules[i].repositories, repository))
			return &retain->rules[i];
	return NULL;
}

/* ---- tags ---- */

/* "sha256-<hex>…" beside the manifest of that digest: where clients that do not know the referrers API keep what speaks about it. */
static int is_fallback(struct db *db, int64_t repository, const char *tag, struct error *err)
{
	const char *dash = strchr(tag, '-');
	int64_t there;

	if (!dash || (!str_starts(tag, "sha256-") && !str_starts(tag, "sha512-")))
		return 0;
	size_t hex = strspn(dash + 1, "0123456789abcdef");
	_cleanup_(freep) char *digest = xprintf("%.*s:%.*s", (int)(dash - tag), tag, (int)hex, dash + 1);
	return query_number(db, "SELECT 1 FROM blob JOIN link ON link.blob = blob.id AND link.repository = ? AND kind > 0 WHERE digest = ?",
			    VALUES(INT(repository), TEXT(digest)), &there, err);
}

static bool tag_stays(const struct retain *retain, const struct retention_rule *rule, const char *tag, int64_t updated, int64_t rank)
{
	return (rule->keep_newest >= 0 && rank < rule->keep_newest) || (rule->newer_than >= 0 && updated > retain->now - rule->newer_than * 1000) ||
	       matches_any(&rule->tags, tag);
}

/* One scan; a dry run reports as it goes, else it stops when the step is full. */
static int tags_find(struct retain *retain, struct db *db, const struct retention_rule *rule, const char *name, int64_t repository,
		     struct victims *ret, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	int64_t rank = 0;
	int result = 0;

	if (query_begin(db,
			"SELECT name, digest, manifest, updated FROM tag JOIN blob ON blob.id = manifest WHERE repository = ?"
			" ORDER BY updated DESC, name DESC",
			VALUES(INT(repository)), &query, err) < 0)
		return -1;
	while (ret->len < STEP_TAGS && (result = query_step(&query, err)) > 0) {
		const char *tag = query_text(&query, 0);
		int fallback = is_fallback(db, repository, tag, err);
		if (fallback < 0)
			return -1;
		if (fallback || tag_stays(retain, rule, tag, query_int(&query, 3), rank++))
			continue;
		if (retain->dry_run) {
			retain->count++;
			if (retain->report)
				retain->report(retain->data, name, tag, query_text(&query, 1));
		} else {
			ret->items[ret->len++] = (struct victim){ xstrdup(tag), xstrdup(query_text(&query, 1)), query_int(&query, 2), query_int(&query, 3) };
		}
	}
	return result < 0 ? -1 : 0;
}

/* ---- untagged manifests ---- */

/* Kept for their own sake, and neither an index's child nor about something that is here. */
#define UNTAGGED                                                                                                                   \
	"kind = 1 AND touched < ?2"                                                                                                \
	" AND NOT EXISTS (SELECT 1 FROM tag WHERE tag.repository = link.repository AND tag.manifest = link.blob)"                  \
	" AND NOT EXISTS (SELECT 1 FROM edge JOIN link AS up ON up.repository = link.repository AND up.blob = edge.parent"         \
	"  AND up.kind > 0 WHERE edge.child = link.blob AND edge.kind = 0)"                                                        \
	" AND NOT EXISTS (SELECT 1 FROM edge JOIN link AS subject ON subject.repository = link.repository"                         \
	"  AND subject.blob = edge.child AND subject.kind > 0 WHERE edge.parent = link.blob AND edge.kind = 1)"

static int untagged_find(struct retain *retain, struct db *db, const struct retention_rule *rule, const char *name, int64_t repository,
			 struct victims *ret, struct error *err)
{
	int64_t cutoff = retain->now - rule->untagged_older_than * 1000;
	struct query query _cleanup_(query_end) = { 0 };
	int result = 0;

	if (query_begin(db,
			"SELECT digest, link.blob FROM (SELECT blob FROM link WHERE repository = ?1 AND " UNTAGGED ") AS link JOIN blob ON blob.id = link.blob",
			VALUES(INT(repository), INT(cutoff)), &query, err) < 0)
		return -1;
	while (ret->len < STEP_TAGS && (result = query_step(&query, err)) > 0) {
		if (retain->dry_run) {
			retain->count++;
			if (retain->report)
				retain->report(retain->data, name, NULL, query_text(&query, 0));
		} else {
			ret->items[ret->len++] = (struct victim){ .digest = xstrdup(query_text(&query, 0)), .manifest = query_int(&query, 1), .since = cutoff };
		}
	}
	return result < 0 ? -1 : 0;
}

/* ---- taking ---- */

/* 1 if it went: asked again, under the write lock. */
static int victim_take(struct retain *retain, struct db *db, int64_t repository, const struct victim *victim, struct error *err)
{
	int64_t there;

	if (victim->tag) {
		int found = query_number(db, "SELECT 1 FROM tag WHERE repository = ? AND name = ? AND manifest = ? AND updated = ?",
					 VALUES(INT(repository), TEXT(victim->tag), INT(victim->manifest), INT(victim->since)), &there, err);
		if (found <= 0)
			return found;
		return tag_remove(retain->store, db, repository, victim->tag, victim->manifest, err) < 0 ? -1 : 1;
	}
	int taken = query_run(db, "UPDATE link SET kind = 2 WHERE repository = ?1 AND blob = ?3 AND " UNTAGGED,
			      VALUES(INT(repository), INT(victim->since), INT(victim->manifest)), err);
	if (taken > 0 && journal_add(retain->store, db, "drop", repository, NULL, victim->manifest, err) < 0)
		return -1;
	return taken;
}

static int victims_take(struct retain *retain, const char *name, int64_t repository, const struct victims *victims, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	int total = 0;

	if (write_begin(retain->store, &write, err) < 0)
		return -1;
	for (size_t i = 0; i < victims->len; i++) {
		int taken = victim_take(retain, write.db, repository, &victims->items[i], err);
		if (taken < 0)
			return -1;
		if (taken && retain->report)
			retain->report(retain->data, name, victims->items[i].tag, victims->items[i].digest);
		total += taken > 0;
	}
	if (write_commit(&write, err) < 0)
		return -1;
	retain->count += total;
	return total;
}

typedef int find_fn(struct retain *retain, struct db *db, const struct retention_rule *rule, const char *name, int64_t repository,
		    struct victims *ret, struct error *err);

static int victims_find(struct retain *retain, find_fn *find, const struct retention_rule *rule, const char *name, int64_t *ret_repository,
			struct victims *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&retain->store->reader);
	int found = repository_find(db, "", name, ret_repository, err);

	return found <= 0 ? found : find(retain, db, rule, name, *ret_repository, ret, err);
}

static int sweep(struct retain *retain, find_fn *find, const struct retention_rule *rule, const char *name, struct error *err)
{
	int taken = 1;

	while (taken > 0) {
		struct victims victims _cleanup_(victims_clear) = { .len = 0 };
		int64_t repository = 0;
		if (interrupt_check(err) < 0 || victims_find(retain, find, rule, name, &repository, &victims, err) < 0)
			return -1;
		taken = victims.len ? victims_take(retain, name, repository, &victims, err) : 0;
	}
	return taken;
}

static int retain_repository(struct retain *retain, const char *name, struct error *err)
{
	const struct retention_rule *rule = rule_for(retain, name);

	if (!rule)
		return 0;
	bool judges_tags = rule->keep_newest >= 0 || rule->newer_than >= 0 || rule->tags.len;
	if (judges_tags && sweep(retain, tags_find, rule, name, err) < 0)
		return -1;
	return rule->untagged_older_than >= 0 ? sweep(retain, untagged_find, rule, name, err) : 0;
}

int store_retain(struct store *store, const struct retention_rule *rules, size_t len, bool dry_run,
		 void (*report)(void *data, const char *repository, const char *tag, const char *digest), void *data, int64_t *ret_count,
		 struct error *err)
{
	struct retain retain = { store, rules, len, dry_run, report, data, now_ms(), 0 };
	_cleanup_(freep) char *last = NULL;
	size_t found;

	do {
		struct strlist names _cleanup_(strlist_free) = { 0 };
		if (store_catalog(store, "", last, STEP_REPOSITORIES, &names, err) < 0)
			return -1;
		found = names.len;
		for (size_t i = 0; i < found; i++)
			if (retain_repository(&retain, names.items[i], err) < 0)
				return error_wrap(err, "retention in %s", names.items[i]);
		if (found) {
			free(last);
			last = xstrdup(names.items[found - 1]);
		}
	} while (found == STEP_REPOSITORIES);
	*ret_count = retain.count;
	return 0;
}
