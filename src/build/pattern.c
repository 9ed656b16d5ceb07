/* Wildcards: see pattern.h. */
#include "build/pattern.h"

#include <stdint.h>
#include <string.h>

/* What a token takes from the text. Those marked "or nothing" leave the state behind them alive at once. */
enum token_kind {
	TOKEN_CHAR,
	TOKEN_ANY,	  /* one character */
	TOKEN_NOT_SLASH,  /* one, not a slash */
	TOKEN_CLASS,	  /* one of [a-z] */
	TOKEN_STAR,	  /* any number, or nothing */
	TOKEN_STAR_LEVEL, /* any number without a slash, or nothing */
	TOKEN_DIRS_OPEN,  /* takes nothing: either the loop behind it, or what is behind the loop */
	TOKEN_DIRS_LOOP,  /* any number with a slash at the end */
};

struct token {
	enum token_kind kind;
	uint32_t c;		    /* CHAR */
	size_t ranges, ranges_len; /* CLASS: its part of pattern->ranges */
	bool negated;
};

struct range {
	uint32_t first, last;
};

struct pattern {
	bool reverse, is_literal;
	char *literal; /* a path's pattern without wildcards is compared as text */
	size_t literal_len;
	struct token *tokens;
	size_t len;
	struct range *ranges;
	size_t ranges_len;
	bool *alive, *next; /* len + 1 states each */
};

/* The character at `text` (there is one); its size in bytes is returned. A byte that isn't UTF-8 gets a number past Unicode. */
static size_t char_decode(const char *text, size_t left, uint32_t *ret)
{
	static const unsigned char lead_mask[] = { 0, 0, 0x1f, 0x0f, 0x07 };
	unsigned char lead = (unsigned char)*text;
	size_t size = lead < 0x80 ? 1 : lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;

	if (size == 1) {
		*ret = lead;
		return 1;
	}
	if (size && lead < 0xf8 && size <= left) {
		uint32_t c = lead & lead_mask[size];
		size_t i = 1;
		for (; i < size && ((unsigned char)text[i] & 0xc0) == 0x80; i++)
			c = c << 6 | ((unsigned char)text[i] & 0x3f);
		if (i == size) {
			*ret = c;
			return size;
		}
	}
	*ret = 0x110000 + lead;
	return 1;
}

/* The character that ends at text + len. */
static size_t char_decode_back(const char *text, size_t len, uint32_t *ret)
{
	for (size_t size = 2; size <= 4 && size <= len; size++)
		if (char_decode(text + len - size, size, ret) == size)
			return size;
	return char_decode(text + len - 1, 1, ret);
}

static struct token *token_add(struct pattern *pattern, enum token_kind kind)
{
	xgrow(pattern->tokens, pattern->len);
	pattern->tokens[pattern->len] = (struct token){ .kind = kind };
	return &pattern->tokens[pattern->len++];
}

/* Adds the character at *at as itself. */
static void token_add_char(struct pattern *pattern, const char **at)
{
	uint32_t c;

	*at += char_decode(*at, strlen(*at) < 4 ? strlen(*at) : 4, &c);
	token_add(pattern, TOKEN_CHAR)->c = c;
}

static void pattern_finish(struct pattern *pattern)
{
	if (pattern->reverse) {
		for (size_t i = 0; i < pattern->len / 2; i++) {
			struct token swap = pattern->tokens[i];
			pattern->tokens[i] = pattern->tokens[pattern->len - 1 - i];
			pattern->tokens[pattern->len - 1 - i] = swap;
		}
	}
	pattern->alive = xcalloc(pattern->len + 1, sizeof *pattern->alive);
	pattern->next = xcalloc(pattern->len + 1, sizeof *pattern->next);
}

int pattern_compile_value(const char *text, char escape, bool reverse, struct pattern **ret, struct error *err)
{
	_cleanup_(pattern_free) struct pattern *pattern = xnew(struct pattern);

	pattern->reverse = reverse;
	for (const char *at = text; *at;) {
		if (*at == '*' || *at == '?') {
			token_add(pattern, *at++ == '*' ? TOKEN_STAR : TOKEN_ANY);
			continue;
		}
		if (*at == escape && !*++at)
			return error_set(err, ERROR_INVALID, "the pattern '%s' ends in an escape character", text);
		token_add_char(pattern, &at);
	}
	pattern_finish(pattern);
	*ret = steal(pattern);
	return 0;
}

