/* A small TAP harness: ok(), is_int(), is_str(), fails(); main ends with `return done();`. See https://testanything.org for the format. */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static inline bool ok(bool passed, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", passed ? "" : "not ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	tap_failed += !passed;
	fflush(stdout);
	return passed;
}

static inline bool is_int(long long got, long long want, const char *what)
{
	bool same = ok(got == want, "%s", what);

	if (!same)
		printf("#      got: %lld\n# expected: %lld\n", got, want);
	return same;
}

static inline bool is_str(const char *got, const char *want, const char *what)
{
	bool same = ok(got && want ? !strcmp(got, want) : got == want, "%s", what);

	if (!same)
		printf("#      got: %s\n# expected: %s\n", got ? got : "(null)", want ? want : "(null)");
	return same;
}

/* The call returned -1 with this code and a message that holds `part`. Clears the error. */
static inline bool fails(int result, struct error *err, enum error_code code, const char *part, const char *what)
{
	bool right = result < 0 && err->code == code && err->message && strstr(err->message, part);

	ok(right, "%s", what);
	if (!right)
		printf("# result %d, %s: %s\n", result, error_code_name(err->code), err->message ? err->message : "(no message)");
	error_clear(err);
	return right;
}

/* The call returned 0 or more; else its error is shown and cleared. */
static inline bool works(int result, struct error *err, const char *what)
{
	ok(result >= 0, "%s", what);
	if (result < 0)
		printf("# %s\n", err->message ? err->message : "(no message)");
	error_clear(err);
	return result >= 0;
}

static inline int done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}
#endif
