/* sampan volume: folders with names that outlive containers. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/template.h"
#include "run/names.h"
#include "run/run.h"

static bool force;
static const char *format;

static const struct option_spec options[] = {
	{ 'f', "format", OPTION_STRING, &format, "json|TEMPLATE", "of ls and inspect, like '{{.Mountpoint}}'" },
	{ 0, "force", OPTION_FLAG, &force, NULL, "of prune: do not ask; it never does" },
	{ 0 },
};

static const struct table_column columns[] = { { "VOLUME NAME", "name" }, { "USED BY", "used_by" }, { NULL, "path" } };

static json_t *volume_object(const struct volume_row *row)
{
	char when[32];

	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "Name", row->name, "Driver", "local", "Mountpoint", row->path, "CreatedAt",
			 time_print(row->created, when), "Scope", "local");
}

static int list(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct volume_row *rows = NULL;
	const char *template;
	size_t len = 0;
	int result = 0;

	(void)argc, (void)argv;
	if (template_of_format(format, "{{.Name}}", context, &template, err) < 0 || volumes_list(store, &rows, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len && result == 0; i++) {
		json_t *object _cleanup_(json_release) = volume_object(&rows[i]);
		if (context->quiet)
			puts(rows[i].name);
		else if (template)
			result = template_print_line(template, object, err);
		table_cell(table, rows[i].name);
		table_cell(table, rows[i].used_by);
		table_cell(table, rows[i].path);
	}
	if (!context->quiet && !template)
		table_print(table, context->format, stdout);
	volume_rows_free(rows, len);
	return result;
}

static int create(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	char made_up[65];

	(void)context;
	random_hex(made_up, 32);
	const char *name = argc ? argv[0] : made_up;
	if (volume_create(store, name, err) < 0)
		return -1;
	puts(name);
	return 0;
}

static int inspect_one(const struct volume_row *rows, size_t len, const char *name, json_t *all, struct error *err)
{
	size_t i = 0;

	while (i < len && !str_equal(rows[i].name, name))
		i++;
	if (i == len)
		return error_set(err, ERROR_NOT_FOUND, "no such volume: %s", name);
	json_t *object = volume_object(&rows[i]);
	json_array_append_new(all, object);
	if (!format || str_equal(format, "json"))
		return 0;
	return template_print_line(format, object, err);
}

static int inspect(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	json_t *all _cleanup_(json_release) = json_array();
	struct volume_row *rows = NULL;
	size_t len = 0;
	int result = volumes_list(store, &rows, &len, err);

	(void)context;
	for (int i = 0; i < argc && result == 0; i++)
		result = inspect_one(rows, len, argv[i], all, err);
	_cleanup_(freep) char *text = json_dumps(all, JSON_INDENT(4) | JSON_PRESERVE_ORDER);
	if (result == 0 && text && (!format || str_equal(format, "json")))
		puts(text);
	volume_rows_free(rows, len);
	return result;
}

static int remove_all(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	(void)context;
	for (int i = 0; i < argc; i++) {
		if (volume_remove(store, argv[i], err) < 0)
			return -1;
		puts(argv[i]);
	}
	return 0;
}

static int prune(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	struct volume_row *rows = NULL;
	size_t len = 0;
	int result = volumes_list(store, &rows, &len, err);

	(void)context, (void)argc, (void)argv;
	for (size_t i = 0; i < len && result == 0; i++) {
		if (*rows[i].used_by)
			continue;
		result = volume_remove(store, rows[i].name, err);
		if (result == 0)
			puts(rows[i].name);
	}
	volume_rows_free(rows, len);
	return result;
}

static const struct subcommand subcommands[] = {
	{ "create", 0, 1, create },
	{ "ls", 0, 0, list },
	{ "inspect", 1, -1, inspect },
	{ "rm", 1, -1, remove_all },
	{ "prune", 0, 0, prune },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	const struct subcommand *subcommand = subcommand_choose("volume", subcommands, argc, argv, err);

	return !subcommand || store_open(context->root, &store, err) < 0 ? -1 : subcommand->run(context, store, argc - 1, argv + 1, err);
}

const struct command command_volume = {
	.name = "volume",
	.group = "Containers",
	.usage = "create [NAME] | ls | inspect VOLUME… | rm VOLUME… | prune",
	.summary = "Folders with names that outlive containers",
	.details = "'sampan run -v NAME:/PATH' makes one, too. prune removes those that no container has, running or not.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