/* One end of a range in [a-z]. */
static int class_char(const char **at, uint32_t *ret)
{
	if (**at == '\\')
		++*at;
	if (!**at)
		return -1;
	*at += char_decode(*at, strnlen(*at, 4), ret);
	return 0;
}

/* *at is behind the bracket. */
static int compile_class(struct pattern *pattern, const char **at)
{
	struct token *token = token_add(pattern, TOKEN_CLASS);

	token->ranges = pattern->ranges_len;
	token->negated = **at == '^';
	*at += token->negated;
	while (**at != ']') {
		struct range range;
		if (**at == '-' || class_char(at, &range.first) < 0)
			return -1;
		range.last = range.first;
		if (**at == '-') {
			++*at;
			if (**at == ']' || **at == '-' || class_char(at, &range.last) < 0)
				return -1;
		}
		if (range.last < range.first)
			return -1;
		xgrow(pattern->ranges, pattern->ranges_len);
		pattern->ranges[pattern->ranges_len++] = range;
		token->ranges_len++;
	}
	++*at;
	return token->ranges_len ? 0 : -1;
}

/* *at is at a star. `**` before a slash, or before anything else, is any number of directories; at the end it is anything. At the very
 * beginning of a pattern that has no other wildcard, `**x` is any path that ends in x, as moby has it. */
static void compile_star(struct pattern *pattern, const char **at, const char *text)
{
	bool first = *at == text;

	++*at;
	if (**at != '*') {
		token_add(pattern, TOKEN_STAR_LEVEL);
		return;
	}
	++*at;
	bool slash = **at == '/';
	*at += slash;
	if (!**at || (first && !slash && !strpbrk(*at, "*?[]\\"))) {
		token_add(pattern, TOKEN_STAR);
		return;
	}
	token_add(pattern, TOKEN_DIRS_OPEN);
	token_add(pattern, TOKEN_DIRS_LOOP);
}

int pattern_compile_path(const char *text, struct pattern **ret, struct error *err)
{
	_cleanup_(pattern_free) struct pattern *pattern = xnew(struct pattern);

	for (const char *at = text; *at;) {
		if (*at == '*') {
			compile_star(pattern, &at, text);
		} else if (*at == '?') {
			at++;
			token_add(pattern, TOKEN_NOT_SLASH);
		} else if (*at == '[') {
			at++;
			if (compile_class(pattern, &at) < 0)
				return error_set(err, ERROR_INVALID, "the pattern '%s' has a bad [ ] in it", text);
		} else {
			if (*at == '\\' && !*++at)
				return error_set(err, ERROR_INVALID, "the pattern '%s' ends in a backslash", text);
			token_add_char(pattern, &at);
		}
	}
	pattern->is_literal = !strpbrk(text, "*?[\\");
	pattern->literal = xstrdup(text);
	pattern->literal_len = strlen(text);
	pattern_finish(pattern);
	*ret = steal(pattern);
	return 0;
}

void pattern_free(struct pattern **at)
{
	struct pattern *pattern = *at;

	if (!pattern)
		return;
	free(pattern->literal);
	free(pattern->tokens);
	free(pattern->ranges);
	free(pattern->alive);
	free(pattern->next);
	free(pattern);
	*at = NULL;
}

/* Brings to life what can be reached without taking a character. */
static void states_close(const struct pattern *pattern, bool *states)
{
	for (size_t i = 0; i < pattern->len; i++) {
		if (!states[i])
			continue;
		enum token_kind kind = pattern->tokens[i].kind;
		if (kind == TOKEN_STAR || kind == TOKEN_STAR_LEVEL || kind == TOKEN_DIRS_OPEN)
			states[i + 1] = true;
		if (kind == TOKEN_DIRS_OPEN)
			states[i + 2] = true; /* OPEN is never the last */
	}
}

