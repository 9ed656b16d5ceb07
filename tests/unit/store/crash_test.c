/* kill -9 in the middle of many writers, again and again: what was acknowledged is there and whole, and nothing is half visible. A
 * child acknowledges by a line in a pipe, after the call returned. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "fixture.h"
#include "store/internal.h"

enum { WRITERS = 4, ROUNDS = 6 };

struct ack {
	int kind; /* 0: a blob, 1: a tag */
	int writer, number;
	struct digest digest;
};

/* Blobs of different sizes by upload, some of which all writers share; every third one becomes an image with a tag. */
static void write_for_ever(int writer, int round, int ack_fd)
{
	struct store *store = fixture_open();
	_cleanup_(freep) char *bytes = xcalloc(1, 300000);

	for (int i = 0;; i++) {
		struct upload *upload = NULL;
		struct ack ack = { 0, writer, i, { 0 } };
		size_t len = (size_t)(i * 7919 % 300000) + 32;
		snprintf(bytes, 32, "%d %d %d", i % 4 ? writer : 0, round, i);
		if (upload_begin(store, &upload, NULL) < 0 || upload_write(upload, bytes, len, NULL) < 0 ||
		    upload_commit(&upload, NULL, &ack.digest, NULL) < 0)
			continue;
		if (write(ack_fd, &ack, sizeof ack) != sizeof ack)
			_exit(1);
		if (i % 3)
			continue;
		char name[64], layer[96];
		snprintf(name, sizeof name, "h.io/w%d:r%d-%d", writer, round, i);
		snprintf(layer, sizeof layer, "layer of %s", name);
		ack.kind = 1;
		ack.digest = make_image(store, layer, "linux/riscv64", name);
		if (write(ack_fd, &ack, sizeof ack) != sizeof ack)
			_exit(1);
	}
}

static bool blob_whole(struct store *store, const struct digest *digest)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };

	return store_blob_has(store, digest) && store_blob_read(store, digest, 1 << 20, &bytes, NULL) == 0;
}

static bool image_whole(struct store *store, const struct ack *ack, int round)
{
	struct image image = { 0 };
	char name[64];

	snprintf(name, sizeof name, "h.io/w%d:r%d-%d", ack->writer, round, ack->number);
	if (store_image_find(store, name, NULL, &image, NULL) < 0)
		return false;
	bool whole = digest_equal(&image.top, &ack->digest) && blob_whole(store, &image.manifest.layers[0].digest);
	image_clear(&image);
	return whole;
}

static void complain(void *data, const char *text)
{
	(void)data;
	printf("# %s\n", text);
}

static void test_round(int round)
{
	pid_t pids[WRITERS];
	int pipes[2];
	size_t acked = 0, lost = 0, damaged = 1;
	struct ack ack;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		abort();
	for (int i = 0; i < WRITERS; i++)
		if (!(pids[i] = fork()))
			write_for_ever(i, round, pipes[1]);
	close(pipes[1]);
	usleep(150000 + 37000 * (useconds_t)round);
	for (int i = 0; i < WRITERS; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < WRITERS; i++)
		waitpid(pids[i], NULL, 0);

	struct store *store = fixture_open();
	while (read(pipes[0], &ack, sizeof ack) == sizeof ack) {
		acked++;
		lost += ack.kind ? !image_whole(store, &ack, round) : !blob_whole(store, &ack.digest);
	}
	close(pipes[0]);
	ok(acked > 0 && !lost, "round %d: of %zu things acknowledged before kill -9, %zu are lost", round, acked, lost);
	works(store_fsck(store, complain, NULL, &damaged, &err), &err, "the store opens again by itself");
	is_int((long long)damaged, 0, "and is sound");
	store_close(&store);
}

/* A wave of processes that commit the very same bytes. */
static void test_same_blob(void)
{
	pid_t pids[WRITERS];
	int failed = 0, status;
	struct store *store = fixture_open();
	struct digest digest;
	struct store_usage before, after;

	store_usage(store, &before, NULL);
	for (int i = 0; i < WRITERS; i++) {
		if ((pids[i] = fork()))
			continue;
		struct store *mine = fixture_open();
		int bad = 0;
		for (int n = 0; n < 20; n++) {
			struct upload *upload = NULL;
			char bytes[32];
			snprintf(bytes, sizeof bytes, "the same %d", n);
			bad += upload_begin(mine, &upload, NULL) < 0 || upload_write(upload, bytes, strlen(bytes), NULL) < 0 ||
			       upload_commit(&upload, NULL, &digest, NULL) < 0;
		}
		_exit(bad);
	}
	for (int i = 0; i < WRITERS; i++) {
		waitpid(pids[i], &status, 0);
		failed += status != 0;
	}
	is_int(failed, 0, "processes commit the same blobs at once");
	works(store_usage(store, &after, &err), &err, "afterwards");
	is_int(after.blobs - before.blobs, 20, "each is there once");
	is_int(after.uploads - before.uploads, 0, "and nothing is left of the others");
	store_close(&store);
}

/* Temporary files without a lock are spared while they are young. */
static void age_uploads(struct store *store)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	const struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
	_cleanup_(fd_close) int dir = openat(store_dir(store), "uploads", O_RDONLY | O_DIRECTORY);

	dir_names(dir, ".", &names, NULL);
	for (size_t i = 0; i < names.len; i++)
		utimensat(dir, names.items[i], old, AT_SYMLINK_NOFOLLOW);
}

int main(void)
{
	struct store *store = fixture_open();

	store_close(&store);
	for (int round = 0; round < ROUNDS; round++)
		test_round(round);
	test_same_blob();
	store = fixture_open();
	age_uploads(store);
	struct store_usage freed;
	works(store_gc(store, &(struct gc_options){ .cache = -1 }, &freed, &err), &err, "gc removes what the dead left");
	struct store_usage usage;
	works(store_usage(store, &usage, &err), &err, "so that");
	is_int(usage.uploads, 0, "no upload is left");
	store_close(&store);
	return done();
}
