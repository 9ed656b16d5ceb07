/* One instruction of a stage. */
#ifndef BUILD_STEP_H
#define BUILD_STEP_H
#include "build/executor.h"

/* Expands the instruction with what stage `at` knows, finds it in the cache or does it, and brings the stage forward. The error does not tell
 * the line yet. */
int step_execute(struct build *build, size_t at, const struct instruction *instruction, struct error *err);
#endif
