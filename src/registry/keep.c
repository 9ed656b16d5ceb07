/* Housekeeping: see keep.h.
 *
 * What must not happen is that a server writes, or reads all its tables, every few minutes for nothing. So a run is due only when the store has
 * changed (by anybody: see store_changes), and then as often again as it takes until what changed is older than the grace. Abandoned uploads
 * are files that no transaction tells of; looking for them is one look into one folder. Retention goes with the clock, not with changes, so where
 * there are rules each run asks them, which is a question and no write while there is nothing to take.
 *
 * What is how old is told by the clock, which on a board without one of its own leaps by days when the network has told it the time. All that came just
 * before would then seem older than any grace. So after a leap the housekeeping waits for as long as the grace is. */
#include <signal.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "registry/config.h"
#include "registry/internal.h"

enum {
	EVERY_DEFAULT = 6 * 3600,
	GRACE_DEFAULT = 6 * 3600, /* a large image over a slow line takes its time */
	UPLOADS_DEFAULT = 24 * 3600,
	FIRST_RUN = 600,
	LEAP_MS = 60 * 1000,
	RULES_MAX = 1000,
	QUOTAS_MAX = 1000,
};

struct keeper {
	struct server *server;
	const struct keep_options *options, *next; /* next: to be used when no run is under way, or NULL */
	int64_t every, grace, uploads; /* seconds */
	int64_t due;		       /* of the monotonic clock */
	int64_t ahead;		       /* ms by which the clock was ahead of the time since the boot when it was looked at */
	int64_t changes;	       /* store_changes when the last run ended */
	int64_t runs_left;	       /* until all that changed is older than the grace */
	bool sweeps;		       /* this run collects, too */
	bool running, done;	       /* done is set by the thread */
	pthread_t thread;
};

/* ---- settings ---- */

/* "6h", or a number of seconds; *ret is kept if it isn't there. */
int gc_config(struct registry_options *options, const json_t *section, struct error *err)
{
	static const char *const known[] = { "every", "grace", "uploads", NULL };
	struct keep_options *keep = &options->keep;

	keep->gc_configured = true;
	keep->gc_every = EVERY_DEFAULT;
	keep->gc_grace = GRACE_DEFAULT;
	keep->gc_uploads = UPLOADS_DEFAULT;
	keep->gc_off = json_is_false(section);
	if (keep->gc_off)
		return 0;
	if (!json_is_object(section))
		return error_set(err, ERROR_INVALID, "it must be false, or an object like {\"every\": \"6h\", \"grace\": \"6h\", \"uploads\": \"24h\"}");
	if (config_check_keys(section, known, err) < 0 || config_get_period(section, "every", &keep->gc_every, err) < 0 ||
	    config_get_period(section, "grace", &keep->gc_grace, err) < 0 || config_get_period(section, "uploads", &keep->gc_uploads, err) < 0)
		return -1;
	return keep->gc_every ? 0 : error_set(err, ERROR_INVALID, "'every' must be a second at least; false for the whole section turns it off");
}

static int read_rule(const json_t *object, struct retention_rule *rule, struct error *err)
{
	static const char *const known[] = { "repositories", "keep_newest", "newer_than", "tags", "untagged_older_than", NULL };
	int found;

	rule->keep_newest = rule->newer_than = rule->untagged_older_than = -1;
	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "it must be an object");
	if (config_check_keys(object, known, err) < 0 || json_get_strlist(object, "repositories", &rule->repositories, err) < 0 ||
	    json_get_strlist(object, "tags", &rule->tags, err) < 0 || config_get_period(object, "newer_than", &rule->newer_than, err) < 0 ||
	    config_get_period(object, "untagged_older_than", &rule->untagged_older_than, err) < 0)
		return -1;
	int64_t newest = 0;
	if ((found = json_get_int(object, "keep_newest", &newest, err)) < 0)
		return -1;
	if (found)
		rule->keep_newest = newest;
	if (found && newest < 0)
		return error_set(err, ERROR_INVALID, "'keep_newest' is negative");
	if (!rule->repositories.len)
		return error_set(err, ERROR_INVALID, "'repositories' is missing: a list of patterns like \"team/*\"");
	return 0;
}

