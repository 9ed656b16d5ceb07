/* Images in tar files: see archive.h.
 *
 * Reading is one pass, so that stdin and compressed files need no temporary copy: each file of the tar is an upload into the store,
 * and only its name and digest are remembered. index.json (an OCI layout) or manifest.json (docker's) then says which of them are images.
 * Newer docker writes both into one tar; the layout is taken, since it keeps the image's own manifest. A docker-archive has no manifest: we make one of
 * its config and layers. Names in the tar are only looked up in this list, never opened, so `..` and links lead nowhere.
 *
 * Writing gives an OCI layout in which manifest.json points to the same blobs: one file for every reader. */
#include "remote/archive.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "store/stream.h"
#include "store/tar.h"

enum { FILES_MAX = 100000, NAME_BYTES_MAX = 1024, BLOCK = 128 << 10, LINKS_MAX = 8 };

/* ---- what is in a tar ---- */

struct file {
	char *name;   /* cleaned: no leading "./" */
	char *target; /* of a link, cleaned and relative to the tar's root; NULL for files */
	struct digest digest;
	int64_t size;
	enum media_type layer; /* what its first bytes say, as a layer; unknown if it is empty */
};
struct files {
	struct file *items;
	size_t len;
};

static void files_clear(struct files *files)
{
	for (size_t i = 0; i < files->len; i++) {
		free(files->items[i].name);
		free(files->items[i].target);
	}
	free(files->items);
}

static const struct file *file_find(const struct files *files, const char *name)
{
	_cleanup_(freep) char *clean = path_clean(name);
	const char *at = clean;

	for (int links = 0; at && links < LINKS_MAX; links++) {
		const struct file *found = NULL;
		for (size_t i = files->len; i-- && !found;) /* the last of a name counts, as when unpacking */
			if (str_equal(files->items[i].name, at))
				found = &files->items[i];
		if (!found || !found->target)
			return found;
		at = found->target;
	}
	return NULL;
}

/* Where a link leads, seen from the tar's root. */
static char *link_target(const char *name, const char *target, bool hard)
{
	const char *slash = strrchr(name, '/');
	_cleanup_(freep) char *joined = hard || !slash ? xstrdup(target) : xprintf("%.*s/%s", (int)(slash - name), name, target);

	return path_clean(joined);
}

static enum media_type layer_type(const unsigned char *head, size_t len)
{
	if (len >= 2 && head[0] == 0x1f && head[1] == 0x8b)
		return MEDIA_DOCKER_LAYER_GZIP;
	if (len >= 4 && !memcmp(head, "\x28\xb5\x2f\xfd", 4))
		return MEDIA_DOCKER_LAYER_ZSTD;
	return MEDIA_DOCKER_LAYER;
}

/* The digest that a path promises: blobs/sha256/<hex>. */
static bool promised_digest(const char *name, struct digest *ret)
{
	_cleanup_(freep) char *text = str_starts(name, "blobs/") ? xstrdup(name + 6) : NULL;
	char *slash = text ? strchr(text, '/') : NULL;

	if (!slash)
		return false;
	*slash = ':';
	return digest_parse(text, ret, NULL) == 0;
}

/* Bytes that the store has need not be written again; what remains to be learnt is there, too. */
static int file_known(struct store *store, struct file *file, struct error *err)
{
	unsigned char head[4];
	_cleanup_(fd_close) int fd = store_blob_open(store, &file->digest, &file->size, err);

	if (fd < 0)
		return -1;
	ssize_t n = fd_read_full(fd, head, sizeof head, file->name, err);
	if (n >= 0)
		file->layer = layer_type(head, (size_t)n);
	return n < 0 ? -1 : 0;
}

static int file_take(struct store *store, struct tar_reader *tar, struct file *file, struct error *err)
{
	struct upload *upload _cleanup_(upload_cancel) = NULL;
	_cleanup_(freep) unsigned char *block = xcalloc(BLOCK, 1);
	bool promised = promised_digest(file->name, &file->digest);
	struct digest got;
	ssize_t n;

	if (promised && store_blob_has(store, &file->digest))
		return file_known(store, file, err);
	if (upload_begin(store, &upload, err) < 0)
		return -1;
	while ((n = tar_read(tar, block, BLOCK, err)) > 0) {
		if (!file->size)
			file->layer = layer_type(block, (size_t)n);
		file->size += n;
		if (interrupt_check(err) < 0 || upload_write(upload, block, (size_t)n, err) < 0)
			return -1;
	}
	if (n < 0)
		return -1;
	if (upload_commit(&upload, promised ? &file->digest : NULL, &got, err) < 0)
		return error_wrap(err, "%s", file->name);
	file->digest = got;
	return 0;
}

