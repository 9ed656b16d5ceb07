/* .dockerignore: the table in the corpus. */
#include "build/ignore.h"

#include <time.h>

#include "base/fd.h"
#include "tap.h"

static void check_path(const struct ignore *ignore, char mark, const char *path)
{
	ok(ignore_match(ignore, path) == (mark != '-'), "%c %s", mark, path);
	if (mark == '>')
		ok(ignore_may_descend(ignore, path), "something in %s may be taken back", path);
}

/* One case: patterns, "--", paths. */
static void check_case(const char *text)
{
	const char *paths = strstr(text, "--\n");
	_cleanup_(ignore_free) struct ignore *ignore = NULL;
	_cleanup_(strlist_free) struct strlist lines = { 0 };
	struct error err = { 0 };

	if (!ok(paths != NULL, "a case"))
		return;
	int result = ignore_parse(text, (size_t)(paths - text), ".dockerignore", &ignore, &err);
	strlist_split(&lines, paths + 3, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		const char *line = lines.items[i];
		if (*line == '!')
			fails(result, &err, ERROR_INVALID, line + 2, line);
		else if (*line)
			check_path(ignore, *line, line + 2);
	}
	error_clear(&err);
}

static void check_table(const char *path)
{
	_cleanup_(buf_free) struct buf table = { 0 };
	struct error err = { 0 };

	if (!works(file_read(AT_FDCWD, path, 1 << 20, &table, &err), &err, path))
		return;
	for (char *at = table.data; at;) {
		char *end = strstr(at, "==\n");
		if (end)
			*end = '\0';
		check_case(at);
		at = end ? end + 3 : NULL;
	}
}

static void check_others(void)
{
	_cleanup_(ignore_free) struct ignore *ignore = NULL, *list = NULL;
	_cleanup_(strlist_free) struct strlist patterns = { 0 };
	struct error err = { 0 };

	ok(!ignore_match(NULL, "x") && ignore_may_descend(NULL, "x"), "nothing ignores nothing");
	works(ignore_parse("\xef\xbb\xbf*.o\r\nb\r\n", 11, "f", &ignore, &err), &err, "a byte order mark and CRLF");
	ok(ignore_match(ignore, "a.o") && ignore_match(ignore, "b"), "are no part of a pattern");
	ok(!ignore_may_descend(ignore, "b"), "without an exclamation mark no walk goes down");
	fails(ignore_parse("a\0b", 3, "f", &ignore, &err), &err, ERROR_INVALID, "line 1 of f: there is a NUL", "NUL");
	strlist_add(&patterns, "#x");
	strlist_add(&patterns, "*.c");
	works(ignore_from_list(&patterns, &list, &err), &err, "from a list");
	ok(ignore_match(list, "#x") && ignore_match(list, "a.c"), "# is no comment there");
	ok(ignore_pattern_match("a/*.c", "a/b.c") && !ignore_pattern_match("a/*.c", "a/b/c.c"), "a single pattern");
	ok(!ignore_pattern_match("a", "a/b") && !ignore_pattern_match("[", "["), "matches the whole path, and not if it is bad");
}

/* The pattern that takes a backtracking matcher years. */
static void check_cost(void)
{
	struct buf pattern = { 0 }, path = { 0 };
	struct timespec begin, end;

	for (int i = 0; i < 1000; i++)
		buf_add_str(&pattern, "**/a*");
	for (int i = 0; i < 2000; i++)
		buf_add_str(&path, "a/");
	buf_add_str(&path, "b");
	buf_add_str(&pattern, "c");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	ok(!ignore_pattern_match(pattern.data, path.data), "a thousand ** do not match");
	clock_gettime(CLOCK_MONOTONIC, &end);
	ok(end.tv_sec - begin.tv_sec < 10, "and say so soon");
	buf_free(&pattern);
	buf_free(&path);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		check_table(argv[1]);
	check_others();
	check_cost();
	return done();
}
