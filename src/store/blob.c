/* Blobs: immutable files blobs/<algorithm>/<hex>, each with a row.
 *
 * The row is what makes a blob exist. The file is synced before the write transaction begins, renamed and its name synced inside it,
 * and only then the row is committed: a crash leaves at worst a file without a row, which gc removes. gc removes row and file in one
 * write transaction, too, so whoever commits, links or asks for the same blob comes before or after it, never between. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/internal.h"

char *blob_path(const struct digest *digest, char out[BLOB_PATH_SIZE])
{
	char hex[DIGEST_TEXT_SIZE];

	snprintf(out, BLOB_PATH_SIZE, "blobs/%s/%s", digest_algorithm_name(digest->algorithm), digest_hex(digest, hex));
	return out;
}

int blob_row_find(struct db *db, const struct digest *digest, struct blob_row *ret, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	char text[DIGEST_TEXT_SIZE];

	if (query_begin(db, "SELECT id, size, touched FROM blob WHERE digest = ?", VALUES(TEXT(digest_print(digest, text))), &query, err) < 0)
		return -1;
	int result = query_step(&query, err);
	if (result > 0)
		*ret = (struct blob_row){ query_int(&query, 0), query_is_null(&query, 1) ? -1 : query_int(&query, 1), query_int(&query, 2) };
	return result;
}

int blob_row_name(struct db *db, const struct digest *digest, int64_t *ret, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	digest_print(digest, text);
	if (query_run(db, "INSERT INTO blob (digest, touched) VALUES (?, ?) ON CONFLICT DO NOTHING", VALUES(TEXT(text), INT(now_ms())), err) < 0)
		return -1;
	return query_number(db, "SELECT id FROM blob WHERE digest = ?", VALUES(TEXT(text)), ret, err) < 0 ? -1 : 0;
}

/* ---- reading ---- */

static int blob_missing(const struct digest *digest, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	return error_set(err, ERROR_NOT_FOUND, "blob %s is not in the store", digest_print(digest, text));
}

static int blob_find(struct store *store, const struct digest *digest, struct blob_row *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	int found = blob_row_find(db, digest, ret, err);

	if (found < 0)
		return -1;
	return found && ret->size >= 0 ? 0 : blob_missing(digest, err);
}

