/* Containers on disk, for the files of this room. A container is
 *   the record (container, <id>)         what was wanted, docker's words for the keys: see container_create in create.c
 *   the record (container-name, <name>)  the id
 *   containers/<id>/                     upper, work, merged; bundle/ with
 *     pid, monitor.pid                   what the runtime and the monitor wrote when they started
 *     exits/<id>                         the exit code, when it has ended
 *     log                                conmon's k8s-file log
 * Whether it runs is never stored: it is read from these files and /proc. */
#ifndef RUN_CONTAINER_H
#define RUN_CONTAINER_H
#include <stdio.h>

#include "base/json.h"
#include "run/run.h"
#include "store/store.h"

struct container {
	char *id, *dir, *bundle; /* owned; absolute paths */
	json_t *record;
};
/* What is true of it now. */
struct container_status {
	enum container_state state;
	int pid, exit_code; /* -1: nobody was there to see it end */
	time_t started, finished;
};
void container_clear(struct container *container);
/* By name, id, or the start of an id that is the only one. ERROR_NOT_FOUND with the nearest name. */
int container_open(struct store *store, const char *name, struct container *ret, struct error *err);
/* Of an id that exists. */
int container_load(struct store *store, const char *id, struct container *ret, struct error *err);
int container_save(struct store *store, const struct container *container, struct error *err);
void container_status(const struct container *container, struct container_status *ret);
const char *container_text(const struct container *container, const char *key); /* "" if it isn't there; borrowed */
/* One start, stop or change of the record at a time; it ends with the descriptor. Waits; ^C ends the waiting. */
int container_lock(const struct container *container, int *ret, struct error *err);
/* Starts what the record describes, detached, with the lock held. Its supervisor is the caller's business. */
int container_launch(struct store *store, struct container *container, struct error *err);
/* exec, without the store. */
int container_exec_in(const struct container *container, const struct exec_options *options, struct error *err);
/* Which run of the kernel this is: pids and start times mean something within one. `out` is returned; "" if /proc doesn't say. */
enum { BOOT_ID_SIZE = 40 };
const char *boot_id(char out[BOOT_ID_SIZE]);
/* Running or paused. */
bool container_is_up(const struct container_status *status);
/* Takes a name for it, also from a container that is gone: a crash between two records may have left it. ERROR_EXISTS. */
int container_take_name(struct store *store, const struct container *container, const char *name, struct error *err);
/* A folder of the store whose files may belong to ids of a container's user namespace. */
int container_folder_remove(struct store *store, const char *path, struct error *err);
/* Ended ones that were run with --rm go. */
void containers_sweep(struct store *store);
/* "0.0.0.0:6379->6379/tcp, …"; owned by the caller. */
char *container_ports(const struct container *container);

/* A number in a file of the bundle, 0 if there is none. */
/* Of a pid file; 0: there is none. The second: of the container's bundle. */
int pid_file_read(const char *folder, const char *name);
int bundle_number(const struct container *container, const char *name);
/* Start time of a process in clock ticks, 0 if there is none: with it, a pid names one process for ever. */
unsigned long long process_start_time(int pid);
/* Waits for a process that isn't our child, at most that long (milliseconds). True when it is gone. */
bool process_wait_gone(int pid, int timeout);
/* Ends pasta, if it is still ours. */
void network_stop(const struct container *container);
#endif
