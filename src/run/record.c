/* Records of containers, and what is true of them: see container.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/container.h"
#include "run/health.h"
#include "run/host_config.h"
#include "run/networks.h"
#include "run/sandbox.h"
#include "run/supervise.h"

void container_clear(struct container *container)
{
	free(container->id);
	free(container->dir);
	free(container->bundle);
	json_decref(container->record);
	*container = (struct container){ 0 };
}

const char *container_text(const struct container *container, const char *key)
{
	const char *text = json_string_value(json_object_get(container->record, key));

	return text ? text : "";
}

int container_load(struct store *store, const char *id, struct container *ret, struct error *err)
{
	_cleanup_(freep) char *text = NULL, *relative = xprintf("containers/%s", id);
	struct container found = { 0 };

	if (store_record_get(store, "container", id, &text, err) < 0)
		return -1;
	if (!text)
		return error_set(err, ERROR_NOT_FOUND, "no such container: %s", id);
	if (!(found.record = json_parse(text, strlen(text), "container", err)))
		return -1;
	found.id = xstrdup(id);
	found.dir = path_join(store_path(store), relative);
	found.bundle = sandbox_bundle(found.dir);
	*ret = found;
	return 0;
}

int container_save(struct store *store, const struct container *container, struct error *err)
{
	_cleanup_(freep) char *text = json_text(container->record);

	return store_record_put(store, "container", container->id, text, err);
}

static int not_found(struct store *store, const char *name, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	store_record_keys(store, "container-name", &names, NULL);
	const char *near = names.len ? str_nearest(name, (const char *const *)names.items) : NULL;
	error_set(err, ERROR_NOT_FOUND, "no such container: %s", name);
	return near ? error_hint(err, "did you mean %s?", near) : error_hint(err, "'sampan ps -a' lists them");
}

int container_open(struct store *store, const char *name, struct container *ret, struct error *err)
{
	_cleanup_(freep) char *id = NULL;
	struct strlist ids _cleanup_(strlist_free) = { 0 };

	if (str_empty(name))
		return error_set(err, ERROR_USAGE, "the name of a container is empty");
	if (store_record_get(store, "container-name", name, &id, err) < 0)
		return -1;
	if (id && container_load(store, id, ret, NULL) == 0)
		return 0;
	if (store_record_keys(store, "container", &ids, err) < 0)
		return -1;
	const char *only = NULL;
	for (size_t i = 0; i < ids.len; i++) {
		if (!str_starts(ids.items[i], name))
			continue;
		if (only)
			return error_set(err, ERROR_INVALID, "%s is the start of more than one container's id", name);
		only = ids.items[i];
	}
	return only ? container_load(store, only, ret, err) : not_found(store, name, err);
}

int pid_file_read(const char *folder, const char *name)
{
	_cleanup_(freep) char *path = path_join(folder, name);
	struct buf text _cleanup_(buf_free) = { 0 };

	return file_read(AT_FDCWD, path, 64, &text, NULL) == 0 && text.data ? atoi(text.data) : 0;
}

int bundle_number(const struct container *container, const char *name)
{
	return pid_file_read(container->bundle, name);
}

unsigned long long process_start_time(int pid)
{
	_cleanup_(freep) char *path = xprintf("/proc/%d/stat", pid);
	struct buf text _cleanup_(buf_free) = { 0 };
	unsigned long long ticks = 0;
	char state = 'Z';

	if (pid <= 0 || file_read(AT_FDCWD, path, 4096, &text, NULL) < 0 || !text.data)
		return 0;
	/* the name in parentheses may hold anything */
	const char *at = strrchr(text.data, ')');
	if (!at || sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state, &ticks) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : ticks;
}

bool process_wait_gone(int pid, int timeout)
{
	_cleanup_(fd_close) int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	struct pollfd waiting = { fd, POLLIN, 0 };

	if (fd >= 0)
		return poll(&waiting, 1, timeout) > 0;
	if (pid <= 0 || errno == ESRCH)
		return true;
	for (int waited = 0; waited < timeout; waited += 50) { /* Linux before 5.3 */
		if (!process_start_time(pid))
			return true;
		usleep(50000);
	}
	return !process_start_time(pid);
}

