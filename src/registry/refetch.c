/* Fetching again what fsck put away: see refetch.h.
 *
 * A damaged blob counts as absent, but the repositories that held it still do so: these are asked for. One that a cache can give is the same bytes for
 * all others that hold it, whether they were pushed or pulled. */
#include "registry/refetch.h"

#include "registry/proxy.h"

struct refetch {
	struct store *store;
	const struct proxy *proxy;
	void (*report)(void *data, const char *text);
	void *data;
};

static int fetch_manifest(const struct refetch *refetch, const struct mirror *mirror, const char *name, const struct missing_row *row, const char *digest,
			  struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *media_type = NULL;
	struct digest got;

	if (upstream_manifest(mirror->upstream, name, digest, &text, &media_type, &got, err) < 0)
		return -1;
	return store_cached_put(refetch->store, row->repository, text.data, text.len, media_type, NULL, &got, err);
}

static int go_on(void *data, struct upload *upload, int64_t have, int64_t size, struct error *err)
{
	(void)data, (void)upload, (void)have, (void)size, (void)err;
	return 0;
}

static int fetch(const struct refetch *refetch, const struct mirror *mirror, const char *name, const struct missing_row *row, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];

	if (row->is_manifest)
		return fetch_manifest(refetch, mirror, name, row, digest_print(&row->digest, digest), err);
	return upstream_blob(mirror->upstream, name, &row->digest, refetch->store, row->repository, go_on, NULL, err);
}

static void say(const struct refetch *refetch, const struct missing_row *row, const struct mirror *mirror, const struct error *failure)
{
	char digest[DIGEST_TEXT_SIZE];
	const char *kind = row->is_manifest ? "manifest" : "blob", *url = upstream_url(mirror->upstream);

	digest_print(&row->digest, digest);
	_cleanup_(freep) char *text = failure ? xprintf("%s %s could not be fetched again from %s: %s", kind, digest, url, failure->message) :
						xprintf("%s %s was fetched again from %s", kind, digest, url);
	refetch->report(refetch->data, text);
}

/* The same digest may be missing in several repositories: the first that can give it does. */
static int refetch_one(const struct refetch *refetch, const struct missing_row *row, struct error *err)
{
	struct error failure _cleanup_(error_clear) = { 0 };
	const char *name;
	const struct mirror *mirror = proxy_mirror_above(refetch->proxy, row->repository, &name);

	if (!mirror || store_blob_has(refetch->store, &row->digest))
		return 0;
	int result = fetch(refetch, mirror, name, row, &failure);
	if (result < 0 && (failure.code == ERROR_INTERRUPTED || failure.code == ERROR_NO_SPACE)) {
		error_move(err, &failure);
		return -1;
	}
	say(refetch, row, mirror, result < 0 ? &failure : NULL);
	return 0;
}

int refetch_missing(struct store *store, const struct proxy *proxy, void (*report)(void *data, const char *text), void *data, struct error *err)
{
	struct refetch refetch = { store, proxy, report, data };
	struct missing_row *rows = NULL;
	size_t len = 0;
	int result = 0;

	if (!proxy)
		return 0;
	if (store_missing(store, &rows, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len && result == 0; i++)
		result = refetch_one(&refetch, &rows[i], err);
	missing_rows_free(rows, len);
	return result;
}
