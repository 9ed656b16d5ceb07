/* WWW-Authenticate: what is accepted is a scheme that we know with a realm that no header or terminal can be tricked by. */
#include <stdint.h>

#include "remote/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_clean(const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);
	struct challenge challenge _cleanup_(challenge_clear) = { 0 };
	struct error err = { 0 };

	if (challenge_parse(text, &challenge, &err) == 0) {
		check_clean(challenge.realm);
		check_clean(challenge.service);
		check_clean(challenge.scope);
		if (challenge.scheme == CHALLENGE_BEARER && str_empty(challenge.realm))
			abort();
	} else if (challenge.scheme || challenge.realm || !err.message) {
		abort();
	}
	error_clear(&err);
	return 0;
}
