/* Which devices a cgroup may open: docker's list. Making device files is allowed, as debootstrap and its like do; opening them is not. */
#ifndef RUN_DEVICES_H
#define RUN_DEVICES_H
#include <jansson.h>

#include "base/error.h"

/* `dir` is the group's folder; `host` (may be NULL) adds what --device names. */
int device_rules_v1(const char *dir, const json_t *host, struct error *err);
int device_rules_v2(const char *dir, const json_t *host, struct error *err);

/* A rule as the kernel has it. For the program's maker and its tests. */
struct device_rule {
	char type;		/* 'c', 'b' */
	int64_t major, minor;	/* -1: any */
	int access;		/* BPF_DEVCG_ACC_… */
};
enum { DEVICE_RULES_MAX = 256 };
/* At most DEVICE_RULES_MAX; the rest of --device isn't allowed. Returns how many. */
size_t device_rules(const json_t *host, struct device_rule ret[DEVICE_RULES_MAX]);
#endif
