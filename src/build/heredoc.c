/* Heredocs: see heredoc.h.
 *
 * A `<<` counts outside quotes, and outside $(( )), where it shifts; `<<<` is a here-string of some shells. The backslash quotes here whatever
 * the file's escape character is, because it is a shell that reads the line. */
#include "build/heredoc.h"

#include <ctype.h>

void heredoc_clear(struct heredoc *heredoc)
{
	free(heredoc->name);
	free(heredoc->body);
	*heredoc = (struct heredoc){ 0 };
}

static bool ends_word(char c)
{
	return !c || isspace((unsigned char)c) || strchr(";&|()<>", c);
}

/* The name at `at`, quotes removed. Returns where it ends, or NULL if a quote isn't closed. */
static const char *read_name(const char *at, struct buf *name, bool *ret_quoted)
{
	while (!ends_word(*at)) {
		if (*at == '\'' || *at == '"') {
			const char *close = strchr(at + 1, *at);
			if (!close)
				return NULL;
			buf_add(name, at + 1, (size_t)(close - at - 1));
			*ret_quoted = true;
			at = close + 1;
			continue;
		}
		if (*at == '\\' && at[1]) {
			*ret_quoted = true;
			at++;
		}
		buf_add_char(name, *at++);
	}
	return at;
}

/* At `<<`: is it a heredoc? */
static bool read_heredoc(struct heredoc_scan *scan, struct heredoc *ret)
{
	_cleanup_(buf_free) struct buf name = { 0 };
	const char *word = scan->at, *at = word + 2;
	bool quoted = false, strip = *at == '-';

	while (word > scan->begin && isdigit((unsigned char)word[-1]))
		word--;
	bool word_start = word == scan->begin || isspace((unsigned char)word[-1]);
	at += strip;
	const char *name_at = at;
	while (*name_at == ' ' || *name_at == '\t')
		name_at++;
	/* A shift of some other language rather than a heredoc. */
	if (isdigit((unsigned char)*name_at) && (!word_start || name_at != at))
		return false;
	const char *end = read_name(name_at, &name, &quoted);
	if (!end || !name.len)
		return false;
	scan->mark = word_start ? word : scan->at;
	scan->mark_end = scan->at = end;
	*ret = (struct heredoc){ .name = buf_steal(&name), .expand = !quoted, .strip = strip };
	return true;
}

/* Steps over one character, or over what belongs together; keeps track of quotes and arithmetic. */
static void step(struct heredoc_scan *scan)
{
	char c = *scan->at++;

	if (scan->quote) {
		if (c == '\\' && scan->quote == '"' && *scan->at)
			scan->at++;
		else if (c == scan->quote)
			scan->quote = '\0';
	} else if (c == '\\' && *scan->at) {
		scan->at++;
	} else if (c == '\'' || c == '"') {
		scan->quote = c;
	} else if (c == '$' && scan->at[0] == '(' && scan->at[1] == '(' && !scan->arithmetic) {
		scan->at += 2;
		scan->arithmetic = 2;
	} else if (scan->arithmetic && (c == '(' || c == ')')) {
		scan->arithmetic += c == '(' ? 1 : -1;
	}
}

bool heredoc_next(struct heredoc_scan *scan, struct heredoc *ret)
{
	while (*scan->at) {
		if (scan->quote || scan->arithmetic || scan->at[0] != '<' || scan->at[1] != '<') {
			step(scan);
		} else if (scan->at[2] == '<') {
			scan->at += 3;
		} else {
			if (read_heredoc(scan, ret))
				return true;
			scan->at += 2;
		}
	}
	return false;
}
