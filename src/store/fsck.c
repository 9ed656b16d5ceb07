/* fsck: every blob against its digest, the graph against the blobs, the database against itself.
 *
 * A damaged file moves to quarantine/ and its blob counts as absent from then on, so that the next pull or push of the image brings it back: what
 * was linked, tagged and pinned stays so. Works beside others: a file is read without a lock, and looked at again under it before it moves. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "store/internal.h"

struct fsck {
	struct store *store;
	void (*report)(void *data, const char *text);
	void *data;
	size_t damaged;
};

static void _printf_(2, 3) finding(struct fsck *fsck, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	if (fsck->report)
		fsck->report(fsck->data, text);
	free(text);
}

/* ---- blobs ---- */

enum state { STATE_GOOD, STATE_MISSING, STATE_DAMAGED };

static int file_state(struct store *store, const struct digest *digest, int64_t size, enum state *ret, struct error *err)
{
	char path[BLOB_PATH_SIZE], block[65536];
	struct digester digester;
	struct digest got;
	struct stat st;
	ssize_t n;
	int64_t sum = 0;
	_cleanup_(fd_close) int fd = openat(store->dir, blob_path(digest, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	*ret = STATE_MISSING;
	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot open %s", path);
	digester_init(&digester, digest->algorithm);
	*ret = STATE_DAMAGED;
	if (fstat(fd, &st) < 0 || st.st_size != size)
		return 0;
	while ((n = read(fd, block, sizeof block)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return 0; /* the disk can't read it */
		digester_add(&digester, block, (size_t)n);
		sum += n;
		if (interrupt_check(err) < 0)
			return -1;
	}
	digester_finish(&digester, &got);
	if (sum == size && digest_equal(&got, digest))
		*ret = STATE_GOOD;
	return 0;
}

int blob_file_check(struct store *store, const struct digest *digest, int64_t size, bool *ret_good, struct error *err)
{
	enum state state;

	if (file_state(store, digest, size, &state, err) < 0)
		return -1;
	*ret_good = state == STATE_GOOD;
	return 0;
}

/* Under the write lock nobody adopts or takes a blob. 1: it was damaged or missing, and is absent now. */
static int blob_condemn(struct fsck *fsck, const struct digest *digest, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	char path[BLOB_PATH_SIZE], text[DIGEST_TEXT_SIZE], hex[DIGEST_TEXT_SIZE];
	struct blob_row row;
	enum state state;

	if (write_begin(fsck->store, &write, err) < 0)
		return -1;
	int found = blob_row_find(write.db, digest, &row, err);
	if (found <= 0 || row.size < 0)
		return found < 0 ? -1 : 0;
	if (file_state(fsck->store, digest, row.size, &state, err) < 0)
		return -1;
	if (state == STATE_GOOD)
		return 0;
	_cleanup_(freep) char *away = xprintf("quarantine/%s-%s", digest_algorithm_name(digest->algorithm), digest_hex(digest, hex));
	if (renameat(fsck->store->dir, blob_path(digest, path), fsck->store->dir, away) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot move %s to quarantine", path);
	if (query_run(write.db, "UPDATE blob SET size = NULL WHERE id = ?", VALUES(INT(row.id)), err) < 0 || write_commit(&write, err) < 0)
		return -1;
	fsck->damaged++;
	finding(fsck, "blob %s is %s", digest_print(digest, text), state == STATE_DAMAGED ? "damaged: moved to quarantine" : "missing");
	return 1;
}

int store_blob_condemn(struct store *store, const struct digest *digest, struct error *err)
{
	struct fsck fsck = { .store = store };

	return blob_condemn(&fsck, digest, err);
}

/* In steps, so that the connection is free for others in between. Returns the number of blobs read, and the last id. */
static int blobs_next(struct store *store, int64_t after, struct digest *ret, int64_t *ret_id, int64_t *ret_size, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };

	if (query_begin(db, "SELECT id, digest, size FROM blob WHERE id > ? AND size IS NOT NULL ORDER BY id LIMIT 1", VALUES(INT(after)), &query, err) < 0)
		return -1;
	int found = query_step(&query, err);
	if (found <= 0)
		return found;
	*ret_id = query_int(&query, 0);
	*ret_size = query_int(&query, 2);
	return digest_parse(query_text(&query, 1), ret, err) < 0 ? -1 : 1;
}

static int blobs_check(struct fsck *fsck, struct error *err)
{
	int64_t id = 0, size;
	struct digest digest;
	int found;

	while ((found = blobs_next(fsck->store, id, &digest, &id, &size, err)) > 0) {
		enum state state;
		if (file_state(fsck->store, &digest, size, &state, err) < 0 ||
		    (state != STATE_GOOD && blob_condemn(fsck, &digest, err) < 0))
			return -1;
	}
	return found;
}

/* ---- the graph and the database ---- */

/* An index may lack children that never came (a pull of one platform: they have no manifest row), an image may not lack anything; what a
 * cache lacks is fetched when it is asked for. */
static const char broken_sql[] =
	"WITH RECURSIVE tree (repository, tag, blob) AS (SELECT repository, name, manifest FROM tag"
	" UNION SELECT repository, tag, child FROM tree JOIN edge ON parent = tree.blob AND edge.kind = 0 JOIN blob ON id = child"
	" JOIN manifest ON manifest.blob = tree.blob LEFT JOIN manifest AS known ON known.blob = child"
	" WHERE NOT (manifest.is_index AND size IS NULL AND known.blob IS NULL))"
	" SELECT registry, repository.name, tag, digest FROM tree JOIN blob ON blob.id = tree.blob AND size IS NULL"
	" JOIN repository ON repository.id = tree.repository"
	" WHERE NOT EXISTS (SELECT 1 FROM cached WHERE cached.repository = tree.repository) ORDER BY registry, repository.name, tag";

static int graph_check(struct fsck *fsck, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&fsck->store->reader);
	struct query query _cleanup_(query_end) = { 0 };
	int result;

	if (query_begin(db, broken_sql, VALUES(), &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0) {
		const char *registry = query_text(&query, 0);
		finding(fsck, "%s%s%s:%s is incomplete: it needs %s; pull, push or build it again", registry, *registry ? "/" : "",
			query_text(&query, 1), query_text(&query, 2), query_text(&query, 3));
	}
	return result;
}

static int database_check(struct fsck *fsck, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&fsck->store->reader);
	struct query query _cleanup_(query_end) = { 0 };
	int result;

	if (query_begin(db, "PRAGMA integrity_check(20)", VALUES(), &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0) {
		if (str_equal(query_text(&query, 0), "ok"))
			continue;
		fsck->damaged++;
		finding(fsck, "database: %s", query_text(&query, 0));
	}
	return result;
}

int store_fsck_repair(struct store *store, void (*report)(void *data, const char *text), int (*repair)(void *data, struct error *err), void *data,
		      size_t *ret_damaged, struct error *err)
{
	struct fsck fsck = { .store = store, .report = report, .data = data };

	if (database_check(&fsck, err) < 0 || blobs_check(&fsck, err) < 0 || (repair && repair(data, err) < 0) || graph_check(&fsck, err) < 0)
		return -1;
	*ret_damaged = fsck.damaged;
	return 0;
}

int store_fsck(struct store *store, void (*report)(void *data, const char *text), void *data, size_t *ret_damaged, struct error *err)
{
	return store_fsck_repair(store, report, NULL, data, ret_damaged, err);
}

/* ---- what is missing ---- */

static const char missing_sql[] =
	"SELECT name, digest, link.kind FROM link JOIN blob ON blob.id = link.blob AND size IS NULL JOIN repository ON repository.id = link.repository"
	" WHERE registry = '' ORDER BY name, digest";

int store_missing(struct store *store, struct missing_row **ret, size_t *ret_len, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };
	struct missing_row *rows = NULL;
	size_t len = 0;
	int result;

	if (query_begin(db, missing_sql, VALUES(), &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0) {
		struct digest digest;
		if ((result = digest_parse(query_text(&query, 1), &digest, err)) < 0)
			break;
		xgrow(rows, len);
		rows[len++] = (struct missing_row){ xstrdup(query_text(&query, 0)), digest, query_int(&query, 2) != LINK_BLOB };
	}
	if (result < 0) {
		missing_rows_free(rows, len);
		return -1;
	}
	*ret = rows;
	*ret_len = len;
	return 0;
}

void missing_rows_free(struct missing_row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(rows[i].repository);
	free(rows);
}
