/* Freezing a container: see freeze.h.
 *
 * Its processes are those in its pid namespace; each is sent SIGSTOP, and again until a walk over /proc finds none that runs, since they may
 * fork meanwhile. Signals need no cgroup, which a rootless user and many boards do not have, and are the same for v1, v2 and none; unlike a
 * freezer, a parent inside may see that its child stopped. The first process comes first, and last when all go on: it is the one that would
 * wonder. From outside of the namespace it can't refuse the signal. */
#include "run/freeze.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { ROUNDS = 100 };

static bool same_namespace(const char *pid, const struct stat *wish)
{
	_cleanup_(freep) char *path = xprintf("/proc/%s/ns/pid", pid);
	struct stat info;

	return stat(path, &info) == 0 && info.st_ino == wish->st_ino && info.st_dev == wish->st_dev;
}

static bool is_stopped(const char *pid)
{
	_cleanup_(freep) char *path = xprintf("/proc/%s/stat", pid);
	struct buf text _cleanup_(buf_free) = { 0 };

	if (file_read(AT_FDCWD, path, 4096, &text, NULL) < 0 || !text.data)
		return true;
	const char *at = strrchr(text.data, ')');
	return !at || (at[1] == ' ' && strchr("TtZX", at[2]));
}

/* Returns how many had to be told. */
static int signal_all(int pid, const struct stat *namespace, bool freeze)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int told = 0;

	while (proc && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !same_namespace(entry->d_name, namespace) || is_stopped(entry->d_name) == freeze)
			continue;
		int number = atoi(entry->d_name);
		if (number == pid && !freeze)
			continue;
		told += kill(number, freeze ? SIGSTOP : SIGCONT) == 0;
	}
	if (proc)
		closedir(proc);
	return told;
}

int freeze_container(const struct container *container, int pid, bool freeze, struct error *err)
{
	_cleanup_(freep) char *path = xprintf("/proc/%d/ns/pid", pid);
	struct stat namespace;

	if (stat(path, &namespace) < 0)
		return error_errno(err, errno, "cannot find the processes of container %s", container_text(container, "Name"));
	if (kill(pid, freeze ? SIGSTOP : SIGCONT) < 0)
		return error_errno(err, errno, "cannot signal container %s", container_text(container, "Name"));
	if (!freeze) {
		signal_all(pid, &namespace, false);
		return 0;
	}
	for (int round = 0; round < ROUNDS; round++) {
		if (signal_all(pid, &namespace, true) == 0)
			return 0;
		usleep(1000);
	}
	freeze_container(container, pid, false, NULL);
	return error_set(err, ERROR_BUSY, "container %s starts processes faster than they can be paused", container_text(container, "Name"));
}
