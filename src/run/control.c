/* Stop, kill, remove: see run.h.
 *
 * All of it works from outside of the container's namespaces: the owner of a user namespace may signal whoever is in it. Rootless, only the
 * removal of files that belong to other ids needs a namespace like the one that made them, so a child enters one for that. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/userns.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/container.h"
#include "run/event.h"
#include "run/freeze.h"
#include "run/host_config.h"
#include "run/networks.h"
#include "run/processes.h"
#include "run/supervise.h"

enum { ORPHAN_AGE = 3600, STOP_TIMEOUT = 10, /* seconds */ KILL_TIMEOUT = 10000, MONITOR_TIMEOUT = 5000 }; /* milliseconds */

int signal_parse(const char *text, int *ret, struct error *err)
{
	int64_t number;
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;

	if (str_to_int(text, 1, SIGRTMAX, &number, NULL) == 0) {
		*ret = (int)number;
		return 0;
	}
	for (int i = 1; i < NSIG; i++) {
		const char *known = sigabbrev_np(i);
		if (known && strcasecmp(known, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return error_set(err, ERROR_USAGE, "'%s' is no signal", text);
}

static int not_running(const char *name, struct error *err)
{
	return error_set(err, ERROR_INVALID, "container %s is not running", name);
}

static int note_stopped(struct store *store, const char *id, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	_cleanup_(fd_close) int lock = -1;

	if (container_load(store, id, &container, err) < 0 || container_lock(&container, &lock, err) < 0)
		return -1;
	container_clear(&container);
	if (container_load(store, id, &container, err) < 0)
		return -1;
	if (host_config_is(container.record, "Stopped"))
		return 0;
	json_object_set_new(container.record, "Stopped", json_true());
	return container_save(store, &container, err);
}

int container_kill(struct store *store, const char *name, int signal_number, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;
	int end = SIGTERM;

	if (container_open(store, name, &container, err) < 0)
		return -1;
	container_status(&container, &status);
	if (!container_is_up(&status))
		return not_running(name, err);
	/* What is meant to end it is meant: the restart policy doesn't bring it back. */
	signal_parse(container_text(&container, "StopSignal"), &end, NULL);
	if ((signal_number == SIGKILL || signal_number == end) && note_stopped(store, container.id, err) < 0)
		return -1;
	if (kill(status.pid, signal_number) < 0 && errno != ESRCH)
		return error_errno(err, errno, "cannot signal container %s", name);
	_cleanup_(freep) char *number = xprintf("%d", signal_number);
	container_event(store, &container, "kill", "signal", number);
	/* what stands still in a freezer can't even die */
	if (signal_number == SIGKILL && status.state == CONTAINER_PAUSED)
		freeze_container(&container, status.pid, false, NULL);
	return 0;
}

/* Waits until its process is gone and its monitor has written the exit code. */
static bool wait_end(const struct container *container, int pid, int timeout)
{
	int monitor = bundle_number(container, "monitor.pid");

	if (!process_wait_gone(pid, timeout))
		return false;
	if (monitor)
		process_wait_gone(monitor, MONITOR_TIMEOUT);
	return true;
}

static int end_process(const struct container *container, const struct container_status *status, int timeout, struct error *err)
{
	const char *name = container_text(container, "Name");
	int number = SIGTERM;

	signal_parse(container_text(container, "StopSignal"), &number, NULL);
	if (kill(status->pid, number) < 0 && errno != ESRCH)
		return error_errno(err, errno, "cannot stop container %s", name);
	if (status->state == CONTAINER_PAUSED)
		freeze_container(container, status->pid, false, NULL);
	if (wait_end(container, status->pid, timeout * 1000))
		return 0;
	kill(status->pid, SIGKILL);
	return wait_end(container, status->pid, KILL_TIMEOUT) ? 0 : error_set(err, ERROR_BUSY, "container %s does not end", name);
}

/* Under the lock, so that no supervisor starts it in between; read anew, since somebody may have. */
static int stop_locked(struct store *store, const char *name, int timeout, struct container *container, struct error *err)
{
	struct container_status status;
	_cleanup_(fd_close) int lock = -1;

	if (container_open(store, name, container, err) < 0 || note_stopped(store, container->id, err) < 0 || container_lock(container, &lock, err) < 0)
		return -1;
	_cleanup_(freep) char *id = xstrdup(container->id);
	container_clear(container);
	if (container_load(store, id, container, err) < 0)
		return -1;
	if (timeout < 0)
		timeout = json_object_get(container->record, "StopTimeout") ? (int)host_config_number(container->record, "StopTimeout") : STOP_TIMEOUT;
	container_status(container, &status);
	if (container_is_up(&status)) {
		if (end_process(container, &status, timeout, err) < 0)
			return -1;
		container_event(store, container, "stop", NULL, NULL);
	}
	network_stop(container);
	cgroup_remove(container->id);
	if (json_object_size(json_object_get(container->record, "Networks")))
		networks_refresh(store);
	if (!host_config_is(container->record, "Paused"))
		return 0;
	json_object_del(container->record, "Paused");
	return container_save(store, container, err);
}

int container_stop(struct store *store, const char *name, int timeout, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };

	if (stop_locked(store, name, timeout, &container, err) < 0)
		return -1;
	if (host_config_is(json_object_get(container.record, "HostConfig"), "AutoRemove"))
		return container_remove(store, container.id, true, err);
	return 0;
}

int container_restart(struct store *store, const char *name, int timeout, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };

	if (stop_locked(store, name, timeout, &container, err) < 0 || container_start(store, container.id, err) < 0)
		return -1;
	container_event(store, &container, "restart", NULL, NULL);
	return 0;
}

int container_wait(struct store *store, const char *name, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;

	if (container_open(store, name, &container, err) < 0)
		return -1;
	container_status(&container, &status);
	while (container_is_up(&status) && !wait_end(&container, status.pid, 1000))
		if (interrupt_check(err) < 0)
			return -1;
	/* its process may be gone before conmon has written all that it printed */
	process_wait_gone(bundle_number(&container, "monitor.pid"), MONITOR_TIMEOUT);
	container_status(&container, &status);
	if (status.state == CONTAINER_CREATED)
		return error_set(err, ERROR_INVALID, "container %s was never started", name);
	if (status.exit_code < 0)
		return error_set(err, ERROR_FAILED, "nobody saw how container %s ended", name);
	return status.exit_code;
}

int container_pause(struct store *store, const char *name, bool pause, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;
	_cleanup_(fd_close) int lock = -1;

	if (container_open(store, name, &container, err) < 0 || container_lock(&container, &lock, err) < 0)
		return -1;
	container_status(&container, &status);
	if (status.state == (pause ? CONTAINER_PAUSED : CONTAINER_RUNNING))
		return error_set(err, ERROR_INVALID, pause ? "container %s is paused already" : "container %s is not paused", name);
	if (!container_is_up(&status))
		return not_running(name, err);
	if (freeze_container(&container, status.pid, pause, err) < 0)
		return -1;
	json_object_set_new(container.record, "Paused", json_boolean(pause));
	if (container_save(store, &container, err) < 0)
		return -1;
	container_event(store, &container, pause ? "pause" : "unpause", NULL, NULL);
	return 0;
}

int container_rename(struct store *store, const char *name, const char *to, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	_cleanup_(fd_close) int lock = -1;

	if (container_open(store, name, &container, err) < 0 || container_lock(&container, &lock, err) < 0)
		return -1;
	_cleanup_(freep) char *old = xstrdup(container_text(&container, "Name"));
	if (container_take_name(store, &container, to, err) < 0)
		return -1;
	json_object_set_new(container.record, "Name", json_string(to));
	if (container_save(store, &container, err) < 0)
		return -1;
	container_event(store, &container, "rename", "oldName", old);
	if (json_object_size(json_object_get(container.record, "Networks")))
		networks_refresh(store);
	return store_record_delete(store, "container-name", old, err);
}

int container_update(struct store *store, const char *name, json_t *host, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;
	struct limits limits;
	_cleanup_(fd_close) int lock = -1;

	if (container_open(store, name, &container, err) < 0 || container_lock(&container, &lock, err) < 0)
		return -1;
	json_t *all = json_object_get(container.record, "HostConfig");
	json_object_update(all, host);
	if (host_config_check(all, err) < 0 || container_save(store, &container, err) < 0)
		return -1;
	container_event(store, &container, "update", NULL, NULL);
	container_status(&container, &status);
	if (!container_is_up(&status))
		return 0;
	/* What runs is in the groups of the limits that it was started with; those are written anew. */
	host_config_limits(host, &limits);
	cgroup_make(container.id, &limits);
	return supervisor_alive(&container) ? 0 : supervisor_start(store, &container, err);
}

/* Is this process, whatever it says its name is, the pasta of this container? Its namespace's path is in its arguments. */
static bool is_pasta(const struct container *container, int pid)
{
	_cleanup_(freep) char *path = xprintf("/proc/%d/cmdline", pid), *netns = path_join(container->bundle, "netns");
	struct buf text _cleanup_(buf_free) = { 0 };

	return file_read(AT_FDCWD, path, 65536, &text, NULL) == 0 && text.len && memmem(text.data, text.len, netns, strlen(netns));
}

void network_stop(const struct container *container)
{
	int pid = bundle_number(container, "pasta.pid");

	if (pid > 0 && is_pasta(container, pid))
		kill(pid, SIGTERM);
	network_unlink(container);
}

struct removal {
	int dir;
	const char *path;
};

static int remove_as_owner(void *data, struct error *err)
{
	const struct removal *removal = data;

	if (userns_enter_rootless(err) < 0)
		return -1;
	return dir_remove(removal->dir, removal->path, err);
}

int container_folder_remove(struct store *store, const char *path, struct error *err)
{
	struct removal removal = { store_dir(store), path };

	return geteuid() == 0 ? dir_remove(removal.dir, path, err) : child_run(remove_as_owner, &removal, err);
}

static void remove_volumes(struct store *store, const struct container *container)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	json_get_strlist(container->record, "Volumes", &names, NULL);
	for (size_t i = 0; i < names.len; i++) {
		_cleanup_(freep) char *path = xprintf("volumes/%s", names.items[i]);
		if (!strchr(names.items[i], '/') && container_folder_remove(store, path, NULL) < 0)
			log_warn("the volume %s could not be removed", names.items[i]);
	}
}

