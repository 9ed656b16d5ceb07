/* SQLite behind one door: every statement of the store is prepared once a connection, has its values bound, never pasted into the text,
 * and fails with a struct error.
 *
 * There are two connections. `reader` answers questions, each statement by itself in the newest state; `writer` runs transactions.
 * They are apart so that a question never waits while a transaction syncs. Each is used by one thread at a time: db_acquire and
 * write_begin take its mutex. */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct statement {
	const char *sql; /* a literal */
	sqlite3_stmt *prepared;
	bool busy;
};

struct db {
	sqlite3 *handle;
	pthread_mutex_t lock;
	struct statement *statements;
	size_t statements_len;
};

int db_open(struct db *db, const char *path, struct error *err);
void db_close(struct db *db);
/* The index of the write-ahead log, as SQLite maps it; NULL: there is none (yet). Valid until db_close. */
const uint64_t *db_log_index(struct db *db);
/* A statement without values and rows, not kept: schema and pragmas. */
int db_execute(struct db *db, const char *sql, struct error *err);
/* Fills err from the connection's last failure. */
int db_error(struct db *db, const char *what, struct error *err);

/* For _cleanup_(db_release): takes the connection for this thread. Mustn't be nested. */
struct db *db_acquire(struct db *db);
void db_release(struct db **db);

/* A value to bind: text NULL is SQL's NULL. Texts are borrowed until the query ends. */
struct value {
	enum { VALUE_END, VALUE_INT, VALUE_TEXT } type;
	int64_t number;
	const char *text;
};
#define INT(n) ((struct value){ .type = VALUE_INT, .number = (n) })
#define TEXT(t) ((struct value){ .type = VALUE_TEXT, .text = (t) })
#define VALUES(...) ((const struct value[]){ __VA_ARGS__ __VA_OPT__(,) { .type = VALUE_END } })

/* A running statement; end it before its transaction. Rows are read with query_int and query_text (borrowed until the next step). */
struct query {
	struct db *db;
	sqlite3_stmt *stmt;
	size_t slot; /* in db->statements, or SIZE_MAX: not kept */
};
int query_begin(struct db *db, const char *sql, const struct value *values, struct query *ret, struct error *err);
int query_step(struct query *query, struct error *err); /* 1: a row, 0: no more */
int64_t query_int(struct query *query, int column);	 /* 0 for NULL */
const char *query_text(struct query *query, int column); /* NULL for NULL */
bool query_is_null(struct query *query, int column);
void query_end(struct query *query); /* for _cleanup_ */

/* Whole statements. query_run returns the number of rows changed; query_number the first column of the first row (1), or 0 if there is none. */
int query_run(struct db *db, const char *sql, const struct value *values, struct error *err);
int query_number(struct db *db, const char *sql, const struct value *values, int64_t *ret, struct error *err);
int query_string(struct db *db, const char *sql, const struct value *values, char **ret, struct error *err);
#endif
