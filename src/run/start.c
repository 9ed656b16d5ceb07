/* From a record to a running container: `run`, `start`, `restart` and the supervisor come here.
 *
 * A child process enters the namespaces (sandbox.h); detached, it leaves conmon, which outlives us, in them and goes away; in the foreground
 * it waits for the runtime, which has our terminal. What an earlier run left in the bundle is cleared first, so that its files always speak
 * of this run. Starts and stops of one container exclude each other by a lock of the bundle (container_lock). */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/process.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/container.h"
#include "run/event.h"
#include "run/host_config.h"
#include "run/monitor.h"
#include "run/network.h"
#include "run/networks.h"
#include "run/sandbox.h"
#include "run/spec.h"
#include "run/supervise.h"

enum { STOP_TIMEOUT = 10 };

/* What the record says, in the shapes that the room works with. */
struct launch {
	struct store *store;
	struct container *container;
	const json_t *host;
	struct emulator emulator;
	struct strlist argv, env, layers;
	struct port_spec *ports;
	size_t ports_len;
	struct mount_spec *mounts; /* owned, with their texts */
	size_t mounts_len;
	struct network_plan network;
	char *init; /* or NULL; owned */
	bool terminal, interactive, devices_held;
};

static void launch_clear(struct launch *launch)
{
	emulator_clear(&launch->emulator);
	strlist_free(&launch->argv);
	strlist_free(&launch->env);
	strlist_free(&launch->layers);
	for (size_t i = 0; i < launch->mounts_len; i++) {
		free(launch->mounts[i].source);
		free(launch->mounts[i].target);
	}
	free(launch->mounts);
	free(launch->ports);
	free(launch->init);
	network_plan_clear(&launch->network);
}

static void read_mounts(struct launch *launch)
{
	const json_t *mount;
	size_t i;

	json_array_foreach(json_object_get(launch->container->record, "Mounts"), i, mount) {
		const char *source = json_string_at(mount, "Source");
		xgrow(launch->mounts, launch->mounts_len);
		launch->mounts[launch->mounts_len++] = (struct mount_spec){ *source ? xstrdup(source) : NULL,
									    xstrdup(json_string_at(mount, "Destination")),
									    !host_config_is(mount, "RW") };
	}
}

static void read_ports(struct launch *launch)
{
	const json_t *port;
	size_t i;

	json_array_foreach(json_object_get(launch->container->record, "Ports"), i, port) {
		xgrow(launch->ports, launch->ports_len);
		struct port_spec *to = &launch->ports[launch->ports_len++];
		*to = (struct port_spec){ .host_port = (int)host_config_number(port, "HostPort"),
					  .container_port = (int)host_config_number(port, "ContainerPort"), .udp = host_config_is(port, "Udp") };
		snprintf(to->host_ip, sizeof to->host_ip, "%s", json_string_at(port, "HostIp"));
	}
}

/* --init: a small program of this machine that reaps what the container's own leaves behind. */
static int find_init(struct launch *launch, struct error *err)
{
	static const char *const names[] = { "catatonit", "tini-static" };

	for (size_t i = 0; i < array_len(names) && !launch->init; i++)
		launch->init = process_find(names[i]);
	if (!launch->init) {
		error_set(err, ERROR_NOT_FOUND, "--init needs catatonit or tini");
		return error_hint(err, "apt-get install catatonit");
	}
	strlist_add(&launch->argv, SPEC_INIT);
	strlist_add(&launch->argv, "--");
	return 0;
}

