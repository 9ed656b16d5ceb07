/* What a container printed: see logs.h and run.h. */
#include "run/logs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "run/container.h"
#include "run/run.h"

/* What conmon keeps is less: see LOG_SIZE_MAX in monitor.c. LOG_FILES_MAX is that of --log-opt max-file. */
enum { LOG_READ_MAX = 64 << 20, LOG_FILES_MAX = 1000 };

bool log_line_parse(const char *line, size_t len, struct log_line *ret)
{
	const char *end = line + len, *space = memchr(line, ' ', len);
	struct log_line found = { .time = line };

	if (!space || end - space < 10)
		return false;
	found.time_len = (size_t)(space - line);
	found.is_error = !memcmp(space + 1, "stderr ", 7);
	if (!found.is_error && memcmp(space + 1, "stdout ", 7) != 0)
		return false;
	found.partial = space[8] == 'P';
	if ((!found.partial && space[8] != 'F') || space[9] != ' ')
		return false;
	found.text = space + 10;
	found.text_len = (size_t)(end - found.text);
	*ret = found;
	return true;
}

size_t log_tail(const char *text, size_t len, long long tail)
{
	size_t start = len;

	if (tail < 0)
		return 0;
	/* Backwards over line ends; those of partial lines don't count. */
	for (size_t at = len; at > 0 && tail >= 0;) {
		const char *before = memrchr(text, '\n', at - 1);
		size_t line = before ? (size_t)(before - text) + 1 : 0;
		struct log_line parsed;
		bool whole = log_line_parse(text + line, at - line - (text[at - 1] == '\n'), &parsed) && !parsed.partial;
		if (whole && tail-- == 0)
			return at;
		start = at = line;
	}
	return start;
}

static bool is_before(const struct timespec *one, const struct timespec *other)
{
	return one->tv_sec < other->tv_sec || (one->tv_sec == other->tv_sec && one->tv_nsec < other->tv_nsec);
}

/* Is it in the time that was asked for? A line whose time can't be read is. */
static bool line_wanted(const struct log_line *line, const struct log_options *options)
{
	_cleanup_(freep) char *text = NULL;
	struct timespec when;

	if (!options->since.tv_sec && !options->until.tv_sec)
		return true;
	text = xstrndup(line->time, line->time_len);
	if (time_parse(text, &when, NULL) < 0)
		return true;
	return !is_before(&when, &options->since) && (!options->until.tv_sec || is_before(&when, &options->until));
}

static void print_lines(const char *text, size_t len, const struct log_options *options)
{
	for (const char *at = text, *end = text + len; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		struct log_line line;
		size_t size = newline ? (size_t)(newline - at) : (size_t)(end - at);
		if (log_line_parse(at, size, &line) && line_wanted(&line, options)) {
			FILE *to = line.is_error ? stderr : stdout;
			if (options->timestamps)
				fprintf(to, "%.*s ", (int)line.time_len, line.time);
			fwrite(line.text, 1, line.text_len, to);
			if (!line.partial)
				fputc('\n', to);
		}
		at += size + 1;
	}
	fflush(stdout);
	fflush(stderr);
}

/* What was added since; whole lines only. The rest of a line is kept in `rest`. */
static int print_new(int fd, struct buf *rest, const struct log_options *options, struct error *err)
{
	if (fd_read_all(fd, LOG_READ_MAX, rest, "log", err) < 0)
		return -1;
	char *last = rest->len ? memrchr(rest->data, '\n', rest->len) : NULL;
	if (!last)
		return 0;
	size_t whole = (size_t)(last - rest->data) + 1;
	print_lines(rest->data, whole, options);
	memmove(rest->data, rest->data + whole, rest->len - whole);
	rest->len -= whole;
	rest->data[rest->len] = '\0';
	return 0;
}

static bool is_at(int fd, const char *path)
{
	struct stat old, now;

	return fstat(fd, &old) == 0 && stat(path, &now) == 0 && old.st_ino == now.st_ino && old.st_dev == now.st_dev;
}

/* conmon has begun another file under the name. */
static bool was_replaced(int fd, const char *path)
{
	return !is_at(fd, path) && access(path, F_OK) == 0;
}

