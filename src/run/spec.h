/* config.json of a bundle (runtime-spec: config.md, config-linux.md), made from data. Touches nothing but memory. */
#ifndef RUN_SPEC_H
#define RUN_SPEC_H
#include <jansson.h>

#include "run/run.h"
#include "run/user.h"

#define SPEC_INIT "/dev/init"

struct spec {
	const char *root; /* absolute path of the tree */
	bool read_only;
	const struct strlist *argv, *env; /* PATH, HOME, HOSTNAME and TERM are added where they are missing */
	const char *cwd, *hostname;
	const struct user *user;
	bool terminal;
	const char *netns;	/* path of a network namespace; NULL and !host_network: a new one */
	bool host_network;
	bool bind_sys;	     /* sysfs can't be mounted: a user namespace of ours with a network that is not */
	bool devices_held;   /* by a cgroup: device files in volumes needn't be dead */
	bool map_tty;	     /* gid 5 exists in this user namespace */
	bool mqueue;	     /* the kernel has it */
	bool filter;	     /* system calls, see seccomp.h */
	uint64_t capabilities; /* those that we can give: bit i is capability i */
	const json_t *host;    /* docker's HostConfig, or NULL for its defaults */
	const char *init;      /* a program of this machine to bind at SPEC_INIT, or NULL */
	const char *cgroups_path; /* for a runtime that makes its own; or NULL */
	const char *resolv_conf, *hosts, *hostname_file; /* files to bind; NULL: none */
	const struct mount_spec *mounts;
	size_t mounts_len;
};
/* A new reference; NULL if a text is not UTF-8. */
json_t *spec_make(const struct spec *spec);
/* The object "process" alone, for exec. A new reference. */
json_t *spec_process(const struct spec *spec);
#endif
