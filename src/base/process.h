/* Other programs, run without a shell. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H
#include <signal.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

struct process_options {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
	const char *const *env;	 /* NULL: ours */
	const char *cwd;	 /* NULL: ours */
	/* Descriptors for 0, 1 and 2; PROCESS_NULL is /dev/null, PROCESS_INHERIT (the zero value) is ours. All others are closed,
	 * except the first `keep` behind 2 (3 … 2 + keep), as --preserve-fds of crun counts them. */
	int in, out, err;
	int keep;
	const int *kept; /* NULL, or `keep` descriptors that become 3, 4, … in the program */
	bool new_session; /* setsid, so that ^C on our terminal reaches us alone */
	/* Called in the child before exec; a negative return ends it with 126. Only async-signal-safe work if the caller has threads. */
	int (*prepare)(void *data);
	void *data;
};
enum { PROCESS_INHERIT = 0, PROCESS_NULL = -1 };

/* Starts it. ERROR_NOT_FOUND names the program and `package`-less what to install if it isn't in PATH. */
int process_start(const struct process_options *options, pid_t *ret, struct error *err);
/* Waits. Returns the exit code, or 128 + signal. An interrupt of ours is passed on to the child (SIGTERM) and waiting goes on. */
int process_wait(pid_t pid, struct error *err);
int process_run(const struct process_options *options, struct error *err);
/* Runs it and reads its stdout (at most `limit` bytes). A non-zero exit is an error that holds the last line of its stderr. */
int process_capture(const char *const *argv, const char *input, size_t limit, struct buf *ret, struct error *err);
/* Absolute path of a program in PATH or in the usual system folders (/usr/sbin, /usr/libexec/podman, …), or NULL. Owned by the caller. */
char *process_find(const char *name);
#endif
