/* SQLite behind one door: see database.h. */
#include "store/database.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/interrupt.h"

enum {
	BUSY_WAIT_MS = 60000,		 /* for another process's transaction */
	BUSY_WAIT_INTERRUPTED_MS = 5000, /* after ^C: what is under way may still end well */
	BUSY_STEP_MS = 2,
};

/* SQLite's own timeout sleeps up to 100 ms at a time and knows nothing of ^C. */
static int wait_busy(void *data, int tries)
{
	int limit = interrupt_pending() ? BUSY_WAIT_INTERRUPTED_MS : BUSY_WAIT_MS;

	(void)data;
	if (tries > limit / BUSY_STEP_MS)
		return 0;
	struct timespec pause = { 0, BUSY_STEP_MS * 1000000 };
	nanosleep(&pause, NULL);
	return 1;
}

static enum error_code code_of(int result, int system_errno)
{
	if (system_errno == ENOSPC || system_errno == EDQUOT)
		return ERROR_NO_SPACE;
	switch (result & 0xff) {
	case SQLITE_FULL: return ERROR_NO_SPACE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return ERROR_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return ERROR_CORRUPT;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN: return ERROR_DENIED;
	case SQLITE_CONSTRAINT: return ERROR_EXISTS;
	default: return ERROR_IO;
	}
}

/* SQLite keeps no errno of a failed sync of its log: then the thread's own, cleared before the step, tells. */
int db_error(struct db *db, const char *what, struct error *err)
{
	int last = errno;
	int result = sqlite3_extended_errcode(db->handle);
	bool io = (result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_FULL || (result & 0xff) == SQLITE_CANTOPEN;
	int number = io ? sqlite3_system_errno(db->handle) : 0;
	if (io && !number)
		number = last;
	enum error_code code = code_of(result, number);

	error_set(err, code, "%s: %s%s%s", what, sqlite3_errmsg(db->handle), number ? ": " : "", number ? strerror(number) : "");
	if (code == ERROR_CORRUPT)
		error_hint(err, "'sampan fsck --rebuild' makes the database anew from the blobs");
	else if (code == ERROR_BUSY)
		error_hint(err, "another sampan is writing to the store; try again");
	else if (code == ERROR_NO_SPACE)
		error_hint(err, "free some space, for example with 'sampan gc'");
	return -1;
}

int db_execute(struct db *db, const char *sql, struct error *err)
{
	errno = 0;
	if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(db, "the store's database", err);
	return 0;
}

/* WAL with FULL: a commit is synced before it returns. The caches are small since a board has little memory. */
static const char settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
			       "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;"
			       "PRAGMA journal_size_limit = 4194304;";

int db_open(struct db *db, const char *path, struct error *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

	pthread_mutex_init(&db->lock, NULL);
	errno = 0;
	if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
		db_error(db, "cannot open the store's database", err);
		db_close(db);
		return -1;
	}
	sqlite3_busy_handler(db->handle, wait_busy, NULL);
	sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, 64 << 20);
	if (db_execute(db, settings, err) < 0) {
		db_close(db);
		return -1;
	}
	return 0;
}

void db_close(struct db *db)
{
	if (!db->handle)
		return;
	for (size_t i = 0; i < db->statements_len; i++)
		sqlite3_finalize(db->statements[i].prepared);
	free(db->statements);
	sqlite3_close_v2(db->handle);
	pthread_mutex_destroy(&db->lock);
	*db = (struct db){ 0 };
}

/* Through SQLite's own mapping: to open and close the file ourselves would drop the locks that SQLite has on it. */
const uint64_t *db_log_index(struct db *db)
{
	enum { REGION_SIZE = 32768 }; /* WALINDEX_PGSZ: a part of the file format */
	sqlite3_file *file = NULL;
	void volatile *region = NULL;

	if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file || !file->pMethods ||
	    file->pMethods->iVersion < 2 || file->pMethods->xShmMap(file, 0, REGION_SIZE, 0, &region) != SQLITE_OK)
		return NULL;
	return (const uint64_t *)(uintptr_t)region;
}

