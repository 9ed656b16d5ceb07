/* sampan df: what the store takes on the disk. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/command.h"
#include "store/store.h"

static const struct table_column columns[] = { { "TYPE", NULL }, { "COUNT", NULL }, { "SIZE", NULL } };

static void add_row(struct table *table, const char *type, int64_t count, int64_t bytes)
{
	char number[24], size[16];

	snprintf(number, sizeof number, "%lld", (long long)count);
	table_cell(table, type);
	table_cell(table, number);
	table_cell(table, bytes < 0 ? "" : size_print((uint64_t)bytes, size));
}

static void print_text(const struct store_usage *usage, int64_t images)
{
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	char size[16];

	add_row(table, "Images", images, -1);
	add_row(table, "Blobs", usage->blobs, usage->blobs_bytes);
	add_row(table, "Unpacked layers", usage->layers, usage->layers_bytes);
	add_row(table, "Containers", usage->containers, usage->containers_bytes);
	add_row(table, "Uploads", usage->uploads, usage->uploads_bytes);
	add_row(table, "Build cache", usage->cache_entries, -1);
	table_print(table, FORMAT_TEXT, stdout);
	printf("\n%s of the blobs are not needed any more ('sampan gc')\n", size_print((uint64_t)usage->reclaimable_bytes, size));
}

static void print_json(const struct store_usage *usage, int64_t images)
{
	_cleanup_(json_release) json_t *object = json_pack(
		"{s:I, s:{s:I, s:I, s:I}, s:{s:I, s:I}, s:{s:I, s:I}, s:{s:I, s:I}, s:{s:I}}", "images", (json_int_t)images, "blobs", "count",
		(json_int_t)usage->blobs, "bytes", (json_int_t)usage->blobs_bytes, "reclaimable", (json_int_t)usage->reclaimable_bytes,
		"layers", "count", (json_int_t)usage->layers, "bytes", (json_int_t)usage->layers_bytes, "containers", "count",
		(json_int_t)usage->containers, "bytes", (json_int_t)usage->containers_bytes, "uploads", "count",
		(json_int_t)usage->uploads, "bytes", (json_int_t)usage->uploads_bytes, "build_cache", "count",
		(json_int_t)usage->cache_entries);

	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct image_row *rows = NULL;
	struct store_usage usage;
	size_t images = 0;

	(void)argc, (void)argv;
	if (store_open(context->root, &store, err) < 0 || store_usage(store, &usage, err) < 0 || store_images(store, &rows, &images, err) < 0)
		return -1;
	image_rows_free(rows, images);
	if (context->format == FORMAT_JSON)
		print_json(&usage, (int64_t)images);
	else
		print_text(&usage, (int64_t)images);
	return 0;
}

const struct command command_df = {
	.name = "df",
	.group = "Store",
	.usage = "",
	.summary = "Show what the store takes on the disk",
	.details = "Blobs are images as they travel; layers are unpacked for containers and builds. What a registry of this store publishes and local\n"
		   "images share is there, and counted, once.",
	.rootless_namespace = true,
	.run = run,
};