/* "log.3"; "log" for 0. Owned by the caller. */
static char *numbered(const char *path, int number)
{
	return number ? xprintf("%s.%d", path, number) : xstrdup(path);
}

/* The file behind the one that we have read: more than one may have come since. */
static int open_next(int fd, const char *path, struct error *err)
{
	int number = 0;

	for (int i = 1; i < LOG_FILES_MAX && number == 0; i++) {
		_cleanup_(freep) char *older = numbered(path, i);
		if (is_at(fd, older))
			number = i - 1;
		else if (access(older, F_OK) < 0)
			break;
	}
	_cleanup_(freep) char *next = numbered(path, number);
	int opened = open(next, O_RDONLY | O_CLOEXEC);
	return opened < 0 ? error_errno(err, errno, "cannot open %s", next) : opened;
}

static int follow(const struct container *container, const char *path, int *fd, struct buf *rest, const struct log_options *options, struct error *err)
{
	_cleanup_(fd_close) int changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct container_status status;
	char events[4096];

	if (changes >= 0)
		inotify_add_watch(changes, container->bundle, IN_MODIFY | IN_MOVED_TO | IN_CREATE);
	for (;;) {
		/* asked before reading: what it wrote until its end is read then */
		container_status(container, &status);
		if (print_new(*fd, rest, options, err) < 0 || interrupt_check(err) < 0)
			return -1;
		if (was_replaced(*fd, path)) {
			/* what it wrote between our reading and its last */
			int next = print_new(*fd, rest, options, err) < 0 ? -1 : open_next(*fd, path, err);
			if (next < 0)
				return -1;
			fd_close(fd);
			*fd = next;
			continue;
		}
		if (status.state != CONTAINER_RUNNING)
			return 0;
		struct pollfd waiting[2] = { { changes, POLLIN, 0 }, { interrupt_fd(), POLLIN, 0 } };
		poll(waiting, 2, 500);
		while (changes >= 0 && read(changes, events, sizeof events) > 0)
			;
	}
}

/* Whole files that came before `fd`, oldest first: printed, or, where the last lines are asked for, kept to be looked through. */
static int read_older(int fd, const char *path, const struct log_options *options, struct buf *ret, struct error *err)
{
	int newest = 1, oldest = 0;

	for (int i = 1; i < LOG_FILES_MAX; i++) {
		_cleanup_(freep) char *older = numbered(path, i);
		if (access(older, F_OK) < 0)
			break;
		if (is_at(fd, older)) /* it turned just now */
			newest = i + 1;
		oldest = i;
	}
	for (int i = oldest; i >= newest; i--) {
		_cleanup_(freep) char *older = numbered(path, i);
		struct error why _cleanup_(error_clear) = { 0 };
		if (file_read(AT_FDCWD, older, LOG_READ_MAX, ret, &why) < 0 && why.code != ERROR_NOT_FOUND) {
			error_move(err, &why);
			return -1;
		}
		if (options->tail >= 0 || !ret->len)
			continue;
		print_lines(ret->data, ret->len, options);
		buf_clear(ret);
	}
	return 0;
}

int container_logs(struct store *store, const char *name, const struct log_options *options, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };

	if (container_open(store, name, &container, err) < 0)
		return -1;
	_cleanup_(freep) char *path = path_join(container.bundle, "log");
	_cleanup_(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0; /* not started, or in the foreground, where its output went to the terminal */
	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	if (read_older(fd, path, options, &text, err) < 0 || fd_read_all(fd, LOG_READ_MAX, &text, path, err) < 0)
		return -1;
	char *last = text.len ? memrchr(text.data, '\n', text.len) : NULL;
	size_t whole = last ? (size_t)(last - text.data) + 1 : 0, start = whole ? log_tail(text.data, whole, options->tail) : 0;
	if (whole)
		print_lines(text.data + start, whole - start, options);
	if (!options->follow)
		return 0;
	struct buf rest _cleanup_(buf_free) = { 0 };
	buf_add(&rest, text.data ? text.data + whole : "", text.len - whole);
	return follow(&container, path, &fd, &rest, options, err);
}
