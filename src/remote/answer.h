/* What a registry answers, parsed: header fields and error bodies. All of it is foreign bytes; no I/O here. */
#ifndef REMOTE_ANSWER_H
#define REMOTE_ANSWER_H
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

struct answer {
	long status;
	struct strlist headers; /* "Name: value", as they came */
	struct buf body;	/* unless a sink took it */
	char *url;		/* where it came from, after redirects; owned */
};
void answer_clear(struct answer *answer);
/* The value of the first header of that name (case does not matter), or NULL. Borrowed. */
const char *answer_header(const struct answer *answer, const char *name);
/* What the error body says ("manifest unknown"), made safe for a terminal and cut to one line; NULL if it says nothing. Owned by the
 * caller. Source: distribution-spec, Error Codes. */
char *answer_reason(const struct answer *answer);

/* A challenge of WWW-Authenticate (RFC 9110, 11.6.1; distribution's token specification for Bearer). */
enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };
struct challenge {
	enum challenge_scheme scheme;
	char *realm, *service, *scope; /* owned, or NULL */
};
void challenge_clear(struct challenge *challenge);
/* A header value may hold several challenges: the best that we know wins, Bearer before Basic. CHALLENGE_NONE if it has none of them. A
 * text that breaks the grammar, or a Bearer without realm, is ERROR_INVALID. */
int challenge_parse(const char *text, struct challenge *ret, struct error *err);

/* "bytes 5-9/10"; an unknown total ("*") is -1. 0 <= first <= last, and last < total. */
struct content_range {
	int64_t first, last, total;
};
int content_range_parse(const char *text, struct content_range *ret, struct error *err);

/* The target with rel="next" of a Link (RFC 8288), or NULL. Owned by the caller. */
char *link_next(const char *text);

enum { RETRY_AFTER_MAX = 86400 };
/* Seconds to wait, 0 to RETRY_AFTER_MAX, from a count or an HTTP date; -1 if it is neither. */
int retry_after_parse(const char *text, time_t now);
#endif
