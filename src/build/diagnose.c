/* Errors that point into a text: see diagnose.h. */
#include "build/diagnose.h"

#include <string.h>

#include "base/str.h"

enum { LINES_AROUND = 2, LINES_MARKED_MAX = 12, LINE_SHOWN_MAX = 160 };

static const char ruler[] = "--------------------";

char *diagnose_suggest(const char *word, const char *const *candidates)
{
	const char *nearest = str_nearest(word, candidates);

	return nearest ? xprintf(" (did you mean %s?)", nearest) : xstrdup("");
}

/* A terminal must not obey what stands in a Dockerfile. */
static void add_printable(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len && i < LINE_SHOWN_MAX; i++) {
		unsigned char c = (unsigned char)text[i];
		buf_add_char(out, c == '\t' || (c >= ' ' && c != 0x7f) ? text[i] : '?');
	}
	if (len > LINE_SHOWN_MAX)
		buf_add_str(out, "…");
}

void diagnose_excerpt(const struct source *source, int line, int end_line, struct buf *out)
{
	const char *at = source->text, *end = at + source->len;

	buf_add_str(out, ruler);
	for (int number = 1; at < end && number <= end_line + LINES_AROUND; number++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline : end) - at);
		bool marked = number >= line && number <= end_line;
		if (len && at[len - 1] == '\r')
			len--;
		if (marked && number == line + LINES_MARKED_MAX && number < end_line) {
			buf_add_str(out, "\n     | >>> …");
		} else if (number >= line - LINES_AROUND && !(marked && number > line + LINES_MARKED_MAX && number < end_line)) {
			buf_printf(out, "\n%4d | %s ", number, marked ? ">>>" : "   ");
			add_printable(out, at, len);
			while (out->data[out->len - 1] == ' ')
				out->data[--out->len] = '\0';
		}
		at = newline ? newline + 1 : end;
	}
	buf_printf(out, "\n%s", ruler);
}

int diagnose_at(const struct source *source, int line, int end_line, struct error *err)
{
	_cleanup_(buf_free) struct buf out = { 0 };

	if (!err || !err->message || strstr(err->message, ruler))
		return -1;
	buf_printf(&out, "%s:%d: %s\n", source->file_name, line, err->message);
	diagnose_excerpt(source, line, end_line > line ? end_line : line, &out);
	free(err->message);
	err->message = buf_steal(&out);
	return -1;
}
