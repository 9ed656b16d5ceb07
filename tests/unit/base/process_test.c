/* Other programs: exit codes, output, and what isn't installed. */
#include "base/process.h"

#include "tap.h"

int main(void)
{
	struct error err = { 0 };
	struct buf out _cleanup_(buf_free) = { 0 };

	works(process_capture((const char *[]){ "cat", NULL }, "hello", 100, &out, &err), &err, "cat gives back what it was fed");
	is_str(out.data, "hello", "all of it");
	fails(process_capture((const char *[]){ "sh", "-c", "echo first >&2; echo why >&2; exit 3", NULL }, NULL, 100, &out, &err), &err, ERROR_FAILED,
	      "exit code 3: why", "the last line of stderr is in the error");
	fails(process_capture((const char *[]){ "no-such-program", NULL }, NULL, 100, &out, &err), &err, ERROR_NOT_FOUND, "no-such-program",
	      "a program that is not installed");
	struct process_options options = { .argv = (const char *[]){ "sh", "-c", "kill -TERM $$", NULL } };
	is_int(process_run(&options, &err), 128 + 15, "ended by a signal");
	struct process_options closed = { .argv = (const char *[]){ "sh", "-c", "ls /proc/self/fd | wc -l", NULL }, .in = PROCESS_NULL };
	is_int(process_run(&closed, &err), 0, "runs with /dev/null as stdin");
	_cleanup_(freep) char *path = process_find("sh");
	ok(path && path[0] == '/', "found in PATH");
	return done();
}
