/* sampan sync: sets of images, copied by rule, once or again and again. */
#include <poll.h>
#include <stdio.h>

#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "build/duration.h"
#include "cmd/remote.h"
#include "remote/sync.h"
#include "store/store.h"

enum { WATCH_MIN_SECONDS = 1, WATCH_MAX_SECONDS = 365 * 86400 };

static const char *match, *newest, *watch, *parallel;
static struct strlist tags, platforms;
static bool dry_run, referrers;

static const struct option_spec options[] = {
	{ 0, "tags", OPTION_LIST, &tags, "GLOB", "of SOURCE, tags like this ('7.*'; '!*-rc*' takes away); may be repeated (all)" },
	{ 0, "match", OPTION_STRING, &match, "REGEX", "of those, tags that match as a whole ('[0-9]+\\.[0-9]+')" },
	{ 0, "newest", OPTION_STRING, &newest, "N", "of those, the N highest versions" },
	{ 0, "platform", OPTION_LIST, &platforms, "OS/ARCH", "only this platform; may be repeated (all)" },
	{ 0, "referrers", OPTION_FLAG, &referrers, NULL, "signatures, SBOMs and what else refers to the images, too" },
	{ 'n', "dry-run", OPTION_FLAG, &dry_run, NULL, "say what would be copied, and copy nothing" },
	{ 0, "watch", OPTION_STRING, &watch, "TIME", "go on: again TIME (10m, 12h) after each run" },
	{ 0, "parallel", OPTION_STRING, &parallel, "N", "images at once (2)" },
	REMOTE_OPTIONS_SIDES,
	REMOTE_OPTIONS,
	{ 0 },
};

/* ---- reports ---- */

struct report {
	const struct context *context;
	size_t counts[SYNC_FAILED + 1];
	json_t *images; /* of --format json */
};

static const char *const words[] = {
	[SYNC_COPIED] = "copied", [SYNC_SAME] = "up to date", [SYNC_WOULD_COPY] = "would be copied", [SYNC_FAILED] = "failed",
};

static void add_json(struct report *report, const struct sync_report *one)
{
	char digest[DIGEST_TEXT_SIZE];

	json_array_append_new(report->images, json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "from", one->from, "to", one->to, "result", words[one->result],
							"digest", one->digest ? digest_print(one->digest, digest) : NULL, "error",
							one->error ? one->error->message : NULL));
}

static void on_report(void *data, const struct sync_report *one)
{
	struct report *report = data;

	report->counts[one->result]++;
	if (report->images)
		add_json(report, one);
	else if (one->result != SYNC_FAILED && !(report->context->quiet && one->result == SYNC_SAME)) {
		printf("%s -> %s: %s\n", one->from, one->to, words[one->result]);
		fflush(stdout);
	}
	if (one->result != SYNC_FAILED)
		return;
	log_error("cannot sync %s to %s: %s", one->from, one->to, one->error->message);
	if (one->error->hint)
		log_info("%s", one->error->hint);
}

