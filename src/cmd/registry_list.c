/* sampan registry ls, tags and df. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/registry.h"

enum { PAGE = 1000 };

static const struct option_spec remote_options[] = { REMOTE_OPTIONS_CONNECTION, { 0 } };

static void add_time(struct table *table, int64_t updated)
{
	char text[32];

	table_cell(table, updated ? age_print(updated, time(NULL), text) : "");
	table_cell(table, updated ? time_print(updated, text) : NULL);
}

static void add_size(struct table *table, int64_t bytes)
{
	char text[16];

	table_cell_number(table, size_print((uint64_t)bytes, text), bytes);
}

static void add_count(struct table *table, int64_t count)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)count);
	table_cell_number(table, text, count);
}

static void print_names(struct context *context, const char *head, const char *key, const struct strlist *names)
{
	const struct table_column columns[] = { { head, key } };
	struct table *table _cleanup_(table_free) = table_new(columns, 1);

	for (size_t i = 0; i < names->len; i++) {
		if (context->quiet && context->format == FORMAT_TEXT)
			puts(names->items[i]);
		table_cell(table, names->items[i]);
	}
	if (!context->quiet || context->format == FORMAT_JSON)
		table_print(table, context->format, stdout);
}

/* ---- ls ---- */

static const struct table_column repository_columns[] = {
	{ "REPOSITORY", "name" }, { "TAGS", "tags" }, { "SIZE", "bytes" }, { "NEWEST", "newest" }, { "UPDATED", NULL }, { NULL, "updated" },
};

static void add_repository(struct table *table, const struct repository_row *row)
{
	table_cell(table, row->name);
	add_count(table, row->tags);
	add_size(table, row->bytes);
	table_cell(table, row->newest);
	add_time(table, row->updated);
}

/* Calls `take` with every row that fits. */
static int each_repository(struct store *store, const char *pattern, void (*take)(void *data, const struct repository_row *row), void *data,
			   struct error *err)
{
	_cleanup_(freep) char *last = NULL;
	size_t len;

	do {
		struct repository_row *rows = NULL;
		if (store_repository_rows(store, "", pattern, last, PAGE, &rows, &len, err) < 0)
			return -1;
		for (size_t i = 0; i < len; i++)
			take(data, &rows[i]);
		free(last);
		last = len ? xstrdup(rows[len - 1].name) : NULL;
		repository_rows_free(rows, len);
	} while (len == PAGE);
	return 0;
}

static void take_row(void *data, const struct repository_row *row)
{
	add_repository(data, row);
}

static void take_name(void *data, const struct repository_row *row)
{
	(void)data;
	puts(row->name);
}

static int ls_local(struct context *context, const char *pattern, struct error *err)
{
	struct table *table _cleanup_(table_free) = table_new(repository_columns, array_len(repository_columns));
	struct store *store _cleanup_(store_close) = NULL;
	bool names = context->quiet && context->format == FORMAT_TEXT;

	if (store_open(context->root, &store, err) < 0 || each_repository(store, pattern, names ? take_name : take_row, table, err) < 0)
		return -1;
	if (!names)
		table_print(table, context->format, stdout);
	return 0;
}

static int ls_remote(struct context *context, const char *host, struct error *err)
{
	struct endpoint *endpoint _cleanup_(endpoint_close) = NULL;
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (registry_host_open(host, &endpoint, err) < 0 ||
	    registry_list(endpoint, "/v2/_catalog?n=1000", "registry:catalog:*", "repositories", &names, err) < 0)
		return -1;
	print_names(context, "REPOSITORY", "name", &names);
	return 0;
}

static int run_ls(struct context *context, int argc, char **argv, struct error *err)
{
	if (argc && registry_host_alone(argv[0]))
		return ls_remote(context, argv[0], err);
	return ls_local(context, argc ? argv[0] : NULL, err);
}

const struct command command_registry_ls = {
	.name = "registry ls",
	.usage = "[PATTERN|HOST:PORT]",
	.summary = "List repositories",
	.details = "SIZE is what all of a repository's tags and manifests take; what repositories share counts for each. PATTERN is the shell's,\n"
		   "its '*' matches '/' as well. Of another registry there are only names. -q prints the names alone.",
	.options = remote_options,
	.max_args = 1,
	.run = run_ls,
};

/* ---- tags ---- */

