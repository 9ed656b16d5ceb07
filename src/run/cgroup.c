/* Limits by cgroups: see cgroup.h.
 *
 * Where the hierarchies are is read from mountinfo each time, since hosts differ: v2 alone, v1 with a folder a controller, or both, where a
 * controller belongs to one of them. */
#include "run/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "run/devices.h"
#include "store/overlay.h"

enum { CPU_PERIOD = 100000, FREEZE_WAIT = 2000 /* milliseconds */ };

struct controller {
	const char *name, *file_v1, *file_v2; /* v2 NULL: every group of v2 has it, without being asked for */
};
enum { MEMORY, PIDS, CPU, DEVICES, FREEZER };
static const struct controller controllers[] = {
	[MEMORY] = { "memory", "memory.limit_in_bytes", "memory.max" },
	[PIDS] = { "pids", "pids.max", "pids.max" },
	[CPU] = { "cpu", "cpu.cfs_quota_us", "cpu.max" },
	[DEVICES] = { "devices", NULL, NULL },
	[FREEZER] = { "freezer", NULL, NULL },
};

static bool has_word(const char *words, const char *word)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	strlist_split(&list, words, ',');
	return strlist_has(&list, word);
}

static bool v2_has(const char *at, const struct controller *controller)
{
	_cleanup_(freep) char *path = path_join(at, "cgroup.controllers");
	struct buf names _cleanup_(buf_free) = { 0 };

	return file_read(AT_FDCWD, path, 4096, &names, NULL) == 0 && (!controller->file_v2 || (names.data && strstr(names.data, controller->name)));
}

/* The last mount of a hierarchy with this controller: v1 by its options, v2 by cgroup.controllers. NULL if there is none. */
static char *find_hierarchy(const struct controller *controller, bool *ret_v2)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	char *found = NULL, at[512], type[32], options[512];

	if (file_read(AT_FDCWD, "/proc/self/mountinfo", 4 << 20, &text, NULL) < 0 || !text.data)
		return NULL;
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		char *dash = strstr(lines.items[i], " - ");
		if (!dash || sscanf(lines.items[i], "%*s %*s %*s %*s %511s", at) != 1 || sscanf(dash, " - %31s %*s %511s", type, options) != 2)
			continue;
		if (str_equal(type, "cgroup") && has_word(options, controller->name)) {
			free(found);
			found = xstrdup(at);
			*ret_v2 = false;
		} else if (str_equal(type, "cgroup2") && !found && v2_has(at, controller)) {
			found = xstrdup(at);
			*ret_v2 = true;
		}
	}
	return found;
}

static int write_file(const char *dir, const char *name, const char *text)
{
	_cleanup_(freep) char *path = path_join(dir, name);
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

/* sampan/<id> in the controller's hierarchy; NULL where that can't be. Owned by the caller. */
static char *make_group(const char *id, const struct controller *controller, bool *ret_v2)
{
	_cleanup_(freep) char *top = find_hierarchy(controller, ret_v2);
	_cleanup_(freep) char *ours = top ? path_join(top, "sampan") : NULL, *dir = ours ? path_join(ours, id) : NULL;
	_cleanup_(freep) char *enable = xprintf("+%s", controller->name);

	if (dir && *ret_v2 && controller->file_v2) {
		write_file(top, "cgroup.subtree_control", enable);
		mkdir(ours, 0755);
		write_file(ours, "cgroup.subtree_control", enable);
	}
	return dir && dir_make(AT_FDCWD, dir, 0755, NULL) == 0 ? steal(dir) : NULL;
}

static void make_one(const char *id, const struct controller *controller, const char *value)
{
	bool v2 = false;
	_cleanup_(freep) char *dir = make_group(id, controller, &v2);

	if (dir && write_file(dir, v2 ? controller->file_v2 : controller->file_v1, value) == 0)
		return;
	log_warn("cannot limit %s on this machine: %s; the container runs without that limit", controller->name,
		 dir ? strerror(errno) : "the kernel has no such cgroup controller mounted");
}

bool cgroup_hold_devices(const char *id, const json_t *host)
{
	bool v2 = false;
	_cleanup_(freep) char *dir = overlay_is_user() ? NULL : make_group(id, &controllers[DEVICES], &v2);
	struct error why _cleanup_(error_clear) = { 0 };

	if (!dir)
		return false;
	if ((v2 ? device_rules_v2(dir, host, &why) : device_rules_v1(dir, host, &why)) == 0)
		return true;
	log_debug("devices can't be held by a cgroup: %s", why.message);
	return false;
}

void cgroup_make(const char *id, const struct limits *limits)
{
	bool freezer_v2;
	_cleanup_(freep) char *freezer = make_group(id, &controllers[FREEZER], &freezer_v2); /* for a later `pause`, if it can be */
	char value[64];

	if (limits->memory > 0) {
		snprintf(value, sizeof value, "%lld", (long long)limits->memory);
		make_one(id, &controllers[MEMORY], value);
	}
	if (limits->pids > 0) {
		snprintf(value, sizeof value, "%lld", (long long)limits->pids);
		make_one(id, &controllers[PIDS], value);
	}
	if (limits->cpus > 0) {
		bool v2 = false;
		_cleanup_(freep) char *top = find_hierarchy(&controllers[CPU], &v2);
		snprintf(value, sizeof value, v2 ? "%lld 100000" : "%lld", (long long)(limits->cpus * CPU_PERIOD));
		make_one(id, &controllers[CPU], value);
	}
}

static char *find_dir(const char *id, size_t controller)
{
	bool v2 = false;
	_cleanup_(freep) char *top = find_hierarchy(&controllers[controller], &v2);
	_cleanup_(freep) char *dir = top ? xprintf("%s/sampan/%s", top, id) : NULL;

	return dir && access(dir, F_OK) == 0 ? steal(dir) : NULL;
}

static_assert(array_len(controllers) == CGROUP_FILES, "a file for each controller");

void cgroup_open(const char *id, struct cgroup_files *ret)
{
	for (size_t i = 0; i < CGROUP_FILES; i++) {
		_cleanup_(freep) char *dir = find_dir(id, i), *path = dir ? path_join(dir, "cgroup.procs") : NULL;
		ret->fds[i] = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	}
}

int cgroup_enter(struct cgroup_files *files, bool devices_held, struct error *err)
{
	bool held = false;

	for (size_t i = 0; i < CGROUP_FILES; i++) {
		bool entered = files->fds[i] >= 0 && write(files->fds[i], "0", 1) == 1;
		if (files->fds[i] >= 0 && !entered)
			log_warn_once("cannot enter the container's cgroup: its limits do not hold");
		held |= entered && i == DEVICES;
		fd_close(&files->fds[i]);
		files->fds[i] = -1;
	}
	return devices_held && !held ? error_set(err, ERROR_FAILED, "cannot enter the cgroup that holds the container's devices") : 0;
}

/* The freezer's group of a container, if this process is in it; NULL otherwise. Owned by the caller. */
static char *find_freezer(const char *id, int pid)
{
	_cleanup_(freep) char *path = xprintf("/proc/%d/cgroup", pid), *name = xprintf("sampan/%s", id);
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	if (file_read(AT_FDCWD, path, 65536, &text, NULL) < 0 || !text.data)
		return NULL;
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.len; i++)
		if (strstr(lines.items[i], name) && (strstr(lines.items[i], "freezer") || str_starts(lines.items[i], "0::")))
			return find_dir(id, FREEZER);
	return NULL;
}

