/* A container's cgroup: its limits, the devices that it may open, its freezer. It is ours, its processes are born into it, and it is made before
 * any user namespace is entered. */
#ifndef RUN_CGROUP_H
#define RUN_CGROUP_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct limits {
	int64_t memory, pids; /* 0: none */
	double cpus;
};
/* Makes sampan/<id> in each hierarchy that a limit needs (v1, v2 and hybrid). What can't be set is warned of once: a container without its
 * limit is better than none. */
void cgroup_make(const char *id, const struct limits *limits);
/* Its cgroup.procs files, opened while the hierarchies can be seen; -1 where there is none. */
enum { CGROUP_FILES = 5 };
struct cgroup_files {
	int fds[CGROUP_FILES];
};
void cgroup_open(const char *id, struct cgroup_files *ret);
/* Moves this process in, from whatever namespace, and closes the files. It fails only if the group of devices was to hold and can't be entered. */
int cgroup_enter(struct cgroup_files *files, bool devices_held, struct error *err);
/* Whoever is in it opens no devices but docker's harmless ones and those of the HostConfig, whatever device files there are or are made. Makes
 * sampan/<id>. False where that can't be: no such controller (v1) or no eBPF (v2), or we aren't root of the machine. */
bool cgroup_hold_devices(const char *id, const json_t *host);
/* 1: all that is in the container's group with `pid` stands still now, or goes on; 0: there is no freezer for it, or (to go on) it did not hold it;
 * -1: it does not come to rest. */
int cgroup_freeze(const char *id, int pid, bool freeze);
/* The monitor isn't frozen with what it watches. */
void cgroup_release(const char *id, int pid);
/* The id of a build step's group: what `number` of this process runs. Owned by the caller. */
char *cgroup_step_name(unsigned number);
/* Takes away groups of build steps whose process has ended. */
void cgroup_sweep(void);
/* When nothing runs in it any more; processes that are just ending are waited for, a second at most. */
void cgroup_remove(const char *id);
#endif
