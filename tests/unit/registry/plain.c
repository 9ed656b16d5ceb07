/* Plain requests, from tests/corpus/registry/plain.txt, where "\r", "\n", "\t" and "\0" stand for those bytes. */
#include "registry/plain.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "arrows.h"

static void unescape(const char *text, struct buf *ret)
{
	static const char letters[] = "rnt0", bytes[] = "\r\n\t";

	for (; *text; text++) {
		const char *letter = *text == '\\' && text[1] ? strchr(letters, text[1]) : NULL;
		buf_add_char(ret, letter ? bytes[letter - letters] : *text);
		text += letter != NULL;
	}
}

static char *describe(const char *line)
{
	struct buf bytes _cleanup_(buf_free) = { 0 }, out _cleanup_(buf_free) = { 0 };
	struct plain plain;

	unescape(line, &bytes);
	size_t all = bytes.len, len = plain_parse(bytes.data, all, &plain);
	if (!len)
		return xstrdup("not plain");
	buf_printf(&out, "%s %s", plain.method, plain.target);
	for (size_t i = 0; i < plain.headers_len; i++)
		buf_printf(&out, " %s=%s", plain.headers[i].name, plain.headers[i].value);
	if (len < all)
		buf_printf(&out, ", %zu left", all - len);
	return buf_steal(&out);
}

/* Of an incomplete head nothing is known. */
static void prefixes(void)
{
	static const char whole[] = "GET /v2/ HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";
	bool none = true;

	for (size_t len = 0; len < sizeof whole - 1; len++) {
		_cleanup_(freep) char *part = xstrndup(whole, len);
		struct plain plain;
		none = none && !plain_parse(part, len, &plain);
	}
	ok(none, "no prefix is plain");
}

int main(int argc, char **argv)
{
	if (!arrows_check(argc < 2 ? NULL : argv[1], describe))
		return 2;
	prefixes();
	return done();
}
