/* Lists: the base address, our own authority's certificate, tags, the catalog, referrers. Pages come from an index, one entry more than asked
 * for, which says that there is a next one. */
#include "base/json.h"
#include "registry/internal.h"
#include "registry/proxy.h"
#include "registry/range.h"
#include "registry/tls.h"

void base_get(struct request *request)
{
	request_answer(request, MHD_HTTP_OK, "application/json", "{}", 2);
}

/* For who can't verify us yet: over whatever connection, since its fingerprint is what to trust it by. */
void authority_get(struct request *request)
{
	const char *text = tls_authority(request->server->tls);

	if (text)
		request_answer(request, MHD_HTTP_OK, "application/x-x509-ca-cert", text, strlen(text));
	else
		request_fail(request, MHD_HTTP_NOT_FOUND, "NAME_UNKNOWN", "this registry has no certificate authority of its own");
}

struct page {
	size_t n;
	const char *last; /* or NULL */
	struct strlist items;
	bool more;
};

static bool page_begin(struct request *request, struct page *page)
{
	struct error err _cleanup_(error_clear) = { 0 };

	page->last = target_query(&request->target, "last");
	if (page_parse(target_query(&request->target, "n"), &page->n, &err) == 0)
		return true;
	request_fail(request, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED", "%s", err.message);
	return false;
}

static void page_cut(struct page *page)
{
	page->more = page->n && page->items.len > page->n;
	while (page->items.len > page->n)
		free(steal(page->items.items[--page->items.len]));
}

static void page_free(struct page *page)
{
	strlist_free(&page->items);
}

/* Names and tags need no escaping in JSON, but the writer is there. `path` is the address of the list. */
static void page_answer(struct request *request, struct page *page, json_t *object, const char *path)
{
	_cleanup_(freep) char *text = json_text(object);

	request_answer(request, MHD_HTTP_OK, "application/json", text, strlen(text));
	if (page->more)
		request_set(request, "Link", "<%s%s?n=%zu&last=%s>; rel=\"next\"", request_prefix(request), path, page->n, page->items.items[page->items.len - 1]);
}

void tags_get(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct page page _cleanup_(page_free) = { 0 };
	const char *repository = request->target.repository;
	struct store *store = request->server->store;

	if (!page_begin(request, &page) || (request->mirror && proxy_tags(request)))
		return;
	if (!store_repository_exists(store, "", repository)) {
		request_fail(request, MHD_HTTP_NOT_FOUND, "NAME_UNKNOWN", "there is no repository %s", repository);
		return;
	}
	if (store_tags(store, "", repository, page.last, page.n + 1, &page.items, &err) < 0) {
		request_fail_error(request, &err, "NAME_UNKNOWN", "NAME_INVALID");
		return;
	}
	page_cut(&page);
	_cleanup_(json_release) json_t *object = json_pack("{s:s, s:o}", "name", repository, "tags", json_from_strlist(&page.items));
	_cleanup_(freep) char *path = xprintf("/v2/%s/tags/list", repository);
	page_answer(request, &page, object, path);
}

/* Only what the caller may pull. Pages of the index are read until ours is full, so that a page is short only at the end. */
static int catalog_read(struct request *request, struct page *page, struct error *err)
{
	_cleanup_(freep) char *last = xstrdup(page->last);
	size_t got;

	do {
		struct strlist names _cleanup_(strlist_free) = { 0 };
		if (store_catalog(request->server->store, "", last, page->n + 1, &names, err) < 0)
			return -1;
		got = names.len;
		for (size_t i = 0; i < got && page->items.len <= page->n; i++)
			if (access_shows(request, names.items[i]))
				strlist_add(&page->items, names.items[i]);
		if (got) {
			free(last);
			last = xstrdup(names.items[got - 1]);
		}
	} while (got > page->n && page->items.len <= page->n);
	return 0;
}

void catalog_get(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct page page _cleanup_(page_free) = { 0 };

	if (!page_begin(request, &page))
		return;
	if (catalog_read(request, &page, &err) < 0) {
		request_fail_error(request, &err, "NAME_UNKNOWN", "NAME_INVALID");
		return;
	}
	page_cut(&page);
	_cleanup_(json_release) json_t *object = json_pack("{s:o}", "repositories", json_from_strlist(&page.items));
	page_answer(request, &page, object, "/v2/_catalog");
}

static void referrers_link(struct request *request, const char *type, const struct digest *last)
{
	_cleanup_(freep) char *filter = type ? target_escape(type) : NULL;
	char text[DIGEST_TEXT_SIZE];

	request_set(request, "Link", "<%s/v2/%s/referrers/%s?%s%s%slast=%s>; rel=\"next\"", request_prefix(request),
		    request->target.repository, request->target.item, type ? "artifactType=" : "", type ? filter : "", type ? "&" : "", digest_print(last, text));
}

/* No referrers are an empty index, also for a subject that isn't there (yet). */
void referrers_get(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct manifest index _cleanup_(manifest_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	const char *type = target_query(&request->target, "artifactType"), *last = target_query(&request->target, "last");
	struct digest subject, behind;
	bool more;

	if (!request_digest(request, request->target.item, &subject) || (request->mirror && proxy_referrers(request)) ||
	    (last && !request_digest(request, last, &behind)))
		return;
	if (store_referrers(request->server->store, "", request->target.repository, &subject, type, last ? &behind : NULL, &index, &more, &err) < 0) {
		request_fail_error(request, &err, "NAME_UNKNOWN", "NAME_INVALID");
		return;
	}
	manifest_print(&index, &text);
	request_answer(request, MHD_HTTP_OK, media_type_text(MEDIA_OCI_INDEX), text.data, text.len);
	if (type)
		request_set(request, "OCI-Filters-Applied", "artifactType");
	if (more)
		referrers_link(request, type, &index.children[index.children_len - 1].digest);
}
