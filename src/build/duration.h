/* Durations as Go writes them: 30s, 1m30s, 1.5h, 100ms. */
#ifndef BUILD_DURATION_H
#define BUILD_DURATION_H
#include <stdint.h>

#include "base/error.h"

/* In nanoseconds. 0 is allowed, else it must be 1ms at least, as docker wants it of a HEALTHCHECK; never negative. */
int duration_parse(const char *text, int64_t *ret, struct error *err);
#endif
