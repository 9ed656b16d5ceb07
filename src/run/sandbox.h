/* From a description to a bundle that a runtime can start: what RUN steps and containers have in common. */
#ifndef RUN_SANDBOX_H
#define RUN_SANDBOX_H
#include <jansson.h>

#include "run/mountpoint.h"
#include "run/run.h"

struct sandbox {
	struct store *store;
	const struct strlist *layers;
	const char *dir; /* absolute; upper/, work/ and merged/ are the snapshot's, bundle/ ours */
	const struct emulator *emulator;
	const char *dispatcher; /* of twins, or NULL */
	const struct strlist *argv, *env;
	const char *cwd, *user, *hostname; /* or NULL */
	enum network_mode network;
	const struct mount_spec *mounts;
	size_t mounts_len;
	const char *id; /* of a container, or NULL: names its cgroup where the runtime makes one */
	const json_t *host; /* docker's HostConfig of a container, or NULL */
	const char *hosts; /* more lines for /etc/hosts, or NULL */
	const char *init;   /* see spec.h, or NULL */
	bool terminal, read_only;
	bool devices_held; /* by a cgroup that the process enters before the runtime starts (cgroup.h) */
	bool filter; /* refuse system calls that a service has no use for (seccomp.h) */
	/* Called when the tree is mounted, with a descriptor of it, before a user namespace is entered; may be NULL. */
	int (*mounted)(void *data, int tree, struct error *err);
	void *data;
};
/* In a child of its own (child.h), single-threaded: leaves the host's mounts, mounts the tree, enters the emulator's namespaces, writes
 * bundle/. For NETWORK_DEFAULT config.json names bundle/netns, which network_start must make next. `made` may be NULL. */
int sandbox_enter(const struct sandbox *sandbox, struct mountpoints *made, struct error *err);
/* dir + "/bundle"; owned by the caller. */
char *sandbox_bundle(const char *dir);
/* The process of `exec` for a bundle whose tree is `tree`: runtime-spec's process object as text. Owned by the caller. */
char *sandbox_process(int tree, const struct exec_options *options, const struct strlist *env, const char *user, const char *cwd,
		      const json_t *host, struct error *err);
#endif
