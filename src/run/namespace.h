/* Entering namespaces of another process. */
#ifndef RUN_NAMESPACE_H
#define RUN_NAMESPACE_H
#include "base/error.h"

/* `kind` is the name in /proc/PID/ns, `flag` its CLONE_NEW…. One that is ours already is fine. */
int namespace_join(int pid, const char *kind, int flag, struct error *err);
#endif
