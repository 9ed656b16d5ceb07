/* What the web page asks beside the specification's own addresses. JSON; times are seconds since 1970, sizes bytes; like all addresses these stand
 * in the table of operations, and are asked for with the same rights.
 *
 * GET /v2/_sampan/repositories?n=50&last=NAME&q=TEXT&below=PREFIX	those whose name has TEXT in it, and begins with PREFIX/
 *	{"repositories": [{"name", "tags", "size", "updated", "cached", "pulled", "platforms": ["linux/riscv64"]}], "next": NAME,
 *	 "upstreams": [{"prefix", "url"}]}
 * GET /v2/NAME/_sampan/tags?n=50&last=TAG
 *	{"name", "tags": [{"name", "digest", "mediaType", "artifactType", "size", "updated", "created", "pulled", "platforms": ["linux/riscv64"]}],
 *	 "next": TAG}
 * GET /v2/_sampan/transfers
 *	{"connections", "requests", "transfers": [{"kind": "download", "upload" or "fetch", "repository", "digest", "bytes", "size", "seconds"}]}
 *
 * `next` is what to give as `last` for the next page, null at the end; `n` is at most 100, since a row costs the database more than a name does.
 * `cached` counts manifests that came from an upstream, `pulled` is when one was pulled last (0: it was pushed); a "fetch" is from an upstream.
 * No repository's name begins with '_'. A digest, artifact type, or number that isn't known is null. */
#include "registry/overview.h"

#include "base/json.h"
#include "registry/internal.h"
#include "registry/proxy.h"
#include "registry/range.h"

enum { ROWS_DEFAULT = 50, ROWS_MAX = 100 };

static void answer_json(struct request *request, const json_t *object)
{
	_cleanup_(freep) char *text = json_text(object);

	request_answer(request, MHD_HTTP_OK, "application/json", text, strlen(text));
	request_set(request, "Cache-Control", "no-store");
}

/* ---- pages ---- */

/* The query's n; false if it answered. */
static bool rows_wanted(struct request *request, size_t *ret)
{
	struct error err _cleanup_(error_clear) = { 0 };
	const char *n = target_query(&request->target, "n");

	*ret = ROWS_DEFAULT;
	if (n && page_parse(n, ret, &err) < 0) {
		request_fail(request, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED", "%s", err.message);
		return false;
	}
	if (*ret > ROWS_MAX || !*ret)
		*ret = ROWS_MAX;
	return true;
}

/* ---- repositories ---- */

static json_t *repository_json(const struct repository_row *row, const struct repository_details *details)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "name", row->name, "tags", (json_int_t)row->tags, "size", (json_int_t)row->bytes, "updated",
			 (json_int_t)row->updated, "cached", (json_int_t)details->cached, "pulled", (json_int_t)details->pulled, "platforms",
			 json_from_strlist(&details->platforms));
}

/* Adds to `array`. What went while the page was made is left out of it. */
static int repository_add(struct store *store, const struct repository_row *row, json_t *array, struct error *err)
{
	struct repository_details details _cleanup_(repository_details_clear) = { 0 };
	struct error mine _cleanup_(error_clear) = { 0 };

	if (store_repository_details(store, "", row->name, &details, &mine) == 0) {
		json_array_append_new(array, repository_json(row, &details));
	} else if (mine.code != ERROR_NOT_FOUND) {
		error_move(err, &mine);
		return -1;
	}
	return 0;
}

/* Adds those of the next rows that the caller may see, up to n. *ret_last is the last name that was looked at, NULL: there are no more rows;
 * *ret_more says that there is one more to be seen. */
static int repositories_read(struct request *request, const char *pattern, const char *last, size_t n, json_t *array, char **ret_last, bool *ret_more,
			     struct error *err)
{
	struct store *store = request->server->store;
	struct repository_row *rows = NULL;
	size_t len = 0;

	int result = store_repository_rows(store, "", pattern, last, n + 1, &rows, &len, err);
	for (size_t i = 0; i < len && result == 0 && !*ret_more; i++) {
		if (!access_shows(request, rows[i].name))
			continue;
		if (json_array_size(array) == n)
			*ret_more = true;
		else
			result = repository_add(store, &rows[i], array, err);
	}
	*ret_last = len > n ? xstrdup(rows[n].name) : NULL;
	repository_rows_free(rows, len);
	return result;
}

/* A page of them. */
static int repositories_find(struct request *request, size_t n, json_t *array, json_t **ret_next, struct error *err)
{
	const struct target *target = &request->target;
	const char *text = target_query(target, "q"), *below = target_query(target, "below");
	_cleanup_(freep) char *has = store_pattern_containing(text ? text : ""), *begins = store_pattern_containing(below ? below : "");
	/* Of the prefix without its "*" on both sides, and the text with them. */
	_cleanup_(freep) char *pattern = below ? xprintf("%.*s/%s", (int)strlen(begins) - 2, begins + 1, has) : xstrdup(has);
	_cleanup_(freep) char *last = xstrdup(target_query(target, "last"));
	bool more = false;
	int result;

	do {
		_cleanup_(freep) char *from = steal(last);
		result = repositories_read(request, pattern, from, n, array, &last, &more, err);
	} while (result == 0 && last && !more);
	*ret_next = more && n ? json_incref(json_object_get(json_array_get(array, n - 1), "name")) : json_null();
	return result;
}

static json_t *upstreams_json(const struct proxy *proxy)
{
	json_t *array = json_array();

	for (size_t i = 0; proxy && i < proxy->mirrors_len; i++)
		json_array_append_new(array, json_pack("{s:s, s:s}", "prefix", proxy->mirrors[i].prefix, "url", upstream_url(proxy->mirrors[i].upstream)));
	return array;
}

