/* Variables in Dockerfile text: see expand.h.
 *
 * One pass from left to right. `expand_until` reads ordinary text up to a stop character, and calls itself for the words inside ${…}. What
 * it makes goes to a sink, which is either one growing text or, where words are wanted, a list that is cut at blanks: a blank that comes
 * from a variable cuts, a blank from quotes or behind an escape doesn't. */
#include "build/expand.h"

#include <ctype.h>

#include "build/pattern.h"

struct expander {
	const struct expand_options *options;
	const char *at; /* what is left of the text */
	int depth;
	size_t budget; /* bytes that may still be copied or compared */
	struct error *err;
};

struct sink {
	struct buf text;       /* all of it, or the current word */
	struct strlist *words; /* NULL: no splitting */
};

static int expand_until(struct expander *x, char stop, bool keep_escapes, struct sink *sink);

static void sink_clear(struct sink *sink)
{
	buf_free(&sink->text);
}

static void sink_end_word(struct sink *sink)
{
	if (sink->text.len)
		strlist_take(sink->words, buf_steal(&sink->text));
}

/* Text in which blanks are blanks. */
static void sink_add(struct sink *sink, const char *text, size_t len)
{
	if (!sink->words) {
		buf_add(&sink->text, text, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (isspace((unsigned char)text[i]))
			sink_end_word(sink);
		else
			buf_add_char(&sink->text, text[i]);
	}
}

static int out_of_budget(struct expander *x)
{
	return error_set(x->err, ERROR_TOO_LARGE, "the values of the variables are too long: more than %d MiB of work", EXPAND_WORK_MAX >> 20);
}

/* Counts bytes that are about to be copied into a result of `size` bytes. */
static int charge(struct expander *x, size_t len, size_t size)
{
	if (size + len > EXPAND_SIZE_MAX)
		return error_set(x->err, ERROR_TOO_LARGE, "the result would be longer than %d KiB", EXPAND_SIZE_MAX >> 10);
	if (len >= x->budget)
		return out_of_budget(x);
	x->budget -= len;
	return 0;
}

static int add_value(struct expander *x, const char *value, size_t len, struct buf *out)
{
	if (charge(x, len, out->len) < 0)
		return -1;
	buf_add(out, value, len);
	return 0;
}

/* The length of the variable's name at `at`: letters, digits and `_`; all digits; or one of the shell's special characters. */
static size_t name_length(const char *at)
{
	size_t len = 0;

	if (*at && strchr("@*#?-$!", *at))
		return 1;
	if (isdigit((unsigned char)*at)) {
		while (isdigit((unsigned char)at[len]))
			len++;
		return len;
	}
	while (isalnum((unsigned char)at[len]) || at[len] == '_')
		len++;
	return len;
}

/* The word behind an operator, up to the closing brace (or the slash of a replacement). */
static int modifier_word(struct expander *x, char stop, bool keep_escapes, char **ret)
{
	_cleanup_(sink_clear) struct sink sink = { 0 };

	if (expand_until(x, stop, keep_escapes, &sink) < 0)
		return -1;
	*ret = buf_steal(&sink.text);
	return 0;
}

/* ${v:-w} ${v-w} ${v:+w} ${v+w} ${v:?w} ${v?w}; `has_value` is whether v counts as set. */
static int modify_default(struct expander *x, char operator, const char *name, int name_len, const char *value, bool has_value,
			  bool colon, struct buf *out)
{
	_cleanup_(freep) char *word = NULL;

	if (modifier_word(x, '}', false, &word) < 0)
		return -1;
	if (operator == '+')
		return has_value ? add_value(x, word, strlen(word), out) : 0;
	if (has_value)
		return add_value(x, value, strlen(value), out);
	if (operator == '-')
		return add_value(x, word, strlen(word), out);
	if (*word)
		return error_set(x->err, ERROR_INVALID, "%.*s: %s", name_len, name, word);
	return error_set(x->err, ERROR_INVALID, "%.*s: is not allowed to be %s", name_len, name, colon ? "empty" : "unset");
}

/* ${v#p} ${v##p} ${v%p} ${v%%p}: without the shortest or longest match at the beginning or the end. */
static int modify_trim(struct expander *x, char operator, const char *value, struct buf *out)
{
	_cleanup_(freep) char *word = NULL;
	_cleanup_(pattern_free) struct pattern *pattern = NULL;
	size_t len = strlen(value), cut = 0;
	bool longest = *x->at == operator;

	x->at += longest;
	if (modifier_word(x, '}', true, &word) < 0)
		return -1;
	if (pattern_compile_value(word, x->options->escape, operator == '%', &pattern, x->err) < 0)
		return -1;
	if (!pattern_match_value(pattern, value, len, longest, &x->budget, &cut))
		cut = 0;
	return add_value(x, operator == '#' ? value + cut : value, len - cut, out);
}

static int replace_in(struct expander *x, const char *value, struct pattern *pattern, const char *replacement, bool all, struct buf *out)
{
	size_t left = strlen(value), replacement_len = strlen(replacement), match;

	for (bool more = true; left && more;) {
		if (pattern_match_value(pattern, value, left, true, &x->budget, &match) && match) {
			if (add_value(x, replacement, replacement_len, out) < 0)
				return -1;
			value += match;
			left -= match;
			more = all;
		} else {
			if (add_value(x, value++, 1, out) < 0)
				return -1;
			left--;
		}
	}
	return add_value(x, value, left, out);
}

/* ${v/p/r} ${v//p/r}: the first, or every, longest match. */
static int modify_replace(struct expander *x, const char *value, struct buf *out)
{
	_cleanup_(freep) char *word = NULL, *replacement = NULL;
	_cleanup_(pattern_free) struct pattern *pattern = NULL;
	bool all = *x->at == '/';

	x->at += all;
	if (modifier_word(x, '/', true, &word) < 0 || modifier_word(x, '}', false, &replacement) < 0)
		return -1;
	if (pattern_compile_value(word, x->options->escape, false, &pattern, x->err) < 0)
		return -1;
	return replace_in(x, value, pattern, replacement, all, out);
}

static int modify(struct expander *x, const char *name, size_t name_len, const char *value, struct buf *out)
{
	bool colon = *x->at == ':';
	const char *from = x->at;

	x->at += colon;
	char operator = *x->at ? *x->at++ : '\0';
	if (operator && strchr("-+?", operator))
		return modify_default(x, operator, name, (int)name_len, value, value && (*value || !colon), colon, out);
	if (!colon && operator && strchr("#%", operator))
		return modify_trim(x, operator, value ? value : "", out);
	if (!colon && operator == '/')
		return modify_replace(x, value ? value : "", out);
	if (!operator)
		return error_set(x->err, ERROR_INVALID, "missing '}'");
	return error_set(x->err, ERROR_INVALID, "unsupported modifier (%.*s) in substitution", (int)(x->at - from), from);
}

/* ${…; x->at is behind the brace. */
static int expand_braced(struct expander *x, struct buf *out)
{
	const char *name = x->at, *begin = name - 2;
	size_t len = name_length(name), before = out->len;

	if (!*name)
		return error_set(x->err, ERROR_INVALID, "missing '}'");
	if (!len)
		return error_set(x->err, ERROR_INVALID, "bad substitution");
	/* A copy: the word behind an operator may look up other variables. */
	const char *found = x->options->lookup(name, len, x->options->data);
	if (found && charge(x, strlen(found), 0) < 0)
		return -1;
	_cleanup_(freep) char *value = xstrdup(found);

	x->at += len;
	if (*x->at == '}')
		x->at++;
	else if (modify(x, name, len, value, out) < 0)
		return -1;
	else if (value || !x->options->keep_unset)
		return 0;
	if (value)
		return add_value(x, value, strlen(value), out);
	if (!x->options->keep_unset)
		return 0;
	out->len = before;
	return add_value(x, begin, (size_t)(x->at - begin), out);
}

/* x->at is at the dollar sign. Appends to out. */
static int expand_dollar(struct expander *x, struct buf *out)
{
	const char *name = x->at + 1;

	if (*name == '{') {
		x->at += 2;
		return expand_braced(x, out);
	}
	size_t len = name_length(name);
	x->at += 1 + len;
	if (!len)
		return add_value(x, "$", 1, out);
	const char *value = x->options->lookup(name, len, x->options->data);
	if (!value && x->options->keep_unset)
		return add_value(x, name - 1, len + 1, out);
	return value ? add_value(x, value, strlen(value), out) : 0;
}

static int expand_single_quoted(struct expander *x, struct buf *out)
{
	const char *end = strchr(x->at + 1, '\'');

	if (!end)
		return error_set(x->err, ERROR_INVALID, "missing the closing single quote");
	const char *begin = x->at + 1;
	x->at = end + 1;
	return add_value(x, begin, (size_t)(end - begin), out);
}

/* Within double quotes the escape character escapes only a quote, a dollar sign and itself. */
static int expand_double_quoted(struct expander *x, bool keep_escapes, struct buf *out)
{
	char escape = x->options->escape;

	for (x->at++; *x->at != '"';) {
		if (!*x->at)
			return error_set(x->err, ERROR_INVALID, "missing the closing double quote");
		if (*x->at == '$') {
			if (expand_dollar(x, out) < 0)
				return -1;
			continue;
		}
		if (*x->at == escape && (x->at[1] == '"' || x->at[1] == '$' || x->at[1] == escape)) {
			if (keep_escapes && add_value(x, x->at, 1, out) < 0)
				return -1;
			x->at++;
		}
		if (add_value(x, x->at++, 1, out) < 0)
			return -1;
	}
	x->at++;
	return 0;
}

/* An escape character outside quotes: the next one, whatever it is. At the end of the text it is dropped. */
static int expand_escape(struct expander *x, bool keep_escapes, struct buf *out)
{
	if (keep_escapes && add_value(x, x->at, 1, out) < 0)
		return -1;
	x->at++;
	return *x->at ? add_value(x, x->at++, 1, out) : 0;
}

/* A variable, quotes or an escape; all into the sink. */
static int expand_special(struct expander *x, bool keep_escapes, struct sink *sink)
{
	_cleanup_(buf_free) struct buf out = { 0 };
	bool variable = *x->at == '$';
	int result;

	if (variable)
		result = expand_dollar(x, &out);
	else if (*x->at == '\'')
		result = expand_single_quoted(x, &out);
	else if (*x->at == '"')
		result = expand_double_quoted(x, keep_escapes, &out);
	else
		result = expand_escape(x, keep_escapes, &out);

	if (result < 0 || charge(x, out.len, sink->text.len) < 0)
		return -1;
	if (variable)
		sink_add(sink, out.data, out.len);
	else
		buf_add(&sink->text, out.data, out.len);
	return 0;
}

/* Up to and with `stop`, or with '\0' to the end of the text. */
static int expand_until(struct expander *x, char stop, bool keep_escapes, struct sink *sink)
{
	bool raw = x->options->raw_quotes;
	char special[] = { '$', x->options->escape, raw ? '$' : '"', raw ? '$' : '\'', '\0' };
	char ends[] = { '$', x->options->escape, special[2], special[3], stop, '\0' };

	if (++x->depth > EXPAND_DEPTH_MAX)
		return error_set(x->err, ERROR_INVALID, "variables are nested more than %d deep", EXPAND_DEPTH_MAX);
	while (*x->at != stop) {
		if (!*x->at)
			return error_set(x->err, ERROR_INVALID, "missing '%c'", stop);
		if (strchr(special, *x->at)) {
			if (expand_special(x, keep_escapes, sink) < 0)
				return -1;
			continue;
		}
		size_t len = strcspn(x->at, ends);
		if (charge(x, len, sink->text.len) < 0)
			return -1;
		sink_add(sink, x->at, len);
		x->at += len;
	}
	x->at += stop != '\0';
	x->depth--;
	return 0;
}

static int expand_into(const char *text, const struct expand_options *options, struct sink *sink, struct error *err)
{
	struct expander x = { .options = options, .at = text, .budget = EXPAND_WORK_MAX, .err = err };

	if (expand_until(&x, '\0', false, sink) < 0)
		return error_wrap(err, "cannot expand '%.200s'", text);
	return 0;
}

int expand_text(const char *text, const struct expand_options *options, char **ret, struct error *err)
{
	_cleanup_(sink_clear) struct sink sink = { 0 };

	if (expand_into(text, options, &sink, err) < 0)
		return -1;
	*ret = buf_steal(&sink.text);
	return 0;
}

int expand_words(const char *text, const struct expand_options *options, struct strlist *ret, struct error *err)
{
	_cleanup_(strlist_free) struct strlist words = { 0 };
	_cleanup_(sink_clear) struct sink sink = { .words = &words };

	if (expand_into(text, options, &sink, err) < 0)
		return -1;
	sink_end_word(&sink);
	strlist_add_all(ret, &words);
	return 0;
}