static int launch_read(struct launch *launch, struct error *err)
{
	const json_t *record = launch->container->record;
	struct platform platform;

	if (host_config_is(launch->host, "Init") && find_init(launch, err) < 0)
		return -1;
	if (json_get_strlist(record, "Args", &launch->argv, err) < 0 || json_get_strlist(record, "Env", &launch->env, err) < 0 ||
	    json_get_strlist(record, "Layers", &launch->layers, err) < 0)
		return -1;
	if (platform_parse(container_text(launch->container, "Platform"), &platform, err) < 0 ||
	    network_plan_read(launch->store, launch->container, &launch->network, err) < 0)
		return -1;
	emulator_find(&platform, &launch->emulator);
	read_mounts(launch);
	read_ports(launch);
	launch->terminal = host_config_is(record, "Tty");
	launch->interactive = host_config_is(record, "OpenStdin");
	return 0;
}

/* Docker's rule for a volume that is new and empty: it starts with what the image has at its place. */
static int fill_volume(int tree, const struct mount_spec *mount, struct error *err)
{
	_cleanup_(fd_close) int from = path_open_in_root(tree, mount->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, NULL);
	_cleanup_(freep) char *to = xprintf("%s/.", mount->source);
	const char *const argv[] = { "cp", "-a", "--", "/proc/self/fd/3/.", to, NULL };
	struct process_options options = { .argv = argv, .in = PROCESS_NULL, .keep = 1, .kept = &from };

	/* rmdir refuses a folder that is not empty, and the folder is ours */
	if (from < 0 || rmdir(mount->source) < 0)
		return 0;
	if (mkdir(mount->source, 0755) < 0)
		return error_errno(err, errno, "cannot make %s", mount->source);
	int code = process_run(&options, err);
	return code > 0 ? error_set(err, ERROR_IO, "cannot copy the image's %s into its volume", mount->target) : code;
}

static int fill_volumes(void *data, int tree, struct error *err)
{
	const struct launch *launch = data;
	_cleanup_(freep) char *volumes = path_join(store_path(launch->store), "volumes/");

	for (size_t i = 0; i < launch->mounts_len; i++) {
		const struct mount_spec *mount = &launch->mounts[i];
		if (mount->source && str_starts(mount->source, volumes) && fill_volume(tree, mount, err) < 0)
			return -1;
	}
	return 0;
}

static int start_network(const struct launch *launch, struct error *err)
{
	const char *bundle = launch->container->bundle;
	_cleanup_(freep) char *netns = path_join(bundle, "netns");

	if (launch->network.mode == NETWORK_DEFAULT && network_start(bundle, launch->ports, launch->ports_len, err) < 0)
		return -1;
	if (launch->network.mode == NETWORK_INTERNAL && network_start_empty(bundle, err) < 0)
		return -1;
	return network_plan_link(launch->container, &launch->network, netns, err);
}

/* In the child: everything up to the runtime. */
static int enter(struct launch *launch, struct error *err)
{
	const struct container *container = launch->container;
	struct cgroup_files cgroup;
	struct sandbox sandbox = {
		.store = launch->store, .layers = &launch->layers, .dir = container->dir, .emulator = &launch->emulator,
		.argv = &launch->argv, .env = &launch->env, .cwd = container_text(container, "WorkingDir"),
		.user = container_text(container, "User"), .hostname = container_text(container, "Hostname"), .network = launch->network.mode,
		.hosts = launch->network.hosts,
		.mounts = launch->mounts, .mounts_len = launch->mounts_len, .terminal = launch->terminal,
		.read_only = host_config_is(launch->host, "ReadonlyRootfs"), .id = container->id, .host = launch->host, .init = launch->init,
		.devices_held = launch->devices_held, .filter = true, .mounted = fill_volumes, .data = launch,
	};

	cgroup_open(container->id, &cgroup);
	if (sandbox_enter(&sandbox, NULL, err) < 0)
		return -1;
	if (start_network(launch, err) < 0)
		return -1;
	/* Behind pasta, which doesn't count against the container's limits, and opens a device. */
	return cgroup_enter(&cgroup, launch->devices_held, err);
}

static int work_detached(void *data, struct error *err)
{
	struct launch *launch = data;

	setsid();
	if (enter(launch, err) < 0)
		return -1;
	return monitor_start(launch->container, launch->terminal, launch->interactive, err);
}

