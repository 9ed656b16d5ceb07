/* The numbers in headers and queries: byte ranges, the place of a chunk, the length of a page. Pure. */
#ifndef REGISTRY_RANGE_H
#define REGISTRY_RANGE_H
#include <stdint.h>

#include "base/error.h"

enum { PAGE_MAX = 1000 };

enum range_result {
	RANGE_WHOLE,	     /* no range, several, or one that cannot be read: the whole (RFC 9110, 14.2) */
	RANGE_PART,	     /* *ret_start and *ret_len are within the size */
	RANGE_UNSATISFIABLE, /* 416; "5-0" too, as the conformance suite of the distribution specification has it */
};
/* Range of a request: "bytes=0-99", "bytes=100-", "bytes=-100"; NULL is RANGE_WHOLE. */
enum range_result range_parse(const char *text, int64_t size, int64_t *ret_start, int64_t *ret_len);

/* Content-Range of a chunk (distribution-spec, Pushing a blob in chunks): "0-99", both included; "bytes 0-99/1000" and
 * "bytes=0-99", as some clients write it, are taken as well. */
int chunk_parse(const char *text, int64_t *ret_start, int64_t *ret_end, struct error *err);

/* The query's n: NULL and everything above PAGE_MAX is PAGE_MAX. */
int page_parse(const char *text, size_t *ret, struct error *err);
#endif
