/* docker search HOST:PORT/TERM: the one address of Docker's first protocol that clients still use.
 *
 * docker prints a name and the first 45 characters of a description, nothing else that we know: so what the newest tag of a repository runs on
 * stands in front of what it says about itself, "[amd64 riscv64] An in-memory store". */
#include "base/json.h"
#include "registry/internal.h"
#include "registry/range.h"

enum { RESULTS_DEFAULT = 25, RESULTS_MAX = 100 };

/* docker asks whether this is a registry of its own ("standalone"), which may have a search. */
void ping_get(struct request *request)
{
	static const char text[] = "{\"version\":\"" SAMPAN_VERSION "\",\"standalone\":true}";

	request_answer(request, MHD_HTTP_OK, "application/json", text, strlen(text));
	request_set(request, "X-Docker-Registry-Standalone", "True");
}

/* "linux/amd64,linux/arm/v7" becomes "[amd64 arm/v7] ". */
static void add_platforms(struct buf *out, const char *platforms)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	if (!*platforms)
		return;
	strlist_split(&list, platforms, ',');
	for (size_t i = 0; i < list.len; i++)
		buf_printf(out, "%s%s", i ? " " : "[", list.items[i] + (str_starts(list.items[i], "linux/") ? strlen("linux/") : 0));
	buf_add_str(out, "]");
}

static int describe(struct store *store, const struct repository_row *row, struct buf *out, struct error *err)
{
	_cleanup_(freep) char *platforms = NULL, *said = NULL;
	struct digest top;

	if (!row->newest || store_tag_get(store, "", row->name, row->newest, &top, NULL) < 0)
		return 0;
	if (store_image_platforms(store, &top, &platforms, err) < 0)
		return -1;
	said = store_image_description(store, &top);
	add_platforms(out, platforms);
	if (said)
		buf_printf(out, "%s%s", out->len ? " " : "", str_make_printable(said));
	return 0;
}

static int results_add(struct store *store, const struct repository_row *row, json_t *results, struct error *err)
{
	struct buf description _cleanup_(buf_free) = { 0 };

	if (describe(store, row, &description, err) < 0)
		return -1;
	json_t *result = json_pack("{s:s, s:s, s:i, s:b, s:b}", "name", row->name, "description", description.data ? description.data : "", "star_count", 0,
				   "is_official", 0, "is_automated", 0);
	json_array_append_new(results, result);
	return 0;
}

/* Page by page, since the caller may not see all of them; `ret_last` is the last name that was looked at, NULL: there are no more. */
static int results_page(struct request *request, const char *pattern, const char *last, size_t n, json_t *results, char **ret_last, struct error *err)
{
	struct store *store = request->server->store;
	struct repository_row *rows = NULL;
	size_t len = 0;
	int result = store_repository_rows(store, "", pattern, last, n, &rows, &len, err);

	for (size_t i = 0; i < len && result == 0 && json_array_size(results) < n; i++)
		if (access_shows(request, rows[i].name))
			result = results_add(store, &rows[i], results, err);
	*ret_last = result == 0 && len == n ? xstrdup(rows[len - 1].name) : NULL;
	repository_rows_free(rows, len);
	return result;
}

static int results_find(struct request *request, const char *wanted, size_t n, json_t *results, struct error *err)
{
	_cleanup_(freep) char *pattern = store_pattern_containing(wanted), *last = NULL;
	int result;

	do {
		_cleanup_(freep) char *from = steal(last);
		result = results_page(request, pattern, from, n, results, &last, err);
	} while (result == 0 && last && json_array_size(results) < n);
	return result;
}

void search_get(struct request *request)
{
	const char *wanted = target_query(&request->target, "q"), *n_text = target_query(&request->target, "n");
	_cleanup_(json_release) json_t *results = json_array();
	struct error err _cleanup_(error_clear) = { 0 };
	size_t n = RESULTS_DEFAULT;

	if (n_text && page_parse(n_text, &n, &err) < 0) {
		request_fail(request, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED", "%s", err.message);
		return;
	}
	if (results_find(request, wanted ? wanted : "", n < RESULTS_MAX ? n : RESULTS_MAX, results, &err) < 0) {
		request_fail_error(request, &err, "NAME_UNKNOWN", "NAME_INVALID");
		return;
	}
	_cleanup_(json_release) json_t *object =
		json_pack("{s:o*, s:i, s:O}", "query", json_string(wanted ? wanted : ""), "num_results", (int)json_array_size(results), "results", results);
	_cleanup_(freep) char *text = json_text(object);
	request_answer(request, MHD_HTTP_OK, "application/json", text, strlen(text));
}
