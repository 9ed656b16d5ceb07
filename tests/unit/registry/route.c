/* Request targets, from tests/corpus/registry/route.txt. */
#include "registry/route.h"

#include "base/buf.h"
#include "base/fd.h"
#include "arrows.h"

static char *describe(const char *raw)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct target target _cleanup_(target_clear) = { 0 };
	struct buf out _cleanup_(buf_free) = { 0 };

	if (target_parse(raw, &target, &err) < 0)
		return xstrdup(error_code_name(err.code));
	buf_printf(&out, "%s %s %s", route_name(target.route), target.repository ? target.repository : "-", target.item ? target.item : "-");
	for (size_t i = 0; i < target.query.len; i++)
		buf_printf(&out, " %s", target.query.items[i]);
	return buf_steal(&out);
}

static void limits(void)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	buf_add_str(&text, "/v2/_catalog?a");
	for (int i = 0; i < TARGET_QUERY_MAX; i++)
		buf_add_str(&text, "&a");
	_cleanup_(freep) char *many = describe(text.data);
	is_str(many, "too-large", "too many parameters");
	buf_clear(&text);
	while (text.len < TARGET_LENGTH_MAX)
		buf_add_str(&text, "/v2/aaaaaaaaaaaa");
	_cleanup_(freep) char *fits = describe(text.data);
	is_str(fits, "none - -", "the longest address");
	buf_add_char(&text, 'x');
	_cleanup_(freep) char *over = describe(text.data);
	is_str(over, "too-large", "one that is too long");
}

int main(int argc, char **argv)
{
	if (!arrows_check(argc < 2 ? NULL : argv[1], describe))
		return 2;
	limits();
	return done();
}
