/* Uploads: verified, resumed by another process, locked; what a full disk or a wrong digest does. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "fixture.h"

static void test_digests(struct store *store)
{
	struct upload *upload = NULL;
	struct digest right, wrong, sha512, got;

	digest_of(DIGEST_SHA256, "abc", 3, &right);
	digest_of(DIGEST_SHA512, "abc", 3, &sha512);
	wrong = right;
	wrong.bytes[0] ^= 1;
	works(upload_begin(store, &upload, &err), &err, "an upload");
	works(upload_write(upload, "abc", 3, &err), &err, "takes bytes");
	ok(!store_blob_has(store, &right), "which are not visible yet");
	fails(upload_commit(&upload, &wrong, &got, &err), &err, ERROR_CORRUPT, "not sha256:", "a wrong digest is refused");
	ok(!upload && !store_blob_has(store, &wrong) && !store_blob_has(store, &right), "and nothing of it is kept");
	upload_begin(store, &upload, &err);
	upload_write(upload, "abc", 3, &err);
	works(upload_commit(&upload, &sha512, &got, &err), &err, "sha512 asked for at the end");
	ok(store_blob_has(store, &sha512) && digest_equal(&got, &sha512), "is found");
	upload_begin(store, &upload, &err);
	upload_set_wanted(upload, &sha512);
	upload_write(upload, "abc", 3, &err);
	works(upload_commit(&upload, &right, &got, &err), &err, "sha256 of an upload that wanted sha512");
	upload_begin(store, &upload, &err);
	upload_write(upload, "linked", 6, &err);
	works(upload_commit_to(&upload, "", "some/name", NULL, &got, &err), &err, "committed to a repository");
	ok(store_blob_linked(store, "", "some/name", &got) && !store_blob_linked(store, "", "other", &got), "it is linked there, and only there");
	struct strlist where _cleanup_(strlist_free) = { 0 };
	works(store_blob_repositories(store, "", &got, 10, &where, &err), &err, "asked where it is published");
	works(store_blob_repositories(store, "h.io", &got, 10, &where, &err), &err, "and where in another registry");
	ok(where.len == 1 && str_equal(where.items[0], "some/name"), "it is there alone");
	upload_begin(store, &upload, &err);
	works(upload_commit(&upload, NULL, &got, &err), &err, "an empty blob");
	ok(store_blob_has(store, &got), "is a blob");
}

static void test_resume(struct store *store)
{
	struct digest wanted, got;
	struct upload *upload = NULL, *second = NULL;
	int pipes[2];

	digest_of(DIGEST_SHA256, "first second", 12, &wanted);
	if (pipe(pipes) < 0)
		abort();
	pid_t pid = fork();
	if (!pid) {
		struct store *mine = fixture_open();
		upload_begin(mine, &upload, NULL);
		upload_set_wanted(upload, &wanted);
		upload_write(upload, "first ", 6, NULL);
		if (write(pipes[1], "x", 1) == 1)
			pause();
	}
	char x;
	if (read(pipes[0], &x, 1) != 1)
		abort();
	_cleanup_(freep) char *id = upload_find(store, &wanted);
	ok(id, "another process's upload is found by what it wants");
	fails(upload_resume(store, id, &upload, &err), &err, ERROR_BUSY, "being written", "but not while that is at it");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	works(upload_resume(store, id, &upload, &err), &err, "when it was killed, it goes on here");
	is_int(upload_size(upload), 6, "with what is there");
	fails(upload_resume(store, id, &second, &err), &err, ERROR_BUSY, "", "once");
	upload_write(upload, "second", 6, &err);
	upload_suspend(&upload);
	works(upload_resume(store, id, &upload, &err), &err, "suspended and resumed here");
	works(upload_commit(&upload, &wanted, &got, &err), &err, "its digest is that of the whole");
	fails(upload_resume(store, id, &upload, &err), &err, ERROR_NOT_FOUND, "", "a finished upload is gone");
	free(id);
	id = upload_find(store, &wanted);
	ok(!id, "and not found");
}

static void test_ids(struct store *store)
{
	static const char *const bad[] = { "", "..", "../sampan.db", "00000000-0000-0000-0000-000000000000", "x/../../sampan.db",
					   "00000000-0000-0000-0000-00000000000G", "00000000-0000-0000-0000-0000000000000" };
	struct upload *upload = NULL;

	for (size_t i = 0; i < array_len(bad); i++)
		fails(upload_resume(store, bad[i], &upload, &err), &err, ERROR_NOT_FOUND, "", bad[i]);
	upload_begin(store, &upload, &err);
	_cleanup_(freep) char *id = xstrdup(upload_id(upload));
	upload_cancel(&upload);
	fails(upload_resume(store, id, &upload, &err), &err, ERROR_NOT_FOUND, "", "a cancelled upload is gone");
}

/* Of a repository: nobody else's, whatever it is asked for by, and whether this process remembers it or not. */
static void test_owner(struct store *store)
{
	static const char *const others[] = { "b", "a/b", "", "A", NULL };
	struct store *later _cleanup_(store_close) = NULL;
	struct upload *upload = NULL;

	works(upload_begin_in(store, "a", &upload, &err), &err, "an upload of repository a");
	_cleanup_(freep) char *id = xstrdup(upload_id(upload));
	upload_write(upload, "abc", 3, &err);
	upload_suspend(&upload);
	for (size_t i = 0; i < array_len(others); i++)
		fails(upload_resume_in(store, others[i], id, &upload, &err), &err, ERROR_NOT_FOUND, "", "another can't go on with it");
	later = fixture_open();
	fails(upload_resume_in(later, "b", id, &upload, &err), &err, ERROR_NOT_FOUND, "", "nor in a process that remembers nothing");
	works(upload_resume_in(later, "a", id, &upload, &err), &err, "but a can");
	is_int(upload_size(upload), 3, "with what was there");
	upload_cancel(&upload);
}

