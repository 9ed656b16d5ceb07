/* The processes of a container, by its pid namespace: no cgroup is needed to know them. */
#ifndef RUN_PROCESSES_H
#define RUN_PROCESSES_H
#include "run/run.h"

/* Those in the pid namespace of `pid`, itself among them, with what /proc says of them. The caller frees with processes_free. */
int processes_of(int pid, struct process_row **ret, size_t *ret_len, struct error *err);
/* A start that was killed in its middle: its monitor and runtime, which go on without it, are ended. */
void processes_end_start(const char *bundle);
#endif
