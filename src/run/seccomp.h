/* System calls that a container has no business with. */
#ifndef RUN_SECCOMP_H
#define RUN_SECCOMP_H
#include <jansson.h>
#include <stdint.h>

/* runtime-spec's linux.seccomp for this machine's architecture; NULL where we don't know its name. A new reference. */
json_t *seccomp_make(void);
/* By --security-opt: NULL is ours, "unconfined" none, else docker's or the runtime's JSON, of which the parts for these capabilities and this
 * architecture are taken. */
json_t *seccomp_for(const char *profile, uint64_t capabilities);
#endif
