/* Processes of ours that stay: this program once more, with a hidden command, that says when it is set up. */
#ifndef RUN_OWN_H
#define RUN_OWN_H
#include "base/error.h"

/* Starts argv in a session of its own; 0 when it says that it is ready. `what` begins the error if it fails. It outlives us. */
int own_process_start(const char *const *argv, const char *what, struct error *err);
/* In it, with the result of its setting up and what went wrong: gives up all rights, for which what carries foreign bytes has no use, and says its one
 * word to who started it. Fails if the result did. */
int own_process_settle(int result, struct error *err);
#endif
