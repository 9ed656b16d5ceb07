/* Making a node use a registry: docker, containerd, K3s, podman, sampan itself. */
#ifndef BOARD_JOIN_H
#define BOARD_JOIN_H
#include "board/change.h"
#include "board/probe.h"

struct join_options {
	const char *registry;	 /* HOST:PORT or HOST */
	const char *prefix;	 /* work beneath this root; "/" is this machine */
	struct strlist only;	 /* names of engines; empty: all that are found */
	struct strlist mirrors;	 /* "docker.io" or "docker.io=REPOSITORY-PREFIX" */
	const char *k3s_data, *k3s_registries; /* NULL: K3s' own places */
	struct probe_options probe;
};

/* What is to be done. */
struct join_plan {
	struct change_set set;
	struct strlist engines;	 /* that were found and are covered */
	struct strlist commands; /* that make running services see it: "systemctl restart k3s" */
	struct strlist notes;	 /* what the reader should know */
	bool tls;
};
/* Asks the registry, looks at the node and edits its settings in memory; writes nothing. ERROR_NOT_FOUND if the node has none of the engines. */
int join_make_plan(const struct join_options *options, struct join_plan *ret, struct error *err);
void join_plan_clear(struct join_plan *plan);
/* Where the journal of a registry is, beneath the prefix. Owned by the caller. NULL with ERROR_USAGE if the name is none. */
char *join_journal(const char *registry, struct error *err);
/* The name in files' names: "10.0.0.5_6000". Owned by the caller. */
char *join_file_name(const char *registry);

/* One engine's part; each in join_engines.c. */
struct join_mirror {
	char *registry; /* "docker.io" */
	char *prefix;	/* "" if none */
};
struct join {
	const struct join_options *options;
	const struct probe *probe;
	struct join_mirror *mirrors;
	size_t mirrors_len;
	char *url;	    /* "http://10.0.0.5:6000" */
	char *authorization; /* "user:password" in base64, or NULL */
	struct join_plan *plan;
};
struct join_engine {
	const char *name;
	const char *signs[6]; /* paths by which it is found; NULL ends them */
	int (*prepare)(struct join *join, struct error *err);
};
extern const struct join_engine join_engines[]; /* ends with a NULL name */
#endif
