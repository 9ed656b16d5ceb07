/* A settings file that is read anew when it has changed. */
#ifndef REGISTRY_WATCH_H
#define REGISTRY_WATCH_H
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"

struct watch {
	char *path; /* owned */
	struct stat seen;
};
/* 1 and the text if the file is another than at the last call, or this is the first one; 0 if it isn't. A file that is missing or can't be read
 * fails once; then it is 0 until that changes. The caller's lock is held. */
int watch_read(struct watch *watch, size_t limit, struct buf *ret, struct error *err);
void watch_clear(struct watch *watch);
#endif
