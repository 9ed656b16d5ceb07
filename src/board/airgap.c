/* Images in one file: see airgap.h.
 *
 * What is written is an OCI layout with a docker-archive's manifest.json beside it (archive_write.c). containerd, and so K3s, takes names from the annotation
 * io.containerd.image.name in the layout's index: complete ones, such as docker.io/rancher/mirrored-pause:3.6. The tar goes through a pipe to a thread that
 * compresses it, so that nothing of it is twice on the disk. */
#include "board/airgap.h"

#include <errno.h>
#include <libgen.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "board/audit.h"
#include "remote/archive.h"
#include "store/stream.h"

enum { WINDOW_LOG = 25 /* 32 MiB */, BLOCK = 256 << 10 };

/* ---- collecting ---- */

/* An image in the store is good if it is for the platform; an index was chosen from. */
static int check_platform(struct store *store, const struct cargo *cargo, const struct platform *wish, struct error *err)
{
	const struct manifest *manifest = &cargo_top(cargo)->manifest;
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	char is[PLATFORM_TEXT_SIZE], wanted[PLATFORM_TEXT_SIZE];

	if (manifest->is_index || media_type_class(media_type_parse(manifest->config.media_type)) != MEDIA_CLASS_CONFIG)
		return 0;
	if (store_blob_read(store, &manifest->config.digest, CONFIG_SIZE_MAX, &text, err) < 0 ||
	    config_parse(text.data ? text.data : "", text.len, &config, err) < 0)
		return -1;
	if (platform_match(wish, &config.platform) > 0)
		return 0;
	return error_set(err, ERROR_NOT_FOUND, "the image is for %s alone, not for %s", platform_print(&config.platform, is), platform_print(wish, wanted));
}

static int load(struct store *store, const struct reference *reference, const struct platform *platform, struct cargo *ret, struct error *err)
{
	struct cargo_wish wish = { .platform = platform };
	struct digest top;

	if (local_resolve(store, reference, &top, err) < 0 || cargo_load_local(store, reference->registry, reference->repository, &top, &wish, ret, err) < 0)
		return -1;
	if (check_platform(store, ret, platform, err) == 0)
		return 0;
	cargo_clear(ret);
	return -1;
}

static int fetch(struct store *store, const struct reference *reference, const struct airgap_options *options, bool plain_http, struct cargo *ret,
		 struct error *err)
{
	struct remote_options remote = options->remote;
	struct pull_result result;

	remote.plain_http = plain_http;
	if (!options->pull && load(store, reference, &options->platform, ret, NULL) == 0)
		return 0;
	if (remote_pull(store, reference, &options->platform, false, &remote, &result, err) < 0)
		return -1;
	return load(store, reference, &options->platform, ret, err);
}

/* From --from if that has it, else from where its name says. */
static int collect_one(struct store *store, const char *name, const struct airgap_options *options, struct archive_cargo *item, struct error *err)
{
	struct reference reference _cleanup_(reference_clear) = { 0 }, there _cleanup_(reference_clear) = { 0 };
	struct error failure _cleanup_(error_clear) = { 0 };

	if (reference_parse(name, &reference, err) < 0 || (options->from && mirror_reference(options->from, &reference, &there, err) < 0))
		return -1;
	bool found = options->from && fetch(store, &there, options, options->remote.plain_http, &item->cargo, &failure) == 0;
	if (!found && failure.code != ERROR_NONE && failure.code != ERROR_NOT_FOUND) {
		error_move(err, &failure);
		return -1;
	}
	if (!found && fetch(store, &reference, options, options->remote.plain_http && !options->from, &item->cargo, err) < 0)
		return -1;
	strlist_take(&item->names, reference_print(&reference));
	return 0;
}

/* What nobody has is gathered, so that the error names all of it; with skip_missing also what can't be reached. */
static int collect(struct store *store, const struct airgap_options *options, struct archive_cargo *items, size_t *ret_len, struct strlist *missing,
		   struct error *err)
{
	for (size_t i = 0; i < options->images.len; i++) {
		struct error failure _cleanup_(error_clear) = { 0 };
		if (collect_one(store, options->images.items[i], options, &items[*ret_len], &failure) == 0) {
			(*ret_len)++;
		} else if (failure.code == ERROR_NOT_FOUND || (options->skip_missing && failure.code == ERROR_NETWORK)) {
			strlist_printf(missing, "%s: %s", options->images.items[i], failure.message);
		} else {
			error_move(err, &failure);
			return -1;
		}
	}
	if (missing->len && (!options->skip_missing || !*ret_len)) {
		_cleanup_(freep) char *list = strlist_join(missing, "\n  ");
		error_set(err, ERROR_NOT_FOUND, "%zu of %zu images are not to be had:\n  %s", missing->len, options->images.len, list);
		return error_hint(err, "--skip-missing leaves them out; 'sampan audit' shows who has what");
	}
	return 0;
}