/* Files that no reader of ours needs: docker's per-layer folders of before 2015. */
static bool is_ballast(const char *name)
{
	return str_equal(name, "repositories") || str_equal(name, "oci-layout") || str_equal(name, "VERSION") || str_ends(name, "/VERSION") ||
	       str_ends(name, "/json");
}

static int entry_take(struct store *store, struct tar_reader *tar, const struct tar_entry *entry, struct files *files, struct error *err)
{
	bool link = entry->type == TAR_SYMLINK || entry->type == TAR_HARDLINK;
	_cleanup_(freep) char *name = path_clean(entry->path);

	if ((!link && entry->type != TAR_FILE) || entry->sparse || is_ballast(name))
		return 0;
	if (files->len >= FILES_MAX || strlen(name) > NAME_BYTES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "it has more than %d files, or a name of more than %d bytes", FILES_MAX, NAME_BYTES_MAX);
	xgrow(files->items, files->len);
	struct file *file = &files->items[files->len++];
	*file = (struct file){ .name = steal(name) };
	if (!link)
		return file_take(store, tar, file, err);
	file->target = link_target(file->name, entry->target, entry->type == TAR_HARDLINK);
	return 0;
}

static ssize_t read_stream(void *data, void *bytes, size_t len, struct error *err)
{
	return stream_read(data, bytes, len, err);
}

static int files_take(struct store *store, const char *path, struct files *files, struct error *err)
{
	struct stream *stream _cleanup_(stream_close) = NULL;
	struct tar_reader *tar _cleanup_(tar_reader_free) = NULL;
	struct tar_entry entry _cleanup_(tar_entry_clear) = { 0 };
	bool standard = str_equal(path, "-");
	_cleanup_(fd_close) int file = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	int more;

	if (!standard && file < 0)
		return error_errno(err, errno, "cannot open it");
	if (stream_open(standard ? STDIN_FILENO : file, &stream, err) < 0)
		return -1;
	tar = tar_reader_new(read_stream, stream);
	while ((more = tar_next(tar, &entry, err)) > 0)
		if (entry_take(store, tar, &entry, files, err) < 0)
			return -1;
	return more;
}

/* ---- what of it are images ---- */

static void archived_image_clear(struct archived_image *image)
{
	strlist_free(&image->names);
	free(image->tag);
	descriptor_clear(&image->top);
	buf_free(&image->text);
}

void image_archive_clear(struct image_archive *archive)
{
	for (size_t i = 0; i < archive->images_len; i++)
		archived_image_clear(&archive->images[i]);
	free(archive->images);
	*archive = (struct image_archive){ 0 };
}

static struct archived_image *add_image(struct image_archive *archive)
{
	xgrow(archive->images, archive->images_len);
	archive->images[archive->images_len] = (struct archived_image){ 0 };
	return &archive->images[archive->images_len++];
}

static const char *annotation(const struct descriptor *descriptor, const char *name)
{
	return descriptor->annotations ? json_string_value(json_object_get(descriptor->annotations, name)) : NULL;
}

/* containerd and docker write the whole name into io.containerd.image.name and the tag into ref.name; others put either into ref.name. */
static void name_image(struct archived_image *image)
{
	const char *whole = annotation(&image->top, "io.containerd.image.name"), *ref = annotation(&image->top, "org.opencontainers.image.ref.name");

	if (str_empty(whole) && !str_empty(ref) && strpbrk(ref, "/:"))
		whole = ref;
	if (!str_empty(whole))
		strlist_add(&image->names, whole);
	if (!str_empty(ref))
		image->tag = xstrdup(ref);
}

/* Several names of one image are several entries of the index. */
static struct archived_image *same_image(struct image_archive *archive, const struct digest *digest)
{
	for (size_t i = 0; i < archive->images_len; i++)
		if (archive->images[i].names.len && !archive->images[i].text.len && digest_equal(&archive->images[i].top.digest, digest))
			return &archive->images[i];
	return NULL;
}

