/* System calls that a container has no business with. */
#ifndef RUN_SECCOMP_H
#define RUN_SECCOMP_H
#include <jansson.h>

/* runtime-spec's linux.seccomp for this machine's architecture; NULL where we don't know its name. A new reference. */
json_t *seccomp_make(void);
#endif
