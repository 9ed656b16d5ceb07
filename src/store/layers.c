/* The rows of unpacked layers, and the locks by which gc knows what is in use: see internal.h. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "store/internal.h"

static int layer_find(struct db *db, const struct digest *chain, int64_t *ret_number, int64_t *ret_touched, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	char text[DIGEST_TEXT_SIZE];

	if (query_begin(db, "SELECT n, touched FROM layer WHERE chain = ?", VALUES(TEXT(digest_print(chain, text))), &query, err) < 0)
		return -1;
	int found = query_step(&query, err);
	if (found > 0) {
		*ret_number = query_int(&query, 0);
		*ret_touched = query_int(&query, 1);
	}
	return found;
}

static int layer_find_now(struct store *store, const struct digest *chain, int64_t *ret_number, int64_t *ret_touched, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);

	return layer_find(db, chain, ret_number, ret_touched, err);
}

/* A row without its folder (someone removed it by hand) is treated as absent. */
static bool layer_there(struct store *store, int64_t number)
{
	char path[48];

	snprintf(path, sizeof path, "layers/%lld", (long long)number);
	return faccessat(store->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- who uses what ---- */

int layers_held_open(struct store *store, struct error *err)
{
	int fd = openat(store->dir, "locks/held", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? error_errno(err, errno, "cannot open %s/locks/held", store->path) : fd;
}

int layers_held_lock(int fd, int64_t number, bool exclusive, bool wait, struct error *err)
{
	struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = number, .l_len = 1 };

	while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock) < 0) {
		if (errno == EINTR && !interrupt_pending())
			continue;
		if (!wait && (errno == EAGAIN || errno == EACCES))
			return 1;
		return error_errno(err, errno, "cannot lock layer %lld", (long long)number);
	}
	return 0;
}

/* A descriptor of its own that holds the layer. */
static int hold_take(struct store *store, int64_t number, int *ret, struct error *err)
{
	_cleanup_(fd_close) int fd = layers_held_open(store, err);

	if (fd < 0 || layers_held_lock(fd, number, false, true, err) < 0)
		return -1;
	*ret = fd_steal(&fd);
	return 0;
}

static void layer_touch(struct store *store, int64_t number, int64_t now)
{
	struct write write _cleanup_(write_end) = { 0 };

	if (write_begin_lazy(store, &write, NULL) == 0 &&
	    query_run(write.db, "UPDATE layer SET touched = ? WHERE n = ?", VALUES(INT(now), INT(number)), NULL) >= 0)
		write_commit(&write, NULL);
}

/* Held first, and then looked at again: gc may have had it until now. */
int store_layer_lookup(struct store *store, const struct digest *chain, int64_t *ret_number, struct error *err)
{
	int64_t number, again, touched, now = now_ms();
	int found = layer_find_now(store, chain, &number, &touched, err);

	if (found <= 0)
		return found;
	if (layers_held_lock(store->held, number, false, true, err) < 0)
		return -1;
	if (touched < now - TOUCH_INTERVAL_MS)
		layer_touch(store, number, now);
	found = layer_find_now(store, chain, &again, &touched, err);
	if (found < 0)
		return -1;
	if (!found || again != number || !layer_there(store, number))
		return 0;
	*ret_number = number;
	return 1;
}

/* The counter moves on even if nothing comes of the number. */
int store_layer_new_number(struct store *store, int64_t *ret_number, int *ret_lock, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	int64_t number;

	if (write_begin_lazy(store, &write, err) < 0 ||
	    query_run(write.db, "INSERT INTO meta (key, value) VALUES ('layer', '1') ON CONFLICT DO UPDATE SET value = value + 1", VALUES(), err) < 0 ||
	    query_number(write.db, "SELECT value FROM meta WHERE key = 'layer'", VALUES(), &number, err) < 0 || write_commit(&write, err) < 0)
		return -1;
	if (hold_take(store, number, ret_lock, err) < 0)
		return -1;
	*ret_number = number;
	return 0;
}

int store_layer_record(struct store *store, const struct layer_row *layer, int64_t *ret_number, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	char chain[DIGEST_TEXT_SIZE], diff_id[DIGEST_TEXT_SIZE], blob[DIGEST_TEXT_SIZE];
	int64_t number, touched, parent = 0;

	if (write_begin(store, &write, err) < 0)
		return -1;
	if (layer->has_parent) {
		int found = layer_find(write.db, &layer->parent, &parent, &touched, err);
		if (found <= 0)
			return found < 0 ? -1 : error_set(err, ERROR_NOT_FOUND, "the layer below was removed meanwhile");
	}
	if (query_run(write.db,
		      "INSERT INTO layer (n, chain, diff_id, parent, blob, size, touched) VALUES (?, ?, ?, nullif(?, 0), ?, ?, ?)"
		      " ON CONFLICT (chain) DO UPDATE SET touched = excluded.touched, blob = coalesce(blob, excluded.blob)",
		      VALUES(INT(layer->number), TEXT(digest_print(&layer->chain, chain)), TEXT(digest_print(&layer->diff_id, diff_id)), INT(parent),
			     TEXT(layer->has_blob ? digest_print(&layer->blob, blob) : NULL), INT(layer->size), INT(now_ms())),
		      err) < 0 ||
	    layer_find(write.db, &layer->chain, &number, &touched, err) < 0)
		return -1;
	/* A row whose folder is gone gives way to ours. */
	if (number != layer->number && !layer_there(store, number)) {
		if (query_run(write.db, "UPDATE layer SET n = ? WHERE n = ?", VALUES(INT(layer->number), INT(number)), err) < 0)
			return -1;
		number = layer->number;
	}
	/* Held behind the commit, since gc waits for the write lock with the byte in its hand; until then the fresh time protects it. */
	if (write_commit(&write, err) < 0 || layers_held_lock(store->held, number, false, true, err) < 0)
		return -1;
	*ret_number = number;
	return 0;
}

int store_layer_hold(struct store *store, int64_t number, int *ret_lock, struct error *err)
{
	_cleanup_(fd_close) int lock = -1;

	if (hold_take(store, number, &lock, err) < 0)
		return -1;
	if (!layer_there(store, number))
		return error_set(err, ERROR_NOT_FOUND, "the unpacked layer %lld was removed meanwhile", (long long)number);
	*ret_lock = fd_steal(&lock);
	return 0;
}
