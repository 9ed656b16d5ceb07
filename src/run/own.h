/* Processes of ours that stay: this program once more, with a hidden command, that says when it is set up. */
#ifndef RUN_OWN_H
#define RUN_OWN_H
#include "base/error.h"

/* Starts argv in a session of its own; 0 when it says that it is ready. `what` begins the error if it fails. It outlives us. */
int own_process_start(const char *const *argv, const char *what, struct error *err);
/* In it: its one word to who started it. */
int own_process_ready(struct error *err);
void own_process_failed(const struct error *why);
/* What carries foreign bytes has no use for rights. */
void rights_drop(void);
#endif
