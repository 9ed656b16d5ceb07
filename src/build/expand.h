/* Variables in Dockerfile text: $v, ${v}, ${v:-w} and the other forms, quotes and the escape character.
 *
 * A pure function of the text and of what the lookup says. Quotes are removed and escapes resolved, as a POSIX shell does,
 * but there is no command substitution and no globbing: `*` and `?` come out as they went in. */
#ifndef BUILD_EXPAND_H
#define BUILD_EXPAND_H
#include "base/buf.h"
#include "base/str.h"

enum {
	EXPAND_SIZE_MAX = 1 << 20, /* of a result, in bytes: ${a}${a}… must not grow without bound */
	EXPAND_DEPTH_MAX = 32,	   /* of ${a:-${b:-…}} */
	EXPAND_WORK_MAX = 64 << 20, /* bytes copied and compared on the way to a result */
};

/* The value of `name` (`len` bytes, within the text: no NUL behind), or NULL if it isn't set. Borrowed until the next call. */
typedef const char *expand_lookup(const char *name, size_t len, void *data);

struct expand_options {
	expand_lookup *lookup;
	void *data;
	char escape;	 /* '\\' or '`' */
	bool raw_quotes; /* quotes are characters like any other: for the body of a heredoc */
	bool keep_unset; /* leave $unset and ${unset} as they are, instead of empty */
};

/* The text as one word, whatever blanks it holds. *ret is owned by the caller. */
int expand_text(const char *text, const struct expand_options *options, char **ret, struct error *err);
/* The text as the words that a shell would make of it: split at unquoted blanks, also at those that come from a variable.
 * Appends. */
int expand_words(const char *text, const struct expand_options *options, struct strlist *ret, struct error *err);
#endif