/* ---- compressing ---- */

struct compressor {
	int from, to;
	int level;
	const char *what;
	struct error err; /* of the thread; read after it ended */
	int result;
};

static int compress_block(struct compressor *compressor, ZSTD_CCtx *context, ZSTD_inBuffer *in, ZSTD_EndDirective end, char *out, struct error *err)
{
	for (;;) {
		ZSTD_outBuffer piece = { out, BLOCK, 0 };
		size_t left = ZSTD_compressStream2(context, &piece, in, end);
		if (ZSTD_isError(left))
			return error_set(err, ERROR_FAILED, "zstd: %s", ZSTD_getErrorName(left));
		if (piece.pos && fd_write_all(compressor->to, out, piece.pos, compressor->what, err) < 0)
			return -1;
		if (end == ZSTD_e_end ? left == 0 : in->pos == in->size)
			return 0;
	}
}

static int compress(struct compressor *compressor, struct error *err)
{
	_cleanup_(freep) char *in = xcalloc(BLOCK, 1), *out = xcalloc(BLOCK, 1);
	ZSTD_CCtx *context = ZSTD_createCCtx();
	ssize_t n = 1;
	int result = 0;

	if (!context)
		abort();
	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, compressor->level);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	if (compressor->level > 19) /* up to there, the levels' own windows are smaller */
		ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, WINDOW_LOG);
	while (n > 0) {
		n = fd_read_full(compressor->from, in, BLOCK, "the tar", err);
		if (n < 0) {
			result = -1;
			break;
		}
		ZSTD_inBuffer input = { in, (size_t)n, 0 };
		/* After a failure the rest is read and dropped, so that the writer comes to its end. */
		if (result == 0)
			result = compress_block(compressor, context, &input, n ? ZSTD_e_continue : ZSTD_e_end, out, err);
	}
	ZSTD_freeCCtx(context);
	return result;
}

static void *compressor_main(void *data)
{
	struct compressor *compressor = data;

	compressor->result = compress(compressor, &compressor->err);
	return NULL;
}

static int write_compressed(struct store *store, int fd, const char *what, const struct archive_cargo *items, size_t len, int level, struct error *err)
{
	struct error failure _cleanup_(error_clear) = { 0 };
	struct compressor compressor = { .to = fd, .level = level, .what = what };
	pthread_t thread;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	_cleanup_(fd_close) int from = ends[0], to = ends[1];
	compressor.from = from;
	if (pthread_create(&thread, NULL, compressor_main, &compressor) != 0)
		return error_set(err, ERROR_FAILED, "cannot start a thread");
	_cleanup_(freep) char *path = xprintf("/proc/self/fd/%d", to);
	int result = image_archive_write(store, path, items, len, true, &failure);
	fd_close(&to);
	to = -1;
	pthread_join(thread, NULL);
	if (result == 0 && compressor.result == 0)
		return 0;
	error_move(err, result < 0 ? &failure : &compressor.err);
	error_clear(&compressor.err);
	return -1;
}

/* Beside the file first: it is there when it is whole. */
static int write_file(struct store *store, const char *file, const struct archive_cargo *items, size_t len, int level, struct error *err)
{
	_cleanup_(freep) char *temporary = xprintf("%s.XXXXXX", file);
	_cleanup_(fd_close) int fd = mkostemp(temporary, O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "cannot make a file beside %s", file);
	fchmod(fd, 0644);
	int result = write_compressed(store, fd, file, items, len, level, err);
	if (result == 0)
		result = fd_sync(fd, file, err);
	if (result == 0 && rename(temporary, file) < 0)
		result = error_errno(err, errno, "cannot write %s", file);
	if (result < 0)
		unlink(temporary);
	return result;
}

int airgap_write(struct store *store, const char *file, const struct airgap_options *options, struct strlist *ret_missing, struct error *err)
{
	struct archive_cargo *items = xcalloc(options->images.len + 1, sizeof *items);
	size_t len = 0;
	int result = collect(store, options, items, &len, ret_missing, err);

	if (result == 0 && !options->level)
		result = image_archive_write(store, file, items, len, true, err);
	else if (result == 0 && str_equal(file, "-"))
		result = write_compressed(store, STDOUT_FILENO, "standard output", items, len, options->level, err);
	else if (result == 0)
		result = write_file(store, file, items, len, options->level, err);
	archive_cargo_free(items, len + 1);
	return result;
}

/* ---- on the node ---- */

