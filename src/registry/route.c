/* Request targets.
 *
 * A repository's name has slashes, and may itself hold words such as "manifests" or "blobs": so a path is read from its end, where the
 * words of the specification are, and the name is what is left in front. The table below is all that there is to know. */
#include "registry/route.h"

#include <assert.h>

#include "base/buf.h"

static const char ANY[] = "*";

/* The last segments of a path behind /v2/; the first row that fits wins. */
static const struct pattern {
	enum route route;
	bool has_repository;
	const char *segments[4]; /* ANY stands for the item */
} patterns[] = {
	{ ROUTE_TAGS, true, { "tags", "list" } },
	{ ROUTE_UPLOADS, true, { "blobs", "uploads", "" } },
	{ ROUTE_UPLOAD, true, { "blobs", "uploads", ANY } },
	{ ROUTE_UPLOADS, true, { "blobs", "uploads" } },
	{ ROUTE_MANIFEST, true, { "manifests", ANY } },
	{ ROUTE_BLOB, true, { "blobs", ANY } },
	{ ROUTE_REFERRERS, true, { "referrers", ANY } },
	{ ROUTE_TAG_ROWS, true, { "_sampan", "tags" } },
	{ ROUTE_REPOSITORY_ROWS, false, { "_sampan", "repositories" } },
	{ ROUTE_TRANSFERS, false, { "_sampan", "transfers" } },
	{ ROUTE_CATALOG, false, { "_catalog" } },
	{ ROUTE_BASE, false, { "" } },
};

/* Addresses that are not beneath /v2/. */
static const struct {
	const char *path;
	enum route route;
} fixed[] = {
	{ "/token", ROUTE_TOKEN },
	{ "/v1/_ping", ROUTE_PING },
	{ "/v1/search", ROUTE_SEARCH },
	{ "/metrics", ROUTE_METRICS },
	{ "/healthz", ROUTE_HEALTH },
	{ "/readyz", ROUTE_READY },
	{ "/ca.crt", ROUTE_AUTHORITY },
	{ "/join", ROUTE_JOIN },
	{ "/", ROUTE_PAGE },
};

static const char *const names[] = { "none",	   "base", "catalog", "tags",	"manifest", "blob",  "uploads",
				     "upload", "referrers", "token", "authority", "join", "ping",	 "search", "metrics", "health", "ready",
				     "page",   "repository-rows", "tag-rows", "transfers" };
static_assert(array_len(names) == ROUTE_COUNT, "every route has a name");

const char *route_name(enum route route)
{
	return names[route];
}

/* ---- percent encoding ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A decoded control character is in nothing that we know, and a NUL would cut the text short: refused. */
static int decode(const char *text, size_t len, char **ret, struct error *err)
{
	_cleanup_(freep) char *out = xrealloc(NULL, len + 1, 1);
	size_t out_len = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '%') {
			int high = i + 2 < len ? hex_value(text[i + 1]) : -1, low = i + 2 < len ? hex_value(text[i + 2]) : -1;
			if (high < 0 || low < 0)
				return error_set(err, ERROR_INVALID, "the address has a '%%' that is not followed by two hex digits");
			c = (unsigned char)(high << 4 | low);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return error_set(err, ERROR_INVALID, "the address has a control character");
		out[out_len++] = (char)c;
	}
	out[out_len] = '\0';
	*ret = steal(out);
	return 0;
}

char *target_escape(const char *text)
{
	struct buf out _cleanup_(buf_free) = { 0 };

	for (; *text; text++) {
		bool plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9') || strchr("-._~", *text);
		buf_printf(&out, plain ? "%c" : "%%%02X", (unsigned char)*text);
	}
	return buf_steal(&out);
}

/* ---- the query ---- */

