/* sampan build --check. */
#ifndef CMD_BUILD_CHECK_H
#define CMD_BUILD_CHECK_H
#include "cmd/command.h"

/* Runs the build checks on the Dockerfile of a context and prints what they find. Returns 0, or 1 if they found something. */
int build_check(const struct context *context, const char *folder, const char *file, struct error *err);
#endif
