/* What proxies in front of us say about a request.
 *
 * A header that a proxy doesn't know passes through it as the client wrote it: behind one that sets X-Forwarded-For, anybody can send a
 * Forwarded of his own. So where both kinds are there and say different things, neither is believed. A header that breaks its
 * grammar says nothing at all. */
#include "registry/forwarded.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

enum { HOPS_MAX = 16, VALUE_SIZE = 256, LABEL_MAX = 253 };

/* One proxy's entry, from the right. */
struct hop {
	char client[VALUE_SIZE], proto[VALUE_SIZE], host[VALUE_SIZE];
};

/* ---- what may stand in a URL ---- */

bool forwarded_host_valid(const char *text)
{
	const char *colon = strrchr(text, ':'), *end;
	size_t len;

	if (text[0] == '[') {
		char address[ADDRESS_TEXT_SIZE];
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':') || end - text - 1 >= (ptrdiff_t)sizeof address)
			return false;
		memcpy(address, text + 1, (size_t)(end - text - 1));
		address[end - text - 1] = '\0';
		colon = end[1] ? end + 1 : NULL;
		if (!strchr(address, ':') || address_parse(address, &(struct address){ 0 }) < 0)
			return false;
	} else {
		len = colon ? (size_t)(colon - text) : strlen(text);
		if (!len || len > LABEL_MAX || text[0] == '.' || text[0] == '-')
			return false;
		for (size_t i = 0; i < len; i++)
			if (!isalnum((unsigned char)text[i]) && !strchr(".-_", text[i]))
				return false;
	}
	return !colon || str_to_int(colon + 1, 1, 65535, &(int64_t){ 0 }, NULL) == 0;
}

bool forwarded_prefix_parse(const char *text, char ret[FORWARDED_PREFIX_SIZE])
{
	size_t len = strlen(text), at = 0;

	while (len && text[len - 1] == '/')
		len--;
	if ((len && text[0] != '/') || len >= FORWARDED_PREFIX_SIZE)
		return false;
	while (at < len) {
		size_t segment = at + 1, end = segment;
		for (; end < len && text[end] != '/'; end++)
			if (!isalnum((unsigned char)text[end]) && !strchr("-._~", text[end]))
				return false;
		if (end == segment || strspn(text + segment, ".") >= end - segment)
			return false;
		at = end;
	}
	memcpy(ret, text, len);
	ret[len] = '\0';
	return true;
}

static const char *proto_of(const char *text)
{
	return !strcasecmp(text, "https") ? "https" : !strcasecmp(text, "http") ? "http" : "";
}

/* ---- lists ---- */

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* The entries of a comma list, the last one first; at most HOPS_MAX. An entry that is too long is kept as "". Returns how many. */
static size_t list_read(const char *text, char ret[HOPS_MAX][VALUE_SIZE])
{
	size_t count = 0;

	for (const char *end = text ? text + strlen(text) : NULL; end && count < HOPS_MAX; count++) {
		const char *start = end;
		while (start > text && start[-1] != ',')
			start--;
		const char *first = skip_blanks(start), *last = end;
		while (last > first && (last[-1] == ' ' || last[-1] == '\t'))
			last--;
		size_t len = last > first ? (size_t)(last - first) : 0;
		if (len >= VALUE_SIZE)
			len = 0;
		memcpy(ret[count], first, len);
		ret[count][len] = '\0';
		end = start > text ? start - 1 : NULL;
	}
	return count;
}

