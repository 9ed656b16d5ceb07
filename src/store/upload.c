/* Uploads: bytes on their way in, as uploads/<uuid>, hashed while they are written.
 *
 * The file is the whole state, so that an upload survives its process: whoever opens it next reads what is there. A lock on the
 * file (flock) says that somebody is at it. One that belongs to a repository has a hash of that repository's name in its own, uploads/<uuid>-<hash>, so
 * that who asks for it through another one finds nothing, also after a restart, and nothing needs to be written down for it. A pull notes which digest it wants as a symlink uploads/<algorithm>-<hex> that holds the uuid: it
 * is found again without a database write for every layer. What nobody came back to is swept after a week, or by gc. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/internal.h"

enum {
	WRITEBACK_BYTES = 8 << 20, /* how much may be dirty before the disk is put to work, so that the last sync is short */
	ABANDONED_SECONDS = 7 * 24 * 3600,
	TEMPORARY_SECONDS = 600, /* writing one takes much less, and nobody locks it */
	OWNER_HEX = 32,		 /* of the SHA-256 of the repository's name: no other name can be found that has the same */
	NAME_SIZE = UUID_TEXT_SIZE + 1 + OWNER_HEX,
	PATH_SIZE = sizeof "uploads/.tmp" + NAME_SIZE,
};

struct upload {
	struct store *store;
	char id[UUID_TEXT_SIZE], name[NAME_SIZE]; /* name: of its file */
	int fd;
	int64_t size, started_writeback;
	struct digester digester;
	struct digest wanted;
	bool has_wanted;
};

static char *upload_path(const char *name, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "uploads/%s", name);
	return out;
}

static void upload_name(const char *id, const char *owner, char out[NAME_SIZE])
{
	char hex[DIGEST_TEXT_SIZE];
	struct digest digest;

	snprintf(out, NAME_SIZE, "%s", id);
	if (!owner)
		return;
	digest_of(DIGEST_SHA256, owner, strlen(owner), &digest);
	snprintf(out, NAME_SIZE, "%s-%.*s", id, OWNER_HEX, digest_hex(&digest, hex));
}

static char *wanted_path(const struct digest *digest, char out[BLOB_PATH_SIZE])
{
	char hex[DIGEST_TEXT_SIZE];

	snprintf(out, BLOB_PATH_SIZE, "uploads/%s-%s", digest_algorithm_name(digest->algorithm), digest_hex(digest, hex));
	return out;
}

static void upload_free(struct upload **at)
{
	if (!*at)
		return;
	fd_close(&(*at)->fd);
	free(*at);
	*at = NULL;
}

static struct upload *upload_new(struct store *store, const char *owner, const char *id)
{
	struct upload *upload = xnew(struct upload);

	upload->store = store;
	upload->fd = -1;
	snprintf(upload->id, sizeof upload->id, "%s", id);
	upload_name(id, owner, upload->name);
	digester_init(&upload->digester, DIGEST_SHA256);
	return upload;
}

/* That the folder isn't there (any more) isn't what a client asked for and didn't find. */
int upload_uncreated(const struct store *store, const char *path, struct error *err)
{
	int number = errno;

	error_errno(err, number, "cannot create %s/%s", store->path, path);
	if (err && number == ENOENT)
		err->code = ERROR_IO;
	return -1;
}

/* It gets its name when it is locked: a sweep that came between would take it for abandoned. */
int upload_begin_in(struct store *store, const char *repository, struct upload **ret, struct error *err)
{
	char id[UUID_TEXT_SIZE], path[PATH_SIZE], temporary[PATH_SIZE + 4];

	uuid_make(id);
	_cleanup_(upload_free) struct upload *upload = upload_new(store, repository, id);
	snprintf(temporary, sizeof temporary, "%s.tmp", upload_path(upload->name, path));
	upload->fd = openat(store->dir, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (upload->fd < 0)
		return upload_uncreated(store, path, err);
	if (file_lock(upload->fd, true, false, path, err) < 0 || renameat(store->dir, temporary, store->dir, path) < 0) {
		error_errno(err, errno, "cannot create %s/%s", store->path, path);
		unlinkat(store->dir, temporary, 0);
		return -1;
	}
	*ret = steal(upload);
	return 0;
}

int upload_begin(struct store *store, struct upload **ret, struct error *err)
{
	return upload_begin_in(store, NULL, ret, err);
}

/* ---- hashing ---- */

static int hash_file(struct upload *upload, enum digest_algorithm algorithm, struct error *err)
{
	char block[65536];
	int64_t left = upload->size;

	digester_init(&upload->digester, algorithm);
	if (lseek(upload->fd, 0, SEEK_SET) < 0)
		return error_errno(err, errno, "cannot read upload %s", upload->id);
	while (left > 0) {
		size_t most = left < (int64_t)sizeof block ? (size_t)left : sizeof block;
		ssize_t n = fd_read_full(upload->fd, block, most, "the upload", err);
		if (n < 0)
			return -1;
		if ((size_t)n < most)
			return error_set(err, ERROR_CORRUPT, "upload %s became shorter", upload->id);
		digester_add(&upload->digester, block, (size_t)n);
		left -= n;
	}
	return 0;
}

/* Suspended uploads of this process, the oldest forgotten first. */
static void remember(struct upload *upload)
{
	struct store *store = upload->store;

	pthread_mutex_lock(&store->uploads_lock);
	struct upload_memory *memory = &store->uploads[store->uploads_next++ % UPLOADS_REMEMBERED];
	memcpy(memory->id, upload->id, sizeof memory->id);
	memory->size = upload->size;
	memory->digester = upload->digester;
	pthread_mutex_unlock(&store->uploads_lock);
}

static bool recall(struct upload *upload)
{
	struct store *store = upload->store;
	bool found = false;

	pthread_mutex_lock(&store->uploads_lock);
	for (size_t i = 0; i < UPLOADS_REMEMBERED && !found; i++) {
		struct upload_memory *memory = &store->uploads[i];
		if (!str_equal(memory->id, upload->id) || memory->size != upload->size)
			continue;
		upload->digester = memory->digester;
		memory->id[0] = '\0';
		found = true;
	}
	pthread_mutex_unlock(&store->uploads_lock);
	return found;
}

/* ---- resuming ---- */

static int upload_gone(const char *id, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "there is no upload %s", id);
}

