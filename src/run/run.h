/* Containers: OCI bundle, runtime, monitor, network, lifecycle.
 *
 * No daemon: a container is a record "container" of the store (JSON, by id), a folder containers/<id>/ and, while it runs, conmon. What
 * conmon and the runtime say (exit file, pid file) is the truth; the record only says what was wanted. */
#ifndef RUN_RUN_H
#define RUN_RUN_H
#include <jansson.h>

#include "emu/emu.h"
#include "store/layer.h"

/* INTERNAL: a namespace with nothing of the outside, for networks with names that are so. */
enum network_mode { NETWORK_DEFAULT, NETWORK_HOST, NETWORK_NONE, NETWORK_INTERNAL };
int network_mode_parse(const char *text, enum network_mode *ret, struct error *err);

struct mount_spec {
	char *source, *target; /* owned; source NULL for tmpfs */
	bool read_only;
};
struct port_spec {
	char host_ip[64]; /* "" is all addresses */
	int host_port, container_port; /* host_port 0: chosen */
	bool udp;
};
/* "[ip:][host:]container[/udp]" */
int port_parse(const char *text, struct port_spec *ret, struct error *err);
/* "source:target[:ro]"; a source without slash is a named volume of the store (volumes/<name>), made when missing. */
int mount_parse(struct store *store, const char *text, struct mount_spec *ret, struct error *err);

/* ---- one process on a tree, in the foreground: RUN steps of a build ---- */
struct step {
	struct store *store;
	const struct strlist *layers;	/* numbers, lowest first */
	const char *dir;		/* work folder, absolute; upper/ of it holds the changes afterwards */
	const struct emulator *emulator;
	const char *dispatcher;		/* of twins (emu/twin.h), with what it needs among the mounts; or NULL */
	const struct strlist *argv, *env;
	const char *cwd;		/* in the tree; made if missing */
	const char *user;		/* "user[:group]" by the tree's /etc/passwd, or ids; NULL is root */
	const char *hostname;		/* or NULL */
	enum network_mode network;
	const struct mount_spec *mounts;
	size_t mounts_len;
	const char *input;		/* for stdin (heredocs), or NULL: empty */
	/* Output of the process, both streams in the order in which they come. Called in the caller's thread. */
	void (*output)(void *data, const char *bytes, size_t len);
	void *data;
	/* Run in a process beside the step, which sees its processes in /proc and ends with it; or NULL. */
	void (*beside)(const char *folder);
	const char *beside_folder;
};
/* Runs it to its end and takes everything down. Returns the exit code (128 + signal), or -1 if it couldn't be started or was interrupted.
 * Temporary files that the runtime needs (resolv.conf, hosts, mount points) do not stay in upper/. */
int step_run(const struct step *step, struct error *err);

/* ---- containers ---- */
struct container_options {
	const char *name; /* NULL: made up */
	const char *hostname, *user, *cwd, *entrypoint; /* NULL: the image's */
	struct strlist env;
	struct strlist args; /* replaces CMD if not empty */
	enum network_mode network;
	const char *network_name; /* one of those with names; or NULL */
	struct strlist aliases;	  /* on it */
	const struct port_spec *ports;
	size_t ports_len;
	const struct mount_spec *mounts;
	size_t mounts_len;
	struct strlist labels;
	bool interactive, terminal, publish_all;
	const char *stop_signal; /* NULL: the image's */
	int64_t stop_timeout;	 /* seconds; -1: the default */
	json_t *host;		 /* docker's HostConfig (host_config.h); borrowed */
	json_t *health;		 /* docker's Healthcheck, over the image's, key by key; borrowed, or NULL */
};
enum container_state { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED, CONTAINER_PAUSED, CONTAINER_RESTARTING };
const char *container_state_name(enum container_state state); /* docker's word */
struct container_row {
	char *id, *name, *image, *command, *ports, *health, *labels, *networks; /* owned; health "" if it has no check */
	enum container_state state;
	int exit_code, pid;
	time_t created, started, finished;
};
/* Detached: prints nothing, returns 0 once it runs, *ret_id owned by the caller. Foreground: returns the exit code at its end. */
int container_run(struct store *store, const struct image *image, const struct container_options *options, bool detach, char **ret_id,
		  struct error *err);