static int work_foreground(void *data, struct error *err)
{
	struct launch *launch = data;

	if (enter(launch, err) < 0)
		return -1;
	return monitor_foreground(launch->container, launch->interactive || launch->terminal, err);
}

/* What the runtime wrote when it had started the container, for the record. */
static int note_start(struct launch *launch, int pid, struct error *err)
{
	json_t *record = launch->container->record;
	char now[32], boot[BOOT_ID_SIZE];

	json_object_set_new(record, "Pid", json_integer(pid));
	json_object_set_new(record, "PidStart", json_integer((json_int_t)process_start_time(pid)));
	json_object_set_new(record, "Boot", json_string(boot_id(boot)));
	json_object_set_new(record, "Started", json_string(time_print(time(NULL), now)));
	return container_save(launch->store, launch->container, err);
}

/* On ^C: the image's stop signal at first, ten seconds later SIGKILL. A container that isn't there yet is waited for. */
static void ask_to_stop(const struct launch *launch, const struct child *child, int pid, time_t *asked)
{
	int number = SIGTERM;

	if (pid && !*asked) {
		signal_parse(container_text(launch->container, "StopSignal"), &number, NULL);
		kill(pid, number);
	}
	if (!*asked)
		*asked = time(NULL);
	else if (time(NULL) - *asked >= STOP_TIMEOUT)
		kill(pid ? pid : child->pid, SIGKILL);
}

static int wait_foreground(struct launch *launch, struct child *child, struct error *err)
{
	bool noted = false;
	time_t asked = 0;

	for (;;) {
		struct pollfd waiting = { child->report, POLLIN, 0 };
		if (poll(&waiting, 1, noted ? 500 : 20) > 0)
			return child_wait(child, err);
		int pid = bundle_number(launch->container, "pid");
		if (pid && !noted && (noted = note_start(launch, pid, NULL) == 0)) {
			container_event(launch->store, launch->container, "start", NULL, NULL);
			if (launch->network.ends_len)
				networks_refresh(launch->store);
		}
		if (interrupt_pending())
			ask_to_stop(launch, child, pid, &asked);
	}
}

static int run_foreground(struct launch *launch, struct error *err)
{
	struct container *container = launch->container;
	struct child child;

	if (child_start(work_foreground, launch, &child, err) < 0)
		return -1;
	int result = wait_foreground(launch, &child, err);
	if (result >= 0 && !host_config_number(container->record, "Pid") && note_start(launch, bundle_number(container, "pid"), NULL) == 0)
		container_event(launch->store, container, "start", NULL, NULL);
	network_stop(container);
	if (result >= 0) {
		_cleanup_(freep) char *path = xprintf("exits/%s", container->id), *code = xprintf("%d", result);
		_cleanup_(fd_close) int dir = open(container->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || dir_make(dir, "exits", 0755, err) < 0 || file_replace(dir, path, code, strlen(code), 0644, err) < 0)
			log_warn("the exit code of %s could not be kept", container->id);
		container_event_die(launch->store, container);
		if (launch->network.ends_len)
			networks_refresh(launch->store);
	}
	if (result >= 0 && host_config_is(launch->host, "AutoRemove"))
		container_remove(launch->store, container->id, true, NULL);
	return result;
}