int image_archive_add_index(struct image_archive *archive, const char *text, size_t len, struct error *err)
{
	struct manifest index _cleanup_(manifest_clear) = { 0 };

	if (manifest_parse(text, len, media_type_text(MEDIA_OCI_INDEX), &index, err) < 0)
		return error_wrap(err, "index.json");
	for (size_t i = 0; i < index.children_len; i++) {
		struct archived_image one = { 0 };
		descriptor_copy(&index.children[i], &one.top);
		name_image(&one);
		struct archived_image *same = one.names.len ? same_image(archive, &one.top.digest) : NULL;
		if (same) {
			strlist_add_all(&same->names, &one.names);
			archived_image_clear(&one);
		} else {
			*add_image(archive) = one;
		}
	}
	return 0;
}

static void descriptor_of(const struct file *file, enum media_type type, struct descriptor *ret)
{
	*ret = (struct descriptor){ .media_type = xstrdup(media_type_text(type)), .digest = file->digest, .size = file->size };
}

static int missing(const char *name, struct error *err)
{
	return error_set(err, ERROR_INVALID, "manifest.json names '%s', which is not in the archive", name ? name : "");
}

/* An uncompressed layer is its own diff id; that of a compressed one is checked when it is unpacked. */
static int add_layers(const struct files *files, const struct strlist *names, const struct image_config *config, struct manifest *manifest,
		      struct error *err)
{
	if (names->len != config->diff_ids_len)
		return error_set(err, ERROR_INVALID, "it has %zu layers, but its configuration lists %zu", names->len, config->diff_ids_len);
	for (size_t i = 0; i < names->len; i++) {
		const struct file *file = file_find(files, names->items[i]);
		struct descriptor layer _cleanup_(descriptor_clear) = { 0 };
		if (!file)
			return missing(names->items[i], err);
		if (file->layer == MEDIA_DOCKER_LAYER && file->digest.algorithm == config->diff_ids[i].algorithm &&
		    !digest_equal(&file->digest, &config->diff_ids[i])) {
			char digest[DIGEST_TEXT_SIZE];
			return error_set(err, ERROR_CORRUPT, "the layer %s was altered: the configuration says %s", names->items[i],
					 digest_print(&config->diff_ids[i], digest));
		}
		descriptor_of(file, file->layer ? file->layer : MEDIA_DOCKER_LAYER, &layer);
		manifest_add_layer(manifest, &layer);
	}
	return 0;
}

/* The config's name has always been its digest: "<hex>.json", or the path of a blob. */
static int check_config_name(const char *name, const struct digest *digest, struct error *err)
{
	char hex[DIGEST_TEXT_SIZE];
	size_t len = strspn(name, "0123456789abcdef");

	digest_hex(digest, hex);
	if (len == 64 && str_equal(name + len, ".json") && strncmp(name, hex, 64))
		return error_set(err, ERROR_CORRUPT, "the configuration %s was altered: its digest is %s", name, hex);
	return 0;
}

static int add_docker_image(struct store *store, const struct files *files, const json_t *item, struct image_archive *archive, struct error *err)
{
	struct manifest manifest _cleanup_(manifest_clear) = { .type = MEDIA_DOCKER_MANIFEST };
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct strlist layers _cleanup_(strlist_free) = { 0 }, names _cleanup_(strlist_free) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	const char *config_name;

	if (!json_is_object(item))
		return error_set(err, ERROR_INVALID, "manifest.json is not a list of images");
	if (json_get_string(item, "Config", &config_name, err) < 0 || json_get_strlist(item, "Layers", &layers, err) < 0 ||
	    json_get_strlist(item, "RepoTags", &names, err) < 0)
		return error_wrap(err, "manifest.json");
	const struct file *file = config_name ? file_find(files, config_name) : NULL;
	if (!file)
		return missing(config_name, err);
	if (check_config_name(config_name, &file->digest, err) < 0 || store_blob_read(store, &file->digest, CONFIG_SIZE_MAX, &text, err) < 0 ||
	    config_parse(text.data ? text.data : "", text.len, &config, err) < 0)
		return -1;
	descriptor_of(file, MEDIA_DOCKER_CONFIG, &manifest.config);
	if (add_layers(files, &layers, &config, &manifest, err) < 0)
		return -1;
	struct archived_image *image = add_image(archive);
	manifest_print(&manifest, &image->text);
	strlist_add_all(&image->names, &names);
	return 0;
}

