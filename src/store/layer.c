/* Layers in the store: see layer.h.
 *
 * A layer is known by its chain id: the same files mean another thing on top of other layers. Who unpacks or commits one
 * holds a lock named by the chain id, so that two processes that want the same layer do the work once; the lock is a byte of
 * the file locks/layers, so that nothing is left to clean up. The work is done in layers/<n>.tmp, and only what is complete and on the disk gets
 * its name and then its row in the database: a crash leaves nothing that looks like a layer. */
#include "store/layer.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "store/extract.h"
#include "store/internal.h"
#include "store/stream.h"

enum { LABEL_LEN = 12, DEPTH_MAX = 200, SYNC_ENTRIES_MAX = 48 };

/* ---- what unpacking and committing share ---- */

/* Waits for other processes and threads that work on the same chain. The descriptor is the lock. */
static int chain_lock(struct store *store, const struct digest *chain, struct error *err)
{
	_cleanup_(fd_close) int fd = openat(store_dir(store), "locks/layers", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	uint64_t position = 0;

	if (fd < 0)
		return error_errno(err, errno, "cannot open the lock file of the layers");
	for (int i = 0; i < 8; i++)
		position = position << 8 | chain->bytes[i];
	lock.l_start = (off_t)(position >> 2); /* within the range of off_t; that two chains share a byte does no harm */
	while (fcntl(fd, F_OFD_SETLKW, &lock) < 0)
		if (errno != EINTR || interrupt_check(err) < 0)
			return errno == EINTR ? -1 : error_errno(err, errno, "cannot lock a layer");
	return fd_steal(&fd);
}

static int open_layers(struct store *store, struct error *err)
{
	int fd = openat(store_dir(store), "layers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_errno(err, errno, "cannot open the folder of the layers") : fd;
}

/* What a layer's directory holds, itself not counted. */
struct tree {
	int64_t bytes;	 /* on disk; a file of several names counts a part for each */
	int64_t entries;
};

/* What cannot be read, or is nested too deep for our descriptors, counts as entries that are too many to be synced one by one. Takes the descriptor. */
static void tree_measure(int fd, int depth, struct tree *tree)
{
	struct stat st;
	DIR *list = fd < 0 || depth > DEPTH_MAX ? NULL : fdopendir(fd);

	if (!list) {
		fd_close(&fd);
		tree->entries += SYNC_ENTRIES_MAX;
		return;
	}
	for (struct dirent *entry; (entry = readdir(list));) {
		if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..") ||
		    fstatat(dirfd(list), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		tree->entries++;
		tree->bytes += (int64_t)st.st_blocks * 512 / (S_ISDIR(st.st_mode) ? 1 : (int64_t)st.st_nlink);
		if (S_ISDIR(st.st_mode))
			tree_measure(openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), depth + 1, tree);
	}
	closedir(list);
}

/* Files and directories one by one; symlinks and devices are in their directory. Takes the descriptor. -1 with errno. */
static int tree_sync_each(int fd)
{
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	int result = 0;

	if (!list) {
		fd_close(&fd);
		return -1;
	}
	for (struct dirent *entry; result == 0 && (entry = readdir(list));) {
		struct stat st;
		if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd(list), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			result = -1;
		if (result < 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
			continue;
		int child = openat(dirfd(list), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (S_ISDIR(st.st_mode)) {
			result = tree_sync_each(child);
			continue;
		}
		result = child < 0 || fsync(child) < 0 ? -1 : 0;
		fd_close(&child);
	}
	if (result == 0)
		result = fsync(dirfd(list));
	closedir(list);
	return result;
}

/* syncfs also waits for what everyone else has written to this file system, such as another build: a few files are synced by themselves. */
static int tree_sync(int fd, const struct tree *tree, struct error *err)
{
	if (tree->entries < SYNC_ENTRIES_MAX && tree_sync_each(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == 0)
		return 0;
	return syncfs(fd) < 0 ? error_errno(err, errno, "cannot write the layer to the disk") : 0;
}

/* A finished directory `from` (an absolute path, or a name in layers/) becomes layers/<number>, durable and recorded. If another process was first, ours
 * goes away and *ret_number is its. */
static int layer_adopt(struct store *store, int layers, const char *from, struct layer_row *row, char **ret_number, struct error *err)
{
	_cleanup_(freep) char *name = xprintf("%lld", (long long)row->number);
	_cleanup_(fd_close) int fd = openat(layers, from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tree tree = { 0 };
	int64_t number;

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", from);
	tree_measure(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, &tree);
	row->size = tree.bytes;
	if (tree_sync(fd, &tree, err) < 0)
		return -1;
	if (renameat(layers, from, layers, name) < 0) {
		error_errno(err, errno, "cannot move %s to the layers", from);
		return errno == EXDEV ? error_hint(err, "it must be on the same file system as the store") : -1;
	}
	if (dir_sync(layers, ".", err) < 0 || store_layer_record(store, row, &number, err) < 0) {
		dir_remove(layers, name, NULL);
		return -1;
	}
	if (number != row->number)
		dir_remove(layers, name, NULL);
	*ret_number = xprintf("%lld", (long long)number);
	return 0;
}

/* 1 and the number if the chain is unpacked already. */
static int layer_find(struct store *store, const struct digest *chain, char **ret, struct error *err)
{
	int64_t number;
	int found = store_layer_lookup(store, chain, &number, err);

	if (found > 0)
		*ret = xprintf("%lld", (long long)number);
	return found;
}

/* ---- unpacking ---- */

struct unpack {
	struct store *store;
	int layers;
	const struct manifest *manifest;
	const struct image_config *config;
	struct progress *progress;
	struct strlist done; /* numbers, lowest first */
};

static void unpack_clear(struct unpack *unpack)
{
	fd_close(&unpack->layers);
	strlist_free(&unpack->done);
}

/* The root directory of a layer is seldom in its archive; it goes on as it is beneath. */
static int make_root(const struct unpack *unpack, const char *name, struct error *err)
{
	if (dir_remove(unpack->layers, name, err) < 0)
		return -1;
	if (mkdirat(unpack->layers, name, 0755) < 0)
		return error_errno(err, errno, "cannot make the folder layers/%s", name);
	_cleanup_(fd_close) int fd = openat(unpack->layers, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st = { .st_mode = 0755, .st_uid = geteuid(), .st_gid = getegid() };
	if (fd < 0)
		return error_errno(err, errno, "cannot open the folder layers/%s", name);
	if (unpack->done.len && fstatat(unpack->layers, unpack->done.items[unpack->done.len - 1], &st, 0) < 0)
		return error_errno(err, errno, "cannot look at the layer beneath");
	if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return error_errno(err, errno, "cannot change the owner of layers/%s", name);
	return fd_steal(&fd);
}

/* The archive's files are in layers/`name` afterwards, and are what the config says. */
static int unpack_blob(const struct unpack *unpack, size_t i, const char *name, struct progress_line *line, struct error *err)
{
	struct extract_options options = { .whiteouts = true, .lower = &unpack->done, .layers = unpack->layers, .progress = line };
	_cleanup_(fd_close) int blob = store_blob_open(unpack->store, &unpack->manifest->layers[i].digest, NULL, err);
	struct digest diff_id;

	if (blob < 0)
		return -1;
	_cleanup_(fd_close) int dir = make_root(unpack, name, err);
	if (dir < 0 || layer_extract_with(blob, dir, &options, &diff_id, err) < 0)
		return -1;
	if (!digest_equal(&diff_id, &unpack->config->diff_ids[i])) {
		char got[DIGEST_TEXT_SIZE], want[DIGEST_TEXT_SIZE];
		return error_set(err, ERROR_CORRUPT, "its content is %s, but the image's config says %s", digest_print(&diff_id, got),
				 digest_print(&unpack->config->diff_ids[i], want));
	}
	return 0;
}

static int unpack_new(struct unpack *unpack, size_t i, const struct digest *chain, struct progress_line *line, char **ret, struct error *err)
{
	struct layer_row row = { .chain = *chain, .diff_id = unpack->config->diff_ids[i], .has_parent = i > 0, .has_blob = true,
				 .blob = unpack->manifest->layers[i].digest };
	_cleanup_(fd_close) int hold = -1;

	if (i)
		config_chain_id(unpack->config->diff_ids, i, &row.parent);
	if (store_layer_new_number(unpack->store, &row.number, &hold, err) < 0)
		return -1;
	_cleanup_(freep) char *name = xprintf("%lld.tmp", (long long)row.number);
	if (unpack_blob(unpack, i, name, line, err) < 0 || layer_adopt(unpack->store, unpack->layers, name, &row, ret, err) < 0) {
		dir_remove(unpack->layers, name, NULL);
		return -1;
	}
	return 0;
}

static int unpack_layer(struct unpack *unpack, size_t i, char **ret, struct error *err)
{
	const struct descriptor *layer = &unpack->manifest->layers[i];
	char hex[DIGEST_TEXT_SIZE];
	struct digest chain;

	config_chain_id(unpack->config->diff_ids, i + 1, &chain);
	int found = layer_find(unpack->store, &chain, ret, err);
	if (found)
		return found < 0 ? -1 : 0;
	_cleanup_(fd_close) int lock = chain_lock(unpack->store, &chain, err);
	if (lock < 0)
		return -1;
	found = layer_find(unpack->store, &chain, ret, err);
	if (found)
		return found < 0 ? -1 : 0;
	digest_hex(&layer->digest, hex);
	hex[LABEL_LEN] = '\0';
	struct progress_line *line = progress_add(unpack->progress, hex, (uint64_t)layer->size);
	int result = unpack_new(unpack, i, &chain, line, ret, err);
	progress_done(line, result < 0 ? "Failed" : "Extracted");
	return result < 0 ? error_wrap(err, "cannot unpack the layer %s", hex) : 0;
}

int layers_unpack(struct store *store, const struct manifest *manifest, const struct image_config *config, struct progress *progress,
		  struct strlist *ret, struct error *err)
{
	struct unpack unpack _cleanup_(unpack_clear) = { .store = store, .manifest = manifest, .config = config, .progress = progress,
							 .layers = open_layers(store, err) };

	if (unpack.layers < 0)
		return -1;
	if (manifest->layers_len != config->diff_ids_len)
		return error_set(err, ERROR_INVALID, "the image has %zu layers, but its config speaks of %zu", manifest->layers_len,
				 config->diff_ids_len);
	for (size_t i = 0; i < manifest->layers_len; i++) {
		char *number = NULL;
		if (interrupt_check(err) < 0 || unpack_layer(&unpack, i, &number, err) < 0)
			return -1;
		strlist_take(&unpack.done, number);
	}
	strlist_add_all(ret, &unpack.done);
	return 0;
}

/* ---- committing ---- */

/* The archive goes through the diff id's digest into gzip, and from there into the upload. */
struct commit {
	struct digester diff_id;
	struct gzip *gzip;
	struct upload *upload;
	int64_t size; /* compressed */
};

static void commit_clear(struct commit *commit)
{
	gzip_free(&commit->gzip);
	if (commit->upload)
		upload_cancel(&commit->upload);
}

static int commit_tar(void *data, const void *bytes, size_t len, struct error *err)
{
	struct commit *commit = data;

	digester_add(&commit->diff_id, bytes, len);
	return gzip_write(commit->gzip, bytes, len, err);
}

static int commit_gzip(void *data, const void *bytes, size_t len, struct error *err)
{
	struct commit *commit = data;

	commit->size += (int64_t)len;
	return upload_write(commit->upload, bytes, len, err);
}

int layer_pack(struct store *store, layer_produce_fn *produce, void *data, struct descriptor *ret_layer, struct digest *ret_diff_id, struct error *err)
{
	struct commit commit _cleanup_(commit_clear) = { 0 };
	struct descriptor layer = { 0 };

	digester_init(&commit.diff_id, DIGEST_SHA256);
	if (upload_begin(store, &commit.upload, err) < 0)
		return -1;
	commit.gzip = gzip_new(0, commit_gzip, &commit);
	if (produce(data, commit_tar, &commit, err) < 0 || gzip_finish(commit.gzip, err) < 0 ||
	    upload_commit(&commit.upload, NULL, &layer.digest, err) < 0)
		return -1;
	layer.media_type = xstrdup(media_type_text(MEDIA_OCI_LAYER_GZIP));
	layer.size = commit.size;
	*ret_layer = layer;
	digester_finish(&commit.diff_id, ret_diff_id);
	return 0;
}

/* An upper directory as what is to be packed. */
struct tree_source {
	int upper;
	int64_t epoch;
};

static int produce_tree(void *data, archive_write_fn *write, void *to, struct error *err)
{
	const struct tree_source *tree = data;

	return layer_archive(tree->upper, tree->epoch, write, to, err);
}

/* The chain id of one more layer on top. */
static struct digest chain_add(const struct digest *parent, size_t parent_count, const struct digest *diff_id)
{
	struct digest ids[2] = { parent_count ? *parent : *diff_id, *diff_id }, chain;

	config_chain_id(ids, parent_count ? 2 : 1, &chain); /* a chain id stands where the first diff id would */
	return chain;
}

static int commit_directory(struct store *store, const char *upper, struct layer_row *row, char **ret_number, struct error *err)
{
	_cleanup_(fd_close) int hold = -1, layers = open_layers(store, err);

	if (layers < 0)
		return -1;
	_cleanup_(fd_close) int lock = chain_lock(store, &row->chain, err);
	if (lock < 0)
		return -1;
	int found = layer_find(store, &row->chain, ret_number, err);
	if (found < 0)
		return -1;
	if (found) /* the same step was made before: that one serves */
		return dir_remove(AT_FDCWD, upper, err);
	if (store_layer_new_number(store, &row->number, &hold, err) < 0)
		return -1;
	return layer_adopt(store, layers, upper, row, ret_number, err);
}

int layer_commit(struct store *store, const struct digest *parent_chain, size_t parent_count, const char *upper, int64_t epoch,
		 struct descriptor *ret_layer, struct digest *ret_diff_id, char **ret_number, struct error *err)
{
	struct descriptor layer _cleanup_(descriptor_clear) = { 0 };
	struct layer_row row = { .has_parent = parent_count > 0, .has_blob = true };
	_cleanup_(fd_close) int fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *number = NULL;

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", upper);
	struct tree_source tree = { fd, epoch };
	if (layer_pack(store, produce_tree, &tree, &layer, &row.diff_id, err) < 0)
		return -1;
	if (parent_count)
		row.parent = *parent_chain;
	row.chain = chain_add(parent_chain, parent_count, &row.diff_id);
	row.blob = layer.digest;
	if (commit_directory(store, upper, &row, &number, err) < 0)
		return -1;
	*ret_layer = layer;
	layer = (struct descriptor){ 0 };
	*ret_diff_id = row.diff_id;
	*ret_number = number;
	return 0;
}