struct db *db_acquire(struct db *db)
{
	pthread_mutex_lock(&db->lock);
	return db;
}

void db_release(struct db **db)
{
	if (*db)
		pthread_mutex_unlock(&(*db)->lock);
	*db = NULL;
}

/* The kept statement for this text, or a new one. One that is running already (a query inside its own rows) is prepared again. */
static int query_prepare(struct db *db, const char *sql, struct query *ret, struct error *err)
{
	bool kept = false;

	for (size_t i = 0; i < db->statements_len; i++) {
		struct statement *statement = &db->statements[i];
		if (statement->sql != sql && strcmp(statement->sql, sql) != 0)
			continue;
		kept = true;
		if (statement->busy)
			break;
		statement->busy = true;
		*ret = (struct query){ db, statement->prepared, i };
		return 0;
	}
	sqlite3_stmt *prepared;
	errno = 0;
	if (sqlite3_prepare_v3(db->handle, sql, -1, kept ? 0 : SQLITE_PREPARE_PERSISTENT, &prepared, NULL) != SQLITE_OK)
		return db_error(db, "the store's database", err);
	*ret = (struct query){ db, prepared, SIZE_MAX };
	if (kept)
		return 0;
	xgrow(db->statements, db->statements_len);
	ret->slot = db->statements_len++;
	db->statements[ret->slot] = (struct statement){ sql, prepared, true };
	return 0;
}

int query_begin(struct db *db, const char *sql, const struct value *values, struct query *ret, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };

	if (query_prepare(db, sql, &query, err) < 0)
		return -1;
	for (int i = 0; values[i].type != VALUE_END; i++) {
		int result = values[i].type == VALUE_INT ? sqlite3_bind_int64(query.stmt, i + 1, values[i].number) :
			     !values[i].text		 ? sqlite3_bind_null(query.stmt, i + 1) :
							   sqlite3_bind_text(query.stmt, i + 1, values[i].text, -1, SQLITE_STATIC);
		if (result != SQLITE_OK)
			return db_error(db, "the store's database", err);
	}
	*ret = query;
	query = (struct query){ 0 };
	return 0;
}

int query_step(struct query *query, struct error *err)
{
	errno = 0;
	int result = sqlite3_step(query->stmt);

	if (result == SQLITE_ROW)
		return 1;
	if (result == SQLITE_DONE)
		return 0;
	return db_error(query->db, "the store's database", err);
}

int64_t query_int(struct query *query, int column)
{
	return sqlite3_column_int64(query->stmt, column);
}

const char *query_text(struct query *query, int column)
{
	return (const char *)sqlite3_column_text(query->stmt, column);
}

bool query_is_null(struct query *query, int column)
{
	return sqlite3_column_type(query->stmt, column) == SQLITE_NULL;
}

void query_end(struct query *query)
{
	if (!query->stmt)
		return;
	if (query->slot == SIZE_MAX) {
		sqlite3_finalize(query->stmt);
	} else {
		sqlite3_reset(query->stmt);
		sqlite3_clear_bindings(query->stmt);
		query->db->statements[query->slot].busy = false;
	}
	*query = (struct query){ 0 };
}

int query_run(struct db *db, const char *sql, const struct value *values, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	int result;

	if (query_begin(db, sql, values, &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0)
		;
	return result < 0 ? -1 : sqlite3_changes(db->handle);
}

int query_number(struct db *db, const char *sql, const struct value *values, int64_t *ret, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };

	if (query_begin(db, sql, values, &query, err) < 0)
		return -1;
	int result = query_step(&query, err);
	if (result > 0)
		*ret = query_int(&query, 0);
	return result;
}

int query_string(struct db *db, const char *sql, const struct value *values, char **ret, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };

	if (query_begin(db, sql, values, &query, err) < 0)
		return -1;
	int result = query_step(&query, err);
	if (result > 0)
		*ret = xstrdup(query_text(&query, 0));
	return result;
}