int retention_config(struct registry_options *options, const json_t *section, struct error *err)
{
	struct keep_options *keep = &options->keep;
	json_t *item;
	size_t i;

	if (!json_is_array(section) || json_array_size(section) > RULES_MAX)
		return error_set(err, ERROR_INVALID, "it must be a list of at most %d rules", RULES_MAX);
	keep->rules = xcalloc(json_array_size(section) + 1, sizeof *keep->rules);
	json_array_foreach((json_t *)section, i, item) {
		keep->rules_len = i + 1;
		if (read_rule(item, &keep->rules[i], err) < 0)
			return error_wrap(err, "rule %zu", i + 1);
	}
	return 0;
}

static int read_quota(const json_t *object, struct quota_options *quota, struct error *err)
{
	static const char *const known[] = { "prefix", "size", NULL };
	const char *prefix, *size;
	uint64_t bytes;

	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "it must be an object like {\"prefix\": \"team/\", \"size\": \"10g\"}");
	if (config_check_keys(object, known, err) < 0 || json_get_string(object, "prefix", &prefix, err) < 0 ||
	    json_get_string(object, "size", &size, err) < 0)
		return -1;
	if (!prefix || !size)
		return error_set(err, ERROR_INVALID, "'%s' is missing", prefix ? "size" : "prefix");
	if (size_parse(size, &bytes, err) < 0)
		return -1;
	*quota = (struct quota_options){ xstrdup(prefix), (int64_t)bytes };
	return 0;
}

int quotas_config(struct registry_options *options, const json_t *section, struct error *err)
{
	struct keep_options *keep = &options->keep;
	json_t *item;
	size_t i;

	if (!json_is_array(section) || json_array_size(section) > QUOTAS_MAX)
		return error_set(err, ERROR_INVALID, "it must be a list of at most %d", QUOTAS_MAX);
	keep->quotas = xcalloc(json_array_size(section) + 1, sizeof *keep->quotas);
	json_array_foreach((json_t *)section, i, item) {
		keep->quotas_len = i + 1;
		if (read_quota(item, &keep->quotas[i], err) < 0)
			return error_wrap(err, "number %zu", i + 1);
	}
	return 0;
}

void keep_options_clear(struct keep_options *options)
{
	retention_rules_free(options->rules, options->rules_len);
	for (size_t i = 0; i < options->quotas_len; i++)
		free(options->quotas[i].prefix);
	free(options->quotas);
	*options = (struct keep_options){ 0 };
}

/* ---- a run ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void log_freed(const struct store_usage *freed, int64_t retained)
{
	char size[16];

	if (retained)
		log_info("sampan: retention took %lld tags or untagged manifests", (long long)retained);
	if (freed->blobs || freed->uploads)
		log_info("sampan: gc removed %lld blobs and %lld unfinished uploads: %s", (long long)freed->blobs, (long long)freed->uploads,
			 size_print((uint64_t)(freed->blobs_bytes + freed->uploads_bytes), size));
}

static int run_parts(struct keeper *keeper, struct store_usage *freed, int64_t *retained, struct error *err)
{
	struct store *store = keeper->server->store;

	if (keeper->options->rules_len &&
	    store_retain(store, keeper->options->rules, keeper->options->rules_len, false, NULL, NULL, retained, err) < 0)
		return -1;
	if (keeper->sweeps || *retained)
		return store_gc(store, &(struct gc_options){ keeper->grace, keeper->uploads, -1, true }, freed, err);
	store_sweep_uploads(store, keeper->uploads, freed);
	return 0;
}

static void *run(void *data)
{
	struct keeper *keeper = data;
	struct error err _cleanup_(error_clear) = { 0 };
	struct store_usage freed = { 0 };
	int64_t retained = 0, started = now_ms();
	int result = run_parts(keeper, &freed, &retained, &err);
	double seconds = (double)(now_ms() - started) / 1000;

	if (result == 0)
		log_freed(&freed, retained);
	else if (err.code != ERROR_INTERRUPTED)
		log_error("housekeeping failed: %s", err.message);
	if (keeper->sweeps || retained)
		observer_gc(keeper->server->observer, result < 0 ? NULL : &freed, seconds);
	keeper->changes = store_changes(keeper->server->store);
	__atomic_store_n(&keeper->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void start(struct keeper *keeper)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	keeper->done = false;
	keeper->running = pthread_create(&keeper->thread, NULL, run, keeper) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!keeper->running)
		log_warn("housekeeping could not be started now; it is tried again");
}

/* ---- when ---- */

