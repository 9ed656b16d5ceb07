/* Quotas: how many bytes the repositories under a prefix may hold, each blob counted once.
 *
 * Counting is a question to the tables that a push must not wait for. So a count is kept and added to as blobs come; that
 * overcounts (a blob that was there already, what gc took), and before anything is refused it is counted anew, once a second at most. Room is taken
 * before an upload is committed, under a lock, so that pushes side by side can't each take the last of it. */
#include <time.h>

#include "base/log.h"
#include "registry/internal.h"

enum {
	COUNT_SECONDS = 1,
	TRUST_SECONDS = 30, /* who has the store open pushes into it without us */
};

struct quotas {
	pthread_mutex_t lock; /* of all below */
	struct quota {
		const struct quota_options *options;
		int64_t used;	 /* at most this much, but for what others push meanwhile */
		int64_t counted; /* seconds of the monotonic clock; 0: never */
	} *items;
	size_t len;
};

struct quotas *quotas_new(const struct keep_options *options)
{
	if (!options->quotas_len)
		return NULL;
	struct quotas *quotas = xnew(struct quotas);
	pthread_mutex_init(&quotas->lock, NULL);
	quotas->items = xcalloc(options->quotas_len, sizeof *quotas->items);
	quotas->len = options->quotas_len;
	for (size_t i = 0; i < quotas->len; i++)
		quotas->items[i].options = &options->quotas[i];
	return quotas;
}

void quotas_free(struct quotas **at)
{
	struct quotas *quotas = steal(*at);

	if (!quotas)
		return;
	pthread_mutex_destroy(&quotas->lock);
	free(quotas->items);
	free(quotas);
}

/* A failure to count refuses nothing: a quota is a convenience, not a boundary. */
static void count(struct store *store, struct quota *quota)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (quota->counted && now.tv_sec - quota->counted < COUNT_SECONDS)
		return;
	quota->counted = now.tv_sec;
	if (store_prefix_bytes(store, quota->options->prefix, &quota->used, &err) < 0)
		log_error("the quota of '%s' could not be counted: %s", quota->options->prefix, err.message);
}

static bool is_old(const struct quota *quota)
{
	return !quota->counted || now_seconds() - quota->counted > TRUST_SECONDS;
}

/* The quota that has no room for `bytes` more, or NULL. Called with the lock held. */
static const struct quota *lacking(struct request *request, struct quotas *quotas, int64_t bytes)
{
	for (size_t i = 0; i < quotas->len; i++) {
		struct quota *quota = &quotas->items[i];
		if (!str_starts(request->target.repository, quota->options->prefix))
			continue;
		if (is_old(quota) || bytes > quota->options->bytes - quota->used)
			count(request->server->store, quota);
		if (bytes > quota->options->bytes - quota->used)
			return quota;
	}
	return NULL;
}

static void refuse(struct request *request, unsigned status, const struct quota *quota, int64_t bytes)
{
	char limit[16], used[16], more[16];

	request_fail(request, status, "DENIED", "%s more do not fit into the quota of '%s*': %s of %s are used; delete tags that are not needed",
		     size_print((uint64_t)bytes, more), quota->options->prefix, size_print((uint64_t)quota->used, used),
		     size_print((uint64_t)quota->options->bytes, limit));
}

static bool ask(struct request *request, const struct digest *digest, int64_t bytes, bool take)
{
	struct quotas *quotas = request->settings->quotas;

	if (!quotas || (digest && store_blob_linked(request->server->store, "", request->target.repository, digest)))
		return true;
	pthread_mutex_lock(&quotas->lock);
	const struct quota *full = lacking(request, quotas, bytes);
	for (size_t i = 0; !full && take && i < quotas->len; i++)
		if (str_starts(request->target.repository, quotas->items[i].options->prefix))
			quotas->items[i].used += bytes;
	if (full)
		refuse(request, take || full->used >= full->options->bytes ? MHD_HTTP_FORBIDDEN : MHD_HTTP_CONTENT_TOO_LARGE, full, bytes);
	pthread_mutex_unlock(&quotas->lock);
	return !full;
}

bool quota_take(struct request *request, const struct digest *digest, int64_t bytes)
{
	return ask(request, digest, bytes, true);
}

bool quota_fits(struct request *request, const struct digest *digest, int64_t bytes)
{
	return ask(request, digest, bytes, false);
}
