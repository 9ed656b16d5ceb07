/* The durability promise, checked at every single step: a whole push and a build's commit are run again and again, and each time the
 * next one of the system calls that change the disk fails (EIO, ENOSPC), or the process ends right before it.
 *
 * This program's own fsync, write, renameat … are the ones that libsqlite calls as well, since it is linked with --export-dynamic. What the
 * page cache would lose in a power cut can't be shown like this; that each rename comes behind the sync of its data, and each
 * answer behind the sync of the names and the database, is checked from the order of the calls. */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fixture.h"

enum fault { FAULT_NONE, FAULT_EIO, FAULT_ENOSPC, FAULT_CRASH };
enum call { CALL_WRITE, CALL_SYNC, CALL_RENAME, CALL_UNLINK, CALL_TRUNCATE };

static int countdown, calls;
static enum fault fault;
static char order[4096]; /* a letter a call: w, s, r, u, t; only while `tracing` */
static size_t order_len;
static bool tracing;

int fsync(int fd);
int fdatasync(int fd);
ssize_t write(int fd, const void *bytes, size_t len);
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at);
int ftruncate(int fd, off_t size);
int renameat(int from_dir, const char *from, int to_dir, const char *to);

static bool trips(enum call call)
{
	if (tracing && order_len + 1 < sizeof order && !(call == CALL_WRITE && order_len && order[order_len - 1] == 'w'))
		order[order_len++] = "wsrut"[call];
	if (fault == FAULT_NONE)
		return false;
	calls++;
	if (--countdown != 0)
		return false;
	if (fault == FAULT_CRASH)
		_exit(0);
	errno = fault == FAULT_EIO ? EIO : ENOSPC;
	return true;
}

