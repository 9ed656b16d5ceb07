/* Health checks, as docker has them: a command in the container, every so often. */
#ifndef RUN_HEALTH_H
#define RUN_HEALTH_H
#include "run/container.h"

struct health {
	bool has_check;
	int64_t interval, timeout, start_period; /* milliseconds */
	int64_t retries;
	int64_t began, next; /* milliseconds of the monotonic clock */
};
bool health_has_check(const json_t *record);
void health_begin(const json_t *record, struct health *ret);
/* Milliseconds until the next check, a day at most. */
int health_due(const struct health *health);
bool health_is_due(const struct health *health);
/* Runs the check once and keeps what came of it in the record ("Health": Status, FailingStreak, Log). */
void health_check(struct store *store, const char *id, int64_t generation, struct health *health);
#endif
