/* A few threads that work off a list. */
#ifndef REMOTE_JOBS_H
#define REMOTE_JOBS_H
#include <stddef.h>

#include "base/error.h"

struct jobs {
	size_t count;	/* items 0 … count - 1 */
	int threads;	/* at once; 0 is 4 */
	int (*run)(void *data, size_t item, struct error *err);
	void (*stop)(void *data); /* called once, after the first failure: should make running items end soon; or NULL */
	void *data;
};
/* Runs all of them, in the caller's thread if one is enough. After a failure no new item is begun; the first error is returned. */
int jobs_run(const struct jobs *jobs, struct error *err);
#endif
