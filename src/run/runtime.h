/* The OCI runtime: crun, or runc where it isn't. */
#ifndef RUN_RUNTIME_H
#define RUN_RUNTIME_H
#include "base/str.h"

/* "crun" or "runc"; ERROR_NOT_FOUND with what to install. Owned by the caller. */
char *runtime_find(struct error *err);
/* The program and the options that stand before a subcommand: state and log live in the bundle. Appends to argv. */
void runtime_arguments(const char *runtime, const char *bundle, struct strlist *argv);
/* What it said in bundle/runtime.log, the last error; NULL if nothing. Owned by the caller. */
char *runtime_said(const char *bundle);
/* The last message of level error in a JSON log; owned by the caller. */
char *runtime_log_error(const char *text);
#endif