const char *boot_id(char out[BOOT_ID_SIZE])
{
	struct buf text _cleanup_(buf_free) = { 0 };

	file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 256, &text, NULL);
	snprintf(out, BOOT_ID_SIZE, "%.*s", text.data ? (int)strcspn(text.data, "\n") : 0, text.data ? text.data : "");
	return out;
}

int container_lock(const struct container *container, int *ret, struct error *err)
{
	_cleanup_(freep) char *path = path_join(container->dir, "lock");
	_cleanup_(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, errno, "cannot lock container %s", container_text(container, "Name"));
	if (file_lock(fd, true, true, path, err) < 0)
		return -1;
	*ret = fd_steal(&fd);
	return 0;
}

static time_t record_time(const struct container *container, const char *key)
{
	struct timespec when;

	return time_parse(container_text(container, key), &when, NULL) == 0 ? when.tv_sec : 0;
}

void container_status(const struct container *container, struct container_status *ret)
{
	_cleanup_(freep) char *path = xprintf("%s/exits/%s", container->bundle, container->id);
	struct buf text _cleanup_(buf_free) = { 0 };
	struct container_status now = { .exit_code = -1, .started = record_time(container, "Started") };
	int64_t most;
	unsigned long long start = (unsigned long long)json_integer_value(json_object_get(container->record, "PidStart"));
	int pid = (int)json_integer_value(json_object_get(container->record, "Pid"));
	struct stat info;
	char boot[BOOT_ID_SIZE];
	bool this_boot = str_equal(container_text(container, "Boot"), boot_id(boot));

	if (stat(path, &info) == 0 && file_read(AT_FDCWD, path, 64, &text, NULL) == 0 && text.data) {
		now.state = CONTAINER_EXITED;
		now.exit_code = atoi(text.data);
		now.finished = info.st_mtim.tv_sec;
	} else if (pid && start && this_boot && process_start_time(pid) == start) {
		now.state = json_is_true(json_object_get(container->record, "Paused")) ? CONTAINER_PAUSED : CONTAINER_RUNNING;
		now.pid = pid;
	} else {
		/* It was started, and nobody saw its end: a power cut, or the monitor was killed. */
		now.state = pid ? CONTAINER_EXITED : CONTAINER_CREATED;
	}
	if (now.state == CONTAINER_EXITED && !json_is_true(json_object_get(container->record, "Stopped")) &&
	    host_config_restart(json_object_get(container->record, "HostConfig"), &most) != RESTART_NO && supervisor_alive(container))
		now.state = CONTAINER_RESTARTING;
	*ret = now;
}

const char *container_state_name(enum container_state state)
{
	static const char *const words[] = { "created", "running", "exited", "paused", "restarting" };

	return words[state];
}

bool container_is_up(const struct container_status *status)
{
	return status->state == CONTAINER_RUNNING || status->state == CONTAINER_PAUSED;
}

char *container_ports(const struct container *container)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };
	const json_t *port;
	size_t i;

	json_array_foreach(json_object_get(container->record, "Ports"), i, port) {
		const char *ip = json_string_value(json_object_get(port, "HostIp"));
		strlist_printf(&list, "%s:%d->%d/%s", str_empty(ip) ? "0.0.0.0" : ip, (int)json_integer_value(json_object_get(port, "HostPort")),
			       (int)json_integer_value(json_object_get(port, "ContainerPort")),
			       json_is_true(json_object_get(port, "Udp")) ? "udp" : "tcp");
	}
	return list.len ? strlist_join(&list, ", ") : xstrdup("");
}

static char *command_text(const struct container *container)
{
	struct strlist args _cleanup_(strlist_free) = { 0 };

	json_get_strlist(container->record, "Args", &args, NULL);
	return args.len ? strlist_join(&args, " ") : xstrdup("");
}

/* "starting", "healthy", "unhealthy"; "" without a check. */
static const char *health_text(const struct container *container, const struct container_status *status)
{
	const char *text = json_string_at(json_object_get(container->record, "Health"), "Status");

	return !health_has_check(container->record) || !container_is_up(status) ? "" : *text ? text : "starting";
}