/* Between our open and our lock its owner may have finished: then the file has lost its name. */
static int open_locked(struct upload *upload, struct error *err)
{
	const char *id = upload->id;
	struct store *store = upload->store;
	char path[PATH_SIZE];
	struct stat st;
	_cleanup_(fd_close) int fd = openat(store->dir, upload_path(upload->name, path), O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? upload_gone(id, err) : error_errno(err, errno, "cannot open upload %s", id);
	int locked = file_lock(fd, true, false, path, err);
	if (locked < 0)
		return -1;
	if (locked > 0)
		return error_set(err, ERROR_BUSY, "upload %s is being written to", id);
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "cannot open upload %s", id);
	if (!st.st_nlink || faccessat(store->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return upload_gone(id, err);
	upload->size = st.st_size;
	upload->fd = fd_steal(&fd);
	return 0;
}

int upload_resume_in(struct store *store, const char *repository, const char *id, struct upload **ret, struct error *err)
{
	if (!uuid_valid(id))
		return error_set(err, ERROR_NOT_FOUND, "there is no such upload");
	_cleanup_(upload_free) struct upload *upload = upload_new(store, repository, id);
	if (open_locked(upload, err) < 0)
		return -1;
	if (!recall(upload) && hash_file(upload, DIGEST_SHA256, err) < 0)
		return -1;
	if (lseek(upload->fd, upload->size, SEEK_SET) < 0)
		return error_errno(err, errno, "cannot continue upload %s", id);
	*ret = steal(upload);
	return 0;
}

int upload_resume(struct store *store, const char *id, struct upload **ret, struct error *err)
{
	return upload_resume_in(store, NULL, id, ret, err);
}

char *upload_find(struct store *store, const struct digest *wanted)
{
	char path[BLOB_PATH_SIZE], file[PATH_SIZE], id[UUID_TEXT_SIZE];
	ssize_t len = readlinkat(store->dir, wanted_path(wanted, path), id, sizeof id);

	if (len != 36)
		return NULL;
	id[36] = '\0';
	if (!uuid_valid(id) || faccessat(store->dir, upload_path(id, file), F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	return xstrdup(id);
}

void upload_set_algorithm(struct upload *upload, enum digest_algorithm algorithm)
{
	if (!upload->size)
		digester_init(&upload->digester, algorithm);
}

/* Only a convenience for a next process: that it fails is no failure. */
void upload_set_wanted(struct upload *upload, const struct digest *wanted)
{
	char path[BLOB_PATH_SIZE];

	upload->wanted = *wanted;
	upload->has_wanted = true;
	upload_set_algorithm(upload, wanted->algorithm);
	unlinkat(upload->store->dir, wanted_path(wanted, path), 0);
	if (symlinkat(upload->id, upload->store->dir, path) < 0)
		upload->has_wanted = false;
}

/* ---- writing ---- */

const char *upload_id(const struct upload *upload)
{
	return upload->id;
}

int64_t upload_size(const struct upload *upload)
{
	return upload->size;
}

/* Not a duplicate of our descriptor: that would keep the lock for as long as somebody reads. */
int upload_open(const struct upload *upload, struct error *err)
{
	char path[PATH_SIZE];
	int fd = openat(upload->store->dir, upload_path(upload->name, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? error_errno(err, errno, "cannot read upload %s", upload->id) : fd;
}

/* After a failure the file is cut back to what was hashed, so that the upload may go on once there is space again. */
int upload_write(struct upload *upload, const void *bytes, size_t len, struct error *err)
{
	if (fd_write_all(upload->fd, bytes, len, "the upload", err) < 0) {
		if (ftruncate(upload->fd, upload->size) == 0)
			lseek(upload->fd, upload->size, SEEK_SET);
		return -1;
	}
	digester_add(&upload->digester, bytes, len);
	upload->size += (int64_t)len;
	if (upload->size - upload->started_writeback >= WRITEBACK_BYTES) {
		sync_file_range(upload->fd, upload->started_writeback, upload->size - upload->started_writeback, SYNC_FILE_RANGE_WRITE);
		upload->started_writeback = upload->size;
	}
	return 0;
}

/* ---- the ends ---- */

/* The note is only removed while it is ours. */
static void forget_wanted(struct upload *upload)
{
	char path[BLOB_PATH_SIZE];

	if (!upload->has_wanted)
		return;
	_cleanup_(freep) char *noted = upload_find(upload->store, &upload->wanted);
	if (!noted || str_equal(noted, upload->id))
		unlinkat(upload->store->dir, wanted_path(&upload->wanted, path), 0);
}

void upload_suspend(struct upload **at)
{
	if (!*at)
		return;
	remember(*at);
	upload_free(at);
}

void upload_cancel(struct upload **at)
{
	char path[PATH_SIZE];

	if (!*at)
		return;
	forget_wanted(*at);
	unlinkat((*at)->store->dir, upload_path((*at)->name, path), 0);
	upload_free(at);
}

static int upload_verify(struct upload *upload, const struct digest *expected, struct digest *ret, struct error *err)
{
	char wanted[DIGEST_TEXT_SIZE], got[DIGEST_TEXT_SIZE];
	enum digest_algorithm algorithm = expected ? expected->algorithm : DIGEST_SHA256;

	if (upload->digester.algorithm != algorithm && hash_file(upload, algorithm, err) < 0)
		return -1;
	digester_finish(&upload->digester, ret);
	if (expected && !digest_equal(ret, expected))
		return error_set(err, ERROR_CORRUPT, "the bytes received are %s, not %s", digest_print(ret, got), digest_print(expected, wanted));
	return 0;
}

/* The bytes are verified and synced; what is left is the name, the row and, with a repository, the link. */
static int upload_record(struct upload *upload, const struct digest *digest, const char *registry, const char *repository, struct error *err)
{
	struct recorded record = { upload->name, digest, upload->size, registry, repository, NULL, false, false, { 0 } };

	return group_record(upload->store, &record, err);
}

/* A sync of data that failed once may wrongly succeed the second time, so nothing of it is kept. */
int upload_commit_to(struct upload **at, const char *registry, const char *repository, const struct digest *expected, struct digest *ret,
		     struct error *err)
{
	_cleanup_(upload_cancel) struct upload *upload = steal(*at);
	struct digest digest;

	if (upload_verify(upload, expected, &digest, err) < 0)
		return -1;
	if (fchmod(upload->fd, 0400) < 0)
		return error_errno(err, errno, "cannot keep upload %s", upload->id);
	if (fd_sync(upload->fd, "the upload", err) < 0 || upload_record(upload, &digest, registry, repository, err) < 0)
		return -1;
	if (ret)
		*ret = digest;
	return 0;
}

int upload_commit(struct upload **at, const struct digest *expected, struct digest *ret, struct error *err)
{
	return upload_commit_to(at, NULL, NULL, expected, ret, err);
}

/* ---- sweeping ---- */

void uploads_drop(struct store *store, const char *name)
{
	char path[PATH_SIZE];

	if (*name)
		unlinkat(store->dir, upload_path(name, path), 0);
}

static bool sweep_due(struct store *store, const char *path, int64_t age_max, int64_t now)
{
	struct stat st;

	if (fstatat(store->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	return (int64_t)st.st_mtime <= now - age_max;
}

/* Removes one that nobody holds; returns its size, or -1 if it stays. */
static int64_t sweep_file(struct store *store, const char *path)
{
	struct stat st;
	_cleanup_(fd_close) int fd = openat(store->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || file_lock(fd, true, false, path, NULL) != 0 || fstat(fd, &st) < 0)
		return -1;
	return unlinkat(store->dir, path, 0) == 0 ? st.st_size : -1;
}

void uploads_sweep_older(struct store *store, int64_t age, int64_t *files, int64_t *bytes)
{
	int64_t now = now_ms() / 1000;
	int fd = openat(store->dir, "uploads", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list) {
		fd_close(&fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(list));) {
		_cleanup_(freep) char *path = path_join("uploads", entry->d_name);
		bool temporary = str_ends(entry->d_name, ".tmp");
		struct stat st;
		if (entry->d_type == DT_LNK && fstatat(store->dir, path, &st, 0) < 0)
			unlinkat(store->dir, path, 0);
		else if (sweep_due(store, path, temporary ? TEMPORARY_SECONDS : age, now)) {
			int64_t size = sweep_file(store, path);
			*files += size >= 0;
			*bytes += size >= 0 ? size : 0;
		}
	}
	closedir(list);
}

void store_sweep_uploads(struct store *store, int64_t age, struct store_usage *freed)
{
	uploads_sweep_older(store, age, &freed->uploads, &freed->uploads_bytes);
}

void uploads_sweep(struct store *store)
{
	int64_t files = 0, bytes = 0;

	uploads_sweep_older(store, ABANDONED_SECONDS, &files, &bytes);
}