/* K3s watches the folder: a file must not be seen before it is whole, so it is written under a name that K3s passes over. */
static int copy_to_k3s(const char *file, const char *folder, char **ret_where, struct error *err)
{
	_cleanup_(freep) char *copy = xstrdup(file), *path = path_join(folder, basename(copy)), *hidden = xprintf("%s.sampan-tmp", path);
	_cleanup_(fd_close) int from = open(file, O_RDONLY | O_CLOEXEC), to = -1;

	if (from < 0)
		return error_errno(err, errno, "cannot open %s", file);
	if (dir_make(AT_FDCWD, folder, 0755, err) < 0)
		return -1;
	to = open(hidden, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (to < 0)
		return error_errno(err, errno, "cannot write %s", hidden);
	int result = fd_copy(from, to, path, err);
	if (result == 0)
		result = fd_sync(to, path, err);
	if (result == 0 && rename(hidden, path) < 0)
		result = error_errno(err, errno, "cannot write %s", path);
	if (result < 0)
		unlink(hidden);
	else
		*ret_where = steal(path);
	return result;
}

/* Older ones read only plain tars, so it is decompressed here. */
static int feed(const char *file, int to, struct error *err)
{
	_cleanup_(fd_close) int from = open(file, O_RDONLY | O_CLOEXEC);
	_cleanup_(freep) char *block = xcalloc(BLOCK, 1);
	struct stream *stream _cleanup_(stream_close) = NULL;
	ssize_t n;

	if (from < 0)
		return error_errno(err, errno, "cannot open %s", file);
	if (stream_open(from, &stream, err) < 0)
		return -1;
	while ((n = stream_read(stream, block, BLOCK, err)) > 0)
		if (interrupt_check(err) < 0 || fd_write_all(to, block, (size_t)n, "the pipe to ctr", err) < 0)
			return -1;
	return (int)n;
}

/* ctr's own words, from a file without a name: its last line. */
static int ctr_failed(int words, int code, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	if (lseek(words, 0, SEEK_SET) < 0 || fd_read_all(words, 64 << 10, &text, "ctr's words", NULL) < 0)
		buf_clear(&text);
	buf_reserve(&text, 0);
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	const char *line = strrchr(text.data, '\n');
	error_clear(err);
	return error_set(err, ERROR_FAILED, "ctr ended with exit code %d: %s", code, str_make_printable(line ? (char *)line + 1 : text.data));
}

static int import_by_ctr(const char *file, const char *ctr, const char *namespace, struct error *err)
{
	const char *argv[] = { ctr, "-n", namespace, "images", "import", "-", NULL };
	_cleanup_(fd_close) int words = memfd_create("words", MFD_CLOEXEC);
	int ends[2];
	pid_t pid;

	if (words < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	_cleanup_(fd_close) int from = ends[0], to = ends[1];
	struct process_options process = { .argv = argv, .in = from, .out = PROCESS_NULL, .err = words };
	if (process_start(&process, &pid, err) < 0)
		return -1;
	fd_close(&from);
	from = -1;
	int result = feed(file, to, err);
	fd_close(&to);
	to = -1;
	int code = process_wait(pid, result < 0 ? NULL : err);
	if (code > 0 && (result == 0 || err->code == ERROR_IO)) /* it hung up on us: it knows why */
		return ctr_failed(words, code, err);
	return result < 0 || code < 0 ? -1 : 0;
}

static bool k3s_takes(const char *file)
{
	static const char *const ends[] = { ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz", ".tar.lz4" };

	for (size_t i = 0; i < array_len(ends); i++)
		if (str_ends(file, ends[i]))
			return true;
	return false;
}

int airgap_import(const char *file, const char *k3s_data, const char *namespace, char **ret_where, struct error *err)
{
	_cleanup_(freep) char *agent = path_join(k3s_data, "agent"), *folder = path_join(agent, "images"), *ctr = NULL;

	if (access(file, R_OK) < 0)
		return error_errno(err, errno, "cannot read %s", file);
	if (access(agent, F_OK) == 0 && !k3s_takes(file))
		return error_set(err, ERROR_USAGE, "K3s passes over %s: its name must end in .tar or .tar.zst", file);
	if (access(agent, F_OK) == 0)
		return copy_to_k3s(file, folder, ret_where, err);
	ctr = process_find("ctr");
	if (!ctr) {
		error_set(err, ERROR_NOT_FOUND, "there is neither K3s (%s) nor ctr on this node", agent);
		return error_hint(err, "give K3s' --data-dir with --k3s-data-dir, or install containerd");
	}
	if (import_by_ctr(file, ctr, namespace, err) < 0)
		return error_wrap(err, "cannot import %s", file);
	*ret_where = xprintf("containerd, namespace %s", namespace);
	return 0;
}