/* "KEY=VALUE,…"; owned by the caller. */
static char *labels_text(const struct container *container)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };
	json_t *value;
	const char *key;

	json_object_foreach(json_object_get(container->record, "Labels"), key, value)
		strlist_printf(&list, "%s=%s", key, json_string_value(value));
	return list.len ? strlist_join(&list, ",") : xstrdup("");
}

/* What it was started with, and what it was connected to since: "default,db". Owned by the caller. */
static char *networks_text(const struct container *container)
{
	const char *mode = json_string_at(json_object_get(container->record, "HostConfig"), "NetworkMode"), *name;
	struct strlist list _cleanup_(strlist_free) = { 0 };
	json_t *end;

	strlist_add(&list, mode);
	json_object_foreach(json_object_get(container->record, "Networks"), name, end)
		if (!strlist_has(&list, name))
			strlist_add(&list, name);
	return strlist_join(&list, ",");
}

static void fill_row(const struct container *container, const struct container_status *status, struct container_row *row)
{
	*row = (struct container_row){
		.id = xstrdup(container->id),
		.name = xstrdup(container_text(container, "Name")),
		.image = xstrdup(container_text(container, "ImageName")),
		.command = command_text(container),
		.health = xstrdup(health_text(container, status)),
		.labels = labels_text(container),
		.networks = networks_text(container),
		.ports = container_is_up(status) ? container_ports(container) : xstrdup(""),
		.state = status->state,
		.exit_code = status->exit_code,
		.pid = status->pid,
		.created = record_time(container, "Created"),
		.started = status->started,
		.finished = status->finished,
	};
}

static int newest_first(const void *a, const void *b)
{
	const struct container_row *one = a, *other = b;

	return (one->created < other->created) - (one->created > other->created);
}

int containers_list(struct store *store, bool all, struct container_row **ret, size_t *ret_len, struct error *err)
{
	struct strlist ids _cleanup_(strlist_free) = { 0 };
	struct container_row *rows = NULL;
	bool cut = false;
	size_t len = 0;

	containers_sweep(store);
	if (store_record_keys(store, "container", &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.len; i++) {
		struct container container _cleanup_(container_clear) = { 0 };
		struct container_status status;
		struct error why = { 0 };
		if (container_load(store, ids.items[i], &container, &why) < 0) {
			bool gone = why.code == ERROR_NOT_FOUND; /* in the meantime */
			if (!gone && err)
				error_move(err, &why);
			error_clear(&why);
			if (gone)
				continue;
			container_rows_free(rows, len);
			return -1;
		}
		container_status(&container, &status);
		if (!all && !container_is_up(&status) && status.state != CONTAINER_RESTARTING)
			continue;
		cut |= container_is_up(&status) && network_is_cut(&container);
		xgrow(rows, len);
		fill_row(&container, &status, &rows[len++]);
	}
	if (len)
		qsort(rows, len, sizeof *rows, newest_first);
	if (cut)
		networks_refresh(store);
	*ret = rows;
	*ret_len = len;
	return 0;
}

void container_rows_free(struct container_row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(rows[i].id);
		free(rows[i].name);
		free(rows[i].image);
		free(rows[i].command);
		free(rows[i].ports);
		free(rows[i].health);
		free(rows[i].labels);
		free(rows[i].networks);
	}
	free(rows);
}

json_t *container_ports_list(struct store *store, const char *name, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	json_t *list = json_array();
	const json_t *port;
	size_t i;

	if (container_open(store, name, &container, err) < 0) {
		json_decref(list);
		return NULL;
	}
	json_array_foreach(json_object_get(container.record, "Ports"), i, port) {
		const char *ip = json_string_at(port, "HostIp");
		_cleanup_(freep) char *inside = xprintf("%d/%s", (int)host_config_number(port, "ContainerPort"), host_config_is(port, "Udp") ? "udp" : "tcp");
		_cleanup_(freep) char *outside = xprintf("%s:%d", *ip ? ip : "0.0.0.0", (int)host_config_number(port, "HostPort"));
		json_array_append_new(list, json_pack("{s:s, s:s}", "Port", inside, "Host", outside));
	}
	return list;
}

