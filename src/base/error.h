/* Errors that gain context on the way up.
 *
 * A function that can fail returns an int, 0 or more, or -1 with *err filled. Its last parameter is the error; NULL says that
 * the caller does not want to know. Start from `struct error err = {0}` (better: _cleanup_(error_clear)).
 *
 * An error has a code (from which the exit code and the HTTP status are made), a sentence for the user, which callers put
 * in front of with error_wrap ("cannot pull x: " + ...), and where there is one a hint: what to do about it. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H
#include "base/mem.h"

/* code, name in JSON output, exit code of a command */
#define ERROR_CODES(X)                                                          \
	X(NONE, "none", 0)                                                      \
	X(FAILED, "failed", 1)		   /* anything else */                  \
	X(USAGE, "usage", 2)		   /* the command line is wrong */      \
	X(INVALID, "invalid", 1)	   /* input that breaks its format */   \
	X(NOT_FOUND, "not-found", 1)	   /* no such image, file, container */ \
	X(EXISTS, "exists", 1)		   /* the name is taken */              \
	X(DENIED, "denied", 1)		   /* may not, with these credentials */ \
	X(UNAUTHORIZED, "unauthorized", 1) /* credentials are needed */         \
	X(NETWORK, "network", 1)	   /* unreachable, reset, timed out */  \
	X(TOO_LARGE, "too-large", 1)	   /* over a limit of ours */           \
	X(NO_SPACE, "no-space", 1)	   /* ENOSPC, EDQUOT */                 \
	X(CORRUPT, "corrupt", 1)	   /* bytes that do not match their digest or size */ \
	X(BUSY, "busy", 1)		   /* held by another process; may be tried again */ \
	X(UNSUPPORTED, "unsupported", 1)   /* well formed, but not for this program or machine */ \
	X(IO, "io", 1)			   /* another errno */                  \
	X(INTERRUPTED, "interrupted", 130) /* ^C or SIGTERM */

enum error_code {
#define X(code, name, exit) ERROR_##code,
	ERROR_CODES(X)
#undef X
};

struct error {
	enum error_code code;
	char *message; /* owned; no final full stop or newline */
	char *hint;    /* owned; what to do, or NULL */
};

/* All four return -1, so that a failure is one line: return error_set(err, ERROR_INVALID, "…"). */
int error_set(struct error *err, enum error_code code, const char *format, ...) _printf_(3, 4);
/* "…: strerror(number)"; the code follows from the number (ENOENT is NOT_FOUND, ENOSPC is NO_SPACE, …). */
int error_errno(struct error *err, int number, const char *format, ...) _printf_(3, 4);
/* Puts "…: " in front of the message. */
int error_wrap(struct error *err, const char *format, ...) _printf_(2, 3);
/* Says what to do. An existing hint, being nearer to the cause, stays. */
int error_hint(struct error *err, const char *format, ...) _printf_(2, 3);

void error_clear(struct error *err);
/* Moves an error to another owner, whose old one is cleared. */
void error_move(struct error *to, struct error *from);
const char *error_code_name(enum error_code code);
int error_exit_code(enum error_code code);
#endif