static void print_end(const struct report *report)
{
	if (report->images) {
		json_dumpf(report->images, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!report->context->quiet) {
		printf("%zu %s, %zu up to date, %zu failed\n", report->counts[SYNC_COPIED] + report->counts[SYNC_WOULD_COPY],
		       words[dry_run ? SYNC_WOULD_COPY : SYNC_COPIED], report->counts[SYNC_SAME], report->counts[SYNC_FAILED]);
	}
	fflush(stdout);
}

/* ---- running ---- */

static int rules_from_flags(char **argv, struct sync_rules *ret, struct error *err)
{
	int64_t count = 0;

	if (newest && str_to_int(newest, 1, INT32_MAX, &count, err) < 0)
		return error_wrap(err, "--newest");
	json_t *object _cleanup_(json_release) = json_pack("{s:s, s:s, s:o, s:s?, s:I, s:o, s:b}", "from", argv[0], "to", argv[1], "tags",
							   json_from_strlist(&tags), "match", match, "newest", (json_int_t)count, "platforms",
							   json_from_strlist(&platforms), "referrers", referrers);
	if (!object)
		return error_set(err, ERROR_USAGE, "the arguments are not UTF-8");
	return sync_rules_add(ret, object, err);
}

static int rules_read(int argc, char **argv, struct sync_rules *ret, struct error *err)
{
	if (argc == 2)
		return rules_from_flags(argv, ret, err);
	if (tags.len || match || newest || platforms.len || referrers)
		return error_set(err, ERROR_USAGE, "with a file the rules say which tags and platforms: the options are for SOURCE DESTINATION");
	return sync_rules_read(argv[0], ret, err);
}

/* The rules are read each time, so that a running --watch follows the file. Returns the exit code. */
static int run_once(struct context *context, struct store *store, struct sync_options *sync, int argc, char **argv, struct error *err)
{
	struct sync_rules rules _cleanup_(sync_rules_clear) = { 0 };
	bool as_json = context->format == FORMAT_JSON;
	json_t *images _cleanup_(json_release) = as_json ? json_array() : NULL;
	struct report report = { .context = context, .images = images };
	size_t failed;

	if (rules_read(argc, argv, &rules, err) < 0)
		return -1;
	sync->report = on_report;
	sync->data = &report;
	if (sync_run(store, &rules, sync, &failed, err) < 0)
		return -1;
	print_end(&report);
	return failed ? 1 : 0;
}

/* False if we were asked to stop. */
static bool sleep_until_next(int64_t seconds)
{
	struct pollfd wake = { interrupt_fd(), POLLIN, 0 };

	for (; seconds > 0 && !interrupt_pending(); seconds -= 3600)
		poll(&wake, 1, (int)(seconds < 3600 ? seconds : 3600) * 1000);
	return !interrupt_pending();
}

static int run_watch(struct context *context, struct store *store, struct sync_options *sync, int argc, char **argv, int64_t pause, struct error *err)
{
	int code;

	do {
		struct error failure _cleanup_(error_clear) = { 0 };
		code = run_once(context, store, sync, argc, argv, &failure);
		if (code < 0 && failure.code == ERROR_INTERRUPTED) {
			error_move(err, &failure);
			return -1;
		}
		if (code < 0)
			log_failure(&failure);
	} while (sleep_until_next(pause));
	return code < 0 ? 1 : code;
}

static int watch_seconds(int64_t *ret, struct error *err)
{
	int64_t nanoseconds;

	if (duration_parse(watch, &nanoseconds, err) < 0)
		return error_wrap(err, "--watch");
	*ret = nanoseconds / 1000000000;
	return *ret < WATCH_MIN_SECONDS || *ret > WATCH_MAX_SECONDS ? error_set(err, ERROR_USAGE, "--watch must be 1s at least") : 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct remote_options from = { 0 }, to = { 0 };
	struct sync_options sync = { .from = &from, .to = &to, .dry_run = dry_run };
	struct sync_rules rules _cleanup_(sync_rules_clear) = { 0 };
	int64_t count = 0, pause = 0;

	if (remote_sides_read(NULL, &from, &to, err) < 0 || (watch && watch_seconds(&pause, err) < 0))
		return -1;
	if (parallel && str_to_int(parallel, 1, 16, &count, err) < 0)
		return error_wrap(err, "--parallel");
	sync.parallel = (int)count;
	if (rules_read(argc, argv, &rules, err) < 0 || store_open(context->root, &store, err) < 0)
		return -1;
	return watch ? run_watch(context, store, &sync, argc, argv, pause, err) : run_once(context, store, &sync, argc, argv, err);
}

const struct command command_sync = {
	.name = "sync",
	.group = "Images",
	.usage = "[OPTIONS] RULES-FILE | SOURCE DESTINATION",
	.summary = "Copy sets of images between registries by rule, once or on a schedule",
	.details = "SOURCE is REGISTRY/REPOSITORY[:TAG], DESTINATION the same or store:REFERENCE (this store). RULES-FILE is a JSON list:\n"
		   "  [{\"from\": \"docker.io/library/redis\", \"to\": \"127.0.0.1:6000/mirror/redis\", \"tags\": [\"7.*\", \"!*-rc*\"],\n"
		   "    \"match\": \"[0-9.]+\", \"newest\": 3, \"platforms\": [\"linux/riscv64\"], \"referrers\": true}]\n"
		   "Images that are equal on both sides are skipped, and an interrupted run goes on where it stopped. One that fails doesn't\n"
		   "keep the others; the exit code is 1 then.",
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
