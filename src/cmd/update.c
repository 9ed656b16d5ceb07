/* sampan update: other limits and another restart policy for containers. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/containers.h"
#include "run/host_config.h"

static const char *restart, *memory, *cpus, *pids_limit;
static json_t *host;

static const struct option_spec options[] = {
	{ 0, "restart", OPTION_STRING, &restart, "no|on-failure[:N]|always|unless-stopped", "when it is started again" },
	{ 'm', "memory", OPTION_STRING, &memory, "SIZE", "limit its memory: 256m" },
	{ 0, "cpus", OPTION_STRING, &cpus, "N", "limit its share of CPUs: 1.5" },
	{ 0, "pids-limit", OPTION_STRING, &pids_limit, "N", "limit the number of its processes" },
	{ 0 },
};

static int act(struct store *store, const char *name, struct error *err)
{
	return container_update(store, name, host, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	const char *const given[][2] = { { "restart", restart }, { "memory", memory }, { "cpus", cpus }, { "pids-limit", pids_limit } };

	host = json_object();
	for (size_t i = 0; i < array_len(given); i++)
		if (given[i][1] && host_config_take(host, given[i][0], given[i][1], err) < 0)
			return -1;
	if (!json_object_size(host))
		return error_set(err, ERROR_USAGE, "nothing to change"), error_hint(err, "'sampan update --help' lists what can be");
	return containers_each(context, argc, argv, act, err);
}

const struct command command_update = {
	.name = "update",
	.group = "Containers",
	.usage = "OPTIONS CONTAINER…",
	.summary = "Change limits and restart policy of containers",
	.details = "A limit of a kind that a running container was not started with holds from its next start.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
