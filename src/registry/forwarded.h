/* What proxies in front of us say about a request: RFC 7239's Forwarded, and X-Forwarded-For, -Proto, -Host and -Prefix. Pure: no HTTP library. */
#ifndef REGISTRY_FORWARDED_H
#define REGISTRY_FORWARDED_H
#include <stdbool.h>
#include <stddef.h>

#include "registry/address.h"

enum { FORWARDED_HOST_SIZE = 256, FORWARDED_PREFIX_SIZE = 256 };

/* The headers' values, several lines of one joined by commas; NULL where there is none. */
struct forwarded_headers {
	const char *forwarded, *x_for, *x_proto, *x_host, *x_prefix;
};

/* Empty, or false, where nothing was said that can be believed. What is there is safe in a header and in a URL. */
struct forwarded {
	bool has_client;
	struct address client;
	char proto[6]; /* "http", "https" */
	char host[FORWARDED_HOST_SIZE]; /* with the port, if there is one */
	char prefix[FORWARDED_PREFIX_SIZE]; /* "/registry": starts with a slash, doesn't end in one */
};

/* For a request that came from a peer who is believed. Each proxy adds itself at the right end of these lists, so they are read from there: what
 * an entry says was seen by the one behind it, and is believed as long as that one is among `trusted` (loopback is always). */
void forwarded_read(const struct forwarded_headers *headers, const struct address_block *trusted, size_t trusted_len, struct forwarded *ret);

/* "example.org", "example.org:5000", "[::1]:5000": nothing else can be in a Host. */
bool forwarded_host_valid(const char *text);
/* A path of plain segments without "." and "..", "/" at the start only once; a slash at the end is taken off. False if it is none; "/" is "". */
bool forwarded_prefix_parse(const char *text, char ret[FORWARDED_PREFIX_SIZE]);
#endif
