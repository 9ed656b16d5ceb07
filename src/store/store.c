/* Opening a store, and its transactions.
 *
 * Several processes open one at once. What they must agree on is ordered by two locks: flock on the root folder while the database
 * is made or migrated, and SQLite's write lock for everything after that. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/internal.h"

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- transactions ---- */

static int write_start(struct store *store, bool lazy, struct write *ret, struct error *err)
{
	struct db *db = db_acquire(&store->writer);

	if (db_execute(db, lazy ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", err) < 0 ||
	    query_run(db, "BEGIN IMMEDIATE", VALUES(), err) < 0) {
		db_release(&db);
		return -1;
	}
	*ret = (struct write){ db, true };
	return 0;
}

int write_begin(struct store *store, struct write *ret, struct error *err)
{
	return write_start(store, false, ret, err);
}

int write_begin_lazy(struct store *store, struct write *ret, struct error *err)
{
	return write_start(store, true, ret, err);
}

int write_commit(struct write *write, struct error *err)
{
	if (query_run(write->db, "COMMIT", VALUES(), err) < 0)
		return -1;
	write->open = false;
	write_end(write);
	return 0;
}

void write_end(struct write *write)
{
	if (write->db && write->open && !sqlite3_get_autocommit(write->db->handle))
		query_run(write->db, "ROLLBACK", VALUES(), NULL);
	write->open = false;
	db_release(&write->db);
}

/* ---- opening ---- */

static int open_root(struct store *store, const char *root, struct error *err)
{
	if (str_empty(root))
		return error_set(err, ERROR_INVALID, "the store's folder has no name");
	if (dir_make(AT_FDCWD, root, 0700, err) < 0 || (store->dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		if (!err || !err->message)
			error_errno(err, errno, "cannot open the folder");
		error_wrap(err, "cannot open the store %s", root);
		return error_hint(err, "choose another folder with --root, or become root");
	}
	store->path = realpath(root, NULL);
	if (!store->path)
		return error_errno(err, errno, "cannot find the path of the store %s", root);
	return 0;
}

static int make_folders(struct store *store, struct error *err)
{
	static const char *const folders[] = {
#define X(name) name,
		STORE_FOLDERS(X)
#undef X
	};

	for (size_t i = 0; i < array_len(folders); i++)
		if (mkdirat(store->dir, folders[i], 0700) < 0 && errno != EEXIST)
			return error_errno(err, errno, "cannot make the folder %s/%s", store->path, folders[i]);
	return 0;
}

static int make_schema(struct store *store, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	char fresh[37];

	uuid_make(fresh);
	if (write_begin(store, &write, err) < 0 || schema_migrate(write.db, err) < 0 ||
	    query_run(write.db, "INSERT INTO meta (key, value) VALUES ('id', ?) ON CONFLICT DO NOTHING", VALUES(TEXT(fresh)), err) < 0 ||
	    write_commit(&write, err) < 0)
		return -1;
	return dir_sync(store->dir, ".", err);
}

static int read_id(struct store *store, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	_cleanup_(freep) char *id = NULL;

	if (query_string(db, "SELECT value FROM meta WHERE key = 'id'", VALUES(), &id, err) < 0)
		return -1;
	if (!id || !uuid_valid(id))
		return error_set(err, ERROR_CORRUPT, "the store's id is damaged");
	memcpy(store->id, id, sizeof store->id);
	return 0;
}

/* What needs no change is opened without a write. The flock ends with the descriptor; it is our own open of the folder, not store->dir,
 * which may be shared with children. */
static int open_database(struct store *store, struct error *err)
{
	_cleanup_(freep) char *path = path_join(store->path, "sampan.db");
	_cleanup_(fd_close) int lock = openat(store->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (lock < 0)
		return error_errno(err, errno, "cannot open %s", store->path);
	if (file_lock(lock, true, true, store->path, err) < 0)
		return -1;
	mode_t mask = umask(0077);
	int result = db_open(&store->writer, path, err) < 0 ? -1 : db_open(&store->reader, path, err);
	umask(mask);
	if (result < 0)
		return -1;
	int current = schema_current(&store->reader, err);
	if (current < 0 || (!current && make_schema(store, err) < 0))
		return -1;
	if (read_id(store, err) < 0)
		return -1;
	store->log_index = db_log_index(&store->reader);
	return 0;
}

/* Byte 0 of locks/held is the store itself: shared by all who have it open, exclusive while its database is rebuilt. */
static int open_held(struct store *store, bool alone, struct error *err)
{
	if (make_folders(store, err) < 0 || (store->held = layers_held_open(store, err)) < 0)
		return -1;
	int busy = layers_held_lock(store->held, 0, alone, !alone, err);
	if (busy <= 0)
		return busy;
	error_set(err, ERROR_BUSY, "the store %s is in use", store->path);
	return error_hint(err, "stop 'sampan serve' and everything else that uses it first");
}

static struct store *store_new(void)
{
	struct store *store = xnew(struct store);

	store->dir = store->held = -1;
	pthread_mutex_init(&store->uploads_lock, NULL);
	pthread_mutex_init(&store->group.lock, NULL);
	pthread_cond_init(&store->group.changed, NULL);
	return store;
}

int store_lock(struct store *store, const char *name, struct error *err)
{
	_cleanup_(freep) char *path = path_join("locks", name);
	_cleanup_(fd_close) int fd = openat(store->dir, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s/%s", store->path, path);
	return file_lock(fd, true, true, path, err) < 0 ? -1 : fd_steal(&fd);
}

static int open_failed(const struct store *store, struct error *err)
{
	bool read_only = store->dir >= 0 && faccessat(store->dir, ".", W_OK, AT_EACCESS) < 0 && errno == EROFS;

	error_wrap(err, "cannot open the store %s", store->path);
	if (read_only)
		error_hint(err, "its disk is mounted read-only: mount it writable, or choose another folder with --root");
	else if (err && err->code == ERROR_DENIED)
		error_hint(err, "give it to this user with 'chown -R %u %s', choose another folder with --root, or become root", (unsigned)geteuid(), store->path);
	else if (err && err->code == ERROR_CORRUPT)
		error_hint(err, "'sampan fsck --rebuild' makes the database anew from the blobs");
	return -1;
}

/* On a full disk not even the database's log may fit, and then nothing could be deleted. */
static int open_database_hard(struct store *store, struct error *err)
{
	struct error failure = { 0 };
	int result;

	while ((result = open_database(store, &failure)) < 0) {
		db_close(&store->reader);
		db_close(&store->writer);
		if (!reserve_spend(store, &failure))
			break;
	}
	if (result < 0)
		error_move(err, &failure);
	return result;
}

int store_open(const char *root, struct store **ret, struct error *err)
{
	_cleanup_(store_close) struct store *store = store_new();

	if (open_root(store, root, err) < 0)
		return -1;
	if (open_held(store, false, err) < 0)
		return open_failed(store, err);
	if (faccessat(store->dir, JOURNAL_OLD, F_OK, 0) == 0) {
		error_set(err, ERROR_CORRUPT, "a rebuild of its database was interrupted");
		return open_failed(store, err);
	}
	if (open_database_hard(store, err) < 0)
		return open_failed(store, err);
	uploads_sweep(store);
	reserve_make(store);
	*ret = steal(store);
	return 0;
}

int store_open_alone(const char *root, int (*prepare)(struct store *store, void *data, struct error *err), void *data, struct store **ret,
		     struct error *err)
{
	_cleanup_(store_close) struct store *store = store_new();

	if (open_root(store, root, err) < 0 || open_held(store, true, err) < 0 || prepare(store, data, err) < 0 || open_database(store, err) < 0)
		return -1;
	*ret = steal(store);
	return 0;
}

void store_close(struct store **at)
{
	struct store *store = *at;

	if (!store)
		return;
	db_close(&store->reader);
	db_close(&store->writer);
	pthread_mutex_destroy(&store->uploads_lock);
	pthread_mutex_destroy(&store->group.lock);
	pthread_cond_destroy(&store->group.changed);
	fd_close(&store->held);
	fd_close(&store->dir);
	free(store->path);
	free(store);
	*at = NULL;
}

int store_dir(const struct store *store)
{
	return store->dir;
}

const char *store_path(const struct store *store)
{
	return store->path;
}

const char *store_id(const struct store *store)
{
	return store->id;
}
