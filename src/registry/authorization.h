/* The Authorization header (RFC 9110, 11.4; RFC 7617; RFC 6750). Pure. */
#ifndef REGISTRY_AUTHORIZATION_H
#define REGISTRY_AUTHORIZATION_H
#include "base/error.h"

enum authorization_scheme { AUTHORIZATION_NONE, AUTHORIZATION_BASIC, AUTHORIZATION_BEARER };
struct authorization {
	enum authorization_scheme scheme;
	char *name, *secret; /* Basic: user and password; Bearer: NULL and the token; owned */
};
/* NULL, and Basic with neither user nor password (so some clients say that they have none), is AUTHORIZATION_NONE. Another scheme, or a text that
 * breaks its grammar, is ERROR_INVALID. A name holds no control characters. */
int authorization_parse(const char *header, struct authorization *ret, struct error *err);
void authorization_clear(struct authorization *authorization);
#endif