static int64_t clock_ahead(void)
{
	struct timespec clock, boot;

	clock_gettime(CLOCK_REALTIME, &clock);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return ((int64_t)clock.tv_sec - boot.tv_sec) * 1000 + (clock.tv_nsec - boot.tv_nsec) / 1000000;
}

/* Back it may go: what is from the future is never too old. */
static void watch_clock(struct keeper *keeper)
{
	int64_t ahead = clock_ahead(), leap = ahead - keeper->ahead, until = now_ms() + 1000 * keeper->grace;

	keeper->ahead = ahead;
	if (leap < LEAP_MS)
		return;
	log_info("sampan: the clock was put forward by %lld s: gc and retention wait for %lld s", (long long)(leap / 1000), (long long)keeper->grace);
	if (keeper->due < until)
		keeper->due = until;
}

static void options_use(struct keeper *keeper, const struct keep_options *options)
{
	bool set = options->gc_configured;

	keeper->options = options;
	keeper->next = NULL;
	keeper->every = set ? options->gc_every : EVERY_DEFAULT;
	keeper->grace = set ? options->gc_grace : GRACE_DEFAULT;
	keeper->uploads = set ? options->gc_uploads : UPLOADS_DEFAULT;
	/* A server that is restarted every day must come to it, too. */
	keeper->due = now_ms() + 1000 * (keeper->every < FIRST_RUN ? keeper->every : FIRST_RUN);
	keeper->changes = -1;
}

struct keeper *keeper_new(struct server *server, const struct keep_options *options)
{
	struct keeper *keeper = xnew(struct keeper);

	keeper->server = server;
	keeper->ahead = clock_ahead();
	options_use(keeper, options);
	return keeper;
}

void keeper_set(struct keeper *keeper, const struct keep_options *options)
{
	keeper->next = options;
	if (!keeper->running)
		options_use(keeper, options);
}

bool keeper_uses(const struct keeper *keeper, const struct keep_options *options)
{
	return keeper && (keeper->options == options || keeper->next == options);
}

void keeper_tick(struct keeper *keeper)
{
	if (keeper->running) {
		if (!__atomic_load_n(&keeper->done, __ATOMIC_ACQUIRE))
			return;
		pthread_join(keeper->thread, NULL);
		keeper->running = false;
		memory_return();
		if (keeper->next)
			options_use(keeper, keeper->next);
	}
	watch_clock(keeper);
	if (keeper->options->gc_off || now_ms() < keeper->due)
		return;
	keeper->due = now_ms() + 1000 * keeper->every;
	if (store_changes(keeper->server->store) != keeper->changes)
		keeper->runs_left = 2 + keeper->grace / keeper->every;
	keeper->sweeps = keeper->runs_left > 0;
	keeper->runs_left -= keeper->sweeps;
	start(keeper);
}

void keeper_free(struct keeper **at)
{
	struct keeper *keeper = steal(*at);

	if (!keeper)
		return;
	if (keeper->running)
		pthread_join(keeper->thread, NULL);
	free(keeper);
}
