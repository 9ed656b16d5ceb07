/* What a pull-through cache keeps.
 *
 * A manifest that came from an upstream has a row in `cached`, which holds it as a tag would (see gc.c); what it names is held by the
 * graph, as always, as far as it came. The row says when the manifest was pulled last. To evict is to delete rows, with the tags that
 * point there; the bytes go in the next gc, unless something else needs them. None of it is in the journal of tags: after a rebuild it is
 * fetched again. */
#include "store/internal.h"

int cached_write(struct db *db, int64_t repository, int64_t manifest, struct error *err)
{
	return query_run(db, "INSERT INTO cached (repository, manifest, pulled) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET pulled = excluded.pulled",
			 VALUES(INT(repository), INT(manifest), INT(now_ms())), err) < 0 ? -1 : 0;
}

/* ---- pulls ---- */

struct cached_row {
	int64_t repository, manifest, pulled;
};

static int cached_find(struct db *db, const char *repository, const struct digest *digest, struct cached_row *ret, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	char text[DIGEST_TEXT_SIZE];

	if (query_begin(db,
			"SELECT cached.repository, cached.manifest, pulled FROM repository JOIN blob ON digest = ?2 AND size IS NOT NULL"
			" JOIN cached ON cached.repository = repository.id AND cached.manifest = blob.id"
			" JOIN link ON link.repository = repository.id AND link.blob = blob.id WHERE registry = '' AND name = ?1",
			VALUES(TEXT(repository), TEXT(digest_print(digest, text))), &query, err) < 0)
		return -1;
	int found = query_step(&query, err);
	if (found > 0)
		*ret = (struct cached_row){ query_int(&query, 0), query_int(&query, 1), query_int(&query, 2) };
	return found;
}

static int cached_missing(const char *repository, const struct digest *digest, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	return error_set(err, ERROR_NOT_FOUND, "manifest %s is not in the cache of %s", digest_print(digest, text), repository);
}

static int cached_find_now(struct store *store, const char *repository, const struct digest *digest, struct cached_row *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	int found = cached_find(db, repository, digest, ret, err);

	return found ? found : cached_missing(repository, digest, err);
}

/* Found again after the touch: gc may have come first. */
int store_cached_pulled(struct store *store, const char *repository, const struct digest *digest, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	struct cached_row row;

	if (cached_find_now(store, repository, digest, &row, err) < 0)
		return -1;
	if (row.pulled >= now_ms() - TOUCH_INTERVAL_MS)
		return 0;
	if (write_begin_lazy(store, &write, err) < 0)
		return -1;
	int found = cached_find(write.db, repository, digest, &row, err);
	if (found <= 0)
		return found < 0 ? -1 : cached_missing(repository, digest, err);
	if (cached_write(write.db, row.repository, row.manifest, err) < 0 || tree_touch(write.db, row.repository, row.manifest, err) < 0)
		return -1;
	return write_commit(&write, err);
}

int store_cached_tag(struct store *store, const char *repository, const char *tag, const struct digest *digest, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	struct cached_row row;

	if (write_begin(store, &write, err) < 0)
		return -1;
	int found = cached_find(write.db, repository, digest, &row, err);
	if (found <= 0)
		return found < 0 ? -1 : cached_missing(repository, digest, err);
	if (tag_write_cached(write.db, row.repository, tag, row.manifest, err) < 0)
		return -1;
	return write_commit(&write, err);
}

/* ---- a configuration that came later ---- */

int store_cached_describe(struct store *store, const struct digest *config, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	struct summary summary = { 0 };
	char text[DIGEST_TEXT_SIZE];

	summary_read_config(store, config, &summary);
	if (!summary.known)
		return 0;
	if (write_begin_lazy(store, &write, err) < 0 ||
	    query_run(write.db,
		      "UPDATE manifest SET platform = ?2, created = ?3, chain = ?4 WHERE platform IS NULL"
		      " AND config = (SELECT id FROM blob WHERE digest = ?1)",
		      VALUES(TEXT(digest_print(config, text)), TEXT(summary.platform), INT(summary.created), TEXT(summary.chain)), err) < 0)
		return -1;
	return write_commit(&write, err);
}

/* ---- eviction ---- */

/* A blob counts for the most recent pull that reaches it. The times from which on all that is cached would be more than ?1 bytes. */
static const char over_sql[] =
	"WITH RECURSIVE tree (blob, pulled) AS (SELECT manifest, pulled FROM cached"
	" UNION SELECT child, pulled FROM tree JOIN edge ON parent = tree.blob AND edge.kind = 0),"
	" latest (size, pulled) AS (SELECT size, max(pulled) FROM tree JOIN blob ON id = blob WHERE size IS NOT NULL GROUP BY blob),"
	" sums (pulled, total) AS (SELECT pulled, sum(size) OVER (ORDER BY pulled DESC) FROM latest)"
	" SELECT ifnull(max(pulled), 0) FROM sums WHERE total > ?1";

/* Those pulled before `until` or at it. */
static int evict(struct db *db, int64_t until, struct error *err)
{
	if (query_run(db,
		      "DELETE FROM tag WHERE EXISTS (SELECT 1 FROM cached WHERE cached.repository = tag.repository"
		      " AND cached.manifest = tag.manifest AND pulled <= ?)",
		      VALUES(INT(until)), err) < 0)
		return -1;
	return query_run(db, "DELETE FROM cached WHERE pulled <= ?", VALUES(INT(until)), err);
}

/* Counting takes a while, and is done without the write lock: who is pulled meanwhile has a newer time, and stays. */
static int over_find(struct store *store, int64_t bytes, int64_t *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);

	return query_number(db, over_sql, VALUES(INT(bytes)), ret, err);
}

static int cached_evict(struct store *store, int64_t age, int64_t bytes, int64_t *ret_manifests, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	int64_t until = age < 0 ? 0 : now_ms() - age * 1000, over = 0;

	if ((bytes >= 0 && over_find(store, bytes, &over, err) < 0) || write_begin(store, &write, err) < 0)
		return -1;
	int gone = evict(write.db, over > until ? over : until, err);
	if (gone < 0 || write_commit(&write, err) < 0)
		return -1;
	*ret_manifests = gone;
	return 0;
}

int store_cached_evict(struct store *store, int64_t age, int64_t bytes, int64_t *ret_manifests, struct error *err)
{
	struct error failure = { 0 };
	int result;

	do
		result = cached_evict(store, age, bytes, ret_manifests, &failure);
	while (result < 0 && reserve_spend(store, &failure));
	if (result < 0)
		error_move(err, &failure);
	return result;
}
