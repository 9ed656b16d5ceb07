/* Garbage collection beside running servers, builds and pulls.
 *
 * There is no stop and no mark phase whose picture could grow old. What can be taken is a question about single rows, answered from the graph: a
 * link that is old and that no tag, parent, subject or pin holds; a blob without link, pin and parent. Candidates are looked for on a connection of
 * gc's own, which locks nobody out; then each step of a few rows is one write transaction that asks the same question again before it takes. So
 * whoever makes something reachable, being a write transaction too, comes before (and the step leaves it alone) or after (and finds it
 * missing, in time to send it again). What is under way and not yet reachable is protected by its last-touched time: the grace.
 *
 * A manifest that goes frees its children in the next round; rounds are repeated until one finds nothing. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "store/internal.h"

enum { STEP_ROWS = 64, STEP_BLOBS = 16 };

struct gc {
	struct store *store;
	const struct gc_options *options;
	struct db db; /* for looking, never for writing */
	int64_t cutoff;
	struct store_usage freed;
};

/* A step's candidates; `a` orders the search, which goes on behind the last. */
struct candidate {
	int64_t a, b;
};

/* ---- the questions ---- */

/* An old link that nothing holds. A manifest is held by a tag, a pin, the cache, an index, its subject, and by a referrer that is itself
 * tagged or kept; a blob by a manifest. All within the repository. */
#define LINK_DEAD                                                                                                                   \
	"kind <> 1 AND touched < ?1"                                                                                                \
	" AND NOT EXISTS (SELECT 1 FROM tag WHERE tag.repository = link.repository AND tag.manifest = link.blob)"                  \
	" AND NOT EXISTS (SELECT 1 FROM record WHERE pin = link.blob)"                                                              \
	" AND NOT EXISTS (SELECT 1 FROM cached WHERE cached.repository = link.repository AND cached.manifest = link.blob)"         \
	" AND NOT EXISTS (SELECT 1 FROM edge JOIN link AS up ON up.repository = link.repository AND up.blob = edge.parent"          \
	"  AND up.kind > 0 WHERE edge.child = link.blob AND (edge.kind = 0 OR up.kind = 1 OR EXISTS"                                \
	"  (SELECT 1 FROM tag WHERE tag.repository = up.repository AND tag.manifest = up.blob)))"                                   \
	" AND NOT EXISTS (SELECT 1 FROM edge JOIN link AS subject ON subject.repository = link.repository"                         \
	"  AND subject.blob = edge.child AND subject.kind > 0 WHERE edge.parent = link.blob AND edge.kind = 1 AND link.kind > 0)"

#define BLOB_DEAD                                                                                                      \
	"size IS NOT NULL AND touched < ?1 AND NOT EXISTS (SELECT 1 FROM link WHERE link.blob = blob.id)"              \
	" AND NOT EXISTS (SELECT 1 FROM record WHERE pin = blob.id)"                                                   \
	" AND NOT EXISTS (SELECT 1 FROM edge WHERE child = blob.id AND kind = 0)"

/* An unpacked layer is held by the ones on top of it, by a local image or a pinned one that it is the top of, and by a pin of its blob. */
#define LAYER_DEAD                                                                                                         \
	"touched < ?1 AND NOT EXISTS (SELECT 1 FROM layer AS up WHERE up.parent = layer.n)"                                \
	" AND NOT EXISTS (SELECT 1 FROM manifest WHERE manifest.chain = layer.chain AND"                                   \
	"  (EXISTS (SELECT 1 FROM record WHERE pin = manifest.blob) OR EXISTS (SELECT 1 FROM link JOIN repository"         \
	"   ON repository.id = link.repository AND registry <> '' WHERE link.blob = manifest.blob AND kind > 0)))"         \
	" AND NOT EXISTS (SELECT 1 FROM blob JOIN record ON pin = blob.id WHERE blob.digest = layer.blob)"

static int candidates_find(struct gc *gc, const char *sql, const struct value *values, struct candidate *ret, size_t max, size_t *ret_len,
			   struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	size_t len = 0;
	int result = 0;

	if (interrupt_check(err) < 0 || query_begin(&gc->db, sql, values, &query, err) < 0)
		return -1;
	while (len < max && (result = query_step(&query, err)) > 0)
		ret[len++] = (struct candidate){ query_int(&query, 0), query_int(&query, 1) };
	*ret_len = len;
	return result < 0 ? -1 : 0;
}