/* Nothing in the bundle speaks of an earlier run any more, but the log. */
static int forget_run(struct launch *launch, struct error *err)
{
	struct container *container = launch->container;
	_cleanup_(freep) char *netns = path_join(container->bundle, "netns"), *exit_file = xprintf("exits/%s", container->id);
	static const char *const files[] = { "pid", "monitor.pid", "pasta.pid", "runtime.log", "runtime.err", "netns", "attach", "ctl", "winsz" };
	_cleanup_(fd_close) int bundle = open(container->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	network_stop(container);
	cgroup_remove(container->id);
	if (bundle < 0) {
		if (errno == ENOENT)
			return 0;
		return error_errno(err, errno, "cannot open %s", container->bundle);
	}
	json_object_del(container->record, "Pid");
	json_object_del(container->record, "PidStart");
	json_object_del(container->record, "Paused");
	if (container_save(launch->store, container, err) < 0)
		return -1;
	umount2(netns, MNT_DETACH);
	for (size_t i = 0; i < array_len(files); i++)
		unlinkat(bundle, files[i], 0);
	unlinkat(bundle, exit_file, 0);
	return dir_remove(bundle, "state", err);
}

/* With the container's lock held. */
static int launch_prepare(struct launch *launch, struct error *err)
{
	struct container_status status;
	struct limits limits;

	container_status(launch->container, &status);
	if (status.state == CONTAINER_RUNNING || status.state == CONTAINER_PAUSED)
		return error_set(err, ERROR_BUSY, "container %s is running already", container_text(launch->container, "Name"));
	launch->host = json_object_get(launch->container->record, "HostConfig");
	if (launch_read(launch, err) < 0 || forget_run(launch, err) < 0)
		return -1;
	host_config_limits(launch->host, &limits);
	cgroup_make(launch->container->id, &limits);
	launch->devices_held = !host_config_is(launch->host, "Privileged") && cgroup_hold_devices(launch->container->id, launch->host);
	json_object_set_new(launch->container->record, "DevicesHeld", json_boolean(launch->devices_held));
	return 0;
}

int container_launch(struct store *store, struct container *container, struct error *err)
{
	struct launch launch _cleanup_(launch_clear) = { .store = store, .container = container };

	if (launch_prepare(&launch, err) < 0)
		return -1;
	int pid = child_run(work_detached, &launch, err);
	if (pid < 0) {
		network_stop(container);
		cgroup_remove(container->id);
		return -1;
	}
	cgroup_release(container->id, bundle_number(container, "monitor.pid"));
	/* before the record says so: one that ends at once is told of by its monitor, which waits for that */
	container_event(store, container, "start", NULL, NULL);
	if (note_start(&launch, pid, err) < 0)
		return -1;
	if (launch.network.ends_len)
		networks_refresh(store);
	return 0;
}

/* Opened anew under its lock: another process may have changed the record while we waited. */
static int open_locked(struct store *store, const char *name, struct container *ret, int *ret_lock, struct error *err)
{
	_cleanup_(freep) char *id = NULL;

	if (container_open(store, name, ret, err) < 0 || container_lock(ret, ret_lock, err) < 0)
		return -1;
	id = xstrdup(ret->id);
	container_clear(ret);
	return container_load(store, id, ret, err);
}

int container_start(struct store *store, const char *name, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;
	_cleanup_(fd_close) int lock = -1;

	if (open_locked(store, name, &container, &lock, err) < 0)
		return -1;
	container_status(&container, &status);
	if (status.state == CONTAINER_RUNNING)
		return 0;
	/* The run that a supervisor has in mind is not this one. */
	json_object_set_new(container.record, "Generation", json_integer(host_config_number(container.record, "Generation") + 1));
	json_object_del(container.record, "Stopped");
	json_object_del(container.record, "RestartCount");
	json_object_del(container.record, "Health");
	if (container_launch(store, &container, err) < 0)
		return -1;
	return supervisor_start(store, &container, err);
}

int container_start_foreground(struct store *store, const char *name, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct launch launch _cleanup_(launch_clear) = { .store = store, .container = &container };
	_cleanup_(fd_close) int lock = -1;

	if (open_locked(store, name, &container, &lock, err) < 0)
		return -1;
	json_object_del(container.record, "Stopped");
	if (launch_prepare(&launch, err) < 0)
		return -1;
	/* it is held for a start, not for a run */
	fd_close(&lock);
	lock = -1;
	return run_foreground(&launch, err);
}
