/* Images into tar files: see archive.h. An OCI layout, and for docker a manifest.json beside it that points to the same blobs. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "remote/archive.h"
#include "store/tar.h"

enum { BLOCK = 256 << 10 };

void archive_cargo_free(struct archive_cargo *items, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		cargo_clear(&items[i].cargo);
		strlist_free(&items[i].names);
		free(items[i].tag);
	}
	free(items);
}

/* ---- the lists ---- */

static void set_name(struct descriptor *top, const char *name, const char *tag)
{
	if (!top->annotations)
		top->annotations = json_object();
	if (name)
		json_object_set_new(top->annotations, "io.containerd.image.name", json_string(name));
	if (tag)
		json_object_set_new(top->annotations, "org.opencontainers.image.ref.name", json_string(tag));
}

/* The platform helps readers that look no further than the index. */
static void describe_top(const struct archive_cargo *item, struct descriptor *ret)
{
	const struct cargo_manifest *top = cargo_top(&item->cargo);

	*ret = (struct descriptor){ .media_type = xstrdup(top->media_type), .digest = top->digest, .size = (int64_t)top->text.len };
}

void layout_add_entries(json_t *manifests, const struct archive_cargo *item)
{
	for (size_t i = 0; i < item->names.len || i == 0; i++) {
		struct descriptor top _cleanup_(descriptor_clear) = { 0 };
		struct reference reference = { 0 };
		const char *name = item->names.len ? item->names.items[i] : NULL;
		describe_top(item, &top);
		if (name && reference_parse(name, &reference, NULL) == 0)
			set_name(&top, name, reference.tag);
		else if (item->tag)
			set_name(&top, NULL, item->tag);
		reference_clear(&reference);
		json_array_append_new(manifests, descriptor_to_json(&top));
	}
}

static void index_print(const struct archive_cargo *items, size_t len, struct buf *ret)
{
	json_t *manifests = json_array();

	for (size_t i = 0; i < len; i++)
		layout_add_entries(manifests, &items[i]);
	json_t *root _cleanup_(json_release) =
		json_pack("{s:i s:s s:o}", "schemaVersion", 2, "mediaType", media_type_text(MEDIA_OCI_INDEX), "manifests", manifests);
	_cleanup_(freep) char *text = json_text(root);
	buf_add_str(ret, text);
}

static char *blob_path_of(const struct digest *digest)
{
	char hex[DIGEST_TEXT_SIZE];

	return xprintf("blobs/%s/%s", digest_algorithm_name(digest->algorithm), digest_hex(digest, hex));
}

/* docker knows one manifest a name: this machine's of an index, or its first image. */
static const struct cargo_manifest *docker_manifest(const struct cargo *cargo)
{
	const struct cargo_manifest *first = NULL, *top = cargo_top(cargo);
	const struct descriptor *best;
	struct platform host;

	platform_host(&host);
	best = top->manifest.is_index ? manifest_choose(&top->manifest, &host) : NULL;
	for (size_t i = 0; i < cargo->manifests_len; i++) {
		const struct cargo_manifest *one = &cargo->manifests[i];
		if (one->manifest.is_index || media_type_class(media_type_parse(one->manifest.config.media_type)) != MEDIA_CLASS_CONFIG)
			continue;
		if (!first || (best && digest_equal(&best->digest, &one->digest)))
			first = one;
	}
	return first;
}

static json_t *docker_item(const struct archive_cargo *item)
{
	const struct cargo_manifest *one = docker_manifest(&item->cargo);
	json_t *names = json_array(), *layers = json_array();

	if (!one) {
		json_decref(names);
		json_decref(layers);
		return NULL;
	}
	for (size_t i = 0; i < item->names.len; i++) {
		struct reference reference = { 0 };
		if (reference_parse(item->names.items[i], &reference, NULL) < 0)
			continue;
		_cleanup_(freep) char *familiar = reference_print_familiar(&reference);
		if (reference.tag)
			json_array_append_new(names, json_string(familiar));
		reference_clear(&reference);
	}
	for (size_t i = 0; i < one->manifest.layers_len; i++) {
		_cleanup_(freep) char *path = blob_path_of(&one->manifest.layers[i].digest);
		json_array_append_new(layers, json_string(path));
	}
	_cleanup_(freep) char *config = blob_path_of(&one->manifest.config.digest);
	return json_pack("{s:s s:o s:o}", "Config", config, "RepoTags", names, "Layers", layers);
}

static void docker_print(const struct archive_cargo *items, size_t len, struct buf *ret)
{
	json_t *list _cleanup_(json_release) = json_array();

	for (size_t i = 0; i < len; i++) {
		json_t *item = docker_item(&items[i]);
		if (item)
			json_array_append_new(list, item);
	}
	_cleanup_(freep) char *text = json_text(list);
	buf_add_str(ret, text);
}

/* ---- the tar ---- */

struct writer {
	int fd;
	const char *what;
	struct store *store;
	struct digest *written; /* a blob is in the tar once */
	size_t written_len;
};

static int write_header(struct writer *writer, const char *path, int64_t size, struct error *err)
{
	struct tar_entry entry = { .type = TAR_FILE, .path = (char *)path, .target = (char *)"", .mode = 0644, .size = size };
	struct buf header _cleanup_(buf_free) = { 0 };

	tar_print_header(&entry, &header);
	return fd_write_all(writer->fd, header.data, header.len, writer->what, err);
}

static int write_padding(struct writer *writer, int64_t size, struct error *err)
{
	struct buf padding _cleanup_(buf_free) = { 0 };

	tar_print_padding(size, &padding);
	return padding.len ? fd_write_all(writer->fd, padding.data, padding.len, writer->what, err) : 0;
}

