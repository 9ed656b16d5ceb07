/* sampan port: where a container's ports are published. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/command.h"
#include "run/run.h"

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	const json_t *port;
	bool found = false;
	size_t i;

	if (store_open(context->root, &store, err) < 0)
		return -1;
	json_t *list _cleanup_(json_release) = container_ports_list(store, argv[0], err);
	if (!list)
		return -1;
	_cleanup_(freep) char *wish = argc < 2 ? NULL : strchr(argv[1], '/') ? xstrdup(argv[1]) : xprintf("%s/tcp", argv[1]);
	json_array_foreach(list, i, port) {
		const char *inside = json_string_value(json_object_get(port, "Port")), *outside = json_string_value(json_object_get(port, "Host"));
		if (wish && !str_equal(wish, inside))
			continue;
		found = true;
		if (context->format == FORMAT_JSON)
			continue;
		if (wish)
			puts(outside);
		else
			printf("%s -> %s\n", inside, outside);
	}
	if (wish && !found)
		return error_set(err, ERROR_NOT_FOUND, "container %s publishes no port %s", argv[0], wish);
	_cleanup_(freep) char *text = context->format == FORMAT_JSON ? json_text(list) : NULL;
	if (text)
		puts(text);
	return 0;
}

const struct command command_port = {
	.name = "port",
	.group = "Containers",
	.usage = "CONTAINER [PORT[/udp]]",
	.summary = "Show where a container's ports are published",
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
