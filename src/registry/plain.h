/* The heads of requests that hold no surprise: GET or HEAD of HTTP/1.1, no body, and no header that changes what is answered. Pure.
 *
 * This is no HTTP parser: the library has one. It recognizes, byte for byte, what pulls usually look like, and knows nothing of the rest, which is no
 * error: the library reads those. So no two readers of a request can differ about it, except where both take it for this plain thing. */
#ifndef REGISTRY_PLAIN_H
#define REGISTRY_PLAIN_H
#include <stdbool.h>
#include <stddef.h>

enum { PLAIN_SIZE = 2048, PLAIN_HEADERS = 8 };

struct plain {
	const char *method; /* "GET" or "HEAD"; the rest is borrowed from the bytes */
	const char *target;
	struct plain_header {
		const char *name, *value;
	} headers[PLAIN_HEADERS];
	size_t headers_len;
};

/* How many of the bytes are the head, of which NULs make texts; 0 if it isn't plain, or not complete. */
size_t plain_parse(char *bytes, size_t len, struct plain *ret);
const char *plain_header(const struct plain *plain, const char *name); /* the first of that name, or NULL */
#endif
