/* Walking /proc: see processes.h. */
#include "run/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/container.h"
#include "run/host_config.h"

enum { STAT_SIZE_MAX = 4096, COMMAND_MAX = 65536, END_ROUNDS = 100 };

static bool same_namespace(const char *pid, const struct stat *wish)
{
	_cleanup_(freep) char *path = xprintf("/proc/%s/ns/pid", pid);
	struct stat info;

	return stat(path, &info) == 0 && info.st_ino == wish->st_ino && info.st_dev == wish->st_dev;
}

/* Arguments with blanks between them; a kernel's name in brackets where there are none. */
static char *command_of(const char *pid, const char *name, int name_len)
{
	_cleanup_(freep) char *path = xprintf("/proc/%s/cmdline", pid);
	struct buf text _cleanup_(buf_free) = { 0 };

	if (file_read(AT_FDCWD, path, COMMAND_MAX, &text, NULL) < 0 || !text.len)
		return xprintf("[%.*s]", name_len, name);
	for (size_t i = 0; i + 1 < text.len; i++)
		if (!text.data[i])
			text.data[i] = ' ';
	return buf_steal(&text);
}

/* False if it is gone. */
static bool read_one(const char *pid, struct process_row *ret)
{
	_cleanup_(freep) char *path = xprintf("/proc/%s/stat", pid), *folder = xprintf("/proc/%s", pid);
	struct buf text _cleanup_(buf_free) = { 0 };
	struct process_row row = { .pid = atoi(pid) };
	unsigned long long user = 0, system = 0;
	long long pages = 0;
	struct stat info;

	if (stat(folder, &info) < 0 || file_read(AT_FDCWD, path, STAT_SIZE_MAX, &text, NULL) < 0 || !text.data)
		return false;
	const char *open = strchr(text.data, '('), *close = strrchr(text.data, ')');
	if (!open || !close ||
	    sscanf(close + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %*u %*u %lld", &row.state, &row.parent,
		   &user, &system, &pages) != 5)
		return false;
	row.uid = info.st_uid;
	row.cpu_ms = (int64_t)((user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
	row.memory = (int64_t)pages * sysconf(_SC_PAGESIZE);
	row.command = command_of(pid, open + 1, (int)(close - open - 1));
	*ret = row;
	return true;
}

int processes_of(int pid, struct process_row **ret, size_t *ret_len, struct error *err)
{
	_cleanup_(freep) char *path = xprintf("/proc/%d/ns/pid", pid);
	struct process_row *rows = NULL;
	struct stat namespace;
	struct dirent *entry;
	size_t len = 0;

	if (stat(path, &namespace) < 0)
		return error_errno(err, errno, "cannot find the processes of the container");
	DIR *proc = opendir("/proc");
	while (proc && (entry = readdir(proc))) {
		struct process_row row;
		if (!isdigit((unsigned char)entry->d_name[0]) || !same_namespace(entry->d_name, &namespace) || !read_one(entry->d_name, &row))
			continue;
		xgrow(rows, len);
		rows[len++] = row;
	}
	if (proc)
		closedir(proc);
	*ret = rows;
	*ret_len = len;
	return 0;
}

/* Is it a monitor or a runtime at work on this bundle? Its path is in the arguments, and holds the container's whole id. */
static bool works_on(const char *pid, const char *bundle)
{
	static const char *const names[] = { "conmon", "crun", "runc" };
	_cleanup_(freep) char *path = xprintf("/proc/%s/cmdline", pid);
	struct buf text _cleanup_(buf_free) = { 0 };

	if (file_read(AT_FDCWD, path, COMMAND_MAX, &text, NULL) < 0 || !text.len || !memmem(text.data, text.len, bundle, strlen(bundle)))
		return false;
	const char *slash = strrchr(text.data, '/'), *name = slash ? slash + 1 : text.data;
	for (size_t i = 0; i < array_len(names); i++)
		if (str_equal(name, names[i]))
			return true;
	return false;
}

void processes_end_start(const char *bundle)
{
	struct dirent *entry;

	for (int round = 0, found = 1; found && round < END_ROUNDS; round++) {
		DIR *proc = opendir("/proc");
		found = 0;
		while (proc && (entry = readdir(proc)))
			if (isdigit((unsigned char)entry->d_name[0]) && works_on(entry->d_name, bundle))
				found += kill(atoi(entry->d_name), SIGKILL) == 0;
		if (proc)
			closedir(proc);
		if (found)
			usleep(20000);
	}
}

void processes_free(struct process_row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(rows[i].command);
	free(rows);
}

int container_processes(struct store *store, const char *name, struct process_row **ret, size_t *ret_len, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;

	if (container_open(store, name, &container, err) < 0)
		return -1;
	container_status(&container, &status);
	if (!container_is_up(&status))
		return error_set(err, ERROR_INVALID, "container %s is not running", name);
	return processes_of(status.pid, ret, ret_len, err);
}

/* "key: number" of a file in /proc. */
static int64_t read_key(const char *path, const char *key)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	long long number = 0;
	size_t len = strlen(key);

	if (file_read(AT_FDCWD, path, 65536, &text, NULL) < 0)
		return 0;
	for (const char *at = text.data; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, key, len) && at[len] == ':')
			return sscanf(at + len + 1, "%lld", &number) == 1 ? number : 0;
	}
	return 0;
}

/* All interfaces but the loopback: "eth0: BYTES … BYTES …". */
static void add_network(int pid, struct container_usage *usage)
{
	_cleanup_(freep) char *path = xprintf("/proc/%d/net/dev", pid);
	struct buf text _cleanup_(buf_free) = { 0 };
	long long received, sent;
	char name[64];

	if (file_read(AT_FDCWD, path, 1 << 20, &text, NULL) < 0)
		return;
	for (const char *at = text.data; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (sscanf(at, " %63[^:]: %lld %*d %*d %*d %*d %*d %*d %*d %lld", name, &received, &sent) != 3 || str_equal(name, "lo"))
			continue;
		usage->received += received;
		usage->sent += sent;
	}
}

void container_usage(struct store *store, const char *id, struct container_usage *ret)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;
	struct process_row *rows = NULL;
	size_t len = 0;

	*ret = (struct container_usage){ 0 };
	if (container_load(store, id, &container, NULL) < 0)
		return;
	container_status(&container, &status);
	if (!container_is_up(&status) || processes_of(status.pid, &rows, &len, NULL) < 0)
		return;
	const json_t *host = json_object_get(container.record, "HostConfig");
	for (size_t i = 0; i < len; i++) {
		_cleanup_(freep) char *io = xprintf("/proc/%d/io", rows[i].pid);
		ret->cpu_ms += rows[i].cpu_ms;
		ret->memory += rows[i].memory;
		ret->read += read_key(io, "read_bytes");
		ret->written += read_key(io, "write_bytes");
	}
	ret->pids = (int64_t)len;
	ret->limit = host_config_number(host, "Memory") ? host_config_number(host, "Memory") : read_key("/proc/meminfo", "MemTotal") * 1024;
	if (!str_equal(json_string_at(host, "NetworkMode"), "host"))
		add_network(status.pid, ret);
	processes_free(rows, len);
}
