/* The access log: a line a request, as JSON or as web servers write it ("combined"). Off until the settings ask for it: a board's SD card
 * has better things to do.
 *
 * A line is one write to a file opened for appending, so lines of several threads are never mixed. SIGHUP opens the file anew, for
 * logrotate. A log that can't be written must not stop the registry: it says so once. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "registry/config.h"
#include "registry/internal.h"

struct access_log {
	enum access_log_format format;
	char *file; /* NULL: stderr */
	pthread_rwlock_t lock; /* of fd: held for reading by those who write lines */
	int fd;
};

/* ---- settings ---- */

int access_log_config(struct registry_options *options, const json_t *section, struct error *err)
{
	static const char *const known[] = { "format", "file", NULL };
	const char *format, *file;

	if (!json_is_object(section))
		return error_set(err, ERROR_INVALID, "it must be an object like {\"format\": \"json\"}");
	if (config_check_keys(section, known, err) < 0 || json_get_string(section, "format", &format, err) < 0 ||
	    json_get_string(section, "file", &file, err) < 0)
		return -1;
	if (str_equal(format, "json"))
		options->observe.log_format = ACCESS_LOG_JSON;
	else if (str_equal(format, "combined"))
		options->observe.log_format = ACCESS_LOG_COMBINED;
	else
		return error_set(err, ERROR_INVALID, "'format' is json or combined");
	free(options->observe.log_file);
	options->observe.log_file = xstrdup(file);
	if (file)
		strlist_add(&options->writable, file);
	return 0;
}

/* ---- the file ---- */

static int open_file(const struct access_log *log, struct error *err)
{
	int fd = log->file ? open(log->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? error_errno(err, errno, "cannot open the access log %s", log->file ? log->file : "on stderr") : fd;
}

int access_log_open(const struct observe_options *options, struct access_log **ret, struct error *err)
{
	if (options->log_format == ACCESS_LOG_OFF)
		return 0;
	struct access_log *log = xnew(struct access_log);
	log->format = options->log_format;
	log->file = xstrdup(options->log_file);
	pthread_rwlock_init(&log->lock, NULL);
	log->fd = open_file(log, err);
	if (log->fd < 0) {
		access_log_close(&log);
		return -1;
	}
	*ret = log;
	return 0;
}

void access_log_reopen(struct access_log *log)
{
	struct error err _cleanup_(error_clear) = { 0 };
	int fd = open_file(log, &err);

	if (fd < 0) {
		log_error("%s; it goes on in the old file", err.message);
		return;
	}
	pthread_rwlock_wrlock(&log->lock);
	fd_close(&log->fd);
	log->fd = fd;
	pthread_rwlock_unlock(&log->lock);
}

void access_log_close(struct access_log **at)
{
	struct access_log *log = steal(*at);

	if (!log)
		return;
	fd_close(&log->fd);
	pthread_rwlock_destroy(&log->lock);
	free(log->file);
	free(log);
}

/* ---- lines ---- */

/* Quotes, backslashes and what is not printable can't end a field or a line. */
static void add_quoted(struct buf *line, const char *text)
{
	buf_add_char(line, '"');
	for (const unsigned char *c = (const unsigned char *)(text ? text : "-"); *c; c++)
		buf_printf(line, *c < 0x20 || *c >= 0x7f || *c == '"' || *c == '\\' ? "\\x%02x" : "%c", *c);
	buf_add_char(line, '"');
}

/* Without quotes: also blanks can't be in it. */
static void add_word(struct buf *line, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)(text ? text : "-"); *c; c++)
		buf_printf(line, *c <= 0x20 || *c >= 0x7f || *c == '"' || *c == '\\' ? "\\x%02x" : "%c", *c);
}

/* As Apache's LogFormat "combined". */
static void add_combined(struct buf *line, struct request *request, const struct tm *when)
{
	_cleanup_(freep) char *first = xprintf("%s %s HTTP/1.1", request->method, request->trace.target);
	char date[40];

	strftime(date, sizeof date, "%d/%b/%Y:%H:%M:%S +0000", when);
	buf_printf(line, "%s - ", request_client_address(request));
	add_word(line, request->caller.name);
	buf_printf(line, " [%s] ", date);
	add_quoted(line, first);
	buf_printf(line, " %u %lld ", request->status, (long long)request->trace.sent);
	add_quoted(line, request_header(request, "Referer"));
	buf_add_char(line, ' ');
	add_quoted(line, request_header(request, "User-Agent"));
	buf_add_char(line, '\n');
}

static void add_json(struct buf *line, struct request *request, const struct tm *when, double seconds)
{
	_cleanup_(json_release) json_t *object = json_object();
	char date[40];

	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", when);
	json_set_text(object, "time", date);
	json_set_text(object, "remote", request_client_address(request));
	json_set_text(object, "user", request->caller.name);
	json_set_text(object, "method", request->method);
	json_set_text(object, "target", request->trace.target);
	json_object_set_new(object, "status", json_integer((json_int_t)request->status));
	json_object_set_new(object, "received", json_integer(request->trace.received));
	json_object_set_new(object, "sent", json_integer(request->trace.sent));
	json_object_set_new(object, "seconds", json_real((double)(int64_t)(seconds * 1e6) / 1e6));
	json_set_text(object, "host", request_header(request, "Host"));
	json_set_text(object, "agent", request_header(request, "User-Agent"));
	_cleanup_(freep) char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
	buf_printf(line, "%s\n", text ? text : "{}");
}

void access_log_write(struct access_log *log, struct request *request, double seconds)
{
	struct buf line _cleanup_(buf_free) = { 0 };
	time_t now = time(NULL);
	struct tm when;

	gmtime_r(&now, &when);
	if (log->format == ACCESS_LOG_JSON)
		add_json(&line, request, &when, seconds);
	else
		add_combined(&line, request, &when);
	pthread_rwlock_rdlock(&log->lock);
	ssize_t written = write(log->fd, line.data, line.len);
	pthread_rwlock_unlock(&log->lock);
	if (written < 0)
		log_warn_once("the access log can't be written: %s", strerror(errno));
}
