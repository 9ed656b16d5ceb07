/* The TOML scanner: see toml.h (toml.io/en/v1.0.0). */
#include "board/toml.h"

struct scan {
	const char *text;
	size_t len, at;
	struct strlist table;
	struct toml toml;
};

static int wrong(const struct scan *scan, const char *what, struct error *err)
{
	size_t line = 1;

	for (size_t i = 0; i < scan->at && i < scan->len; i++)
		line += scan->text[i] == '\n';
	return error_set(err, ERROR_INVALID, "line %zu: %s", line, what);
}

static bool starts(const struct scan *scan, const char *word)
{
	size_t len = strlen(word);

	return scan->len - scan->at >= len && !memcmp(scan->text + scan->at, word, len);
}

static char peek(const struct scan *scan)
{
	return scan->at < scan->len ? scan->text[scan->at] : '\0';
}

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->len && (peek(scan) == ' ' || peek(scan) == '\t'))
		scan->at++;
}

static void skip_line(struct scan *scan)
{
	const char *newline = memchr(scan->text + scan->at, '\n', scan->len - scan->at);

	scan->at = newline ? (size_t)(newline - scan->text) + 1 : scan->len;
}

/* ---- strings ---- */

/* The text between two quotes, escapes resolved as far as keys have them. */
static char *unquote(const char *text, size_t len, bool escapes)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < len; i++) {
		if (escapes && text[i] == '\\' && i + 1 < len && strchr("\"\\", text[i + 1]))
			i++;
		buf_add_char(&out, text[i]);
	}
	return buf_steal(&out);
}

/* At a quote: to behind its end. The text between the quotes is [*ret_from, *ret_to). */
static int skip_string(struct scan *scan, size_t *ret_from, size_t *ret_to, struct error *err)
{
	char quote = peek(scan), three[4] = { quote, quote, quote };
	bool lines = starts(scan, three);

	scan->at += lines ? 3 : 1;
	*ret_from = scan->at;
	for (; scan->at < scan->len; scan->at++) {
		char c = peek(scan);
		if (c == '\n' && !lines)
			break;
		if (c == '\\' && quote == '"') {
			scan->at++;
			continue;
		}
		if (lines ? !starts(scan, three) : c != quote)
			continue;
		*ret_to = scan->at;
		scan->at += lines ? 3 : 1;
		/* up to two more quotes belong to the text */
		for (int i = 0; lines && i < 2 && peek(scan) == quote; i++)
			scan->at++;
		return 0;
	}
	return wrong(scan, "a string does not end", err);
}

/* ---- keys ---- */

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int read_part(struct scan *scan, struct strlist *path, struct error *err)
{
	size_t from = scan->at, to;
	char c = peek(scan);

	if (c == '"' || c == '\'') {
		if (skip_string(scan, &from, &to, err) < 0)
			return -1;
	} else {
		while (is_bare(peek(scan)))
			scan->at++;
		to = scan->at;
		if (from == to)
			return wrong(scan, "a key is missing here", err);
	}
	strlist_take(path, unquote(scan->text + from, to - from, c == '"'));
	return 0;
}

/* a."b".c, up to what is no key any more. */
static int read_path(struct scan *scan, struct strlist *path, struct error *err)
{
	do {
		if (peek(scan) == '.')
			scan->at++;
		skip_blanks(scan);
		if (read_part(scan, path, err) < 0)
			return -1;
		skip_blanks(scan);
	} while (peek(scan) == '.');
	return 0;
}

/* ---- values ---- */

static int skip_value(struct scan *scan, struct error *err)
{
	size_t from = scan->at, to, depth = 0;

	while (scan->at < scan->len) {
		char c = peek(scan);
		if (c == '"' || c == '\'') {
			if (skip_string(scan, &from, &to, err) < 0)
				return -1;
			continue;
		}
		if (c == '#' && depth) {
			skip_line(scan);
			continue;
		}
		if (!depth && (c == '\n' || c == '#'))
			break;
		depth += c == '[' || c == '{';
		if ((c == ']' || c == '}') && !depth--)
			return wrong(scan, "a bracket closes that was not opened", err);
		scan->at++;
	}
	return depth ? wrong(scan, "a bracket is not closed", err) : 0;
}

/* ---- lines ---- */

static struct toml_item *add_item(struct scan *scan, enum toml_kind kind, size_t start)
{
	struct toml *toml = &scan->toml;