static bool is_token(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* token / quoted-string (RFC 9110, 5.6). Returns what follows it, or NULL. A value that is too long breaks the grammar for us. */
static const char *value_read(const char *at, char ret[VALUE_SIZE])
{
	size_t len = 0;
	bool quoted = *at == '"';

	for (at += quoted; quoted ? *at && *at != '"' : is_token(*at); at++) {
		at += quoted && *at == '\\';
		if (!*at || (unsigned char)*at < 0x20 || *at == 0x7f || len + 1 >= VALUE_SIZE)
			return NULL;
		ret[len++] = *at;
	}
	ret[len] = '\0';
	if (quoted)
		return *at == '"' ? at + 1 : NULL;
	return len ? at : NULL;
}

/* forwarded-pair = token "=" value. What we have no use for is read over; what is there twice is an error. */
static const char *pair_read(const char *at, struct hop *hop)
{
	char name[VALUE_SIZE], value[VALUE_SIZE];

	if (*at == '"' || !(at = value_read(at, name)) || *at++ != '=' || !(at = value_read(at, value)))
		return NULL;
	char *to = !strcasecmp(name, "for") ? hop->client : !strcasecmp(name, "proto") ? hop->proto : !strcasecmp(name, "host") ? hop->host : NULL;
	if (to && *to)
		return NULL;
	if (to)
		memcpy(to, value, sizeof value);
	return at;
}

/* One element, up to its comma or the end; NULL if it is not well formed. */
static const char *hop_read(const char *at, struct hop *hop)
{
	for (at = skip_blanks(at); *at && *at != ','; at = skip_blanks(*at == ';' ? at + 1 : at)) {
		if (*at == ';')
			continue;
		at = pair_read(at, hop);
		if (!at || !strchr(";,", *(at = skip_blanks(at))))
			return NULL;
	}
	return at;
}

/* RFC 7239, 4. The last HOPS_MAX entries, the last one first; 0 if the header is not well formed. */
static size_t forwarded_list(const char *text, struct hop ret[HOPS_MAX])
{
	struct hop ring[HOPS_MAX];
	size_t count = 0;
	const char *at = text;

	for (bool more = text; more; at++) {
		struct hop *hop = &ring[count++ % HOPS_MAX];
		memset(hop, 0, sizeof *hop);
		at = hop_read(at, hop);
		if (!at)
			return 0;
		more = *at;
	}
	size_t kept = count < HOPS_MAX ? count : HOPS_MAX;
	for (size_t i = 0; i < kept; i++)
		ret[i] = ring[(count - 1 - i) % HOPS_MAX];
	return kept;
}

/* ---- whom to believe ---- */

static bool is_trusted(const struct address *address, const struct address_block *trusted, size_t len)
{
	bool found = address_is_loopback(address);

	for (size_t i = 0; i < len && !found; i++)
		found = address_block_has(&trusted[i], address);
	return found;
}

/* Walks from our peer towards the client, as long as who is named is trusted and has an entry of his own. Returns how many entries are
 * believed (1 if there are none: the peer's own words), and the address in the last of them. */
static size_t walk(const char *(*client_at)(const void *list, size_t i), const void *list, size_t count, const struct address_block *trusted,
		   size_t trusted_len, struct forwarded *ret)
{
	for (size_t i = 0; i < count; i++) {
		struct address address;
		if (address_parse_with_port(client_at(list, i), &address) < 0)
			return i + 1;
		ret->has_client = true;
		ret->client = address;
		if (!is_trusted(&address, trusted, trusted_len))
			return i + 1;
	}
	return count ? count : 1;
}

static const char *list_client(const void *list, size_t i)
{
	return ((const char(*)[VALUE_SIZE])list)[i];
}

static const char *hop_client(const void *list, size_t i)
{
	return ((const struct hop *)list)[i].client;
}

/* The entry of the outermost believed proxy, or the first if the list is shorter: not every proxy adds to every list. */
static void list_pick(const char *text, size_t depth, char ret[VALUE_SIZE])
{
	char list[HOPS_MAX][VALUE_SIZE];
	size_t count = list_read(text, list);

	ret[0] = '\0';
	if (count)
		memcpy(ret, list[depth < count ? depth - 1 : count - 1], VALUE_SIZE);
}

static void fill(struct forwarded *ret, const char *proto, const char *host)
{
	strcpy(ret->proto, proto_of(proto));
	if (forwarded_host_valid(host))
		memcpy(ret->host, host, strlen(host) + 1);
}

static void read_x(const struct forwarded_headers *headers, const struct address_block *trusted, size_t trusted_len, struct forwarded *ret)
{
	char clients[HOPS_MAX][VALUE_SIZE], proto[VALUE_SIZE], host[VALUE_SIZE], prefix[VALUE_SIZE];
	size_t depth = walk(list_client, clients, list_read(headers->x_for, clients), trusted, trusted_len, ret);

	list_pick(headers->x_proto, depth, proto);
	list_pick(headers->x_host, depth, host);
	list_pick(headers->x_prefix, depth, prefix);
	fill(ret, proto, host);
	if (!forwarded_prefix_parse(prefix, ret->prefix))
		ret->prefix[0] = '\0';
}

static void read_forwarded(const char *text, const struct address_block *trusted, size_t trusted_len, struct forwarded *ret)
{
	struct hop hops[HOPS_MAX];
	size_t count = forwarded_list(text, hops);

	if (!count)
		return;
	size_t depth = walk(hop_client, hops, count, trusted, trusted_len, ret);
	fill(ret, hops[depth - 1].proto, hops[depth - 1].host);
}

static void agree(char *a, const char *b)
{
	if (*a && *b && strcasecmp(a, b) != 0)
		*a = '\0';
	else if (*b)
		strcpy(a, b);
}

void forwarded_read(const struct forwarded_headers *headers, const struct address_block *trusted, size_t trusted_len, struct forwarded *ret)
{
	struct forwarded other = { 0 };

	*ret = (struct forwarded){ 0 };
	read_x(headers, trusted, trusted_len, ret);
	read_forwarded(headers->forwarded, trusted, trusted_len, &other);
	agree(ret->proto, other.proto);
	agree(ret->host, other.host);
	if (ret->has_client && other.has_client && memcmp(&ret->client, &other.client, sizeof other.client) != 0)
		ret->has_client = false;
	else if (other.has_client)
		ret->has_client = true, ret->client = other.client;
}