static int end_running(const struct container *container, const char *name, bool force, struct error *err)
{
	struct container_status status;

	container_status(container, &status);
	if ((container_is_up(&status) || status.state == CONTAINER_RESTARTING) && !force) {
		error_set(err, ERROR_BUSY, "container %s is running", name);
		return error_hint(err, "'sampan stop %s' first, or 'sampan rm -f %s'", name, name);
	}
	if (status.state == CONTAINER_CREATED && access(container->bundle, F_OK) == 0)
		processes_end_start(container->bundle);
	/* One that was being started has a pid file before it has a record of it. */
	int pid = status.pid ? status.pid : status.state == CONTAINER_CREATED ? bundle_number(container, "pid") : 0;
	if (pid > 0) {
		kill(pid, SIGKILL);
		if (status.state == CONTAINER_PAUSED)
			freeze_container(container, pid, false, NULL);
		if (!wait_end(container, pid, KILL_TIMEOUT))
			return error_set(err, ERROR_BUSY, "container %s does not end", name);
	}
	return 0;
}

int container_remove(struct store *store, const char *name, bool force, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };

	if (container_open(store, name, &container, err) < 0)
		return -1;
	/* a supervisor mustn't start it between its end and its removal */
	if (force && note_stopped(store, container.id, NULL) < 0)
		log_debug("container %s is in pieces", container.id);
	if (end_running(&container, name, force, err) < 0)
		return -1;
	network_stop(&container);
	cgroup_remove(container.id);
	_cleanup_(freep) char *path = xprintf("containers/%s", container.id), *owner = NULL;
	if (container_folder_remove(store, path, err) < 0)
		return error_wrap(err, "cannot remove container %s", name);
	remove_volumes(store, &container);
	/* The name goes first, if it is still ours: without a record it would be free anyway. */
	if (store_record_get(store, "container-name", container_text(&container, "Name"), &owner, NULL) == 0 && str_equal(owner, container.id))
		store_record_delete(store, "container-name", container_text(&container, "Name"), NULL);
	if (store_record_pin(store, "container", container.id, NULL, err) < 0)
		return -1;
	if (store_record_delete(store, "container", container.id, err) < 0)
		return -1;
	container_event(store, &container, "destroy", NULL, NULL);
	return 0;
}

