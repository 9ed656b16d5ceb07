/* Restart policies, health checks and logs of several files: see supervise.h.
 *
 * A container that has one of these gets a process of its own, the supervisor: `sampan supervise ID GENERATION`, started detached beside conmon, in
 * the namespaces of whoever said `start`, since from where conmon lives there is no way back out. It waits for the container's process
 * (a pidfd: no polling), runs the health check when it is due, and after an end does what the policy says, with docker's back-off: 100 ms,
 * doubled each time up to a minute, and from the beginning when the container had run for ten seconds.
 *
 * What it knows is in the record: `stop` sets Stopped, `start` counts Generation up, `rm` takes the record away, and a supervisor that finds one of
 * them isn't wanted any more and goes. It holds no state but the back-off, so it may be killed at any time: conmon's exit command
 * (`sampan supervise --ended`) starts another (as root; a rootless one can't get out of its namespace), and `sampan start --all-restart` does
 * after a reboot. */
#include "run/supervise.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/process.h"
#include "run/cgroup.h"
#include "run/event.h"
#include "run/health.h"
#include "run/host_config.h"
#include "run/networks.h"
#include "run/rotate.h"

enum { BACKOFF_FIRST = 100, BACKOFF_MAX = 60000, RAN_LONG = 10, POLL_STEP = 500, MONITOR_WAIT = 5000, START_WAIT = 2000 };

bool supervisor_wanted(const struct container *container)
{
	int64_t most;

	return host_config_restart(json_object_get(container->record, "HostConfig"), &most) != RESTART_NO ||
	       health_has_check(container->record) || rotation_wanted(container->record);
}

/* Held as long as the supervisor lives; 1 if another holds it. */
static int take_lock(const struct container *container, int *ret, struct error *err)
{
	_cleanup_(freep) char *path = path_join(container->bundle, "supervisor.lock");
	_cleanup_(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, errno, "cannot make %s", path);
	int busy = file_lock(fd, true, false, path, err);
	if (busy == 0)
		*ret = fd_steal(&fd);
	return busy;
}

bool supervisor_alive(const struct container *container)
{
	_cleanup_(fd_close) int lock = -1;

	return take_lock(container, &lock, NULL) == 1;
}

char *program_path(void)
{
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self);

	return len > 0 && (size_t)len < sizeof self ? xstrndup(self, (size_t)len) : NULL;
}

int supervisor_start(struct store *store, const struct container *container, struct error *err)
{
	_cleanup_(freep) char *generation = xprintf("%lld", (long long)host_config_number(container->record, "Generation"));
	_cleanup_(freep) char *log = path_join(container->bundle, "supervisor.log");
	_cleanup_(freep) char *self = program_path();

	if (!supervisor_wanted(container))
		return 0;
	if (!self)
		return error_set(err, ERROR_FAILED, "cannot find this program in /proc");
	const char *const argv[] = { self, "--root", store_path(store), "supervise", container->id, generation, NULL };
	_cleanup_(fd_close) int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct process_options options = { .argv = argv, .in = PROCESS_NULL, .out = PROCESS_NULL, .err = out < 0 ? PROCESS_NULL : out, .new_session = true,
					   .cwd = "/" };
	pid_t pid;
	return process_start(&options, &pid, err);
}

/* Is the run that we watch over still the one that is wanted? Loads the record. */
static bool still_ours(struct store *store, const char *id, int64_t generation, struct container *ret)
{
	container_clear(ret);
	return container_load(store, id, ret, NULL) == 0 && host_config_number(ret->record, "Generation") == generation &&
	       !host_config_is(ret->record, "Stopped");
}

/* After an end: does the policy want another start? */
static bool should_restart(const struct container *container, int exit_code)
{
	int64_t most = 0, count = host_config_number(container->record, "RestartCount");

	switch (host_config_restart(json_object_get(container->record, "HostConfig"), &most)) {
	case RESTART_NO: return false;
	case RESTART_ON_FAILURE: return exit_code != 0 && (most == 0 || count < most);
	case RESTART_ALWAYS:
	case RESTART_UNLESS_STOPPED: return true;
	}
	return false;
}

/* Sleeps, but not beyond a `stop` or `start` by somebody. */
static bool back_off(struct store *store, const char *id, int64_t generation, struct container *container, int milliseconds)
{
	for (int waited = 0; waited < milliseconds; waited += POLL_STEP) {
		int step = milliseconds - waited < POLL_STEP ? milliseconds - waited : POLL_STEP;
		poll(NULL, 0, step);
		if (interrupt_pending() || !still_ours(store, id, generation, container))
			return false;
	}
	return true;
}

/* True when the process is gone; false after the time, or when the log has turned. */
static bool wait_gone(int pid, struct rotation *rotation, int timeout)
{
	_cleanup_(fd_close) int fd = rotation->changes < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd waiting[2] = { { fd, POLLIN, 0 }, { rotation->changes, POLLIN, 0 } };

	if (fd < 0)
		return process_wait_gone(pid, timeout);
	if (poll(waiting, 2, timeout) > 0 && waiting[1].revents)
		rotation_turn(rotation);
	return waiting[0].revents != 0;
}