/* In a tmpfs of 4 MB in a mount namespace of a child's own. Exit codes number the expectation that failed. */
static int full_disk(void)
{
	static char block[65536];
	struct store *store = NULL;
	struct upload *upload = NULL;
	struct digest small, digest;
	struct error why = { 0 };

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", fixture_root, "tmpfs", 0, "size=4m") < 0)
		return 77;
	if (store_open(fixture_root, &store, &why) < 0 || store_blob_put(store, "small", 5, &small, &why) < 0)
		return 1;
	if (upload_begin(store, &upload, &why) < 0)
		return 2;
	int result = 0, count = 0;
	while (result == 0 && count++ < 100)
		result = upload_write(upload, block, sizeof block, &why);
	if (result == 0 || why.code != ERROR_NO_SPACE)
		return 3;
	if (upload_size(upload) % sizeof block)
		return 4;
	/* The disk is full to the brim now: other writes fail with the same code, and what is there stays readable. */
	for (int i = 0; i < 40; i++) {
		char text[8192];
		memset(text, 'a' + i % 26, sizeof text);
		if (store_blob_put(store, text, sizeof text - (size_t)i, &digest, &why) < 0 && why.code != ERROR_NO_SPACE)
			return 5;
	}
	for (int i = 0; i < 400; i++) {
		char key[16];
		snprintf(key, sizeof key, "%d", i);
		if (store_record_put(store, "test", key, key, &why) < 0 && why.code != ERROR_NO_SPACE)
			return 6;
	}
	struct buf bytes = { 0 };
	if (store_blob_read(store, &small, 100, &bytes, &why) < 0)
		return 7;
	upload_cancel(&upload);
	if (store_blob_put(store, "more", 4, &digest, &why) < 0)
		return 8;
	size_t damaged = 1;
	if (store_fsck(store, NULL, NULL, &damaged, &why) < 0 || damaged)
		return 9;
	store_close(&store);
	return store_open(fixture_root, &store, &why) < 0 ? 10 : 0;
}

static void test_full_disk(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(full_disk());
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		ok(true, "a full disk # SKIP needs to mount a tmpfs");
	else
		is_int(status, 0, "a full disk: refused with its own code, nothing lost, works again once there is space");
}

int main(void)
{
	struct store *store = fixture_open();

	test_digests(store);
	test_resume(store);
	test_ids(store);
	test_owner(store);
	test_full_disk();
	store_close(&store);
	return done();
}
