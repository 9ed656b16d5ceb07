/* The journal of events: see events.h. */
#include "store/events.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"

#define EVENTS_FILE "events.log"
#define EVENTS_OLD "events.log.1"

enum { EVENTS_SIZE_MAX = 1 << 20, LINE_MAX_SIZE = 1 << 20, BLOCK_SIZE = 16384 };

static json_t *make_event(const char *type, const char *action, const char *id, json_t *attributes)
{
	json_t *event = json_object();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (str_equal(type, "container") || str_equal(type, "image")) { /* docker's older keys, which scripts still read */
		json_object_set_new(event, "status", json_string(action));
		json_object_set_new(event, "id", json_string(id));
		if (str_equal(type, "container") && json_object_get(attributes, "image"))
			json_object_set(event, "from", json_object_get(attributes, "image"));
	}
	json_object_set_new(event, "Type", json_string(type));
	json_object_set_new(event, "Action", json_string(action));
	json_object_set_new(event, "Actor", json_pack("{s:s, s:o}", "ID", id, "Attributes", attributes ? attributes : json_object()));
	json_object_set_new(event, "scope", json_string("local"));
	json_object_set_new(event, "time", json_integer(now.tv_sec));
	json_object_set_new(event, "timeNano", json_integer((json_int_t)now.tv_sec * 1000000000 + now.tv_nsec));
	return event;
}

/* The lock is of a file of its own, which stays when the journal is renamed. */
static int append(struct store *store, const char *line, struct error *err)
{
	_cleanup_(fd_close) int lock = store_lock(store, "events", err);
	struct stat info;
	char last = '\n';

	if (lock < 0)
		return -1;
	if (fstatat(store_dir(store), EVENTS_FILE, &info, 0) == 0 && info.st_size >= EVENTS_SIZE_MAX)
		renameat(store_dir(store), EVENTS_FILE, store_dir(store), EVENTS_OLD);
	_cleanup_(fd_close) int fd = openat(store_dir(store), EVENTS_FILE, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &info) < 0)
		return error_errno(err, errno, "cannot open " EVENTS_FILE);
	/* a line that broke off ends here */
	if (info.st_size && pread(fd, &last, 1, info.st_size - 1) == 1 && last != '\n' && write(fd, "\n", 1) != 1)
		return error_errno(err, errno, "cannot write " EVENTS_FILE);
	return fd_write_all(fd, line, strlen(line), EVENTS_FILE, err);
}

void event_add(struct store *store, const char *type, const char *action, const char *id, json_t *attributes)
{
	json_t *event _cleanup_(json_release) = make_event(type, action, id, attributes);
	_cleanup_(freep) char *text = json_text(event), *line = text ? xprintf("%s\n", text) : NULL;
	struct error why _cleanup_(error_clear) = { 0 };

	if (line && append(store, line, &why) < 0)
		log_debug("an event is lost: %s", why.message);
}

/* ---- reading ---- */

struct event_reader {
	int dir;	 /* of the store; borrowed */
	int current, next; /* the file being read, and the one to be read behind it; -1: none */
	int changes;
	struct buf text; /* read and not given out yet */
	size_t at;
};

static bool same_file(int fd, int other)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int event_reader_open(struct store *store, struct event_reader **ret, struct error *err)
{
	struct event_reader *reader = xnew(struct event_reader);

	(void)err;
	reader->dir = store_dir(store);
	reader->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (reader->changes >= 0)
		inotify_add_watch(reader->changes, store_path(store), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	/* the newer first: what becomes the older in between is the same file then */
	reader->next = openat(reader->dir, EVENTS_FILE, O_RDONLY | O_CLOEXEC);
	reader->current = openat(reader->dir, EVENTS_OLD, O_RDONLY | O_CLOEXEC);
	if (reader->current >= 0 && reader->next >= 0 && same_file(reader->current, reader->next)) {
		fd_close(&reader->next);
		reader->next = -1;
	}
	*ret = reader;
	return 0;
}

void event_reader_close(struct event_reader **at)
{
	struct event_reader *reader = steal(*at);

	if (!reader)
		return;
	fd_close(&reader->current);
	fd_close(&reader->next);
	fd_close(&reader->changes);
	buf_free(&reader->text);
	free(reader);
}

int event_reader_fd(const struct event_reader *reader)
{
	return reader->changes;
}

/* More bytes of the current file: 1, or 0 at its end. */
static int read_more(struct event_reader *reader, struct error *err)
{
	char block[BLOCK_SIZE];
	ssize_t n = reader->current < 0 ? 0 : fd_read_full(reader->current, block, sizeof block, EVENTS_FILE, err);

	if (n <= 0)
		return (int)n;
	if (reader->at) {
		memmove(reader->text.data, reader->text.data + reader->at, reader->text.len - reader->at);
		reader->text.len -= reader->at;
		reader->at = 0;
	}
	if (reader->text.len > LINE_MAX_SIZE)
		buf_clear(&reader->text);
	buf_add(&reader->text, block, (size_t)n);
	return 1;
}

/* At the end of a file: the one behind it, if there is one. What was added to the old one before it was renamed has been read by then,
 * since it was looked at for the newer one first. 1 if there is more to read. */
static int next_file(struct event_reader *reader, struct error *err)
{
	if (reader->next < 0) {
		reader->next = openat(reader->dir, EVENTS_FILE, O_RDONLY | O_CLOEXEC);
		if (reader->next >= 0 && reader->current >= 0 && same_file(reader->current, reader->next)) {
			fd_close(&reader->next);
			reader->next = -1;
		}
		int more = read_more(reader, err);
		if (more || reader->next < 0)
			return more;
	}
	fd_close(&reader->current);
	reader->current = reader->next;
	reader->next = -1;
	return 1;
}

/* A whole line, without its end; NULL if there is none. */
static char *take_line(struct event_reader *reader, size_t *ret_len)
{
	char *from = reader->text.data ? reader->text.data + reader->at : NULL;
	char *end = from ? memchr(from, '\n', reader->text.len - reader->at) : NULL;

	if (!end)
		return NULL;
	*ret_len = (size_t)(end - from);
	reader->at += *ret_len + 1;
	return from;
}

int event_next(struct event_reader *reader, json_t **ret, struct error *err)
{
	char events[4096];
	size_t len;

	while (reader->changes >= 0 && read(reader->changes, events, sizeof events) > 0)
		;
	for (;;) {
		for (char *line; (line = take_line(reader, &len));)
			if ((*ret = json_parse(line, len, "event", NULL)))
				return 1;
		int more = read_more(reader, err);
		if (more == 0)
			more = next_file(reader, err);
		if (more <= 0)
			return more;
	}
}
