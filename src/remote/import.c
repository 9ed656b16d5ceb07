/* A root file system as a tar becomes a one-layer image. The tar is not unpacked: its entries are only looked at, so that what is no tar
 * is found out now and not when a container starts, while its bytes are hashed (the diff id) and compressed on their way into the store. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "remote/remote.h"
#include "store/stream.h"
#include "store/tar.h"

enum { BLOCK = 128 << 10 };

struct importing {
	struct stream *stream;
	struct digester diff_id;
	struct gzip *gzip;
	struct upload *upload;
	size_t entries;
};

static void importing_end(struct importing *importing)
{
	gzip_free(&importing->gzip);
	stream_close(&importing->stream);
	upload_cancel(&importing->upload);
}

static int keep_compressed(void *data, const void *bytes, size_t len, struct error *err)
{
	struct importing *importing = data;

	return upload_write(importing->upload, bytes, len, err);
}

/* Whatever the tar reader takes goes into the layer as well. */
static ssize_t take_plain(void *data, void *bytes, size_t len, struct error *err)
{
	struct importing *importing = data;
	ssize_t n = interrupt_check(err) < 0 ? -1 : stream_read(importing->stream, bytes, len, err);

	if (n <= 0)
		return n;
	digester_add(&importing->diff_id, bytes, (size_t)n);
	return gzip_write(importing->gzip, bytes, (size_t)n, err) < 0 ? -1 : n;
}

static int take_entries(struct importing *importing, struct error *err)
{
	struct tar_reader *tar _cleanup_(tar_reader_free) = tar_reader_new(take_plain, importing);
	struct tar_entry entry _cleanup_(tar_entry_clear) = { 0 };
	_cleanup_(freep) char *block = xcalloc(BLOCK, 1);
	ssize_t n;
	int more;

	while ((more = tar_next(tar, &entry, err)) > 0) {
		importing->entries++;
		while ((n = tar_read(tar, block, BLOCK, err)) > 0)
			;
		if (n < 0)
			return -1;
	}
	if (more < 0)
		return -1;
	/* Padding behind the end of the archive belongs to the bytes that are hashed. */
	while ((n = take_plain(importing, block, BLOCK, err)) > 0)
		;
	return n < 0 ? -1 : 0;
}

static int layer_import(struct store *store, int fd, struct descriptor *ret_layer, struct digest *ret_diff_id, struct error *err)
{
	struct importing importing _cleanup_(importing_end) = { 0 };
	struct digest digest;

	if (upload_begin(store, &importing.upload, err) < 0 || stream_open(fd, &importing.stream, err) < 0)
		return -1;
	digester_init(&importing.diff_id, DIGEST_SHA256);
	importing.gzip = gzip_new(0, keep_compressed, &importing);
	if (take_entries(&importing, err) < 0 || gzip_finish(importing.gzip, err) < 0)
		return -1;
	if (!importing.entries)
		return error_set(err, ERROR_INVALID, "it is no tar, or an empty one");
	int64_t size = upload_size(importing.upload);
	if (upload_commit(&importing.upload, NULL, &digest, err) < 0)
		return -1;
	digester_finish(&importing.diff_id, ret_diff_id);
	*ret_layer = (struct descriptor){ .media_type = xstrdup(media_type_text(MEDIA_OCI_LAYER_GZIP)), .digest = digest, .size = size };
	return 0;
}

static void config_complete(const struct image_config *given, const char *file, const struct digest *diff_id, struct image_config *ret)
{
	char now[32];
	_cleanup_(freep) char *comment = xprintf("Imported from %s", file);

	config_copy(given, ret);
	if (!ret->platform.architecture[0])
		platform_host(&ret->platform);
	if (!ret->created)
		ret->created = xstrdup(time_print(time(NULL), now));
	config_add_diff_id(ret, diff_id);
	/* one entry a layer: docker takes no image with more */
	if (!ret->history_len)
		config_add_history(ret, &(struct history){ .created = ret->created, .comment = comment });
}

int remote_import(struct store *store, const char *file, const struct image_config *config, const struct reference *name, struct digest *ret,
		  struct error *err)
{
	bool standard = str_equal(file, "-");
	_cleanup_(fd_close) int fd = standard ? -1 : open(file, O_RDONLY | O_CLOEXEC);
	struct descriptor layer _cleanup_(descriptor_clear) = { 0 };
	struct image_config complete _cleanup_(config_clear) = { 0 };
	struct digest diff_id;

	if (!standard && fd < 0)
		return error_errno(err, errno, "cannot import %s", file);
	if (layer_import(store, standard ? STDIN_FILENO : fd, &layer, &diff_id, err) < 0)
		return error_wrap(err, "cannot import %s", standard ? "the standard input" : file);
	config_complete(config, standard ? "-" : file, &diff_id, &complete);
	return store_image_commit(store, &complete, &layer, 1, name, name ? 1 : 0, ret, err);
}
