/* Variable expansion: as one text, as words, in a heredoc, with either escape character. */
#include <stdint.h>

#include "build/expand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(const char *name, size_t len, void *data)
{
	(void)len;
	return *name == 'u' ? NULL : *name == 'e' ? "" : data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The first line is the value of the variables. */
	_cleanup_(freep) char *value = xstrndup((const char *)data, size);
	char *newline = strchr(value, '\n');

	if (!newline)
		return 0;
	*newline = '\0';
	for (unsigned form = 0; form < 8; form++) {
		const struct expand_options options = { .lookup = lookup, .data = value, .escape = form & 1 ? '`' : '\\',
							.raw_quotes = form & 2, .keep_unset = form & 4 };
		_cleanup_(strlist_free) struct strlist words = { 0 };
		_cleanup_(error_clear) struct error err = { 0 };
		_cleanup_(freep) char *text = NULL;
		int one = expand_text(newline + 1, &options, &text, &err), many = expand_words(newline + 1, &options, &words, NULL);
		/* Splitting doesn't change whether it can be expanded, and loses nothing but blanks. */
		if (one == 0 && (many < 0 || strlen(text) > EXPAND_SIZE_MAX))
			abort();
		if (one == 0 && words.len == 1 && strlen(words.items[0]) > strlen(text))
			abort();
	}
	return 0;
}
