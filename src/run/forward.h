/* Published TCP ports of a container: a process that listens outside and connects inside. See forward.c. */
#ifndef RUN_FORWARD_H
#define RUN_FORWARD_H
#include "run/run.h"

/* Starts it, in a process that may enter the namespace at `netns`, where pasta (a process id) has made the interface; the ports of `ports`
 * that are TCP are open when this returns. It ends with pasta. Nothing to publish, nothing to start. */
int forward_start(const char *netns, int pasta, const struct port_spec *ports, size_t len, struct error *err);
/* Its life, for the hidden command that is one; `words` are "HOST-ADDRESS HOST-PORT CONTAINER-PORT" again and again, the address "" for all. */
int forward_run(const char *netns, int pasta, char *const *words, size_t len, struct error *err);
#endif