/* The record alone; *ret_id is owned by the caller. */
int container_create(struct store *store, const struct image *image, const struct container_options *options, char **ret_id, struct error *err);
/* Detached; one that runs is fine. */
int container_start(struct store *store, const char *name, struct error *err);
int container_start_foreground(struct store *store, const char *name, struct error *err); /* the exit code */
int container_restart(struct store *store, const char *name, int timeout, struct error *err); /* timeout as for stop */
int container_rename(struct store *store, const char *name, const char *to, struct error *err);
/* Blocks until it has ended: the exit code. */
int container_wait(struct store *store, const char *name, struct error *err);
int container_pause(struct store *store, const char *name, bool pause, struct error *err);
/* The life of a container's supervisor (supervise.c), for the hidden command that is one. */
int container_supervise(struct store *store, const char *id, int64_t generation, struct error *err);
/* What conmon calls at its end: another supervisor, if its own was killed. */
int container_ended(const char *root, const char *id, struct error *err);
/* After a reboot: starts what its restart policy wants running, and tells which. */
int containers_revive(struct store *store, void (*started)(const char *id), struct error *err);
int containers_list(struct store *store, bool all, struct container_row **ret, size_t *ret_len, struct error *err);
void container_rows_free(struct container_row *rows, size_t len);
/* `name` is a name or the start of an id. */
int container_stop(struct store *store, const char *name, int timeout, struct error *err); /* seconds, then SIGKILL; -1: the container's */
/* "SIGTERM", "term", "15". */
int signal_parse(const char *text, int *ret, struct error *err);
int container_kill(struct store *store, const char *name, int signal_number, struct error *err);
int container_remove(struct store *store, const char *name, bool force, struct error *err);
struct exec_options {
	struct strlist argv, env;
	const char *user, *cwd;
	bool interactive, terminal, detach;
	bool quiet;	      /* wait for it, but show nothing */
	const char *pid_file; /* gets its process id; or NULL */
};
int container_exec(struct store *store, const char *name, const struct exec_options *options, struct error *err); /* exit code */
struct log_options {
	bool follow, timestamps;
	int64_t tail;	      /* lines; -1: all */
	struct timespec since, until; /* 0: no limit; until is exclusive */
};
/* Writes to stdout (and stderr). Returns when the container ended, or at once without follow. */
int container_logs(struct store *store, const char *name, const struct log_options *options, struct error *err);
struct cp_options {
	bool follow;  /* a symlink as the source stands for where it leads */
	bool archive; /* what comes out keeps the owners that it has in the container */
};
/* Files into it (`in`) or out of it, running or not. `inside` counts from its root; `outside` NULL is a tar on stdin or stdout. */
int container_copy(struct store *store, const char *name, const char *inside, const char *outside, bool in, const struct cp_options *options,
		   struct error *err);
/* What differs from the image: 'A', 'C' or 'D' and the absolute path, sorted. */
int container_diff(struct store *store, const char *name, void (*report)(void *data, char kind, const char *path), void *data, struct error *err);
struct commit_options {
	const char *message, *author;	   /* or NULL */
	const struct reference *name;	   /* or NULL */
	bool pause;			   /* its processes stand still meanwhile */
	int (*change)(struct image_config *config, void *data, struct error *err); /* the last word on the configuration; or NULL */
	void *data;
};
/* An image of its files, without volumes, and of its settings. */
int container_commit(struct store *store, const char *name, const struct commit_options *options, struct digest *ret_id, struct error *err);
/* Its files, without volumes, as a tar. */
int container_export(struct store *store, const char *name, int to, struct error *err);
/* Our stdin, stdout and stderr on one that runs detached, until it ends (its exit code) or ^P^Q (0). */
int container_attach(struct store *store, const char *name, bool use_stdin, struct error *err);
/* Puts the keys of `host` (docker's HostConfig) over the container's, for its next start; its restart policy at once. */
int container_update(struct store *store, const char *name, json_t *host, struct error *err);
/* "0.0.0.0:6379->6379/tcp" of what is published, one each; a new array of {"Port", "Host"}. */
json_t *container_ports_list(struct store *store, const char *name, struct error *err);
struct process_row {
	int pid, parent;
	uid_t uid;
	char state;
	int64_t cpu_ms, memory; /* resident bytes */
	char *command;		/* owned */
};
/* What a container uses: sums over its processes, and what its network has carried; all zero if it doesn't run. */
struct container_usage {
	int64_t cpu_ms, memory, limit; /* limit: its own, or this machine's memory */
	int64_t pids, received, sent, read, written; /* bytes; read and written by storage, 0 where the kernel doesn't say */
};
void container_usage(struct store *store, const char *id, struct container_usage *ret);
int container_processes(struct store *store, const char *name, struct process_row **ret, size_t *ret_len, struct error *err);
void processes_free(struct process_row *rows, size_t len);

/* ---- networks with names ---- */
struct network_options {
	const char *subnet, *gateway; /* NULL: chosen */
	bool internal;		      /* no way out */
	struct strlist labels;
};
int network_create(struct store *store, const char *name, const struct network_options *options, struct error *err);
/* docker's object; a new reference. */
json_t *network_inspect(struct store *store, const char *name, struct error *err);
int network_remove(struct store *store, const char *name, struct error *err); /* ERROR_BUSY if one that runs is on it */
bool network_is_used(struct store *store, const char *name); /* by any container, running or not */
int network_connect(struct store *store, const char *network, const char *container, const struct strlist *aliases, struct error *err);
int network_disconnect(struct store *store, const char *network, const char *container, struct error *err);

/* ---- volumes ---- */
struct volume_row {
	char *name, *path, *used_by; /* owned; used_by: containers, "a, b", or "" */
	time_t created;
};
int volume_create(struct store *store, const char *name, struct error *err); /* there already is fine */
int volumes_list(struct store *store, struct volume_row **ret, size_t *ret_len, struct error *err);
void volume_rows_free(struct volume_row *rows, size_t len);
int volume_remove(struct store *store, const char *name, struct error *err); /* ERROR_BUSY if a container has it */
/* docker's `inspect` object; a new reference. */
json_t *container_inspect(struct store *store, const char *name, struct error *err);
#endif
