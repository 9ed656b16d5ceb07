/* Stop, kill, remove: see run.h.
 *
 * All of it works from outside of the container's namespaces: the owner of a user namespace may signal whoever is in it. Rootless, only the
 * removal of files that belong to other ids needs a namespace like the one that made them, so a child enters one for that. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/userns.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/container.h"

enum { KILL_TIMEOUT = 10000, MONITOR_TIMEOUT = 5000 }; /* milliseconds */

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

int container_kill(struct store *store, const char *name, int signal_number, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;

	if (container_open(store, name, &container, err) < 0)
		return -1;
	container_status(&container, &status);
	if (status.state != CONTAINER_RUNNING)
		return not_running(name, err);
	if (kill(status.pid, signal_number) < 0 && errno != ESRCH)
		return error_errno(err, errno, "cannot signal container %s", name);
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

int container_stop(struct store *store, const char *name, int timeout, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;
	int number = SIGTERM;

	if (container_open(store, name, &container, err) < 0)
		return -1;
	container_status(&container, &status);
	if (status.state == CONTAINER_RUNNING) {
		signal_parse(container_text(&container, "StopSignal"), &number, NULL);
		if (kill(status.pid, number) < 0 && errno != ESRCH)
			return error_errno(err, errno, "cannot stop container %s", name);
		if (!wait_end(&container, status.pid, timeout * 1000)) {
			kill(status.pid, SIGKILL);
			if (!wait_end(&container, status.pid, KILL_TIMEOUT))
				return error_set(err, ERROR_BUSY, "container %s does not end", name);
		}
	}
	network_stop(&container);
	cgroup_remove(container.id);
	if (json_is_true(json_object_get(json_object_get(container.record, "HostConfig"), "AutoRemove")))
		return container_remove(store, container.id, true, err);
	return 0;
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

static int remove_folder(struct store *store, const char *path, struct error *err)
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
		if (!strchr(names.items[i], '/') && remove_folder(store, path, NULL) < 0)
			log_warn("the volume %s could not be removed", names.items[i]);
	}
}

static int end_running(const struct container *container, const char *name, bool force, struct error *err)
{
	struct container_status status;

	container_status(container, &status);
	if (status.state == CONTAINER_RUNNING && !force) {
		error_set(err, ERROR_BUSY, "container %s is running", name);
		return error_hint(err, "'sampan stop %s' first, or 'sampan rm -f %s'", name, name);
	}
	/* One that was being started has a pid file before it has a record of it. */
	int pid = status.pid ? status.pid : status.state == CONTAINER_CREATED ? bundle_number(container, "pid") : 0;
	if (pid > 0) {
		kill(pid, SIGKILL);
		if (!wait_end(container, pid, KILL_TIMEOUT))
			return error_set(err, ERROR_BUSY, "container %s does not end", name);
	}
	return 0;
}

int container_remove(struct store *store, const char *name, bool force, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };

	if (container_open(store, name, &container, err) < 0 || end_running(&container, name, force, err) < 0)
		return -1;
	network_stop(&container);
	cgroup_remove(container.id);
	_cleanup_(freep) char *path = xprintf("containers/%s", container.id), *owner = NULL;
	if (remove_folder(store, path, err) < 0)
		return error_wrap(err, "cannot remove container %s", name);
	remove_volumes(store, &container);
	/* The name goes first, if it is still ours: without a record it would be free anyway. */
	if (store_record_get(store, "container-name", container_text(&container, "Name"), &owner, NULL) == 0 && str_equal(owner, container.id))
		store_record_delete(store, "container-name", container_text(&container, "Name"), NULL);
	if (store_record_pin(store, "container", container.id, NULL, err) < 0)
		return -1;
	return store_record_delete(store, "container", container.id, err);
}

void containers_sweep(struct store *store)
{
	struct strlist ids _cleanup_(strlist_free) = { 0 };

	if (store_record_keys(store, "container", &ids, NULL) < 0)
		return;
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
