/* Limits of a container: a cgroup of ours that its processes are born into, made before any user namespace is entered. */
#ifndef RUN_CGROUP_H
#define RUN_CGROUP_H
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
enum { CGROUP_FILES = 3 };
struct cgroup_files {
	int fds[CGROUP_FILES];
};
void cgroup_open(const char *id, struct cgroup_files *ret);
/* Moves this process in, from whatever namespace, and closes the files. */
void cgroup_enter(struct cgroup_files *files);
/* When nothing runs in it any more; processes that are just ending are waited for, a second at most. */
void cgroup_remove(const char *id);
#endif
