/* The Authorization header, from tests/corpus/registry/authorization.txt. */
#include "registry/authorization.h"

#include "base/fd.h"
#include "base/str.h"
#include "tap.h"

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
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	if (argc < 2 || file_read(AT_FDCWD, argv[1], 1 << 20, &text, NULL) < 0)
		return 2;
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		char *line = lines.items[i], *arrow = strstr(line, " -> ");
		if (*line == '#' || !arrow)
			continue;
		*arrow = '\0';
		_cleanup_(freep) char *got = describe(line);
		is_str(got, arrow + 4, line);
	}
	_cleanup_(freep) char *nothing = describe(NULL);
	is_str(nothing, "none", "no header");
	return done();
}
