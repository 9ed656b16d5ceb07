/* Opening: by many at once, a newer schema, a root that may not be read, a database that is none. */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "fixture.h"

static void test_many(void)
{
	int pids[6], status, failed = 0;
	char root[128];

	snprintf(root, sizeof root, "%s/many/deep", fixture_root);
	for (size_t i = 0; i < array_len(pids); i++) {
		if ((pids[i] = fork()))
			continue;
		struct store *store = NULL;
		_exit(store_open(root, &store, NULL) < 0);
	}
	for (size_t i = 0; i < array_len(pids); i++) {
		waitpid(pids[i], &status, 0);
		failed += status != 0;
	}
	is_int(failed, 0, "several processes make the same store at once");
	struct stat st;
	ok(stat(root, &st) == 0 && (st.st_mode & 0777) == 0700, "its folder is private");
}

static void test_identity(void)
{
	struct store *first = fixture_open(), *second = fixture_open();

	is_str(store_id(first), store_id(second), "two handles have one identity");
	is_int((long long)strlen(store_id(first)), 36, "which is a UUID");
	ok(store_path(first)[0] == '/', "the path is absolute");
	store_close(&first);
	store_close(&second);
}

/* Of a store that nobody changes it stays; a change by another process makes another. */
static void test_version(void)
{
	struct store *store = fixture_open();
	struct store_version before, after;
	struct digest digest;
	struct buf bytes _cleanup_(buf_free) = { 0 };
	int status;

	ok(store_version(store, &before) && store_version(store, &after) && store_version_equal(&before, &after), "a version stays");
	works(store_blob_put(store, "one", 3, &digest, &err), &err, "a blob is put");
	ok(store_version(store, &after) && !store_version_equal(&before, &after), "then it is another");
	before = after;
	works(store_blob_read(store, &digest, 10, &bytes, &err), &err, "the blob is read");
	ok(store_version(store, &after) && store_version_equal(&before, &after), "reading makes no other");
	pid_t pid = fork();
	if (!pid) {
		struct store *other = fixture_open();
		_exit(store_blob_put(other, "two", 3, &digest, NULL) < 0);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "another process puts one");
	ok(store_version(store, &after) && !store_version_equal(&before, &after), "which makes another version");
	store_close(&store);
}

static int read_number(void *data, int columns, char **values, char **names)
{
	(void)columns, (void)names;
	*(int *)data = atoi(values[0]);
	return 0;
}

/* Returns the one before. */
static int set_version(int version)
{
	sqlite3 *db;
	char path[128], sql[64];
	int before = 0;

	snprintf(path, sizeof path, "%s/sampan.db", fixture_root);
	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version);
	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, "PRAGMA user_version", read_number, &before, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(db);
	return before;
}

static void test_newer(void)
{
	struct store *store = NULL;

	int ours = set_version(9999);
	fails(store_open(fixture_root, &store, &err), &err, ERROR_UNSUPPORTED, "made by a newer sampan", "a newer schema is refused");
	set_version(ours);
	works(store_open(fixture_root, &store, &err), &err, "ours is opened");
	store_close(&store);
}

static void test_bad_roots(void)
{
	struct store *store = NULL;
	char path[128];

	fails(store_open("", &store, &err), &err, ERROR_INVALID, "no name", "an empty root");
	fails(store_open("/proc/sampan-store", &store, &err), &err, ERROR_NOT_FOUND, "cannot open the store", "a root that can't be made");
	snprintf(path, sizeof path, "%s/file", fixture_root);
	fd_close(&(int){ open(path, O_WRONLY | O_CREAT, 0600) });
	ok(store_open(path, &store, &err) < 0 && err.message, "a root that is a file");
	error_clear(&err);
	snprintf(path, sizeof path, "%s/garbage", fixture_root);
	dir_make(AT_FDCWD, path, 0700, NULL);
	snprintf(path, sizeof path, "%s/garbage/sampan.db", fixture_root);
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; i < 1000; i++)
		if (write(fd, "this is no database", 19) != 19)
			abort();
	snprintf(path, sizeof path, "%s/garbage", fixture_root);
	fails(store_open(path, &store, &err), &err, ERROR_CORRUPT, "cannot open the store", "a database that is none");
}

/* As nobody, since root may read everything. */
static void test_unreadable(void)
{
	int status;

	if (geteuid() != 0) {
		ok(true, "an unreadable root # SKIP needs root");
		return;
	}
	pid_t pid = fork();
	if (!pid) {
		struct store *store = NULL;
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(77);
		int result = store_open(fixture_root, &store, &err);
		_exit(!(result < 0 && err.code == ERROR_DENIED && err.hint && strstr(err.hint, "--root")));
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "a root of somebody else is denied, with a hint");
}

int main(void)
{
	struct store *store = fixture_open();

	store_close(&store);
	test_many();
	test_identity();
	test_version();
	test_newer();
	test_bad_roots();
	test_unreadable();
	return done();
}
