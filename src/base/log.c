/* Lines for people on stderr: see log.h. */
#include "base/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/progress.h"
#include "base/str.h"

static enum log_level current = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	current = level;
}

enum log_level log_level(void)
{
	return current;
}

static void print(enum log_level level, const char *prefix, const char *format, va_list args)
{
	_cleanup_(freep) char *text = NULL;

	if (level > current)
		return;
	if (vasprintf(&text, format, args) < 0)
		abort();
	str_make_printable(text);
	progress_hide();
	flockfile(stderr);
	fprintf(stderr, "%s%s\n", prefix, text);
	funlockfile(stderr);
	progress_show();
}

#define LOG_FUNCTION(name, level, prefix)         \
	void name(const char *format, ...)        \
	{                                         \
		va_list args;                     \
		va_start(args, format);           \
		print(level, prefix, format, args); \
		va_end(args);                     \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR, "sampan: ")
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN, "sampan: warning: ")
LOG_FUNCTION(log_info, LOG_LEVEL_INFO, "")

void log_debug(const char *format, ...)
{
	char prefix[64];
	struct timespec now;
	va_list args;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(prefix, sizeof prefix, "[%5lld.%03ld] ", (long long)now.tv_sec, now.tv_nsec / 1000000);
	va_start(args, format);
	print(LOG_LEVEL_DEBUG, prefix, format, args);
	va_end(args);
}

void log_warn_once(const char *format, ...)
{
	static const char *said[64];
	static size_t count;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	va_list args;

	pthread_mutex_lock(&lock);
	bool known = false;
	for (size_t i = 0; i < count; i++)
		known = known || said[i] == format;
	if (!known && count < array_len(said))
		said[count++] = format;
	pthread_mutex_unlock(&lock);
	if (known)
		return;
	va_start(args, format);
	print(LOG_LEVEL_WARN, "sampan: warning: ", format, args);
	va_end(args);
}

void log_failure(const struct error *err)
{
	log_error("%s", err->message ? err->message : "failed");
	if (err->hint && current >= LOG_LEVEL_ERROR)
		log_info("  %s", err->hint);
}

void log_failure_collect(struct error *last, struct error *err)
{
	if (last->code != ERROR_NONE)
		log_failure(last);
	error_move(last, err);
}
