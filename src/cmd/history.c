/* sampan history: how an image was made, newest step first. */
#include <stdio.h>

#include "cmd/command.h"
#include "store/store.h"

enum { COMMAND_WIDTH = 45 };

static bool no_trunc;
static const char *platform_text;

static const struct option_spec options[] = {
	{ 0, "no-trunc", OPTION_FLAG, &no_trunc, NULL, "show ids and commands in full" },
	{ 0, "platform", OPTION_STRING, &platform_text, "OS/ARCH", "which image of an index" },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "IMAGE", NULL },	 { NULL, "id" },     { "CREATED", NULL },    { NULL, "created" }, { "CREATED BY", NULL },
	{ NULL, "created_by" }, { "SIZE", "size" }, { "COMMENT", "comment" },
};

static void add_id(struct table *table, const struct digest *id)
{
	char text[DIGEST_TEXT_SIZE];

	if (!id) {
		table_cell(table, "<missing>");
		table_cell(table, NULL);
		return;
	}
	if (no_trunc)
		digest_print(id, text);
	else
		digest_hex(id, text)[12] = '\0';
	table_cell(table, text);
	table_cell(table, digest_print(id, text));
}

static void add_time(struct table *table, const char *created)
{
	struct timespec when;
	char age[32];

	bool known = created && time_parse(created, &when, NULL) == 0 && when.tv_sec > 0;
	table_cell(table, known ? age_print(when.tv_sec, time(NULL), age) : "N/A");
	table_cell(table, created);
}

/* On one line, cut between characters. */
static void add_command(struct table *table, const char *command)
{
	_cleanup_(freep) char *line = xstrdup(command ? command : "");
	size_t shown = 0, at = 0;

	for (char *c = line; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	for (; line[at]; at++) {
		if ((line[at] & 0xc0) == 0x80)
			continue;
		if (++shown == COMMAND_WIDTH && !no_trunc)
			break;
	}
	bool cut = line[at] && line[at + 1];
	_cleanup_(freep) char *text = cut ? xprintf("%.*s…", (int)at, line) : xstrdup(line);
	table_cell(table, text);
	table_cell(table, command);
}

static void add_step(struct table *table, const struct history *step, const struct digest *id, int64_t size)
{
	char text[16];

	add_id(table, id);
	add_time(table, step->created);
	add_command(table, step->created_by);
	table_cell_number(table, size_print((uint64_t)size, text), size);
	table_cell(table, step->comment);
}

/* Layers belong to the steps that made one, in order. An image whose history doesn't tell of all of them has the rest in front. */
static void add_steps(struct table *table, const struct image *image)
{
	const struct image_config *config = &image->config;
	size_t layer = image->manifest.layers_len;
	const struct digest *id = &image->id;

	for (size_t i = config->history_len; i-- > 0;) {
		const struct history *step = &config->history[i];
		int64_t size = !step->empty_layer && layer ? image->manifest.layers[--layer].size : 0;
		add_step(table, step, id, size);
		id = NULL;
	}
	while (layer-- > 0) {
		add_step(table, &(struct history){ 0 }, id, image->manifest.layers[layer].size);
		id = NULL;
	}
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct image image _cleanup_(image_clear) = { 0 };
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct platform platform;

	(void)argc;
	if (platform_text && platform_parse(platform_text, &platform, err) < 0)
		return -1;
	if (store_open(context->root, &store, err) < 0 || store_image_find(store, argv[0], platform_text ? &platform : NULL, &image, err) < 0)
		return -1;
	add_steps(table, &image);
	table_print(table, context->format, stdout);
	return 0;
}

const struct command command_history = {
	.name = "history",
	.group = "Images",
	.usage = "[OPTIONS] IMAGE",
	.summary = "Show how an image was made",
	.details = "The newest step stands first. SIZE is the step's layer as it travels, compressed.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
