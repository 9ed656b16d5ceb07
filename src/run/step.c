/* One process on a tree, in the foreground: see run.h.
 *
 * Three processes stand between us and the container, each for one reason:
 *   us       reads the output, listens for ^C
 *   outer    has left the host's mounts and, for a foreign platform, its user namespace; takes the mount points away at the end
 *   init     process 1 of a process namespace: when it ends, by whatever cause, the kernel kills all that it started (pasta, crun, the
 *            container and what that left behind)
 * Each dies with its parent, so even kill -9 of us leaves nothing behind. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/network.h"
#include "run/runtime.h"
#include "run/sandbox.h"

struct work {
	const struct step *step;
	const char *bundle, *runtime, *cgroup_id;
	int input, output;
	bool devices_held;
	struct cgroup_files cgroup;
};

static int enter_init(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return error_errno(err, errno, "cannot make a mount namespace");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return error_errno(err, errno, "cannot mount /proc for the container"),
		       error_hint(err, "inside another container this needs one whose /proc is not masked (docker: --security-opt systempaths=unconfined)");
	return 0;
}

static void start_beside(const struct step *step)
{
	if (step->beside && fork() == 0) {
		child_die_with_parent();
		step->beside(step->beside_folder);
		_exit(0);
	}
}

/* Process 1. Returns the exit code of the container's process. */
static int run_init(void *data, struct error *err)
{
	struct work *work = data;
	struct strlist argv _cleanup_(strlist_free) = { 0 };

	if (enter_init(err) < 0)
		return -1;
	if (work->step->network == NETWORK_DEFAULT && network_start(work->bundle, NULL, 0, err) < 0)
		return -1;
	start_beside(work->step);
	if (cgroup_enter(&work->cgroup, work->devices_held, err) < 0)
		return -1;
	runtime_arguments(work->runtime, work->bundle, &argv);
	strlist_add(&argv, "run");
	strlist_add(&argv, "--bundle");
	strlist_add(&argv, work->bundle);
	strlist_add(&argv, "step");
	struct process_options options = { .argv = (const char *const *)argv.items, .in = work->input, .out = work->output, .err = work->output };
	int code = process_run(&options, err);
	if (code <= 0)
		return code;
	_cleanup_(freep) char *said = runtime_said(work->bundle);
	return said ? error_set(err, ERROR_FAILED, "cannot start the container: %s", said) : code;
}

static int run_outer(void *data, struct error *err)
{
	struct work *work = data;
	const struct step *step = work->step;
	struct mountpoints made _cleanup_(mountpoints_free) = { 0 };
	_cleanup_(freep) char *upper_path = path_join(step->dir, "upper");
	struct sandbox sandbox = {
		.store = step->store, .layers = step->layers, .dir = step->dir, .emulator = step->emulator, .dispatcher = step->dispatcher,
		.argv = step->argv, .env = step->env, .cwd = step->cwd, .user = step->user, .hostname = step->hostname, .network = step->network,
		.mounts = step->mounts, .mounts_len = step->mounts_len, .devices_held = work->devices_held,
	};

	/* ^C on the terminal is for us to handle, not for what runs inside. */
	setsid();
	cgroup_open(work->cgroup_id, &work->cgroup);
	int result = sandbox_enter(&sandbox, &made, err);
	if (result == 0 && unshare(CLONE_NEWPID) < 0)
		result = error_errno(err, errno, "cannot make a process namespace");
	if (result == 0)
		result = child_run(run_init, data, err);
	emulator_leave(step->emulator);
	_cleanup_(fd_close) int upper = open(upper_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper >= 0)
		mountpoints_remove(&made, upper);
	return result;
}

/* A file in memory, which may be of any size, unlike a pipe that nobody reads yet. */
static int input_open(const char *text, struct error *err)
{
	_cleanup_(fd_close) int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "cannot make a file in memory");
	if (fd_write_all(fd, text, strlen(text), "input", err) < 0)
		return -1;
	lseek(fd, 0, SEEK_SET);
	return fd_steal(&fd);
}

/* Passes the output on until its end, or an interrupt. */
static int pump_output(const struct step *step, int from, struct error *err)
{
	char block[16384];

	for (;;) {
		struct pollfd fds[2] = { { from, POLLIN, 0 }, { interrupt_fd(), POLLIN, 0 } };
		if (interrupt_check(err) < 0)
			return -1;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return error_errno(err, errno, "cannot wait for output");
		if (!(fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
			continue;
		ssize_t n = read(from, block, sizeof block);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return error_errno(err, errno, "cannot read output");
		if (n > 0 && step->output)
			step->output(step->data, block, (size_t)n);
	}
}

static int run_work(struct work *work, int from, struct error *err)
{
	struct child child;
	int started = child_start(run_outer, work, &child, err);

	fd_close(&work->output);
	work->output = -1;
	if (started < 0)
		return -1;
	if (pump_output(work->step, from, err) < 0) {
		child_kill(&child);
		return -1;
	}
	return child_wait(&child, err);
}

static _Atomic unsigned steps; /* of this process, for their groups' names */

int step_run(const struct step *step, struct error *err)
{
	_cleanup_(freep) char *bundle = sandbox_bundle(step->dir), *runtime = runtime_find(err);
	_cleanup_(freep) char *group = cgroup_step_name(atomic_fetch_add(&steps, 1));
	_cleanup_(fd_close) int input = -1;
	int pipe_ends[2];

	if (!runtime || interrupt_check(err) < 0)
		return -1;
	if (step->input && (input = input_open(step->input, err)) < 0)
		return -1;
	if (pipe2(pipe_ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	struct work work = { .step = step, .bundle = bundle, .runtime = runtime, .input = step->input ? input : PROCESS_NULL, .output = pipe_ends[1],
			     .cgroup_id = group };
	cgroup_sweep();
	work.devices_held = cgroup_hold_devices(group, NULL);
	int result = run_work(&work, pipe_ends[0], err);
	close(pipe_ends[0]);
	if (work.devices_held)
		cgroup_remove(group);
	dir_remove(AT_FDCWD, bundle, NULL);
	return result;
}