	xgrow(toml->items, toml->len);
	toml->items[toml->len] = (struct toml_item){ .kind = kind, .start = start };
	return &toml->items[toml->len++];
}

static int end_line(struct scan *scan, struct toml_item *item, struct error *err)
{
	skip_blanks(scan);
	if (peek(scan) == '\r')
		scan->at++;
	if (scan->at < scan->len && peek(scan) != '\n' && peek(scan) != '#')
		return wrong(scan, "this is no TOML", err);
	skip_line(scan);
	item->end = scan->at;
	return 0;
}

static int read_header(struct scan *scan, size_t start, struct error *err)
{
	bool many = starts(scan, "[[");
	struct toml_item *item = add_item(scan, many ? TOML_TABLES : TOML_TABLE, start);

	scan->at += many ? 2 : 1;
	if (read_path(scan, &item->path, err) < 0)
		return -1;
	if (!starts(scan, many ? "]]" : "]"))
		return wrong(scan, "a ']' is missing", err);
	scan->at += many ? 2 : 1;
	strlist_free(&scan->table);
	strlist_add_all(&scan->table, &item->path);
	return end_line(scan, item, err);
}

static int read_key(struct scan *scan, size_t start, struct error *err)
{
	struct toml_item *item = add_item(scan, TOML_KEY, start);

	strlist_add_all(&item->path, &scan->table);
	item->table_len = scan->table.len;
	if (read_path(scan, &item->path, err) < 0)
		return -1;
	if (peek(scan) != '=')
		return wrong(scan, "a '=' is missing", err);
	scan->at++;
	skip_blanks(scan);
	item->value_start = scan->at;
	if (skip_value(scan, err) < 0)
		return -1;
	item->value_end = scan->at;
	while (item->value_end > item->value_start && strchr(" \t\r", scan->text[item->value_end - 1]))
		item->value_end--;
	if (item->value_end == item->value_start)
		return wrong(scan, "a value is missing", err);
	return end_line(scan, item, err);
}

int toml_scan(const char *text, size_t len, struct toml *ret, struct error *err)
{
	struct scan scan = { .text = text ? text : "", .len = len };
	int result = 0;

	if (len > TOML_SIZE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "it is larger than %d bytes", TOML_SIZE_MAX);
	if (text && memchr(text, '\0', len))
		return error_set(err, ERROR_INVALID, "it is no text");
	while (result == 0 && scan.at < len) {
		size_t start = scan.at;
		skip_blanks(&scan);
		char c = peek(&scan);
		if (c == '\n' || c == '\r' || c == '#' || scan.at == len)
			skip_line(&scan);
		else
			result = c == '[' ? read_header(&scan, start, err) : read_key(&scan, start, err);
	}
	strlist_free(&scan.table);
	if (result < 0)
		toml_clear(&scan.toml);
	else
		*ret = scan.toml;
	return result;
}

void toml_clear(struct toml *toml)
{
	for (size_t i = 0; i < toml->len; i++)
		strlist_free(&toml->items[i].path);
	free(toml->items);
	*toml = (struct toml){ 0 };
}

/* ---- asking ---- */

bool toml_path_is(const struct toml_item *item, const char *const *path, size_t path_len, bool whole)
{
	if (whole ? item->path.len != path_len : item->path.len < path_len)
		return false;
	for (size_t i = 0; i < path_len; i++)
		if (!str_equal(item->path.items[i], path[i]))
			return false;
	return true;
}

const struct toml_item *toml_find(const struct toml *toml, enum toml_kind kind, const char *const *path, size_t path_len)
{
	for (size_t i = 0; i < toml->len; i++)
		if (toml->items[i].kind == kind && toml_path_is(&toml->items[i], path, path_len, true))
			return &toml->items[i];
	return NULL;
}

char *toml_string(const char *text, const struct toml_item *item)
{
	const char *value = text + item->value_start;
	size_t len = item->value_end - item->value_start;

	if (len < 2 || (*value != '"' && *value != '\'') || value[len - 1] != *value || (len > 2 && value[1] == *value))
		return NULL;
	return unquote(value + 1, len - 2, *value == '"');
}

void toml_add_quoted(struct buf *out, const char *text)
{
	buf_add_char(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_add_char(out, '\\');
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			buf_printf(out, "\\u%04x", *text);
		else
			buf_add_char(out, *text);
	}
	buf_add_char(out, '"');
}
