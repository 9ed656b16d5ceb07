/* The build context: see context.h. */
#include "build/context.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/dockerfile.h"
#include "store/layer.h"

void context_close(struct build_context *context)
{
	fd_close(&context->root);
	free(context->path);
	free(context->file_name);
	ignore_free(&context->ignore);
	buf_free(&context->text);
	*context = (struct build_context){ .root = -1 };
}

static bool looks_like_archive(const struct buf *text)
{
	static const struct { const char *magic; size_t len; } known[] = { { "\x1f\x8b", 2 }, { "BZh", 3 }, { "\xfd" "7zXZ", 5 }, { "\x28\xb5\x2f\xfd", 4 } };

	for (size_t i = 0; i < array_len(known); i++)
		if (text->len > known[i].len && !memcmp(text->data, known[i].magic, known[i].len))
			return true;
	return text->len > 262 && !memcmp(text->data + 257, "ustar", 5);
}

static int read_stdin(struct build_context *context, struct error *err)
{
	context->file_name = xstrdup("Dockerfile");
	return fd_read_all(STDIN_FILENO, DOCKERFILE_SIZE_MAX, &context->text, "the Dockerfile on standard input", err);
}

static int read_file(struct build_context *context, const char *file, struct error *err)
{
	int dir = AT_FDCWD;
	const char *name = file;

	if (str_equal(file, "-"))
		return read_stdin(context, err);
	if (!file) {
		dir = context->root;
		name = faccessat(dir, "Dockerfile", F_OK, 0) < 0 && faccessat(dir, "dockerfile", F_OK, 0) == 0 ? "dockerfile" : "Dockerfile";
	}
	context->file_name = xstrdup(name);
	if (file_read(dir, name, DOCKERFILE_SIZE_MAX, &context->text, err) == 0)
		return 0;
	if (err && err->code == ERROR_NOT_FOUND) {
		error_set(err, ERROR_NOT_FOUND, "there is no %s%s%s", name, file ? "" : " in ", file ? "" : context->path);
		return error_hint(err, "name the Dockerfile with -f FILE");
	}
	return -1;
}

/* A Dockerfile inside an archive: a symlink in it doesn't lead out. */
static int read_inside(struct build_context *context, const char *file, struct error *err)
{
	const char *name = file ? file : "Dockerfile";
	_cleanup_(fd_close) int fd = path_open_in_root(context->root, name, O_RDONLY | O_NONBLOCK, 0, NULL);

	context->file_name = xstrdup(name);
	if (fd < 0) {
		error_set(err, ERROR_NOT_FOUND, "there is no %s in the archive on standard input", name);
		return error_hint(err, "name the Dockerfile with -f FILE");
	}
	return fd_read_all(fd, DOCKERFILE_SIZE_MAX, &context->text, name, err);
}

/* `head` is what was read of it already. */
static int unpack_stdin(struct build_context *context, const char *folder, const struct buf *head, struct error *err)
{
	_cleanup_(fd_close) int archive = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	_cleanup_(freep) char *files = path_join(folder, "files");
	struct digest unused;

	if (archive < 0)
		return error_errno(err, errno, "cannot make a file in %s", folder);
	if (fd_write_all(archive, head->data, head->len, "the context", err) < 0 || fd_copy(STDIN_FILENO, archive, "the context", err) < 0)
		return -1;
	if (lseek(archive, 0, SEEK_SET) < 0 || mkdir(files, 0755) < 0)
		return error_errno(err, errno, "cannot make %s", files);
	context->root = open(files, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (context->root < 0)
		return error_errno(err, errno, "cannot open %s", files);
	return layer_extract(archive, context->root, false, NULL, &unused, err) < 0 ? error_wrap(err, "the context on standard input") : 0;
}

/* FILE.dockerignore beside the Dockerfile goes before the context's own. */
static int read_ignore(struct build_context *context, const char *file, struct error *err)
{
	_cleanup_(freep) char *own = str_equal(file, "-") ? NULL : xprintf("%s.dockerignore", file ? file : context->file_name);
	struct buf text _cleanup_(buf_free) = { 0 };
	const char *name = own;
	int fd = own ? openat(file ? AT_FDCWD : context->root, own, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0) {
		name = ".dockerignore";
		fd = path_open_in_root(context->root, name, O_RDONLY | O_NONBLOCK, 0, NULL);
	}
	if (fd < 0)
		return 0;
	int result = fd_read_all(fd, IGNORE_SIZE_MAX, &text, name, err);
	close(fd);
	return result < 0 ? -1 : ignore_parse(text.data ? text.data : "", text.len, name, &context->ignore, err);
}

static int open_folder(struct build_context *context, const char *path, struct error *err)
{
	if (strstr(path, "://") || str_starts(path, "git@")) {
		error_set(err, ERROR_UNSUPPORTED, "a context at an address is not supported yet: %s", path);
		return error_hint(err, "fetch it, e.g. with 'git clone', and give the folder");
	}
	context->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (context->root >= 0)
		return 0;
	if (errno == ENOTDIR)
		return error_set(err, ERROR_INVALID, "the build context %s is not a folder", path);
	return error_errno(err, errno, "cannot open the build context %s", path);
}

/* Standard input alone: 1 if it is a Dockerfile and nothing more, 0 if it was an archive. */
static int open_stdin(struct store *store, struct workspace *workspace, struct build_context *context, const char *file, struct error *err)
{
	struct buf head _cleanup_(buf_free) = { 0 };

	buf_reserve(&head, 512);
	ssize_t len = fd_read_full(STDIN_FILENO, head.data, 512, "standard input", err);
	if (len < 0)
		return -1;
	head.len = (size_t)len;
	if (!looks_like_archive(&head)) {
		if (file && !str_equal(file, "-"))
			return error_set(err, ERROR_USAGE, "with '-' as the context the Dockerfile comes from standard input: -f %s doesn't fit", file);
		buf_add(&context->text, head.data, head.len);
		return read_stdin(context, err) < 0 ? -1 : 1;
	}
	if (!store)
		return error_set(err, ERROR_UNSUPPORTED, "standard input is an archive; a Dockerfile is expected here");
	if (workspace_open(store, workspace, err) < 0)
		return -1;
	_cleanup_(freep) char *folder = workspace_folder(workspace, "context", err);
	if (!folder || unpack_stdin(context, folder, &head, err) < 0)
		return -1;
	return read_inside(context, file, err);
}

static int fill(struct store *store, struct workspace *workspace, struct build_context *context, const char *path, const char *file,
		struct error *err)
{
	context->path = xstrdup(path);
	if (str_equal(path, "-")) {
		int alone = open_stdin(store, workspace, context, file, err);
		return alone ? (alone < 0 ? -1 : 0) : read_ignore(context, NULL, err);
	}
	if (open_folder(context, path, err) < 0 || read_file(context, file, err) < 0)
		return -1;
	return read_ignore(context, file, err);
}

int context_open_any(struct store *store, struct workspace *workspace, const char *path, const char *file, struct build_context *ret,
		     struct error *err)
{
	struct build_context context = { .root = -1 };

	if (fill(store, workspace, &context, path, file, err) < 0) {
		context_close(&context);
		return -1;
	}
	*ret = context;
	return 0;
}

int context_open(const char *path, const char *file, struct build_context *ret, struct error *err)
{
	return context_open_any(NULL, NULL, path, file, ret, err);
}
