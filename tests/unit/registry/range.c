/* Ranges, chunks and pages, from tests/corpus/registry/range.txt. */
#include "registry/range.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "tap.h"

static char *describe_range(char *text)
{
	int64_t start = -1, len = -1;
	char *size = strrchr(text, ' ');

	*size++ = '\0';
	switch (range_parse(text, atoll(size), &start, &len)) {
	case RANGE_PART:
		return xprintf("part %lld %lld", (long long)start, (long long)len);
	case RANGE_UNSATISFIABLE:
		return xstrdup("416");
	default:
		return xstrdup(start == -1 && len == -1 ? "whole" : "outputs touched");
	}
}

static char *describe(char *line)
{
	struct error err _cleanup_(error_clear) = { 0 };
	int64_t start, end;
	size_t n;

	if (str_starts(line, "range "))
		return describe_range(line + 6);
	if (str_starts(line, "chunk "))
		return chunk_parse(line + 6, &start, &end, &err) < 0 ? xstrdup(error_code_name(err.code)) :
								      xprintf("%lld %lld", (long long)start, (long long)end);
	return page_parse(line + 5, &n, &err) < 0 ? xstrdup(error_code_name(err.code)) : xprintf("%zu", n);
}

int main(int argc, char **argv)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	if (argc < 2 || file_read(AT_FDCWD, argv[1], 1 << 20, &text, NULL) < 0)
		return 2;
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		char *line = lines.items[i], *colon = strrchr(line, ':');
		if (*line == '#' || !colon)
			continue;
		*colon = '\0';
		_cleanup_(freep) char *name = xstrdup(line), *got = describe(line);
		is_str(got, colon + 2, name);
	}
	size_t n = 0;
	ok(page_parse(NULL, &n, NULL) == 0 && n == PAGE_MAX, "no n is the longest page");
	return done();
}