/* A create that was killed before its record was written leaves an empty folder. */
static void sweep_folders(struct store *store, const struct strlist *ids)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	struct stat info;

	if (dir_names(store_dir(store), "containers", &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.len; i++) {
		_cleanup_(freep) char *path = xprintf("containers/%s", names.items[i]);
		if (!strlist_has(ids, names.items[i]) && fstatat(store_dir(store), path, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
		    time(NULL) - info.st_mtim.tv_sec > ORPHAN_AGE)
			unlinkat(store_dir(store), path, AT_REMOVEDIR);
	}
}

void containers_sweep(struct store *store)
{
	struct strlist ids _cleanup_(strlist_free) = { 0 };

	if (store_record_keys(store, "container", &ids, NULL) < 0)
		return;
	sweep_folders(store, &ids);
	for (size_t i = 0; i < ids.len; i++) {
		struct container container _cleanup_(container_clear) = { 0 };
		struct container_status status;
		if (container_load(store, ids.items[i], &container, NULL) < 0 ||
		    !json_is_true(json_object_get(json_object_get(container.record, "HostConfig"), "AutoRemove")))
			continue;
		container_status(&container, &status);
		if (status.state == CONTAINER_EXITED)
			container_remove(store, ids.items[i], true, NULL);
	}
}