static int query_parse(const char *text, struct strlist *ret, struct error *err)
{
	struct strlist parts _cleanup_(strlist_free) = { 0 };

	strlist_split(&parts, text, '&');
	if (parts.len > TARGET_QUERY_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the address has %zu parameters; %d are allowed", parts.len, TARGET_QUERY_MAX);
	for (size_t i = 0; i < parts.len; i++) {
		const char *part = parts.items[i], *value = strchr(part, '=');
		_cleanup_(freep) char *name_text = NULL, *value_text = NULL;
		if (!*part)
			continue;
		if (decode(part, value ? (size_t)(value - part) : strlen(part), &name_text, err) < 0 ||
		    decode(value ? value + 1 : "", value ? strlen(value + 1) : 0, &value_text, err) < 0)
			return -1;
		strlist_printf(ret, "%s=%s", name_text, value_text);
	}
	return 0;
}

int form_parse(const char *text, struct strlist *ret, struct error *err)
{
	_cleanup_(freep) char *copy = xstrdup(text);

	for (char *at = copy; *at; at++)
		if (*at == '+')
			*at = ' ';
	int result = query_parse(copy, ret, err);
	explicit_bzero(copy, strlen(copy));
	return result;
}

const char *target_query(const struct target *target, const char *name)
{
	return strlist_env_get(&target->query, name);
}

/* ---- the path ---- */

/* A part of a path. */
struct piece {
	const char *start;
	size_t len;
};

/* Takes the last segment off `rest`, and the slash before it; without one, `rest` ends as a NULL. */
static struct piece segment_take(struct piece *rest)
{
	const char *slash = memrchr(rest->start, '/', rest->len), *end = rest->start + rest->len;
	struct piece segment = { slash ? slash + 1 : rest->start, 0 };

	segment.len = (size_t)(end - segment.start);
	*rest = slash ? (struct piece){ rest->start, (size_t)(slash - rest->start) } : (struct piece){ 0 };
	return segment;
}

/* What is left in front is the name. */
static bool pattern_fits(const struct pattern *pattern, struct piece path, struct piece *ret_name, struct piece *ret_item)
{
	size_t i = array_len(pattern->segments);

	while (i > 0 && !pattern->segments[i - 1])
		i--;
	while (i-- > 0) {
		if (!path.start)
			return false;
		struct piece segment = segment_take(&path);
		if (pattern->segments[i] == ANY)
			*ret_item = segment;
		else if (strlen(pattern->segments[i]) != segment.len || memcmp(pattern->segments[i], segment.start, segment.len) != 0)
			return false;
	}
	*ret_name = path;
	return pattern->has_repository == (path.start != NULL);
}

static void path_parse(const char *path, struct target *target)
{
	for (size_t i = 0; i < array_len(fixed); i++)
		if (str_equal(path, fixed[i].path))
			target->route = fixed[i].route;
	if (str_starts(path, "/ui/") && strrchr(path, '/') == path + 3) {
		target->route = ROUTE_PAGE;
		target->item = xstrdup(path + 4);
	}
	if (str_equal(path, "/v2"))
		path = "/v2/";
	if (!str_starts(path, "/v2/"))
		return;
	path += strlen("/v2/");
	for (size_t i = 0; i < array_len(patterns); i++) {
		struct piece name = { 0 }, item = { 0 };
		if (!pattern_fits(&patterns[i], (struct piece){ path, strlen(path) }, &name, &item))
			continue;
		target->route = patterns[i].route;
		target->repository = name.start ? xstrndup(name.start, name.len) : NULL;
		target->item = item.start ? xstrndup(item.start, item.len) : NULL;
		return;
	}
}

int target_parse(const char *raw, struct target *ret, struct error *err)
{
	struct target target _cleanup_(target_clear) = { 0 };
	const char *query = strchr(raw, '?');
	_cleanup_(freep) char *path = NULL;

	if (strlen(raw) > TARGET_LENGTH_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the address is longer than %d characters", TARGET_LENGTH_MAX);
	if (*raw != '/')
		return error_set(err, ERROR_INVALID, "the address is not a path");
	if (decode(raw, query ? (size_t)(query - raw) : strlen(raw), &path, err) < 0 || (query && query_parse(query + 1, &target.query, err) < 0))
		return -1;
	path_parse(path, &target);
	*ret = target;
	target = (struct target){ 0 };
	return 0;
}

void target_clear(struct target *target)
{
	free(target->repository);
	free(target->item);
	strlist_free(&target->query);
	*target = (struct target){ 0 };
}