static int write_text(struct writer *writer, const char *path, const void *text, size_t len, struct error *err)
{
	if (write_header(writer, path, (int64_t)len, err) < 0 || fd_write_all(writer->fd, text, len, writer->what, err) < 0)
		return -1;
	return write_padding(writer, (int64_t)len, err);
}

static bool is_written(struct writer *writer, const struct digest *digest)
{
	for (size_t i = 0; i < writer->written_len; i++)
		if (digest_equal(&writer->written[i], digest))
			return true;
	xgrow(writer->written, writer->written_len);
	writer->written[writer->written_len++] = *digest;
	return false;
}

/* Its bytes are hashed on their way: a file that is handed on should not be found damaged where it arrives. */
static int copy_blob(struct writer *writer, int from, int64_t size, const struct digest *expected, struct error *err)
{
	_cleanup_(freep) char *block = xcalloc(BLOCK, 1);
	struct digester digester;
	struct digest digest;
	int64_t left = size;
	char text[DIGEST_TEXT_SIZE];

	digester_init(&digester, expected->algorithm);
	while (left > 0) {
		ssize_t n = fd_read_full(from, block, left < BLOCK ? (size_t)left : BLOCK, "blob", err);
		if (n < 0 || interrupt_check(err) < 0)
			return -1;
		if (n == 0)
			break;
		digester_add(&digester, block, (size_t)n);
		if (fd_write_all(writer->fd, block, (size_t)n, writer->what, err) < 0)
			return -1;
		left -= n;
	}
	digester_finish(&digester, &digest);
	if (left || !digest_equal(&digest, expected))
		return error_set(err, ERROR_CORRUPT, "the blob %s is damaged in the store", digest_print(expected, text));
	return write_padding(writer, size, err);
}

static int write_blob(struct writer *writer, const struct descriptor *blob, struct error *err)
{
	_cleanup_(freep) char *path = blob_path_of(&blob->digest);
	_cleanup_(fd_close) int fd = -1;
	int64_t size;

	if (is_written(writer, &blob->digest))
		return 0;
	fd = store_blob_open(writer->store, &blob->digest, &size, err);
	if (fd < 0 || write_header(writer, path, size, err) < 0)
		return -1;
	return copy_blob(writer, fd, size, &blob->digest, err);
}

static int write_cargo(struct writer *writer, const struct cargo *cargo, struct error *err)
{
	for (size_t i = 0; i < cargo->blobs_len; i++)
		if (write_blob(writer, &cargo->blobs[i], err) < 0)
			return -1;
	for (size_t i = 0; i < cargo->manifests_len; i++) {
		const struct cargo_manifest *one = &cargo->manifests[i];
		_cleanup_(freep) char *path = blob_path_of(&one->digest);
		if (!is_written(writer, &one->digest) && write_text(writer, path, one->text.data, one->text.len, err) < 0)
			return -1;
	}
	return 0;
}

static int write_all(struct writer *writer, const struct archive_cargo *items, size_t len, bool docker, struct error *err)
{
	struct buf index _cleanup_(buf_free) = { 0 }, list _cleanup_(buf_free) = { 0 }, end _cleanup_(buf_free) = { 0 };

	if (write_text(writer, "oci-layout", LAYOUT_VERSION, strlen(LAYOUT_VERSION), err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (write_cargo(writer, &items[i].cargo, err) < 0)
			return -1;
	index_print(items, len, &index);
	docker_print(items, len, &list);
	if (write_text(writer, "index.json", index.data, index.len, err) < 0 ||
	    (docker && write_text(writer, "manifest.json", list.data, list.len, err) < 0))
		return -1;
	tar_print_end(&end);
	return fd_write_all(writer->fd, end.data, end.len, writer->what, err);
}

static int write_file(struct writer *writer, const char *file, const struct archive_cargo *items, size_t len, bool docker, struct error *err)
{
	_cleanup_(freep) char *temporary = xprintf("%s.XXXXXX", file);
	mode_t mask = umask(0);

	umask(mask);
	writer->fd = mkostemp(temporary, O_CLOEXEC);
	if (writer->fd < 0)
		return error_errno(err, errno, "cannot make a file beside %s", file);
	fchmod(writer->fd, 0666 & ~mask);
	int result = write_all(writer, items, len, docker, err);
	if (result == 0)
		result = fd_sync(writer->fd, file, err);
	fd_close(&writer->fd);
	if (result == 0 && rename(temporary, file) < 0)
		result = error_errno(err, errno, "cannot write %s", file);
	if (result < 0)
		unlink(temporary);
	return result;
}

int image_archive_write(struct store *store, const char *file, const struct archive_cargo *items, size_t len, bool docker, struct error *err)
{
	struct writer writer = { .store = store, .what = file };
	struct stat status;
	int result;

	if (str_equal(file, "-")) {
		writer.fd = STDOUT_FILENO;
		writer.what = "standard output";
		result = write_all(&writer, items, len, docker, err);
	} else if (stat(file, &status) == 0 && !S_ISREG(status.st_mode)) { /* /dev/null, a pipe: mustn't be replaced */
		writer.fd = open(file, O_WRONLY | O_CLOEXEC);
		result = writer.fd < 0 ? error_errno(err, errno, "cannot write %s", file) : write_all(&writer, items, len, docker, err);
		fd_close(&writer.fd);
	} else {
		result = write_file(&writer, file, items, len, docker, err);
	}
	free(writer.written);
	return result;
}
