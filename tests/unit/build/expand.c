/* Variable expansion: the table in the corpus, and what must not take long. */
#include "build/expand.h"

#include "base/fd.h"
#include "build/pattern.h"
#include "tap.h"

static const char *lookup(const char *name, size_t len, void *data)
{
	static const char *const values[][2] = {
		{ "v", "value" }, { "e", "" }, { "path", "/usr/local/bin" }, { "file", "a.tar.gz" }, { "star", "a*b" }, { "u8", "äöü" },
		{ "blank", "x y" },
	};

	(void)data;
	for (size_t i = 0; i < array_len(values); i++)
		if (strlen(values[i][0]) == len && !memcmp(values[i][0], name, len))
			return values[i][1];
	return NULL;
}

static void check_row(const char *form, const char *text, const char *want)
{
	struct expand_options options = { .lookup = lookup, .escape = str_equal(form, "tick") ? '`' : '\\',
					  .raw_quotes = str_equal(form, "raw"), .keep_unset = str_equal(form, "unset") };
	_cleanup_(strlist_free) struct strlist words = { 0 };
	_cleanup_(freep) char *got = NULL;
	struct error err = { 0 };

	if (str_equal(form, "fail")) {
		fails(expand_text(text, &options, &got, &err), &err, ERROR_INVALID, want, text);
		return;
	}
	if (str_equal(form, "words")) {
		if (expand_words(text, &options, &words, &err) == 0)
			got = strlist_join(&words, "|");
	} else if (expand_text(text, &options, &got, &err) < 0) {
		printf("# %s\n", err.message);
	}
	error_clear(&err);
	is_str(got, want, text);
}

static void check_table(const char *path)
{
	_cleanup_(buf_free) struct buf table = { 0 };
	_cleanup_(strlist_free) struct strlist rows = { 0 };
	struct error err = { 0 };

	if (!works(file_read(AT_FDCWD, path, 1 << 20, &table, &err), &err, path))
		return;
	strlist_split(&rows, table.data, '\n');
	for (size_t i = 0; i < rows.len; i++) {
		_cleanup_(strlist_free) struct strlist cells = { 0 };
		if (*rows.items[i] == '#' || !*rows.items[i])
			continue;
		strlist_split(&cells, rows.items[i], '\t');
		if (ok(cells.len == 3, "three cells"))
			check_row(cells.items[0], cells.items[1], cells.items[2]);
	}
}

static char *long_value;

static const char *lookup_long(const char *name, size_t len, void *data)
{
	(void)name;
	(void)len;
	(void)data;
	return long_value;
}

static char *repeat(const char *piece, size_t times)
{
	struct buf out = { 0 };

	while (times--)
		buf_add_str(&out, piece);
	return buf_steal(&out);
}

static void check_cost(const char *piece, size_t times, enum error_code code, const char *what)
{
	struct expand_options options = { .lookup = lookup_long, .escape = '\\' };
	_cleanup_(freep) char *text = repeat(piece, times), *got = NULL;
	struct error err = { 0 };

	fails(expand_text(text, &options, &got, &err), &err, code, "cannot expand", what);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		check_table(argv[1]);
	long_value = repeat("ab", 250000);
	check_cost("$v", 5, ERROR_TOO_LARGE, "a result that grows without bound");
	check_cost("${v:+}${v:+}", 1000, ERROR_TOO_LARGE, "work that nobody sees");
	check_cost("${v//*x*y*z*/q}", 1, ERROR_TOO_LARGE, "a pattern that matches nowhere, tried everywhere");
	check_cost("${v%%*b*b*b*b*b*b*b*b*x}${v%%*b*b*b*b*b*b*b*b*x}", 10, ERROR_TOO_LARGE, "stars");
	check_cost("${u:+", 100, ERROR_INVALID, "nesting");
	free(long_value);
	return done();
}
