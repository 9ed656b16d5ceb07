/* The Authorization header, from tests/corpus/registry/authorization.txt. */
#include "registry/authorization.h"

#include "base/fd.h"
#include "base/str.h"
#include "arrows.h"

static char *describe(const char *header)
{
	struct authorization authorization _cleanup_(authorization_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	if (authorization_parse(header, &authorization, &err) < 0)
		return xstrdup("invalid");
	if (authorization.scheme == AUTHORIZATION_NONE)
		return xstrdup("none");
	if (authorization.scheme == AUTHORIZATION_BEARER)
		return xprintf("bearer %s", authorization.secret);
	return xprintf("basic %s %s", authorization.name, authorization.secret);
}

int main(int argc, char **argv)
{
	if (!arrows_check(argc < 2 ? NULL : argv[1], describe))
		return 2;
	_cleanup_(freep) char *nothing = describe(NULL);
	is_str(nothing, "none", "no header");
	return done();
}
