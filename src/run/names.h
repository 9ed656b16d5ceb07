/* Names and ids of containers. */
#ifndef RUN_NAMES_H
#define RUN_NAMES_H
#include "base/str.h"

/* [a-zA-Z0-9][a-zA-Z0-9_.-]+, at most 128, as docker has it. */
bool container_name_valid(const char *name);
char *container_name_make(void); /* "calm_sampan_1f3a"; owned by the caller */
/* `out` has room for 2 * bytes + 1; at most 64 bytes. */
void random_hex(char *out, size_t bytes);
#endif
