/* Other programs, run without a shell: see process.h.
 *
 * exec failures come back through a close-on-exec pipe, so that "not found" is an error here and not exit code 127 of a child. */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"

static const char *const usual[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
				     "/usr/libexec/podman", "/usr/lib/podman", "/usr/libexec/sampan" };

static char *find_in(const char *dir, size_t len, const char *name)
{
	_cleanup_(freep) char *path = xprintf("%.*s/%s", (int)len, dir, name);

	return len && access(path, X_OK) == 0 ? steal(path) : NULL;
}

char *process_find(const char *name)
{
	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	char *found = NULL;
	for (const char *at = getenv("PATH"); at && *at && !found;) {
		const char *end = strchrnul(at, ':');
		found = find_in(at, (size_t)(end - at), name);
		at = *end ? end + 1 : NULL;
	}
	for (size_t i = 0; i < array_len(usual) && !found; i++)
		found = find_in(usual[i], strlen(usual[i]), name);
	return found;
}

static void child_fd(int from, int to)
{
	if (from == PROCESS_NULL)
		from = open("/dev/null", O_RDWR | O_CLOEXEC);
	else if (from == PROCESS_INHERIT)
		return;
	if (from == to)
		fcntl(to, F_SETFD, 0);
	else
		dup2(from, to);
}

/* Puts kept[i] at 3 + i. All are moved out of the way first, so that none is overwritten before its turn; so is `report`. */
static int child_keep(const struct process_options *options, int report)
{
	int above = 3 + options->keep, moved[8];

	if (!options->kept || options->keep > (int)(sizeof moved / sizeof *moved))
		return report;
	report = fcntl(report, F_DUPFD_CLOEXEC, above);
	for (int i = 0; i < options->keep; i++)
		moved[i] = fcntl(options->kept[i], F_DUPFD_CLOEXEC, above);
	for (int i = 0; i < options->keep; i++)
		dup2(moved[i], 3 + i);
	return report;
}

static void child(const struct process_options *options, const char *path, int report)
{
	sigset_t none;
	int in = options->in, out = options->out, error_out = options->err;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (options->new_session)
		setsid();
	/* A source below 3 would be overwritten by an earlier dup2. */
	if (in > 0 && in < 3)
		in = fcntl(in, F_DUPFD_CLOEXEC, 3);
	if (out > 0 && out < 3)
		out = fcntl(out, F_DUPFD_CLOEXEC, 3);
	if (error_out > 0 && error_out < 3)
		error_out = fcntl(error_out, F_DUPFD_CLOEXEC, 3);
	child_fd(in, 0);
	child_fd(out, 1);
	child_fd(error_out, 2);
	report = child_keep(options, report);
	if (options->cwd && chdir(options->cwd) < 0)
		goto failed;
	if (options->prepare && options->prepare(options->data) < 0)
		_exit(126);
	close_range(3 + (unsigned)options->keep, ~0U, CLOSE_RANGE_CLOEXEC);
	execve(path, (char *const *)options->argv, options->env ? (char *const *)options->env : environ);
failed:;
	int number = errno;
	while (write(report, &number, sizeof number) < 0 && errno == EINTR)
		;
	_exit(127);
}

int process_start(const struct process_options *options, pid_t *ret, struct error *err)
{
	const char *name = options->argv[0];
	_cleanup_(freep) char *path = process_find(name);
	int report[2];

	if (!path)
		return error_set(err, ERROR_NOT_FOUND, "the program %s is not installed", name),
		       error_hint(err, "install it, e.g. with 'apt-get install %s'", name);
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	pid_t pid = fork();
	if (pid < 0) {
		close(report[0]), close(report[1]);
		return error_errno(err, errno, "cannot fork");
	}
	if (pid == 0)
		child(options, path, report[1]);
	close(report[1]);
	int number = 0;
	ssize_t n;
	while ((n = read(report[0], &number, sizeof number)) < 0 && errno == EINTR)
		;
	close(report[0]);
	if (n == sizeof number) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return error_errno(err, number, "cannot start %s", path);
	}
	*ret = pid;
	return 0;
}

int process_wait(pid_t pid, struct error *err)
{
	bool passed_on = false;
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return error_errno(err, errno, "cannot wait for process %d", (int)pid);
		if (interrupt_pending() && !passed_on) {
			kill(pid, SIGTERM);
			passed_on = true;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int process_run(const struct process_options *options, struct error *err)
{
	pid_t pid;

	if (process_start(options, &pid, err) < 0)
		return -1;
	return process_wait(pid, err);
}

/* Feeds `input` and drains stdout and stderr at once, so that no side can block the other. */
static int pump(int in, const char *input, int out, int error_out, size_t limit, struct buf *ret, struct buf *ret_error)
{
	struct pollfd fds[3] = { { out, POLLIN, 0 }, { error_out, POLLIN, 0 }, { in, POLLOUT, 0 } };
	size_t left = input ? strlen(input) : 0;
	char block[16384];

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (!left && fds[2].fd >= 0)
			close(fds[2].fd), fds[2].fd = -1;
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return -1;
		for (int i = 0; i < 2; i++) {
			if (fds[i].fd < 0 || !(fds[i].revents & (POLLIN | POLLHUP | POLLERR)))
				continue;
			struct buf *to = i ? ret_error : ret;
			ssize_t n = read(fds[i].fd, block, sizeof block);
			if (n <= 0)
				fds[i].fd = -1;
			else if (to->len + (size_t)n <= (i ? 65536 : limit))
				buf_add(to, block, (size_t)n);
		}
		if (fds[2].fd >= 0 && fds[2].revents) {
			ssize_t n = write(fds[2].fd, input, left);
			if (n > 0)
				input += n, left -= (size_t)n;
			else if (errno != EINTR && errno != EAGAIN)
				left = 0;
		}
	}
	if (fds[2].fd >= 0)
		close(fds[2].fd);
	return 0;
}

static const char *last_line(struct buf *text)
{
	if (!text->len)
		return "it said nothing";
	while (text->len && text->data[text->len - 1] == '\n')
		text->data[--text->len] = '\0';
	char *line = strrchr(text->data, '\n');
	return line ? line + 1 : text->data;
}

int process_capture(const char *const *argv, const char *input, size_t limit, struct buf *ret, struct error *err)
{
	int in[2], out[2], error_out[2];
	pid_t pid;
	struct buf said _cleanup_(buf_free) = { 0 };

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(error_out, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	struct process_options options = { .argv = argv, .in = in[0], .out = out[1], .err = error_out[1] };
	int result = process_start(&options, &pid, err);
	close(in[0]), close(out[1]), close(error_out[1]);
	if (result == 0)
		pump(in[1], input, out[0], error_out[0], limit, ret, &said);
	else
		close(in[1]);
	close(out[0]), close(error_out[0]);
	if (result < 0)
		return -1;
	int code = process_wait(pid, err);
	if (code > 0)
		return error_set(err, ERROR_FAILED, "%s ended with exit code %d: %s", argv[0], code, last_line(&said));
	return code;
}
