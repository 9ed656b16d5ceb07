/* ^C and SIGTERM.
 *
 * A command that was asked to stop finishes at the next safe point: loops ask interrupt_pending(), blocking calls return EINTR
 * (no SA_RESTART), and poll loops may add interrupt_fd(). A second signal ends the process at once. */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H
#include <stdbool.h>

#include "base/error.h"

void interrupt_install(void);
bool interrupt_pending(void);
/* Becomes readable with the first signal; -1 before interrupt_install. */
int interrupt_fd(void);
/* -1 with ERROR_INTERRUPTED if a signal came, else 0. */
int interrupt_check(struct error *err);
#endif
