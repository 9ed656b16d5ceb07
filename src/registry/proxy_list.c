/* Lists of the pull-through cache: tags and referrers are the upstream's as long as it answers. They aren't kept: what is here stands in for
 * them. What comes is taken apart and written anew, so that nothing but tags and descriptors gets through. */
#include "base/json.h"
#include "registry/internal.h"
#include "registry/proxy.h"
#include "registry/range.h"
#include "remote/transport.h"

/* True if the failure was answered. */
static bool failed(struct request *request, struct error *err)
{
	if (upstream_is_away(err)) {
		request->stale = true;
		request->stale_age = -1;
		return false;
	}
	proxy_fail(request, err, "NAME_UNKNOWN");
	return true;
}

/* ---- tags ---- */

/* At most `n` tags, in the upstream's order. */
static int tags_parse(const struct buf *text, size_t n, json_t *ret, bool *ret_cut, struct error *err)
{
	json_t *root _cleanup_(json_release) = json_parse(text->data ? text->data : "", text->len, "upstream's list of tags", err);
	json_t *tags, *tag;
	size_t i;

	if (!root || json_get_array(root, "tags", &tags, err) < 0)
		return -1;
	json_array_foreach(tags, i, tag) {
		if (!json_is_string(tag) || !tag_valid(json_string_value(tag)))
			continue;
		*ret_cut = json_array_size(ret) == n;
		if (*ret_cut)
			break;
		json_array_append(ret, tag);
	}
	return 0;
}

bool proxy_tags(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	const char *last = target_query(&request->target, "last");
	_cleanup_(freep) char *escaped = last ? url_escape(last) : NULL;
	json_t *tags = json_array();
	json_t *object _cleanup_(json_release) = json_pack("{s:s, s:o}", "name", request->target.repository, "tags", tags);
	bool more = false, cut = false;
	size_t n = PAGE_MAX;

	page_parse(target_query(&request->target, "n"), &n, NULL);
	_cleanup_(freep) char *path = xprintf("tags/list?n=%zu%s%s", n, escaped ? "&last=" : "", escaped ? escaped : "");
	if (upstream_document(request->mirror->upstream, request->mirror_name, path, &text, &more, &err) < 0)
		return failed(request, &err);
	if (tags_parse(&text, n, tags, &cut, &err) < 0) {
		proxy_fail(request, &err, "NAME_UNKNOWN");
		return true;
	}
	_cleanup_(freep) char *answer = json_text(object);
	request_answer(request, MHD_HTTP_OK, "application/json", answer, strlen(answer));
	size_t len = json_array_size(tags);
	if ((more || cut) && len)
		request_set(request, "Link", "</v2/%s/tags/list?n=%zu&last=%s>; rel=\"next\"", request->target.repository, n,
			    json_string_value(json_array_get(tags, len - 1)));
	return true;
}

/* ---- referrers ---- */

static void referrers_filter(const struct manifest *all, const char *type, struct manifest *ret)
{
	for (size_t i = 0; i < all->children_len; i++)
		if (!type || str_equal(all->children[i].artifact_type, type))
			manifest_add_child(ret, &all->children[i]);
}

/* An upstream that doesn't know referrers says 404, and so do we: then clients look for them by tag. */
bool proxy_referrers(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 }, answer _cleanup_(buf_free) = { 0 };
	struct manifest all _cleanup_(manifest_clear) = { 0 }, index _cleanup_(manifest_clear) = { .type = MEDIA_OCI_INDEX, .is_index = true };
	const char *type = target_query(&request->target, "artifactType");
	_cleanup_(freep) char *path = xprintf("referrers/%s", request->target.item);
	bool more;

	if (upstream_document(request->mirror->upstream, request->mirror_name, path, &text, &more, &err) < 0)
		return failed(request, &err);
	if (manifest_parse(text.data ? text.data : "", text.len, media_type_text(MEDIA_OCI_INDEX), &all, &err) < 0) {
		proxy_fail(request, &err, "NAME_UNKNOWN");
		return true;
	}
	referrers_filter(&all, type, &index);
	manifest_print(&index, &answer);
	request_answer(request, MHD_HTTP_OK, media_type_text(MEDIA_OCI_INDEX), answer.data, answer.len);
	if (type)
		request_set(request, "OCI-Filters-Applied", "artifactType");
	return true;
}
