/* sampan inspect: all about a container or an image, as docker's JSON. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/inspect_image.h"
#include "cmd/template.h"
#include "run/run.h"

static const char *platform_text, *type, *format;

static const struct option_spec options[] = {
	{ 0, "type", OPTION_STRING, &type, "container|image", "look among these only" },
	{ 'f', "format", OPTION_STRING, &format, "TEMPLATE", "a part of it, like '{{.State.Status}}'" },
	{ 0, "platform", OPTION_STRING, &platform_text, "OS/ARCH", "of an image for many, this one" },
	{ 0 },
};

static json_t *inspect_one(struct store *store, const char *name, const struct platform *platform, struct error *err)
{
	struct error why = { 0 };
	json_t *object = str_equal(type, "image") ? NULL : container_inspect(store, name, &why);

	if (!object && !str_equal(type, "container")) {
		error_clear(&why);
		object = image_inspect(store, name, platform, &why);
		if (!object && why.code == ERROR_NOT_FOUND && !type) {
			error_clear(&why);
			error_set(&why, ERROR_NOT_FOUND, "no such container or image: %s", name);
		}
	}
	if (!object && err)
		error_move(err, &why);
	error_clear(&why);
	return object;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	json_t *list _cleanup_(json_release) = json_array();
	bool by_template = format && !str_equal(format, "json");
	struct platform platform;

	if (type && !str_equal(type, "container") && !str_equal(type, "image"))
		return error_set(err, ERROR_USAGE, "--type %s: use container or image", type);
	if (platform_text && platform_parse(platform_text, &platform, err) < 0)
		return -1;
	if (store_open(context->root, &store, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++) {
		json_t *object = inspect_one(store, argv[i], platform_text ? &platform : NULL, err);
		if (!object)
			return -1;
		json_array_append_new(list, object);
		struct buf line _cleanup_(buf_free) = { 0 };
		if (by_template && template_print(format, object, &line, err) < 0)
			return -1;
		if (by_template)
			puts(line.data ? line.data : "");
	}
	if (by_template)
		return 0;
	_cleanup_(freep) char *text = json_dumps(list, JSON_INDENT(4) | JSON_PRESERVE_ORDER);
	puts(text ? text : "[]");
	return 0;
}

const struct command command_inspect = {
	.name = "inspect",
	.group = "Containers",
	.usage = "[OPTIONS] CONTAINER|IMAGE…",
	.summary = "Show all about containers and images, as JSON",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