/* Until the container's process is gone; health checks and turns of the log in between. */
static void watch(struct store *store, struct container *container, int64_t generation, int pid)
{
	struct rotation rotation;
	struct health health;

	rotation_begin(container, &rotation);
	health_begin(container->record, &health);
	while (!wait_gone(pid, &rotation, health_due(&health)) && !interrupt_pending()) {
		if (!health_is_due(&health))
			continue;
		health_check(store, container->id, generation, &health);
	}
	/* what conmon still writes may turn the log */
	struct pollfd turned = { rotation.changes, POLLIN, 0 };
	while (rotation.changes >= 0 && !process_wait_gone(bundle_number(container, "monitor.pid"), 0) && poll(&turned, 1, 200) > 0)
		rotation_turn(&rotation);
	if (rotation.changes >= 0)
		rotation_turn(&rotation);
	rotation_end(&rotation);
}

static int start_again(struct store *store, const char *id, int64_t generation, struct container *container, struct error *err)
{
	_cleanup_(fd_close) int lock = -1;

	if (container_lock(container, &lock, err) < 0 || !still_ours(store, id, generation, container))
		return -1;
	json_object_set_new(container->record, "RestartCount", json_integer(host_config_number(container->record, "RestartCount") + 1));
	json_object_del(container->record, "Health");
	return container_launch(store, container, err);
}

/* One run and what follows it. Returns the next delay, or -1 when all is over. */
static int supervise_once(struct store *store, const char *id, int64_t generation, int delay)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;

	if (!still_ours(store, id, generation, &container))
		return -1;
	container_status(&container, &status);
	time_t since = time(NULL);
	if (status.pid)
		watch(store, &container, generation, status.pid);
	/* conmon writes the exit code a moment later */
	process_wait_gone(bundle_number(&container, "monitor.pid"), MONITOR_WAIT);
	if (interrupt_pending() || !still_ours(store, id, generation, &container))
		return -1;
	container_status(&container, &status);
	if (status.state != CONTAINER_EXITED && status.state != CONTAINER_RESTARTING)
		return -1;
	if (!should_restart(&container, status.exit_code)) {
		network_stop(&container);
		return -1;
	}
	if (time(NULL) - since >= RAN_LONG)
		delay = BACKOFF_FIRST;
	if (!back_off(store, id, generation, &container, delay))
		return -1;
	struct error why _cleanup_(error_clear) = { 0 };
	if (start_again(store, id, generation, &container, &why) < 0) {
		if (why.code == ERROR_NONE)
			return -1;
		log_failure(&why); /* to supervisor.log; the policy tries again */
	}
	return delay * 2 < BACKOFF_MAX ? delay * 2 : BACKOFF_MAX;
}

int container_supervise(struct store *store, const char *id, int64_t generation, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	_cleanup_(fd_close) int lock = -1;
	int busy = 1;

	if (container_load(store, id, &container, err) < 0)
		return -1;
	/* One of an earlier generation is about to go; our own, if there is one, stays. */
	for (int tries = 0; busy == 1 && tries < 20; tries++) {
		busy = take_lock(&container, &lock, err);
		if (busy == 1)
			poll(NULL, 0, POLL_STEP / 2);
	}
	if (busy)
		return busy < 0 ? -1 : 0;
	for (int delay = BACKOFF_FIRST; delay > 0;)
		delay = supervise_once(store, id, generation, delay);
	return 0;
}

int container_ended(const char *root, const char *id, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct container container _cleanup_(container_clear) = { 0 };
	_cleanup_(fd_close) int host = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (store_open(root, &store, err) < 0 || container_load(store, id, &container, err) < 0)
		return -1;
	/* who starts it has written it all when the record has its process */
	for (int waited = 0; !host_config_number(container.record, "Pid") && waited < START_WAIT; waited += POLL_STEP / 10) {
		poll(NULL, 0, POLL_STEP / 10);
		container_clear(&container);
		if (container_load(store, id, &container, err) < 0)
			return -1;
	}
	container_event_die(store, &container);
	if (json_object_size(json_object_get(container.record, "Networks"))) {
		network_unlink(&container);
		networks_refresh(store);
	}
	if (!supervisor_wanted(&container))
		return 0;
	/* conmon lives among the container's mounts; a supervisor must not. A rootless user can't leave them: see the head of the file. */
	if (host < 0 || setns(host, CLONE_NEWNS) < 0)
		return 0;
	return supervisor_alive(&container) ? 0 : supervisor_start(store, &container, err);
}

/* A container that should run after a reboot, or has lost its supervisor. */
static int revive_one(struct store *store, const char *id, bool boot, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;
	int64_t most;

	if (container_load(store, id, &container, err) < 0)
		return -1;
	enum restart policy = host_config_restart(json_object_get(container.record, "HostConfig"), &most);
	container_status(&container, &status);
	bool stopped = host_config_is(container.record, "Stopped");
	if (status.state == CONTAINER_RUNNING)
		return supervisor_alive(&container) ? 0 : supervisor_start(store, &container, err);
	if (status.state != CONTAINER_EXITED)
		return 0;
	if ((policy == RESTART_ALWAYS && (boot || !stopped)) || (policy == RESTART_UNLESS_STOPPED && !stopped))
		return container_start(store, id, err) < 0 ? -1 : 1;
	return 0;
}

int containers_revive(struct store *store, void (*started)(const char *id), struct error *err)
{
	struct strlist ids _cleanup_(strlist_free) = { 0 };
	struct error last _cleanup_(error_clear) = { 0 };

	if (store_record_keys(store, "container", &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.len; i++) {
		struct error why = { 0 };
		int result = revive_one(store, ids.items[i], true, &why);
		if (result > 0)
			started(ids.items[i]);
		if (result < 0)
			log_failure_collect(&last, &why);
	}
	if (last.code == ERROR_NONE)
		return 0;
	error_move(err, &last);
	return -1;
}
