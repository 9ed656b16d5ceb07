/* sampan images: the table that docker shows, with the platform that on a board is the first question. */
#include <fnmatch.h>
#include <stdio.h>

#include "cmd/command.h"
#include "store/store.h"

static bool all, digests, no_trunc;

static const struct option_spec options[] = {
	{ 'a', "all", OPTION_FLAG, &all, NULL, "also images that have no name any more" },
	{ 0, "digests", OPTION_FLAG, &digests, NULL, "show the digest that a name points to" },
	{ 0, "no-trunc", OPTION_FLAG, &no_trunc, NULL, "show ids in full" },
	{ 0 },
};

/* What programs get differs from what people see: full ids, times, bytes. */
static const struct table_column columns[] = {
	{ "REPOSITORY", "repository" }, { "TAG", "tag" },	   { "DIGEST", "digest" }, { "IMAGE ID", NULL }, { NULL, "id" },
	{ "PLATFORM", "platform" },	{ "CREATED", NULL }, { NULL, "created" },    { "SIZE", "size" },
};
enum { COLUMN_DIGEST = 2 };

static char *row_name(const struct image_row *row)
{
	struct reference name = { .registry = row->registry, .repository = row->repository };

	return str_equal(row->registry, STORE_NAMELESS) ? xstrdup("<none>") : reference_print_name(&name);
}

/* "redis", "redis:7", "127.0.0.1:6000/riscv64/redis", and shell patterns of these. */
static bool matches(const struct image_row *row, const char *pattern)
{
	_cleanup_(freep) char *name = row_name(row), *tagged = xprintf("%s:%s", name, row->tag ? row->tag : "<none>");
	_cleanup_(freep) char *whole = xprintf("%s/%s", row->registry, row->repository);
	const char *texts[] = { name, tagged, whole };

	for (size_t i = 0; i < array_len(texts); i++)
		if (str_equal(pattern, texts[i]) || fnmatch(pattern, texts[i], FNM_PATHNAME) == 0)
			return true;
	return false;
}

static int by_age(const void *a, const void *b)
{
	const struct image_row *x = a, *y = b;

	if (x->created != y->created)
		return x->created < y->created ? 1 : -1;
	int order = strcmp(x->repository, y->repository);
	return order ? order : strcmp(x->tag ? x->tag : "", y->tag ? y->tag : "");
}

static char *print_id(const struct digest *id, bool whole, char out[DIGEST_TEXT_SIZE])
{
	if (whole)
		return digest_print(id, out);
	digest_hex(id, out)[12] = '\0';
	return out;
}

/* An image without a creation time, or with Docker's zero one, has no age. */
static void add_times(struct table *table, const struct image_row *row)
{
	char age[32], when[32];

	table_cell(table, row->created > 0 ? age_print(row->created, time(NULL), age) : "N/A");
	table_cell(table, row->created > 0 ? time_print(row->created, when) : NULL);
}

static void add_row(struct table *table, const struct image_row *row)
{
	_cleanup_(freep) char *name = row_name(row);
	char text[DIGEST_TEXT_SIZE], platform[PLATFORM_TEXT_SIZE], size[16];

	table_cell(table, name);
	table_cell(table, row->tag ? row->tag : "<none>");
	table_cell(table, digest_print(&row->digest, text));
	table_cell(table, print_id(&row->id, no_trunc, text));
	table_cell(table, print_id(&row->id, true, text));
	table_cell(table, *row->platform.os ? platform_print(&row->platform, platform) : "<none>");
	add_times(table, row);
	table_cell_number(table, size_print((uint64_t)row->size, size), row->size);
}

static void print_ids(const struct image_row *rows, size_t len)
{
	char text[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < len; i++)
		puts(print_id(&rows[i].id, no_trunc, text));
}

static void print_table(struct context *context, const struct image_row *rows, size_t len)
{
	struct table_column shown[array_len(columns)];

	memcpy(shown, columns, sizeof shown);
	if (!digests)
		shown[COLUMN_DIGEST].head = NULL;
	struct table *table _cleanup_(table_free) = table_new(shown, array_len(shown));
	for (size_t i = 0; i < len; i++)
		add_row(table, &rows[i]);
	table_print(table, context->format, stdout);
}

/* Moves the rows that are wanted to the front, sorted; the others stay behind them, to be freed with all. */
static size_t choose(struct image_row *rows, size_t len, const char *pattern)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		if (pattern ? !matches(&rows[i], pattern) : !rows[i].tag && !all)
			continue;
		struct image_row row = rows[i];
		rows[i] = rows[kept];
		rows[kept++] = row;
	}
	if (kept)
		qsort(rows, kept, sizeof *rows, by_age);
	return kept;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct image_row *rows = NULL;
	size_t len = 0;

	if (store_open(context->root, &store, err) < 0 || store_images(store, &rows, &len, err) < 0)
		return -1;
	size_t kept = choose(rows, len, argc ? argv[0] : NULL);
	if (context->quiet && context->format == FORMAT_TEXT)
		print_ids(rows, kept);
	else
		print_table(context, rows, kept);
	image_rows_free(rows, len);
	return 0;
}

const struct command command_images = {
	.name = "images",
	.group = "Images",
	.usage = "[OPTIONS] [NAME[:TAG]]",
	.summary = "List the images in the store",
	.details = "NAME may be a shell pattern: 'sampan images \"riscv64/*\"'. SIZE is what all parts of an image take as they travel, compressed;\n"
		   "parts that images share count for each. -q prints the ids alone.",
	.options = options,
	.max_args = 1,
	.run = run,
};
