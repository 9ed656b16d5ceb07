/* sampan gc: removes what nothing needs, beside running servers and builds. */
#include <stdio.h>

#include "base/json.h"
#include "build/duration.h"
#include "cmd/command.h"
#include "store/store.h"

/* Long enough for the slowest step between a blob's arrival and its manifest's. */
enum { GRACE_DEFAULT = 3600 };

static const char *grace_text, *cached_text;
static bool all, cache;

static const struct option_spec options[] = {
	{ 0, "grace", OPTION_STRING, &grace_text, "TIME", "spare what was used so recently: 30m, 2h, seconds (1h)" },
	{ 0, "cache", OPTION_FLAG, &cache, NULL, "also the build cache that wasn't used within that time" },
	{ 0, "cached", OPTION_STRING, &cached_text, "TIME", "also what the registry holds of upstreams and nobody pulled for so long (0: all of it)" },
	{ 'a', "all", OPTION_FLAG, &all, NULL, "also all of the build cache, and without grace unless --grace gives one" },
	{ 0 },
};

static int parse_time(const char *option, const char *text, int64_t *ret, struct error *err)
{
	int64_t nanoseconds;

	if (str_to_int(text, 0, INT32_MAX, ret, NULL) == 0 || period_parse(text, ret, NULL) == 0)
		return 0;
	if (duration_parse(text, &nanoseconds, NULL) < 0)
		return error_set(err, ERROR_USAGE, "%s %s: a time like 30m, 2h, 7d or a number of seconds is needed", option, text);
	*ret = nanoseconds / 1000000000;
	return 0;
}

static int parse_grace(int64_t *ret, struct error *err)
{
	*ret = all ? 0 : GRACE_DEFAULT;
	return grace_text ? parse_time("--grace", grace_text, ret, err) : 0;
}

/* Before gc, which frees what they held. */
static int evict(struct store *store, int64_t *ret, struct error *err)
{
	int64_t age;

	if (!cached_text)
		return 0;
	return parse_time("--cached", cached_text, &age, err) < 0 ? -1 : store_cached_evict(store, age, -1, ret, err);
}

static void print_count(const char *what, int64_t count, int64_t bytes)
{
	char size[16];

	if (count && bytes)
		printf("Removed %lld %s (%s)\n", (long long)count, what, size_print((uint64_t)bytes, size));
	else if (count)
		printf("Removed %lld %s\n", (long long)count, what);
}

static void print_text(const struct store_usage *freed, int64_t evicted, int64_t grace, bool quiet)
{
	int64_t total = freed->blobs_bytes + freed->layers_bytes + freed->containers_bytes + freed->uploads_bytes;
	char size[16];

	if (!quiet) {
		print_count(evicted == 1 ? "manifest of the cache" : "manifests of the cache", evicted, 0);
		print_count(freed->blobs == 1 ? "blob" : "blobs", freed->blobs, freed->blobs_bytes);
		print_count(freed->layers == 1 ? "unpacked layer" : "unpacked layers", freed->layers, freed->layers_bytes);
		print_count(freed->uploads == 1 ? "unfinished upload" : "unfinished uploads", freed->uploads, freed->uploads_bytes);
		print_count(freed->cache_entries == 1 ? "build cache entry" : "build cache entries", freed->cache_entries, 0);
	}
	if (evicted && grace && !quiet)
		printf("What was used within the last %lld seconds is freed by a later gc; --grace 0 does it now\n", (long long)grace);
	printf("Total reclaimed space: %s\n", size_print((uint64_t)total, size));
}

static void print_json(const struct store_usage *freed, int64_t evicted)
{
	_cleanup_(json_release) json_t *object = json_pack(
		"{s:{s:I, s:I}, s:{s:I, s:I}, s:{s:I, s:I}, s:{s:I}, s:{s:I}}", "blobs", "count", (json_int_t)freed->blobs, "bytes",
		(json_int_t)freed->blobs_bytes, "layers", "count", (json_int_t)freed->layers, "bytes", (json_int_t)freed->layers_bytes,
		"uploads", "count", (json_int_t)freed->uploads, "bytes", (json_int_t)freed->uploads_bytes, "build_cache", "count",
		(json_int_t)freed->cache_entries, "cached", "count", (json_int_t)evicted);

	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct store_usage freed = { 0 };
	int64_t grace, evicted = 0;

	(void)argc, (void)argv;
	if (parse_grace(&grace, err) < 0 || store_open(context->root, &store, err) < 0 || evict(store, &evicted, err) < 0 ||
	    store_gc(store, &(struct gc_options){ grace, grace, all ? 0 : cache ? grace : -1, false }, &freed, err) < 0)
		return -1;
	if (context->format == FORMAT_JSON)
		print_json(&freed, evicted);
	else
		print_text(&freed, evicted, grace, context->quiet);
	return 0;
}

const struct command command_gc = {
	.name = "gc",
	.group = "Store",
	.usage = "[OPTIONS]",
	.summary = "Free what nothing needs any more",
	.details = "Removes blobs, images without a name, unpacked layers and unfinished uploads that nothing leads to and that were not used\n"
		   "lately. It may run beside a server, pulls and builds; with --grace 0 what they have not finished may have to be done again.\n"
		   "With --cached images of the pull-through cache go as well; who pulls one again fetches it again.",
	.options = options,
	.rootless_namespace = true,
	.run = run,
};