static const struct table_column tag_columns[] = {
	{ "TAG", "tag" }, { "DIGEST", NULL }, { NULL, "digest" }, { "PLATFORMS", "platforms" }, { "SIZE", "bytes" }, { "UPDATED", NULL }, { NULL, "updated" },
	{ NULL, "media_type" },
};

static void add_tag(struct table *table, const struct tag_row *row)
{
	char digest[DIGEST_TEXT_SIZE], text[DIGEST_TEXT_SIZE];

	digest_hex(&row->digest, text)[12] = '\0';
	table_cell(table, row->name);
	table_cell(table, text);
	table_cell(table, digest_print(&row->digest, digest));
	table_cell(table, row->platforms);
	add_size(table, row->bytes);
	add_time(table, row->updated);
	table_cell(table, row->media_type);
}

static int tags_local(struct context *context, struct store *store, const char *repository, struct error *err)
{
	struct table *table _cleanup_(table_free) = table_new(tag_columns, array_len(tag_columns));
	_cleanup_(freep) char *last = NULL;
	bool names = context->quiet && context->format == FORMAT_TEXT;
	size_t len;

	if (!store_repository_exists(store, "", repository))
		return error_set(err, ERROR_NOT_FOUND, "this store publishes no repository %s", repository);
	do {
		struct tag_row *rows = NULL;
		if (store_tag_rows(store, "", repository, last, PAGE, &rows, &len, err) < 0)
			return -1;
		for (size_t i = 0; i < len; i++)
			if (names)
				puts(rows[i].name);
			else
				add_tag(table, &rows[i]);
		free(last);
		last = len ? xstrdup(rows[len - 1].name) : NULL;
		tag_rows_free(rows, len);
	} while (len == PAGE);
	if (!names)
		table_print(table, context->format, stdout);
	return 0;
}

static int run_tags(struct context *context, int argc, char **argv, struct error *err)
{
	struct registry_name name _cleanup_(registry_name_close) = { 0 };
	struct strlist tags _cleanup_(strlist_free) = { 0 };

	(void)argc;
	if (registry_name_open(context, argv[0], &name, err) < 0)
		return -1;
	if (name.store)
		return tags_local(context, name.store, name.reference.repository, err);
	_cleanup_(freep) char *url = xprintf("/v2/%s/tags/list?n=1000", name.reference.repository);
	_cleanup_(freep) char *scope = xprintf("repository:%s:pull", name.reference.repository);
	if (registry_list(name.endpoint, url, scope, "tags", &tags, err) < 0)
		return -1;
	print_names(context, "TAG", "tag", &tags);
	return 0;
}

const struct command command_registry_tags = {
	.name = "registry tags",
	.usage = "REPOSITORY|HOST:PORT/REPOSITORY",
	.summary = "List the tags of a repository",
	.details = "Of another registry there are only names. -q prints the names alone.",
	.options = remote_options,
	.min_args = 1,
	.max_args = 1,
	.run = run_tags,
};

/* ---- df ---- */

struct sizes {
	struct table *table;
	int64_t repositories;
};

static void take_size(void *data, const struct repository_row *row)
{
	struct sizes *sizes = data;

	add_repository(sizes->table, row);
	sizes->repositories++;
}

static int run_df(struct context *context, int argc, char **argv, struct error *err)
{
	struct table *table _cleanup_(table_free) = table_new(repository_columns, array_len(repository_columns));
	struct store *store _cleanup_(store_close) = NULL;
	struct sizes sizes = { .table = table };
	struct store_usage usage;
	char held[16], reclaimable[16];
	int64_t once;

	(void)argc, (void)argv;
	if (store_open(context->root, &store, err) < 0 || each_repository(store, NULL, take_size, &sizes, err) < 0 ||
	    store_prefix_bytes(store, "", &once, err) < 0 || store_usage(store, &usage, err) < 0)
		return -1;
	table_print(table, context->format, stdout);
	if (context->format == FORMAT_TEXT)
		printf("\n%lld repositories hold %s, shared parts counted once; %s in the store are not needed any more ('sampan registry gc')\n",
		       (long long)sizes.repositories, size_print((uint64_t)once, held), size_print((uint64_t)usage.reclaimable_bytes, reclaimable));
	return 0;
}

const struct command command_registry_df = {
	.name = "registry df",
	.usage = "",
	.summary = "Show what each repository holds",
	.details = "'sampan df' shows the whole store.",
	.max_args = 0,
	.run = run_df,
};
