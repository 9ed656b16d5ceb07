/* Work in a forked child, where namespaces may be left and entered, with its result or error brought back. */
#ifndef RUN_CHILD_H
#define RUN_CHILD_H
#include <sys/types.h>

#include "base/error.h"

struct child {
	pid_t pid;
	int report; /* the end that we read; becomes readable when the child has ended or is about to */
};

/* Runs work(data) in a child that dies with us (PR_SET_PDEATHSIG). It may return any number >= 0 or fail as every function does; it
 * mustn't use the store's database. */
int child_start(int (*work)(void *data, struct error *err), void *data, struct child *ret, struct error *err);
/* The same with a pipe: what work writes to `to`, we read from *ret_from (ours to close), which ends when the child does. Nobody else has it open,
 * the child not even the end that we read: closing it ends a child that still writes. */
int child_start_piped(int (*work)(void *data, int to, struct error *err), void *data, struct child *ret, int *ret_from, struct error *err);
/* In the child, after what changes credentials (a new user namespace): the kernel has forgotten who it dies with. */
void child_die_with_parent(void);
/* Waits; the result is the work's. Interrupts of ours are not passed on. */
int child_wait(struct child *child, struct error *err);
/* SIGKILL, and waits. */
void child_kill(struct child *child);
int child_run(int (*work)(void *data, struct error *err), void *data, struct error *err);
#endif
