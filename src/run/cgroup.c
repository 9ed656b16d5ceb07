/* Limits by cgroups: see cgroup.h.
 *
 * Where the hierarchies are is read from mountinfo each time, since hosts differ: v2 alone, v1 with a folder a controller, or both, where a
 * controller belongs to one of them. */
#include "run/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

enum { CPU_PERIOD = 100000 };

struct controller {
	const char *name, *file_v1, *file_v2;
};
static const struct controller controllers[] = {
	{ "memory", "memory.limit_in_bytes", "memory.max" },
	{ "pids", "pids.max", "pids.max" },
	{ "cpu", "cpu.cfs_quota_us", "cpu.max" },
};

static bool has_word(const char *words, const char *word)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	strlist_split(&list, words, ',');
	return strlist_has(&list, word);
}

/* The last mount of a hierarchy with this controller: v1 by its options, v2 by cgroup.controllers. NULL if there is none. */
static char *find_hierarchy(const char *controller, bool *ret_v2)
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
		if (str_equal(type, "cgroup") && has_word(options, controller)) {
			free(found);
			found = xstrdup(at);
			*ret_v2 = false;
		} else if (str_equal(type, "cgroup2") && !found) {
			_cleanup_(freep) char *path = path_join(at, "cgroup.controllers");
			struct buf names _cleanup_(buf_free) = { 0 };
			if (file_read(AT_FDCWD, path, 4096, &names, NULL) < 0 || !names.data || !strstr(names.data, controller))
				continue;
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

static void make_one(const char *id, const struct controller *controller, const char *value)
{
	bool v2 = false;
	_cleanup_(freep) char *top = find_hierarchy(controller->name, &v2);
	_cleanup_(freep) char *ours = top ? path_join(top, "sampan") : NULL, *dir = ours ? path_join(ours, id) : NULL;
	_cleanup_(freep) char *enable = xprintf("+%s", controller->name);

	if (dir && v2) {
		write_file(top, "cgroup.subtree_control", enable);
		mkdir(ours, 0755);
		write_file(ours, "cgroup.subtree_control", enable);
	}
	if (dir && dir_make(AT_FDCWD, dir, 0755, NULL) == 0 && write_file(dir, v2 ? controller->file_v2 : controller->file_v1, value) == 0)
		return;
	log_warn("cannot limit %s on this machine: %s; the container runs without that limit", controller->name,
		 top ? strerror(errno) : "the kernel has no such cgroup controller mounted");
}

void cgroup_make(const char *id, const struct limits *limits)
{
	char value[64];

	if (limits->memory > 0) {
		snprintf(value, sizeof value, "%lld", (long long)limits->memory);
		make_one(id, &controllers[0], value);
	}
	if (limits->pids > 0) {
		snprintf(value, sizeof value, "%lld", (long long)limits->pids);
		make_one(id, &controllers[1], value);
	}
	if (limits->cpus > 0) {
		bool v2 = false;
		_cleanup_(freep) char *top = find_hierarchy("cpu", &v2);
		snprintf(value, sizeof value, v2 ? "%lld 100000" : "%lld", (long long)(limits->cpus * CPU_PERIOD));
		make_one(id, &controllers[2], value);
	}
}

static char *find_dir(const char *id, size_t controller)
{
	bool v2 = false;
	_cleanup_(freep) char *top = find_hierarchy(controllers[controller].name, &v2);
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

void cgroup_enter(struct cgroup_files *files)
{
	for (size_t i = 0; i < CGROUP_FILES; i++) {
		if (files->fds[i] >= 0 && write(files->fds[i], "0", 1) != 1)
			log_warn_once("cannot enter the container's cgroup: its limits do not hold");
		fd_close(&files->fds[i]);
		files->fds[i] = -1;
	}
}

static void remove_dir(const char *dir)
{
	for (int waited = 0; rmdir(dir) < 0 && errno == EBUSY && waited < 1000; waited += 20)
		usleep(20000);
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