static json_t *ports_object(const struct container *container)
{
	json_t *all = json_object();
	const json_t *port;
	size_t i;

	json_array_foreach(json_object_get(container->record, "Ports"), i, port) {
		_cleanup_(freep) char *key = xprintf("%d/%s", (int)json_integer_value(json_object_get(port, "ContainerPort")),
						     json_is_true(json_object_get(port, "Udp")) ? "udp" : "tcp");
		_cleanup_(freep) char *number = xprintf("%d", (int)json_integer_value(json_object_get(port, "HostPort")));
		const char *ip = json_string_value(json_object_get(port, "HostIp"));
		json_t *list = json_object_get(all, key);
		if (!list)
			json_object_set_new(all, key, list = json_array());
		json_array_append_new(list, json_pack("{s:s, s:s}", "HostIp", str_empty(ip) ? "0.0.0.0" : ip, "HostPort", number));
	}
	return all;
}

static json_t *state_object(const struct container *container, const struct container_status *status)
{
	char started[32] = "0001-01-01T00:00:00Z", finished[32] = "0001-01-01T00:00:00Z"; /* docker's never */
	json_t *health = json_object_get(container->record, "Health");

	if (status->started)
		time_print(status->started, started);
	if (status->finished)
		time_print(status->finished, finished);
	json_t *state = json_pack("{s:s, s:b, s:b, s:b, s:b, s:i, s:i, s:s, s:s, s:s}", "Status", container_state_name(status->state), "Running",
				  container_is_up(status), "Paused", status->state == CONTAINER_PAUSED, "Restarting",
				  status->state == CONTAINER_RESTARTING, "Dead", 0, "Pid", status->pid, "ExitCode",
				  container_is_up(status) || status->state == CONTAINER_CREATED ? 0 : status->exit_code, "Error", "", "StartedAt", started,
				  "FinishedAt", finished);
	if (health_has_check(container->record))
		json_object_set_new(state, "Health", health ? json_incref(health) :
							       json_pack("{s:s, s:i, s:[]}", "Status", "starting", "FailingStreak", 0, "Log"));
	return state;
}

static void copy_key(json_t *to, const char *name, const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);

	if (value)
		json_object_set(to, name, value);
}

json_t *container_inspect(struct store *store, const char *name, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;

	if (container_open(store, name, &container, err) < 0)
		return NULL;
	container_status(&container, &status);
	const json_t *record = container.record;
	_cleanup_(freep) char *log = path_join(container.bundle, "log"), *slashed = xprintf("/%s", container_text(&container, "Name"));
	json_t *config = json_object(), *object = json_object();
	static const char *const of_config[] = { "Hostname", "User", "WorkingDir", "Env", "Labels", "Tty", "OpenStdin", "StopSignal", "StopTimeout", "Healthcheck" };
	for (size_t i = 0; i < array_len(of_config); i++)
		copy_key(config, of_config[i], record, of_config[i]);
	copy_key(config, "Image", record, "ImageName");
	copy_key(config, "Cmd", record, "Args");
	json_object_set_new(object, "Id", json_string(container.id));
	copy_key(object, "Created", record, "Created");
	json_object_set_new(object, "State", state_object(&container, &status));
	json_object_set_new(object, "RestartCount", json_integer(host_config_number(record, "RestartCount")));
	copy_key(object, "Image", record, "Image");
	json_object_set_new(object, "LogPath", json_string(log));
	json_object_set_new(object, "Name", json_string(slashed));
	copy_key(object, "Platform", record, "Platform");
	copy_key(object, "HostConfig", record, "HostConfig");
	copy_key(object, "Mounts", record, "Mounts");
	json_object_set_new(object, "Config", config);
	json_object_set_new(object, "NetworkSettings", json_pack("{s:o, s:o}", "Ports", ports_object(&container), "Networks",
								  network_settings(store, &container)));
	return object;
}