int fsync(int fd)
{
	return trips(CALL_SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return trips(CALL_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	return fd > 2 && trips(CALL_WRITE) ? -1 : syscall(SYS_write, fd, bytes, len);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return trips(CALL_WRITE) ? -1 : syscall(SYS_pwrite64, fd, bytes, len, at);
}

int ftruncate(int fd, off_t size)
{
	return trips(CALL_TRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return trips(CALL_RENAME) ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

/* ---- the work ---- */

#define NAME "h.io/fault:1"

/* A layer arrives, an image is made of it and published. */
static int push(struct store *store, int round, struct error *why)
{
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct descriptor layer _cleanup_(descriptor_clear) = { .media_type = xstrdup(media_type_text(MEDIA_OCI_LAYER)) };
	struct reference name _cleanup_(reference_clear) = { 0 };
	_cleanup_(upload_cancel) struct upload *upload = NULL;
	struct digest manifest;
	char text[64];

	snprintf(text, sizeof text, "the layer of round %d", round);
	layer.size = (int64_t)strlen(text);
	platform_parse("linux/riscv64", &config.platform, NULL);
	reference_parse(NAME, &name, NULL);
	if (upload_begin(store, &upload, why) < 0 || upload_write(upload, text, strlen(text), why) < 0 ||
	    upload_commit_to(&upload, "", "fault", NULL, &layer.digest, why) < 0)
		return -1;
	config_add_diff_id(&config, &layer.digest);
	if (store_image_commit(store, &config, &layer, 1, &name, 1, &manifest, why) < 0)
		return -1;
	return store_tag_copy(store, "h.io", "fault", &manifest, "", "fault", "1", why);
}

/* Absent or whole, never between; 1 if it is there. */
static int image_state(struct store *store, const char *registry)
{
	struct image image = { 0 };
	struct buf bytes _cleanup_(buf_free) = { 0 };
	struct error why _cleanup_(error_clear) = { 0 };
	struct digest top;

	if (store_tag_get(store, registry, "fault", "1", &top, &why) < 0)
		return why.code == ERROR_NOT_FOUND ? 0 : -1;
	if (store_image_find(store, NAME, NULL, &image, &why) < 0)
		return -1;
	int result = store_blob_read(store, &image.manifest.layers[0].digest, 100, &bytes, &why) < 0 ? -1 : 1;
	if (store_manifest_get(store, registry, "fault", &top, &bytes, NULL, &why) < 0)
		result = -1;
	image_clear(&image);
	return result;
}

static void forget(struct store *store)
{
	struct store_usage freed;

	store_tag_delete(store, "h.io", "fault", "1", NULL);
	store_tag_delete(store, "", "fault", "1", NULL);
	usleep(2000);
	if (store_gc(store, &(struct gc_options){ .cache = -1 }, &freed, &err) < 0)
		printf("# gc: %s\n", err.message);
}

/* Exit codes number the expectation that failed; 100 says that the fault never came. */
static int failing_push(enum fault kind, int at)
{
	struct error why = { 0 };
	struct store *store = fixture_open();

	fault = kind;
	countdown = at;
	int result = push(store, at, &why);
	fault = FAULT_NONE;
	if (countdown > 0)
		return result == 0 ? 100 : 1;
	if (result == 0 && image_state(store, "") != 1)
		return 2; /* said yes, but it isn't there */
	if (result < 0 && (!why.message || (kind == FAULT_ENOSPC && why.code != ERROR_NO_SPACE))) {
		printf("# %s: %s\n", error_code_name(why.code), why.message ? why.message : "no message");
		fflush(stdout);
		return 3;
	}
	if (image_state(store, "h.io") < 0 || image_state(store, "") < 0)
		return 4;
	if (push(store, at, &why) < 0) {
		printf("# again: %s\n", why.message);
		return 5;
	}
	store_close(&store);
	return 0;
}

static void complain(void *data, const char *text)
{
	(void)data;
	printf("# %s\n", text);
}

/* What is left must be sound, and the same push must work. */
static bool recovers(int at)
{
	struct store *store = fixture_open();
	size_t damaged = 1;
	bool good = store_fsck(store, complain, NULL, &damaged, &err) == 0 && !damaged && image_state(store, "h.io") >= 0 &&
		    image_state(store, "") >= 0 && push(store, at, &err) == 0 && image_state(store, "") == 1;

	forget(store);
	store_close(&store);
	return good;
}

static void test_faults(enum fault kind, const char *what)
{
	int at = 0, bad = 0, status = 0;

	do {
		pid_t pid = fork();
		if (!pid)
			_exit(failing_push(kind, ++at));
		at++;
		waitpid(pid, &status, 0);
		if (status && !(WIFEXITED(status) && WEXITSTATUS(status) == 100)) {
			printf("# call %d: %s %d\n", at, WIFEXITED(status) ? "expectation" : "signal",
			       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
			bad++;
		}
		if (!recovers(at)) {
			printf("# call %d: does not recover\n", at);
			bad++;
		}
	} while (!(WIFEXITED(status) && WEXITSTATUS(status) == 100) && at < 500);
	ok(at > 20 && at < 500, "%s: at each of %d calls", what, at - 1);
	is_int(bad, 0, "nothing is half visible, nothing acknowledged is lost, the next try works");
}

/* s(data) … r(name) s(folder) … s(database), and only then the answer. */
static void test_order(void)
{
	struct store *store = fixture_open();
	struct upload *upload = NULL;
	struct digest digest;

	put_text(store, "so that the database's log is begun");
	tracing = true;
	upload_begin(store, &upload, &err);
	upload_write(upload, "ordered", 7, &err);
	works(upload_commit(&upload, NULL, &digest, &err), &err, "a commit whose calls are watched");
	tracing = false;
	order[order_len] = '\0';
	is_str(order, "rwsrsws", "a name, bytes, sync, rename, sync of the folder, rows, sync of the database");
	store_close(&store);
}

int main(void)
{
	struct store *store = fixture_open();

	store_close(&store);
	test_order();
	test_faults(FAULT_EIO, "a call fails with EIO");
	test_faults(FAULT_ENOSPC, "a call fails with ENOSPC");
	test_faults(FAULT_CRASH, "the process ends before a call");
	return done();
}