void overview_repositories_get(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	json_t *array = NULL, *next = NULL;
	size_t n;

	if (!rows_wanted(request, &n))
		return;
	int result = repositories_find(request, n, array = json_array(), &next, &err);
	json_t *object _cleanup_(json_release) =
		json_pack("{s:o, s:o, s:o}", "repositories", array, "next", next, "upstreams", upstreams_json(request->settings->proxy));
	if (result < 0)
		request_fail_error(request, &err, "NAME_UNKNOWN", "NAME_INVALID");
	else
		answer_json(request, object);
}

/* ---- tags ---- */

static json_t *tag_json(const struct tag_row *row, const struct tag_details *details)
{
	struct strlist platforms _cleanup_(strlist_free) = { 0 };
	char text[DIGEST_TEXT_SIZE];

	if (*row->platforms)
		strlist_split(&platforms, row->platforms, ',');
	return json_pack("{s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:o}", "name", row->name, "digest", digest_print(&row->digest, text), "mediaType",
			 row->media_type, "artifactType", details->artifact_type, "size", (json_int_t)row->bytes, "updated", (json_int_t)row->updated,
			 "created", (json_int_t)details->created, "pulled", (json_int_t)details->pulled, "platforms", json_from_strlist(&platforms));
}

static int tag_add(struct store *store, const char *repository, const struct tag_row *row, json_t *array, struct error *err)
{
	struct tag_details details _cleanup_(tag_details_clear) = { 0 };
	struct error mine _cleanup_(error_clear) = { 0 };

	if (store_tag_details(store, "", repository, row->name, &details, &mine) == 0) {
		json_array_append_new(array, tag_json(row, &details));
	} else if (mine.code != ERROR_NOT_FOUND) {
		error_move(err, &mine);
		return -1;
	}
	return 0;
}

static int tags_find(struct request *request, size_t n, json_t *array, json_t **ret_next, struct error *err)
{
	const char *repository = request->target.repository;
	struct store *store = request->server->store;
	struct tag_row *rows = NULL;
	size_t len = 0;

	int result = store_tag_rows(store, "", repository, target_query(&request->target, "last"), n + 1, &rows, &len, err);
	for (size_t i = 0; i < len && i < n && result == 0; i++)
		result = tag_add(store, repository, &rows[i], array, err);
	*ret_next = len > n ? json_string(rows[n - 1].name) : json_null();
	tag_rows_free(rows, len);
	return result;
}

void overview_tags_get(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	const char *repository = request->target.repository;
	json_t *array = NULL, *next = NULL;
	size_t n;

	if (!rows_wanted(request, &n))
		return;
	if (!store_repository_exists(request->server->store, "", repository)) {
		request_fail(request, MHD_HTTP_NOT_FOUND, "NAME_UNKNOWN", "there is no repository %s", repository);
		return;
	}
	int result = tags_find(request, n, array = json_array(), &next, &err);
	json_t *object _cleanup_(json_release) = json_pack("{s:s, s:o, s:o}", "name", repository, "tags", array, "next", next);
	if (result < 0)
		request_fail_error(request, &err, "NAME_UNKNOWN", "NAME_INVALID");
	else
		answer_json(request, object);
}

/* ---- transfers ---- */

static json_t *number_or_null(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *transfer_json(const struct transfer *transfer, int64_t bytes)
{
	return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:I}", "kind", transfer->upload ? "upload" : "download", "repository", transfer->repository, "digest",
			 transfer->digest, "bytes", number_or_null(bytes), "size", number_or_null(transfer->size), "seconds",
			 (json_int_t)(now_seconds() - transfer->since));
}

static void fetches_add(struct proxy *proxy, json_t *transfers)
{
	char text[DIGEST_TEXT_SIZE];

	if (!proxy)
		return;
	pthread_mutex_lock(&proxy->lock);
	for (const struct download *download = proxy->downloads; download; download = download->next)
		json_array_append_new(transfers, json_pack("{s:s, s:s, s:s, s:I, s:o, s:n}", "kind", "fetch", "repository", download->repository, "digest",
							   digest_print(&download->digest, text), "bytes", (json_int_t)download->have, "size",
							   number_or_null(download->size), "seconds"));
	pthread_mutex_unlock(&proxy->lock);
}

/* Those of repositories that the caller doesn't see are not for it. */
static void transfers_hide(const struct request *request, json_t *transfers)
{
	for (size_t i = json_array_size(transfers); i-- > 0;)
		if (!access_shows(request, json_string_value(json_object_get(json_array_get(transfers, i), "repository"))))
			json_array_remove(transfers, i);
}

/* There are as many as connections at most, which are bounded, and as many again from upstreams. */
void overview_transfers_get(struct request *request)
{
	struct server *server = request->server;
	json_t *transfers _cleanup_(json_release) = json_array();

	fetches_add(request->settings->proxy, transfers);
	pthread_mutex_lock(&server->lock);
	for (const struct connection *connection = server->connections; connection; connection = connection->next)
		if (connection->transfer)
			json_array_append_new(transfers, transfer_json(connection->transfer, transfer_bytes(connection)));
	json_t *object _cleanup_(json_release) =
		json_pack("{s:I, s:I, s:O}", "connections", (json_int_t)(server->connected - server->leaving), "requests",
			  (json_int_t)__atomic_load_n(&server->served, __ATOMIC_RELAXED), "transfers", transfers);
	pthread_mutex_unlock(&server->lock);
	transfers_hide(request, transfers);
	answer_json(request, object);
}
