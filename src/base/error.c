/* Errors that gain context on the way up: see error.h. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int exit;
} codes[] = {
#define X(code, name, exit) [ERROR_##code] = { name, exit },
	ERROR_CODES(X)
#undef X
};

static char *format_text(const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		abort();
	return text;
}

static int error_fill(struct error *err, enum error_code code, char *message)
{
	if (!err) {
		free(message);
		return -1;
	}
	error_clear(err);
	err->code = code;
	err->message = message;
	return -1;
}

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *message = format_text(format, args);
	va_end(args);
	return error_fill(err, code, message);
}

static enum error_code code_of_errno(int number)
{
	switch (number) {
	case ENOENT: return ERROR_NOT_FOUND;
	case EEXIST: return ERROR_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS: return ERROR_DENIED;
	case ENOSPC:
	case EDQUOT: return ERROR_NO_SPACE;
	case EINTR: return ERROR_INTERRUPTED;
	default: return ERROR_IO;
	}
}

int error_errno(struct error *err, int number, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	_cleanup_(freep) char *what = format_text(format, args);
	va_end(args);
	return error_fill(err, code_of_errno(number), xprintf("%s: %s", what, strerror(number)));
}

int error_wrap(struct error *err, const char *format, ...)
{
	if (!err)
		return -1;
	va_list args;
	va_start(args, format);
	_cleanup_(freep) char *what = format_text(format, args);
	va_end(args);
	char *message = xprintf("%s: %s", what, err->message ? err->message : "failed");
	free(err->message);
	err->message = message;
	return -1;
}

int error_hint(struct error *err, const char *format, ...)
{
	if (!err || err->hint)
		return -1;
	va_list args;
	va_start(args, format);
	err->hint = format_text(format, args);
	va_end(args);
	return -1;
}

void error_clear(struct error *err)
{
	free(err->message);
	free(err->hint);
	*err = (struct error){ 0 };
}

void error_move(struct error *to, struct error *from)
{
	if (to) {
		error_clear(to);
		*to = *from;
		*from = (struct error){ 0 };
	} else {
		error_clear(from);
	}
}

const char *error_code_name(enum error_code code)
{
	return codes[code].name;
}

int error_exit_code(enum error_code code)
{
	return codes[code].exit;
}
