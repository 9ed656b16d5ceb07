/* OCI layouts as folders: see archive.h. They are foreign folders: what is in one is read like what comes from a registry, by digest and
 * with its size and digest checked, and files are opened beneath its root. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "remote/archive.h"

enum { BLOCK = 256 << 10 };

struct layout {
	int dir;
	const char *path;
	const struct archived_image *image;
};

static int open_folder(const char *path, struct error *err)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? error_errno(err, errno, "cannot open the layout %s", path) : dir;
}

static int open_blob(const struct layout *layout, const struct digest *digest, struct error *err)
{
	char hex[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *path = xprintf("blobs/%s/%s", digest_algorithm_name(digest->algorithm), digest_hex(digest, hex));

	return path_open_in_root(layout->dir, path, O_RDONLY | O_CLOEXEC, 0, err);
}

static int layout_manifest(void *data, const struct descriptor *descriptor, struct buf *ret, struct error *err)
{
	_cleanup_(fd_close) int fd = open_blob(data, &descriptor->digest, err);

	return fd < 0 ? -1 : fd_read_all(fd, MANIFEST_SIZE_MAX, ret, "manifest", err);
}

static int layout_top(void *data, struct buf *ret, char **ret_media_type, struct digest *ret_expected, bool *ret_has_expected, struct error *err)
{
	const struct layout *layout = data;

	if (layout_manifest(data, &layout->image->top, ret, err) < 0)
		return -1;
	*ret_media_type = xstrdup(layout->image->top.media_type);
	*ret_expected = layout->image->top.digest;
	*ret_has_expected = true;
	return 0;
}

static int layout_blob(void *data, struct store *store, const struct descriptor *descriptor, struct progress_line *line, struct error *err)
{
	_cleanup_(fd_close) int fd = open_blob(data, &descriptor->digest, err);
	struct upload *upload _cleanup_(upload_cancel) = NULL;
	_cleanup_(freep) char *block = xcalloc(BLOCK, 1);
	struct digest digest;
	ssize_t n;

	if (fd < 0 || upload_begin(store, &upload, err) < 0)
		return -1;
	while ((n = fd_read_full(fd, block, BLOCK, "blob", err)) > 0) {
		if (interrupt_check(err) < 0 || upload_write(upload, block, (size_t)n, err) < 0)
			return -1;
		progress_set(line, "Copying", (uint64_t)upload_size(upload));
	}
	if (n < 0)
		return -1;
	return upload_commit(&upload, &descriptor->digest, &digest, err);
}

int layout_load(struct store *store, const char *path, const char *tag, const struct cargo_wish *wish, struct progress *progress, struct cargo *ret,
		struct error *err)
{
	_cleanup_(fd_close) int dir = open_folder(path, err);
	struct image_archive archive _cleanup_(image_archive_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	struct layout layout = { .dir = dir, .path = path };
	struct cargo_source source = { layout_top, layout_manifest, layout_blob, NULL, &layout };

	if (dir < 0)
		return -1;
	if (file_read(dir, "index.json", MANIFEST_SIZE_MAX, &text, err) < 0 ||
	    image_archive_add_index(&archive, text.data ? text.data : "", text.len, err) < 0)
		return error_wrap(err, "%s is no OCI layout", path);
	if (image_archive_choose(&archive, tag, path, &layout.image, err) < 0)
		return -1;
	return cargo_load(&source, store, wish, progress, ret, NULL, err);
}

/* ---- writing ---- */

static bool is_there(int dir, const char *path, int64_t size)
{
	struct stat status;

	return fstatat(dir, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) && status.st_size == size;
}

