/* Small records of the rooms above: (space, key) to a text, with at most one pin. */
#include "store/internal.h"

/* A reading is noted at most once an hour: enough for the build cache to know what is still used. */
enum { RECORD_TOUCH_MS = 3600 * 1000 };

static int record_read(struct store *store, const char *space, const char *key, char **ret, int64_t *ret_touched, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };

	if (query_begin(db, "SELECT value, touched FROM record WHERE space = ? AND key = ?", VALUES(TEXT(space), TEXT(key)), &query, err) < 0)
		return -1;
	int found = query_step(&query, err);
	if (found > 0) {
		*ret = xstrdup(query_text(&query, 0));
		*ret_touched = query_int(&query, 1);
	}
	return found;
}

int store_record_get(struct store *store, const char *space, const char *key, char **ret, struct error *err)
{
	_cleanup_(freep) char *value = NULL;
	int64_t touched, now = now_ms();
	struct write write _cleanup_(write_end) = { 0 };

	int found = record_read(store, space, key, &value, &touched, err);
	if (found < 0)
		return -1;
	if (found && touched < now - RECORD_TOUCH_MS && write_begin_lazy(store, &write, NULL) == 0 &&
	    query_run(write.db, "UPDATE record SET touched = ? WHERE space = ? AND key = ?", VALUES(INT(now), TEXT(space), TEXT(key)), NULL) >= 0)
		write_commit(&write, NULL);
	*ret = steal(value);
	return 0;
}

int store_record_put(struct store *store, const char *space, const char *key, const char *value, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };

	if (write_begin(store, &write, err) < 0 ||
	    query_run(write.db,
		      "INSERT INTO record (space, key, value, touched) VALUES (?, ?, ?, ?)"
		      " ON CONFLICT DO UPDATE SET value = excluded.value, touched = excluded.touched",
		      VALUES(TEXT(space), TEXT(key), TEXT(value), INT(now_ms())), err) < 0)
		return -1;
	return write_commit(&write, err);
}

int store_record_add(struct store *store, const char *space, const char *key, const char *value, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };

	if (write_begin(store, &write, err) < 0)
		return -1;
	int added = query_run(write.db, "INSERT INTO record (space, key, value, touched) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			      VALUES(TEXT(space), TEXT(key), TEXT(value), INT(now_ms())), err);
	if (added < 0)
		return -1;
	if (!added)
		return error_set(err, ERROR_EXISTS, "%s %s exists already", space, key);
	return write_commit(&write, err);
}

int store_record_delete(struct store *store, const char *space, const char *key, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };

	if (write_begin(store, &write, err) < 0 ||
	    query_run(write.db, "DELETE FROM record WHERE space = ? AND key = ?", VALUES(TEXT(space), TEXT(key)), err) < 0)
		return -1;
	return write_commit(&write, err);
}

int store_record_keys(struct store *store, const char *space, struct strlist *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };
	struct strlist keys _cleanup_(strlist_free) = { 0 };
	int result;

	if (query_begin(db, "SELECT key FROM record WHERE space = ? ORDER BY key", VALUES(TEXT(space)), &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0)
		strlist_add(&keys, query_text(&query, 0));
	if (result < 0)
		return -1;
	strlist_add_all(ret, &keys);
	return 0;
}

static int record_set_pin(struct db *db, const char *space, const char *key, int64_t blob, struct error *err)
{
	int changed = query_run(db, "UPDATE record SET pin = nullif(?, 0) WHERE space = ? AND key = ?", VALUES(INT(blob), TEXT(space), TEXT(key)), err);

	if (changed < 0)
		return -1;
	return changed ? 0 : error_set(err, ERROR_NOT_FOUND, "there is no %s %s", space, key);
}

/* The links of all that it reaches are touched, in every repository, for a gc that marked before us. */
int store_record_pin(struct store *store, const char *space, const char *key, const struct digest *manifest_or_blob, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	char text[DIGEST_TEXT_SIZE];
	struct blob_row row = { 0 };

	if (write_begin(store, &write, err) < 0)
		return -1;
	if (manifest_or_blob) {
		int found = blob_row_find(write.db, manifest_or_blob, &row, err);
		if (found < 0)
			return -1;
		if (!found || row.size < 0)
			return error_set(err, ERROR_NOT_FOUND, "%s is not in the store", digest_print(manifest_or_blob, text));
		if (tree_touch_all(write.db, row.id, err) < 0)
			return -1;
	}
	if (record_set_pin(write.db, space, key, row.id, err) < 0)
		return -1;
	return write_commit(&write, err);
}
