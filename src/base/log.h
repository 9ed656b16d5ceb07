/* Lines for people on stderr. The engine speaks only through these; commands print their results on stdout themselves. */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include "base/error.h"

enum log_level { LOG_LEVEL_QUIET, LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level); /* INFO at first */
enum log_level log_level(void);
void log_error(const char *format, ...) _printf_(1, 2); /* "sampan: …" */
void log_warn(const char *format, ...) _printf_(1, 2);	/* "sampan: warning: …" */
void log_info(const char *format, ...) _printf_(1, 2);	/* "…" */
void log_debug(const char *format, ...) _printf_(1, 2); /* with a time stamp; shown with --debug */
/* A warning that is worth saying only once in a process: keyed by the format's address. */
void log_warn_once(const char *format, ...) _printf_(1, 2);
/* "sampan: message" and, on a line of its own, the hint. */
void log_failure(const struct error *err);
/* For who does many things and goes on after a failure: `last` holds the newest one, the one before it is logged. Takes `err`. */
void log_failure_collect(struct error *last, struct error *err);
#endif
