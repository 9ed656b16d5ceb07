/* Volumes with names: folders volumes/<name> of the store. */
#ifndef RUN_VOLUME_H
#define RUN_VOLUME_H
#include "run/run.h"

bool volume_name_valid(const char *name);
/* Makes it if it isn't there; *ret is its absolute path, owned by the caller. */
int volume_make(struct store *store, const char *name, char **ret, struct error *err);
#endif
