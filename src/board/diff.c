/* Unified diffs: see diff.h.
 *
 * What both texts begin and end with is cut off; between them the longest common subsequence of lines is found by the table of lengths, which
 * for settings is small. Then the edit script is grouped into hunks. */
#include "board/diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { AROUND = 3, TABLE_MAX = 4 << 20 };

struct line {
	const char *text;
	size_t len; /* with the newline, if it has one */
};
struct lines {
	struct line *items;
	size_t len;
};

/* The script: '=', '-' or '+' a line; from[] and to[] say where each stands. */
struct script {
	char *kinds;
	size_t *from, *to;
	size_t len;
};

static void split(const struct buf *text, struct lines *ret)
{
	const char *at = text->data, *end = at + text->len;

	while (text->len && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *next = newline ? newline + 1 : end;
		xgrow(ret->items, ret->len);
		ret->items[ret->len++] = (struct line){ at, (size_t)(next - at) };
		at = next;
	}
}

static bool equal(const struct line *a, const struct line *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

static void add(struct script *script, char kind, size_t from, size_t to)
{
	script->kinds[script->len] = kind;
	script->from[script->len] = from;
	script->to[script->len++] = to;
}

/* Lines [head, a_end) against [head, b_end). lengths[i][k]: of the longest common subsequence of what follows. */
static void compare(const struct lines *a, const struct lines *b, size_t head, size_t a_end, size_t b_end, struct script *script)
{
	size_t rows = a_end - head, columns = b_end - head, width = columns + 1, i = 0, k = 0;
	bool fits = rows * columns <= TABLE_MAX;
	_cleanup_(freep) uint32_t *lengths = xcalloc(fits ? (rows + 1) * width : 1, sizeof *lengths);

	for (size_t r = fits ? rows : 0; r-- > 0;)
		for (size_t c = columns; c-- > 0;) {
			uint32_t down = lengths[(r + 1) * width + c], right = lengths[r * width + c + 1];
			lengths[r * width + c] = equal(&a->items[head + r], &b->items[head + c]) ? lengths[(r + 1) * width + c + 1] + 1 :
						 down > right					 ? down :
												   right;
		}
	while (i < rows || k < columns) {
		bool same = fits && i < rows && k < columns && equal(&a->items[head + i], &b->items[head + k]);
		bool gone = i < rows && (k == columns || !fits || lengths[(i + 1) * width + k] >= lengths[i * width + k + 1]);
		add(script, same ? '=' : gone ? '-' : '+', head + i, head + k);
		i += same || gone;
		k += same || !gone;
	}
}

static void make_script(const struct lines *a, const struct lines *b, struct script *script)
{
	size_t head = 0, a_end = a->len, b_end = b->len, all = a->len + b->len + 1;

	script->kinds = xcalloc(all, 1);
	script->from = xcalloc(all, sizeof *script->from);
	script->to = xcalloc(all, sizeof *script->to);
	for (; head < a_end && head < b_end && equal(&a->items[head], &b->items[head]); head++)
		add(script, '=', head, head);
	while (a_end > head && b_end > head && equal(&a->items[a_end - 1], &b->items[b_end - 1]))
		a_end--, b_end--;
	compare(a, b, head, a_end, b_end, script);
	for (; a_end < a->len; a_end++, b_end++)
		add(script, '=', a_end, b_end);
}

static void print_line(char kind, const struct line *line, struct buf *ret)
{
	buf_add_char(ret, kind == '=' ? ' ' : kind);
	buf_add(ret, line->text, line->len);
	if (!line->len || line->text[line->len - 1] != '\n')
		buf_add_str(ret, "\n\\ No newline at end of file\n");
}

static void print_range(char sign, size_t start, size_t count, struct buf *ret)
{
	buf_printf(ret, count == 1 ? " %c%zu" : " %c%zu,%zu", sign, count ? start + 1 : start, count);
}

static void print_hunk(const struct script *script, size_t begin, size_t end, const struct lines *a, const struct lines *b, struct buf *ret)
{
	size_t gone = 0, new = 0;

	for (size_t i = begin; i < end; i++) {
		gone += script->kinds[i] != '+';
		new += script->kinds[i] != '-';
	}
	buf_add_str(ret, "@@");
	print_range('-', script->from[begin], gone, ret);
	print_range('+', script->to[begin], new, ret);
	buf_add_str(ret, " @@\n");
	for (size_t i = begin; i < end; i++)
		print_line(script->kinds[i], script->kinds[i] == '+' ? &b->items[script->to[i]] : &a->items[script->from[i]], ret);
}

static void print_hunks(const struct script *script, const struct lines *a, const struct lines *b, struct buf *ret)
{
	for (size_t at = 0; at < script->len;) {
		if (script->kinds[at] == '=') {
			at++;
			continue;
		}
		size_t begin = at > AROUND ? at - AROUND : 0, last = at, end;
		for (size_t i = at; i < script->len && i - last <= 2 * AROUND; i++)
			if (script->kinds[i] != '=')
				last = i;
		end = last + 1 + AROUND < script->len ? last + 1 + AROUND : script->len;
		print_hunk(script, begin, end, a, b, ret);
		at = end;
	}
}

void diff_print(const struct buf *from, const struct buf *to, const char *from_name, const char *to_name, struct buf *ret)
{
	struct lines a = { 0 }, b = { 0 };
	struct script script = { 0 };

	if (from->len == to->len && (!from->len || !memcmp(from->data, to->data, from->len)))
		return;
	split(from, &a);
	split(to, &b);
	make_script(&a, &b, &script);
	buf_printf(ret, "--- %s\n+++ %s\n", from_name, to_name);
	print_hunks(&script, &a, &b, ret);
	free(a.items);
	free(b.items);
	free(script.kinds);
	free(script.from);
	free(script.to);
}
