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
/* Moves this process in, where it exists. */
void cgroup_join(const char *id);
/* When nothing runs in it any more. */
void cgroup_remove(const char *id);
#endif