int store_blob_open(struct store *store, const struct digest *digest, int64_t *ret_size, struct error *err)
{
	char path[BLOB_PATH_SIZE], text[DIGEST_TEXT_SIZE];
	struct blob_row row;
	struct stat st;

	if (blob_find(store, digest, &row, err) < 0)
		return -1;
	_cleanup_(fd_close) int fd = openat(store->dir, blob_path(digest, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return blob_missing(digest, err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "cannot open blob %s", digest_print(digest, text));
	if (st.st_size != row.size) {
		error_set(err, ERROR_CORRUPT, "blob %s is damaged: it has %lld bytes of %lld", digest_print(digest, text), (long long)st.st_size,
			  (long long)row.size);
		return error_hint(err, "run 'sampan fsck', then pull or push the image again");
	}
	if (ret_size)
		*ret_size = row.size;
	return fd_steal(&fd);
}

/* What may be lost without harm is lost without a word: the caller goes on. */
static void blob_touch(struct store *store, const struct blob_row *row, int64_t now)
{
	struct write write _cleanup_(write_end) = { 0 };

	if (write_begin_lazy(store, &write, NULL) < 0 ||
	    query_run(write.db, "UPDATE blob SET touched = ? WHERE id = ?", VALUES(INT(now), INT(row->id)), NULL) < 0)
		return;
	write_commit(&write, NULL);
}

/* The row is read again after the touch: gc may have come first. */
bool store_blob_has(struct store *store, const struct digest *digest)
{
	char path[BLOB_PATH_SIZE];
	struct blob_row row;
	int64_t now = now_ms();

	if (blob_find(store, digest, &row, NULL) < 0)
		return false;
	if (row.touched < now - TOUCH_INTERVAL_MS) {
		blob_touch(store, &row, now);
		if (blob_find(store, digest, &row, NULL) < 0)
			return false;
	}
	return faccessat(store->dir, blob_path(digest, path), F_OK, 0) == 0;
}

int store_blob_read(struct store *store, const struct digest *digest, size_t limit, struct buf *ret, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];
	struct buf bytes _cleanup_(buf_free) = { 0 };
	struct digest got;
	int64_t size;

	_cleanup_(fd_close) int fd = store_blob_open(store, digest, &size, err);
	if (fd < 0)
		return -1;
	digest_print(digest, text);
	if (size > (int64_t)limit)
		return error_set(err, ERROR_TOO_LARGE, "blob %s has %lld bytes, more than the %zu that are expected", text, (long long)size, limit);
	buf_reserve(&bytes, (size_t)size);
	if (fd_read_all(fd, limit, &bytes, text, err) < 0)
		return -1;
	digest_of(digest->algorithm, bytes.data, bytes.len, &got);
	if (!digest_equal(&got, digest)) {
		error_set(err, ERROR_CORRUPT, "blob %s is damaged: its bytes do not match its digest", text);
		return error_hint(err, "run 'sampan fsck', then pull or push the image again");
	}
	buf_add(ret, bytes.data, bytes.len);
	return 0;
}

/* ---- writing ---- */

int blob_name(struct store *store, struct db *db, const char *name, const struct digest *digest, int64_t size, bool *ret_renamed, struct error *err)
{
	char path[BLOB_PATH_SIZE], text[DIGEST_TEXT_SIZE], from[128];
	struct blob_row row;
	struct stat st;
	int found = blob_row_find(db, digest, &row, err);

	if (found < 0)
		return -1;
	digest_print(digest, text);
	snprintf(from, sizeof from, "uploads/%s", name);
	blob_path(digest, path);
	if (found && row.size == size && fstatat(store->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == size) {
		unlinkat(store->dir, from, 0);
		return query_run(db, "UPDATE blob SET touched = ? WHERE id = ?", VALUES(INT(now_ms()), INT(row.id)), err) < 0 ? -1 : 0;
	}
	if (renameat(store->dir, from, store->dir, path) < 0)
		return error_errno(err, errno, "cannot keep blob %s", text);
	*ret_renamed = true;
	return query_run(db,
			 "INSERT INTO blob (digest, size, touched) VALUES (?, ?, ?)"
			 " ON CONFLICT (digest) DO UPDATE SET size = excluded.size, touched = excluded.touched",
			 VALUES(TEXT(text), INT(size), INT(now_ms())), err) < 0 ? -1 : 0;
}

int blob_folder_sync(struct store *store, enum digest_algorithm algorithm, struct error *err)
{
	char path[32];

	snprintf(path, sizeof path, "blobs/%s", digest_algorithm_name(algorithm));
	return dir_sync(store->dir, path, err);
}

int blob_adopt(struct store *store, struct db *db, const char *name, const struct digest *digest, int64_t size, struct error *err)
{
	bool renamed = false;

	if (blob_name(store, db, name, digest, size, &renamed, err) < 0)
		return -1;
	return renamed ? blob_folder_sync(store, digest->algorithm, err) : 0;
}

int blob_write_temporary(struct store *store, const void *bytes, size_t len, char ret_name[48], struct error *err)
{
	char id[37], path[64], name[48];

	uuid_make(id);
	snprintf(name, sizeof name, "%s.tmp", id);
	snprintf(path, sizeof path, "uploads/%s", name);
	_cleanup_(fd_close) int fd = openat(store->dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return upload_uncreated(store, path, err);
	if (fd_write_all(fd, bytes, len, path, err) < 0 || fd_sync(fd, path, err) < 0) {
		unlinkat(store->dir, path, 0);
		return -1;
	}
	memcpy(ret_name, name, sizeof name);
	return 0;
}

int store_blob_put(struct store *store, const void *bytes, size_t len, struct digest *ret, struct error *err)
{
	char name[48];
	struct digest digest;
	struct write write _cleanup_(write_end) = { 0 };

	digest_of(DIGEST_SHA256, bytes, len, &digest);
	if (!store_blob_has(store, &digest)) {
		if (blob_write_temporary(store, bytes, len, name, err) < 0)
			return -1;
		if (write_begin(store, &write, err) < 0 || blob_adopt(store, write.db, name, &digest, (int64_t)len, err) < 0 ||
		    write_commit(&write, err) < 0) {
			uploads_drop(store, name);
			return -1;
		}
	}
	*ret = digest;
	return 0;
}