static void states_start(struct pattern *pattern)
{
	memset(pattern->alive, 0, (pattern->len + 1) * sizeof *pattern->alive);
	pattern->alive[0] = true;
	states_close(pattern, pattern->alive);
}

static bool class_has(const struct pattern *pattern, const struct token *token, uint32_t c)
{
	for (size_t i = 0; i < token->ranges_len; i++) {
		const struct range *range = &pattern->ranges[token->ranges + i];
		if (c >= range->first && c <= range->last)
			return !token->negated;
	}
	return token->negated;
}

/* Does the token take this character, and go on to the next token? */
static bool token_takes(const struct pattern *pattern, const struct token *token, uint32_t c)
{
	switch (token->kind) {
	case TOKEN_CHAR:
		return token->c == c;
	case TOKEN_ANY:
		return true;
	case TOKEN_NOT_SLASH:
		return c != '/';
	case TOKEN_CLASS:
		return class_has(pattern, token, c);
	case TOKEN_DIRS_LOOP:
		return c == '/';
	case TOKEN_STAR:
	case TOKEN_STAR_LEVEL:
	case TOKEN_DIRS_OPEN:
		break;
	}
	return false;
}

/* Does the token take this character, and stay? */
static bool token_keeps(const struct token *token, uint32_t c)
{
	return token->kind == TOKEN_STAR || token->kind == TOKEN_DIRS_LOOP || (token->kind == TOKEN_STAR_LEVEL && c != '/');
}

/* Returns whether any state is left. */
static bool states_step(struct pattern *pattern, uint32_t c)
{
	bool any = false, *swap = pattern->alive;

	memset(pattern->next, 0, (pattern->len + 1) * sizeof *pattern->next);
	for (size_t i = 0; i < pattern->len; i++) {
		if (!pattern->alive[i])
			continue;
		if (token_keeps(&pattern->tokens[i], c))
			any = pattern->next[i] = true;
		if (token_takes(pattern, &pattern->tokens[i], c))
			any = pattern->next[i + 1] = true;
	}
	states_close(pattern, pattern->next);
	pattern->alive = pattern->next;
	pattern->next = swap;
	return any;
}

bool pattern_match_value(struct pattern *pattern, const char *text, size_t len, bool longest, size_t *budget, size_t *ret)
{
	bool found = false;

	states_start(pattern);
	for (size_t done = 0;;) {
		uint32_t c;
		if (pattern->alive[pattern->len]) {
			*ret = done;
			found = true;
			if (!longest)
				return true;
		}
		if (done == len)
			return found;
		if (*budget <= pattern->len) {
			*budget = 0;
			return found;
		}
		*budget -= pattern->len + 1;
		done += pattern->reverse ? char_decode_back(text, len - done, &c) : char_decode(text + done, len - done, &c);
		if (!states_step(pattern, c))
			return found;
	}
}

static enum path_match match_literal(const struct pattern *pattern, const char *path)
{
	size_t len = strlen(path);

	if (len < pattern->literal_len)
		return !memcmp(pattern->literal, path, len) && pattern->literal[len] == '/' ? PATH_MATCH_BENEATH : PATH_MATCH_NONE;
	if (memcmp(pattern->literal, path, pattern->literal_len) != 0)
		return PATH_MATCH_NONE;
	if (len == pattern->literal_len)
		return PATH_MATCH_WHOLE;
	return path[pattern->literal_len] == '/' ? PATH_MATCH_PARENT : PATH_MATCH_NONE;
}

enum path_match pattern_match_path(struct pattern *pattern, const char *path)
{
	size_t left = strlen(path);
	bool any = true;

	if (pattern->is_literal)
		return match_literal(pattern, path);
	states_start(pattern);
	while (left && any) {
		uint32_t c;
		if (*path == '/' && pattern->alive[pattern->len])
			return PATH_MATCH_PARENT;
		size_t size = char_decode(path, left, &c);
		any = states_step(pattern, c);
		path += size;
		left -= size;
	}
	if (!any)
		return PATH_MATCH_NONE;
	if (pattern->alive[pattern->len])
		return PATH_MATCH_WHOLE;
	return states_step(pattern, '/') ? PATH_MATCH_BENEATH : PATH_MATCH_NONE;
}