/* Takes a step's candidates in one transaction; `take` asks again under the lock, and returns how many went (0 or 1). */
static int candidates_take(struct gc *gc, const struct candidate *dead, size_t len,
			   int (*take)(struct gc *gc, struct db *db, const struct candidate *dead, struct error *err), struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	int total = 0;

	if (write_begin(gc->store, &write, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int taken = take(gc, write.db, &dead[i], err);
		if (taken < 0)
			return -1;
		total += taken;
	}
	return write_commit(&write, err) < 0 ? -1 : total;
}

/* ---- links ---- */

static int link_take(struct gc *gc, struct db *db, const struct candidate *dead, struct error *err)
{
	return query_run(db, "DELETE FROM link WHERE repository = ?2 AND blob = ?3 AND " LINK_DEAD, VALUES(INT(gc->cutoff), INT(dead->a), INT(dead->b)),
			 err);
}

/* Returns how many went. */
static int links_round(struct gc *gc, struct error *err)
{
	struct candidate dead[STEP_ROWS], last = { 0 };
	size_t len;
	int total = 0;

	do {
		if (candidates_find(gc,
				    "SELECT repository, blob FROM link WHERE (repository, blob) > (?2, ?3) AND " LINK_DEAD
				    " AND (NOT ?4 OR repository IN (SELECT id FROM repository WHERE registry = ''))"
				    " ORDER BY repository, blob LIMIT 64",
				    VALUES(INT(gc->cutoff), INT(last.a), INT(last.b), INT(gc->options->published)), dead, STEP_ROWS, &len, err) < 0)
			return -1;
		int taken = len ? candidates_take(gc, dead, len, link_take, err) : 0;
		if (taken < 0)
			return -1;
		total += taken;
		last = len ? dead[len - 1] : last;
	} while (len == STEP_ROWS);
	return total;
}

/* ---- blobs ---- */

/* The file goes inside the transaction: an adopt of the same blob comes before or after. A crash in between leaves a row without a file,
 * which counts as absent. */
static int blob_take(struct gc *gc, struct db *db, const struct candidate *dead, struct error *err)
{
	int64_t id = dead->a;
	struct query query _cleanup_(query_end) = { 0 };
	char path[BLOB_PATH_SIZE], text[DIGEST_TEXT_SIZE];
	struct digest digest;

	if (query_begin(db, "SELECT digest, size FROM blob WHERE id = ?2 AND " BLOB_DEAD, VALUES(INT(gc->cutoff), INT(id)), &query, err) < 0)
		return -1;
	int found = query_step(&query, err);
	if (found <= 0)
		return found;
	int64_t size = query_int(&query, 1);
	if (digest_parse(query_text(&query, 0), &digest, err) < 0)
		return -1;
	query_end(&query);
	if (unlinkat(gc->store->dir, blob_path(&digest, path), 0) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot remove blob %s", digest_print(&digest, text));
	if (query_run(db, "DELETE FROM manifest WHERE blob = ?", VALUES(INT(id)), err) < 0 ||
	    query_run(db, "UPDATE blob SET size = NULL WHERE id = ?", VALUES(INT(id)), err) < 0)
		return -1;
	gc->freed.blobs++;
	gc->freed.blobs_bytes += size;
	return 1;
}

static int blobs_round(struct gc *gc, struct error *err)
{
	struct candidate dead[STEP_BLOBS], last = { 0 };
	size_t len;
	int total = 0;

	do {
		if (candidates_find(gc, "SELECT id, 0 FROM blob WHERE id > ?2 AND " BLOB_DEAD " ORDER BY id LIMIT 16",
				    VALUES(INT(gc->cutoff), INT(last.a)), dead, STEP_BLOBS, &len, err) < 0)
			return -1;
		int taken = len ? candidates_take(gc, dead, len, blob_take, err) : 0;
		if (taken < 0)
			return -1;
		total += taken;
		last = len ? dead[len - 1] : last;
	} while (len == STEP_BLOBS);
	return total;
}

static int graph_sweep(struct gc *gc, struct error *err)
{
	for (;;) {
		int links = links_round(gc, err), blobs = links < 0 ? -1 : blobs_round(gc, err);
		if (links < 0 || blobs < 0)
			return -1;
		if (!links && !blobs)
			return 0;
	}
}

/* Rows that nothing names any more. */
static int names_sweep(struct gc *gc, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };

	if (write_begin(gc->store, &write, err) < 0 ||
	    query_run(write.db,
		      "DELETE FROM blob WHERE size IS NULL AND touched < ? AND NOT EXISTS (SELECT 1 FROM link WHERE link.blob = id)"
		      " AND NOT EXISTS (SELECT 1 FROM edge WHERE child = id) AND NOT EXISTS (SELECT 1 FROM record WHERE pin = id)"
		      " AND NOT EXISTS (SELECT 1 FROM manifest WHERE subject = id OR config = id OR manifest.blob = id)",
		      VALUES(INT(gc->cutoff)), err) < 0 ||
	    query_run(write.db,
		      "DELETE FROM repository WHERE NOT EXISTS (SELECT 1 FROM link WHERE link.repository = id)"
		      " AND NOT EXISTS (SELECT 1 FROM tag WHERE tag.repository = id)",
		      VALUES(), err) < 0)
		return -1;
	return write_commit(&write, err);
}

/* ---- files without a row: a crash between rename and commit ---- */

static int orphan_take(struct gc *gc, const struct digest *digest, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	char path[BLOB_PATH_SIZE];
	struct blob_row row;
	struct stat st;

	if (write_begin(gc->store, &write, err) < 0)
		return -1;
	int found = blob_row_find(write.db, digest, &row, err);
	if (found < 0)
		return -1;
	if ((found && row.size >= 0) || fstatat(gc->store->dir, blob_path(digest, path), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (unlinkat(gc->store->dir, path, 0) == 0) {
		gc->freed.blobs++;
		gc->freed.blobs_bytes += st.st_size;
	}
	return 0;
}

static int orphans_sweep(struct gc *gc, enum digest_algorithm algorithm, struct error *err)
{
	_cleanup_(freep) char *folder = xprintf("blobs/%s", digest_algorithm_name(algorithm));
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (dir_names(gc->store->dir, folder, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		_cleanup_(freep) char *text = xprintf("%s:%s", digest_algorithm_name(algorithm), names.items[i]);
		char path[BLOB_PATH_SIZE];
		struct digest digest;
		struct blob_row row;
		struct stat st;
		if (digest_parse(text, &digest, NULL) < 0)
			continue;
		int found = blob_row_find(&gc->db, &digest, &row, err);
		if (found < 0)
			return -1;
		if ((found && row.size >= 0) || fstatat(gc->store->dir, blob_path(&digest, path), &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (int64_t)st.st_ctime * 1000 >= gc->cutoff)
			continue;
		if (interrupt_check(err) < 0 || orphan_take(gc, &digest, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- unpacked layers ---- */

/* 1 and the lock, 0 if someone uses the layer. */
static int layer_lock(struct gc *gc, int64_t number, int *ret, struct error *err)
{
	_cleanup_(fd_close) int fd = layers_held_open(gc->store, err);
	int busy = fd < 0 ? -1 : layers_held_lock(fd, number, true, false, err);

	if (busy)
		return busy < 0 ? -1 : 0;
	*ret = fd_steal(&fd);
	return 1;
}

/* The row and the name go in the transaction, the tree behind it takes its time. Called with the lock held. */
static int layer_take(struct gc *gc, int64_t number, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	_cleanup_(freep) char *path = xprintf("layers/%lld", (long long)number), *gone = xprintf("layers/%lld.gone", (long long)number);
	int64_t size = 0;

	if (write_begin(gc->store, &write, err) < 0)
		return -1;
	int found = query_number(write.db, "SELECT size FROM layer WHERE n = ?2 AND " LAYER_DEAD, VALUES(INT(gc->cutoff), INT(number)), &size, err);
	if (found <= 0)
		return found;
	if (query_run(write.db, "DELETE FROM layer WHERE n = ?", VALUES(INT(number)), err) < 0)
		return -1;
	if (renameat(gc->store->dir, path, gc->store->dir, gone) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot remove %s", path);
	if (write_commit(&write, err) < 0 || dir_remove(gc->store->dir, gone, err) < 0)
		return -1;
	gc->freed.layers++;
	gc->freed.layers_bytes += size;
	return 1;
}

static int layers_round(struct gc *gc, struct error *err)
{
	struct candidate dead[STEP_ROWS], last = { 0 };
	size_t len;
	int total = 0;

	do {
		if (candidates_find(gc, "SELECT n, 0 FROM layer WHERE n > ?2 AND " LAYER_DEAD " ORDER BY n LIMIT 64",
				    VALUES(INT(gc->cutoff), INT(last.a)), dead, STEP_ROWS, &len, err) < 0)
			return -1;
		for (size_t i = 0; i < len; i++) {
			_cleanup_(fd_close) int lock = -1;
			int taken = layer_lock(gc, dead[i].a, &lock, err);
			if (taken > 0)
				taken = layer_take(gc, dead[i].a, err);
			if (taken < 0)
				return -1;
			total += taken;
		}
		last = len ? dead[len - 1] : last;
	} while (len == STEP_ROWS);
	return total;
}

static int layer_recorded(struct gc *gc, int64_t number, struct error *err)
{
	int64_t there;

	return query_number(&gc->db, "SELECT 1 FROM layer WHERE n = ?", VALUES(INT(number)), &there, err);
}

/* What unpackers that died left: <n>.tmp, <n>.gone, a <n> that was never recorded. Whoever is at work on one holds it. */
static int layer_stray(struct gc *gc, const char *name, struct error *err)
{
	_cleanup_(freep) char *path = path_join("layers", name);
	_cleanup_(fd_close) int lock = -1;
	char *end;
	int64_t number = strtoll(name, &end, 10);
	struct stat st;

	if (end == name || fstatat(gc->store->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || (int64_t)st.st_ctime * 1000 >= gc->cutoff)
		return 0;
	int recorded = *end ? 0 : layer_recorded(gc, number, err);
	int locked = recorded ? 0 : layer_lock(gc, number, &lock, err);
	if (recorded < 0 || locked <= 0)
		return recorded < 0 ? -1 : locked;
	recorded = *end ? 0 : layer_recorded(gc, number, err);
	if (recorded)
		return recorded < 0 ? -1 : 0;
	return dir_remove(gc->store->dir, path, err);
}

static int layers_sweep(struct gc *gc, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	int taken;

	while ((taken = layers_round(gc, err)) > 0)
		;
	if (taken < 0 || dir_names(gc->store->dir, "layers", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (layer_stray(gc, names.items[i], err) < 0)
			return -1;
	return 0;
}

/* ---- the whole ---- */

static int cache_sweep(struct gc *gc, int64_t oldest, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };

	if (write_begin(gc->store, &write, err) < 0)
		return -1;
	int taken = query_run(write.db, "DELETE FROM record WHERE space = 'build-cache' AND touched < ?", VALUES(INT(oldest)), err);
	if (taken < 0)
		return -1;
	gc->freed.cache_entries = taken;
	return write_commit(&write, err);
}

static int gc_run(struct gc *gc, int64_t now, struct error *err)
{
	const struct gc_options *options = gc->options;

	uploads_sweep_older(gc->store, options->uploads, &gc->freed.uploads, &gc->freed.uploads_bytes); /* first: it needs no space */
	if ((options->cache >= 0 && cache_sweep(gc, now - options->cache * 1000, err) < 0) || graph_sweep(gc, err) < 0 || names_sweep(gc, err) < 0 ||
	    orphans_sweep(gc, DIGEST_SHA256, err) < 0 || orphans_sweep(gc, DIGEST_SHA512, err) < 0 || (!options->published && layers_sweep(gc, err) < 0))
		return -1;
	gc->freed.reclaimable_bytes = gc->freed.blobs_bytes + gc->freed.layers_bytes + gc->freed.uploads_bytes;
	db_execute(&gc->db, "PRAGMA wal_checkpoint(PASSIVE)", NULL);
	return 0;
}

/* Two at once would only be in each other's way: the second waits. */
int store_gc(struct store *store, const struct gc_options *options, struct store_usage *ret_freed, struct error *err)
{
	int64_t now = now_ms();
	struct gc gc = { .store = store, .options = options, .cutoff = now - options->grace * 1000 };
	_cleanup_(freep) char *path = path_join(store->path, "sampan.db");
	_cleanup_(fd_close) int lock = store_lock(store, "gc", err);

	if (lock < 0 || db_open(&gc.db, path, err) < 0)
		return -1;
	struct error failure = { 0 };
	int result;
	do
		result = gc_run(&gc, now, &failure);
	while (result < 0 && reserve_spend(store, &failure));
	db_close(&gc.db);
	if (result < 0) {
		error_move(err, &failure);
		return -1;
	}
	reserve_make(store);
	*ret_freed = gc.freed;
	return 0;
}