/* The top of manifest.json is an array, unlike all else that we read; it is small, so jansson reads it under an object's field. */
static int add_docker_images(struct store *store, const struct files *files, const struct file *list, struct image_archive *archive, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 }, object _cleanup_(buf_free) = { 0 };
	json_t *root _cleanup_(json_release) = NULL, *items;

	if (store_blob_read(store, &list->digest, MANIFEST_SIZE_MAX, &text, err) < 0)
		return -1;
	buf_add_str(&object, "{\"images\":");
	buf_add(&object, text.data, text.len);
	buf_add_char(&object, '}');
	root = json_parse(object.data, object.len, "manifest.json", err);
	if (!root || json_get_array(root, "images", &items, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(items); i++)
		if (add_docker_image(store, files, json_array_get(items, i), archive, err) < 0)
			return -1;
	return 0;
}

static int find_images(struct store *store, const struct files *files, struct image_archive *archive, struct error *err)
{
	const struct file *index = file_find(files, "index.json"), *list = file_find(files, "manifest.json");
	struct buf text _cleanup_(buf_free) = { 0 };

	if (index) {
		if (store_blob_read(store, &index->digest, MANIFEST_SIZE_MAX, &text, err) < 0)
			return -1;
		return image_archive_add_index(archive, text.data ? text.data : "", text.len, err);
	}
	if (list)
		return add_docker_images(store, files, list, archive, err);
	error_set(err, ERROR_INVALID, "it is no image archive: it has neither index.json nor manifest.json");
	return error_hint(err, "a root file system is taken by 'sampan import'");
}

int image_archive_read(struct store *store, const char *file, struct image_archive *ret, struct error *err)
{
	struct files files _cleanup_(files_clear) = { 0 };
	struct image_archive archive _cleanup_(image_archive_clear) = { 0 };

	if (files_take(store, file, &files, err) < 0 || find_images(store, &files, &archive, err) < 0)
		return error_wrap(err, "cannot load %s", str_equal(file, "-") ? "the standard input" : file);
	*ret = archive;
	archive = (struct image_archive){ 0 };
	return 0;
}

/* ---- one of them as cargo ---- */

static bool is_called(const struct archived_image *image, const char *name)
{
	return str_equal(image->tag, name) || strlist_has(&image->names, name);
}

int image_archive_choose(const struct image_archive *archive, const char *name, const char *what, const struct archived_image **ret, struct error *err)
{
	const struct archived_image *found = NULL;

	for (size_t i = 0; i < archive->images_len && !found; i++)
		if (!str_empty(name) ? is_called(&archive->images[i], name) : archive->images_len == 1)
			found = &archive->images[i];
	if (!found && !str_empty(name))
		return error_set(err, ERROR_NOT_FOUND, "%s holds no image '%s'", what, name);
	if (!found) {
		error_set(err, ERROR_INVALID, "%s holds %zu images", what, archive->images_len);
		return archive->images_len ? error_hint(err, "say which one: %s:TAG", what) : -1;
	}
	*ret = found;
	return 0;
}

struct taken {
	struct store *store;
	const struct archived_image *image;
};

static int taken_manifest(void *data, const struct descriptor *descriptor, struct buf *ret, struct error *err)
{
	const struct taken *taken = data;

	return store_blob_read(taken->store, &descriptor->digest, MANIFEST_SIZE_MAX, ret, err);
}

static int taken_top(void *data, struct buf *ret, char **ret_media_type, struct digest *ret_expected, bool *ret_has_expected, struct error *err)
{
	const struct taken *taken = data;

	if (taken->image->text.len) {
		buf_add(ret, taken->image->text.data, taken->image->text.len);
		*ret_media_type = xstrdup(media_type_text(MEDIA_DOCKER_MANIFEST));
		return 0;
	}
	if (taken_manifest(data, &taken->image->top, ret, err) < 0)
		return -1;
	*ret_media_type = xstrdup(taken->image->top.media_type);
	*ret_expected = taken->image->top.digest;
	*ret_has_expected = true;
	return 0;
}

/* Everything that the tar had is in the store by now. */
static int taken_blob(void *data, struct store *store, const struct descriptor *descriptor, struct progress_line *line, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];

	(void)data, (void)store, (void)line;
	return error_set(err, ERROR_INVALID, "the archive lacks the blob %s", digest_print(&descriptor->digest, digest));
}

int image_archive_load(struct store *store, const struct archived_image *image, const struct cargo_wish *wish, struct cargo *ret, struct error *err)
{
	struct taken taken = { store, image };
	struct cargo_source source = { taken_top, taken_manifest, taken_blob, NULL, &taken };

	return cargo_load(&source, store, wish, NULL, ret, NULL, err);
}
