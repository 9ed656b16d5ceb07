/* Processes of ours that stay: see own.h. The word is a newline for "ready", or an error's text, on descriptor 3. */
#include "run/own.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"

enum { READY_FD = 3 };

static void rights_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_capset, &head, none);
}

int own_process_settle(int result, struct error *err)
{
	if (result < 0) {
		dprintf(READY_FD, "%s", err->message);
		return -1;
	}
	rights_drop();
	if (write(READY_FD, "\n", 1) != 1)
		return error_set(err, ERROR_FAILED, "nobody waits for this process");
	close(READY_FD);
	return 0;
}

int own_process_start(const char *const *argv, const char *what, struct error *err)
{
	struct buf said _cleanup_(buf_free) = { 0 };
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	struct process_options options = { .argv = argv, .in = PROCESS_NULL, .out = PROCESS_NULL, .err = PROCESS_NULL, .keep = 1, .kept = &ready[1],
					   .new_session = true };
	int started = process_start(&options, &pid, err);
	close(ready[1]);
	if (started == 0 && fd_read_all(ready[0], 4096, &said, "a pipe", err) < 0)
		started = -1;
	close(ready[0]);
	if (started < 0)
		return -1;
	if (said.len && said.data[0] == '\n')
		return 0;
	return error_set(err, ERROR_FAILED, "%s: %s", what, said.len ? said.data : "its process ended without a word");
}
