/* Work in a forked child: see child.h.
 *
 * The report is what struct error holds, as fixed numbers and two texts; it is written once, at the end, and nobody else holds the pipe
 * (close-on-exec), so its end of file says that the child is gone. */
#include "run/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

enum { REPORT_TEXT_MAX = 65536 };

struct report {
	int result, code;
	unsigned message_len, hint_len;
};

void child_die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static unsigned text_len(const char *text)
{
	size_t len = text ? strlen(text) : 0;

	return len < REPORT_TEXT_MAX ? (unsigned)len : REPORT_TEXT_MAX;
}

static void send_report(int to, int result, const struct error *err)
{
	struct report head = { result, err->code, text_len(err->message), text_len(err->hint) };

	if (fd_write_all(to, &head, sizeof head, "pipe", NULL) < 0)
		return;
	if (head.message_len && fd_write_all(to, err->message, head.message_len, "pipe", NULL) < 0)
		return;
	if (head.hint_len)
		fd_write_all(to, err->hint, head.hint_len, "pipe", NULL);
}

int child_start(int (*work)(void *data, struct error *err), void *data, struct child *ret, struct error *err)
{
	int ends[2];
	pid_t parent = getpid();

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	pid_t pid = fork();
	if (pid < 0) {
		close(ends[0]), close(ends[1]);
		return error_errno(err, errno, "cannot fork");
	}
	if (pid == 0) {
		struct error mine = { 0 };
		child_die_with_parent();
		if (getppid() != parent && getpid() != 1)
			_exit(1);
		close(ends[0]);
		int result = work(data, &mine);
		send_report(ends[1], result, &mine);
		_exit(0);
	}
	close(ends[1]);
	*ret = (struct child){ pid, ends[0] };
	return 0;
}

struct piped {
	int (*work)(void *data, int to, struct error *err);
	void *data;
	int ends[2];
};

static int work_piped(void *data, struct error *err)
{
	const struct piped *piped = data;

	close(piped->ends[0]);
	return piped->work(piped->data, piped->ends[1], err);
}

int child_start_piped(int (*work)(void *data, int to, struct error *err), void *data, struct child *ret, int *ret_from, struct error *err)
{
	struct piped piped = { .work = work, .data = data };

	if (pipe2(piped.ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	int result = child_start(work_piped, &piped, ret, err);
	close(piped.ends[1]);
	if (result < 0)
		close(piped.ends[0]);
	else
		*ret_from = piped.ends[0];
	return result;
}

static char *read_text(int from, unsigned len)
{
	char *text = len ? xcalloc(len + 1, 1) : NULL;

	if (text && fd_read_full(from, text, len, "pipe", NULL) < 0)
		*text = '\0';
	return text;
}

int child_wait(struct child *child, struct error *err)
{
	struct report head = { 0 };
	struct error theirs = { 0 };
	int status = 0;
	ssize_t n = fd_read_full(child->report, &head, sizeof head, "pipe", NULL);
	bool whole = n == sizeof head && head.message_len <= REPORT_TEXT_MAX && head.hint_len <= REPORT_TEXT_MAX;

	if (whole) {
		theirs.code = (enum error_code)head.code;
		theirs.message = read_text(child->report, head.message_len);
		theirs.hint = read_text(child->report, head.hint_len);
	}
	fd_close(&child->report);
	child->report = -1;
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!whole)
		return WIFSIGNALED(status) ? error_set(err, ERROR_FAILED, "killed by signal %d", WTERMSIG(status)) :
					     error_set(err, ERROR_FAILED, "a helper process ended without a word");
	if (head.result < 0 && err)
		error_move(err, &theirs);
	error_clear(&theirs);
	return head.result;
}

void child_kill(struct child *child)
{
	kill(child->pid, SIGKILL);
	child_wait(child, NULL);
}

int child_run(int (*work)(void *data, struct error *err), void *data, struct error *err)
{
	struct child child;

	if (child_start(work, data, &child, err) < 0)
		return -1;
	return child_wait(&child, err);
}