static int put_blob(struct store *store, int dir, const struct descriptor *blob, struct error *err)
{
	char hex[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *path = xprintf("blobs/%s/%s", digest_algorithm_name(blob->digest.algorithm), digest_hex(&blob->digest, hex));
	_cleanup_(freep) char *temporary = xprintf("%s.tmp%d", path, (int)getpid());
	_cleanup_(fd_close) int from = -1, to = -1;

	if (is_there(dir, path, blob->size))
		return 0;
	from = store_blob_open(store, &blob->digest, NULL, err);
	if (from < 0)
		return -1;
	to = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (to < 0)
		return error_errno(err, errno, "cannot write %s", path);
	int result = fd_copy(from, to, path, err);
	if (result == 0)
		result = fd_sync(to, path, err);
	if (result == 0 && renameat(dir, temporary, dir, path) < 0)
		result = error_errno(err, errno, "cannot write %s", path);
	if (result < 0)
		unlinkat(dir, temporary, 0);
	return result;
}

static int put_manifest(int dir, const struct cargo_manifest *one, struct error *err)
{
	char hex[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *folder = xprintf("blobs/%s", digest_algorithm_name(one->digest.algorithm));
	_cleanup_(fd_close) int blobs = openat(dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (blobs < 0)
		return error_errno(err, errno, "cannot open %s", folder);
	return file_replace(blobs, digest_hex(&one->digest, hex), one->text.data, one->text.len, 0644, err);
}

static bool same_tag(const json_t *entry, const char *tag)
{
	const json_t *annotations = json_object_get(entry, "annotations");

	return str_equal(json_string_value(json_object_get(annotations, "org.opencontainers.image.ref.name")), tag);
}

/* An entry goes when its tag or, for an image without one, its digest comes anew. */
static bool is_replaced(const json_t *entry, const struct archive_cargo *item)
{
	char digest[DIGEST_TEXT_SIZE];
	const char *has = json_string_value(json_object_get(entry, "digest"));

	if (item->tag)
		return same_tag(entry, item->tag);
	return same_tag(entry, NULL) && str_equal(has, digest_print(&cargo_top(&item->cargo)->digest, digest));
}

static int read_index(int dir, json_t **ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct error failure _cleanup_(error_clear) = { 0 };

	if (file_read(dir, "index.json", MANIFEST_SIZE_MAX, &text, &failure) == 0) {
		*ret = json_parse(text.data ? text.data : "", text.len, "index.json", err);
		return *ret ? 0 : -1;
	}
	if (failure.code != ERROR_NOT_FOUND) {
		error_move(err, &failure);
		return -1;
	}
	*ret = json_pack("{s:i s:s s:[]}", "schemaVersion", 2, "mediaType", media_type_text(MEDIA_OCI_INDEX), "manifests");
	return 0;
}

static int update_index(int dir, const struct archive_cargo *item, struct error *err)
{
	json_t *root _cleanup_(json_release) = NULL, *manifests;

	if (read_index(dir, &root, err) < 0 || json_get_array(root, "manifests", &manifests, err) < 0)
		return -1;
	if (!manifests) {
		manifests = json_array();
		json_object_set_new(root, "manifests", manifests);
	}
	for (size_t i = json_array_size(manifests); i-- > 0;)
		if (is_replaced(json_array_get(manifests, i), item))
			json_array_remove(manifests, i);
	layout_add_entries(manifests, item);
	_cleanup_(freep) char *text = json_text(root);
	return file_replace(dir, "index.json", text, strlen(text), 0644, err);
}

static const enum digest_algorithm algorithms[] = { DIGEST_SHA256, DIGEST_SHA512 };

static bool uses(const struct cargo *cargo, enum digest_algorithm algorithm)
{
	for (size_t i = 0; i < cargo->blobs_len; i++)
		if (cargo->blobs[i].digest.algorithm == algorithm)
			return true;
	for (size_t i = 0; i < cargo->manifests_len; i++)
		if (cargo->manifests[i].digest.algorithm == algorithm)
			return true;
	return false;
}

static int make_folders(int dir, const struct cargo *cargo, struct error *err)
{
	for (size_t i = 0; i < array_len(algorithms); i++) {
		_cleanup_(freep) char *path = xprintf("blobs/%s", digest_algorithm_name(algorithms[i]));
		if (uses(cargo, algorithms[i]) && dir_make(dir, path, 0755, err) < 0)
			return -1;
	}
	return 0;
}

static int sync_folders(int dir, struct error *err)
{
	for (size_t i = 0; i < array_len(algorithms); i++) {
		_cleanup_(freep) char *path = xprintf("blobs/%s", digest_algorithm_name(algorithms[i]));
		if (faccessat(dir, path, F_OK, 0) == 0 && dir_sync(dir, path, err) < 0)
			return -1;
	}
	return dir_sync(dir, "blobs", err);
}

int layout_write(struct store *store, const char *path, const struct archive_cargo *item, struct error *err)
{
	_cleanup_(fd_close) int dir = -1;

	if (dir_make(AT_FDCWD, path, 0755, err) < 0)
		return -1;
	dir = open_folder(path, err);
	if (dir < 0 || make_folders(dir, &item->cargo, err) < 0)
		return -1;
	for (size_t i = 0; i < item->cargo.blobs_len; i++)
		if (interrupt_check(err) < 0 || put_blob(store, dir, &item->cargo.blobs[i], err) < 0)
			return -1;
	for (size_t i = 0; i < item->cargo.manifests_len; i++)
		if (put_manifest(dir, &item->cargo.manifests[i], err) < 0)
			return -1;
	if (sync_folders(dir, err) < 0)
		return -1;
	if (file_replace(dir, "oci-layout", LAYOUT_VERSION, strlen(LAYOUT_VERSION), 0644, err) < 0)
		return -1;
	return update_index(dir, item, err);
}