/* v1 is asked until it says FROZEN, v2's events say so. */
static bool is_frozen(const char *dir, bool v2, bool wish)
{
	_cleanup_(freep) char *path = path_join(dir, v2 ? "cgroup.events" : "freezer.state");
	struct buf text _cleanup_(buf_free) = { 0 };

	if (file_read(AT_FDCWD, path, 4096, &text, NULL) < 0 || !text.data)
		return false;
	return strstr(text.data, v2 ? (wish ? "frozen 1" : "frozen 0") : (wish ? "FROZEN" : "THAWED")) != NULL;
}

int cgroup_freeze(const char *id, int pid, bool freeze)
{
	_cleanup_(freep) char *dir = find_freezer(id, pid), *state = dir ? path_join(dir, "freezer.state") : NULL;
	bool v2 = state && access(state, F_OK) < 0;

	if (!dir || (!freeze && is_frozen(dir, v2, false)))
		return 0;
	if (write_file(dir, v2 ? "cgroup.freeze" : "freezer.state", v2 ? (freeze ? "1" : "0") : (freeze ? "FROZEN" : "THAWED")) < 0)
		return 0;
	for (int waited = 0; !is_frozen(dir, v2, freeze); waited++) {
		if (waited == FREEZE_WAIT)
			return write_file(dir, v2 ? "cgroup.freeze" : "freezer.state", v2 ? "0" : "THAWED"), -1;
		usleep(1000);
	}
	return 1;
}

void cgroup_release(const char *id, int pid)
{
	_cleanup_(freep) char *dir = find_freezer(id, pid), *number = xprintf("%d", pid);
	bool v2 = false;
	_cleanup_(freep) char *others = dir ? make_group("monitors", &controllers[FREEZER], &v2) : NULL;

	if (others && write_file(others, "cgroup.procs", number) < 0)
		log_debug("the monitor stays in its container's cgroup: %s", strerror(errno));
}

static void remove_dir(const char *dir)
{
	for (int waited = 0; rmdir(dir) < 0 && errno == EBUSY && waited < 1000; waited += 20)
		usleep(20000);
}

/* A process has its number in one namespace only, and the cgroups may be seen from several. */
static uint64_t pid_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

char *cgroup_step_name(unsigned number)
{
	return xprintf("step-%" PRIu64 "-%d-%u", pid_namespace(), (int)getpid(), number);
}

/* Groups of steps whose builder was killed. */
void cgroup_sweep(void)
{
	bool v2 = false;
	uint64_t namespace;
	_cleanup_(freep) char *top = find_hierarchy(&controllers[DEVICES], &v2), *ours = top ? path_join(top, "sampan") : NULL;
	struct strlist names _cleanup_(strlist_free) = { 0 };
	int pid;

	if (!ours || dir_names(AT_FDCWD, ours, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.len; i++) {
		_cleanup_(freep) char *dir = path_join(ours, names.items[i]);
		if (sscanf(names.items[i], "step-%" SCNu64 "-%d-", &namespace, &pid) == 2 && namespace == pid_namespace() && kill(pid, 0) < 0 && errno == ESRCH)
			rmdir(dir);
	}
}

/* In every hierarchy: runc makes groups of its own in all of them, below ours. */
void cgroup_remove(const char *id)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	char at[512];

	if (file_read(AT_FDCWD, "/proc/self/mountinfo", 4 << 20, &text, NULL) < 0 || !text.data)
		return;
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		const char *dash = strstr(lines.items[i], " - cgroup");
		if (!dash || sscanf(lines.items[i], "%*s %*s %*s %*s %511s", at) != 1)
			continue;
		_cleanup_(freep) char *dir = xprintf("%s/sampan/%s", at, id), *inner = path_join(dir, "runtime");
		remove_dir(inner);
		remove_dir(dir);
	}
}
