/* docker's HostConfig: what a container is allowed and given by this machine, as one JSON object with docker's keys.
 *
 * It is made from the flags of `run` and `create`, checked as they are taken, kept in the record as it is, shown by `inspect`, and read by what
 * starts the container (spec.c, sandbox.c, supervise.c): a start next year knows what today's command line said. NULL is docker's default. */
#ifndef RUN_HOST_CONFIG_H
#define RUN_HOST_CONFIG_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "run/cgroup.h"

/* One flag, by its name without dashes, and its value ("true" for what takes none). ERROR_USAGE says what is wrong with it. */
int host_config_take(json_t *host, const char *flag, const char *value, struct error *err);
/* What contradicts itself. */
int host_config_check(const json_t *host, struct error *err);

bool host_config_is(const json_t *host, const char *key); /* a boolean; false if it isn't there */
int64_t host_config_number(const json_t *host, const char *key);
void host_config_limits(const json_t *host, struct limits *ret);
/* The set of capabilities: bit i is capability i. */
uint64_t host_config_capabilities(const json_t *host, uint64_t possible);
const char *capability_name(int number); /* NULL if we know none */
/* The JSON text behind --security-opt seccomp=, "unconfined", or NULL for the default; borrowed. */
const char *host_config_seccomp(const json_t *host);
bool host_config_no_new_privileges(const json_t *host);

enum restart { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };
enum restart host_config_restart(const json_t *host, int64_t *ret_max); /* max 0: for ever */
#endif
