/* Wildcards, for values (${v#p}, ${v%p}, ${v/p/r}) and for paths (.dockerignore, COPY sources).
 *
 * A pattern is a row of tokens, and a state is a place between two of them. Matching carries the set of states that are alive along the
 * text, character by character, so that no pattern takes more than text × pattern steps, whatever it holds. Bytes that are no UTF-8
 * are characters of their own.
 *
 * A pattern holds its working memory: mustn't be used by two threads at once. */
#ifndef BUILD_PATTERN_H
#define BUILD_PATTERN_H
#include <stdbool.h>

#include "base/error.h"

struct pattern;

/* A shell's pattern within a value: `*` is any text, `?` one character, the escape character takes the next one literally. `reverse`
 * makes it match from the end of a text. */
int pattern_compile_value(const char *text, char escape, bool reverse, struct pattern **ret, struct error *err);
/* A pattern for paths: `*` and `?` stop at a slash, `**` does not, also `**` + slash matches no directory at all; [a-z], [^a-z]; a
 * backslash takes the next character literally. */
int pattern_compile_path(const char *text, struct pattern **ret, struct error *err);
void pattern_free(struct pattern **at);

/* A value's pattern at the beginning of the text (at its end if reversed). Returns false if it doesn't match there; else *ret is the
 * shortest or the longest length that does. `*budget` is lowered by the steps taken; where it doesn't suffice it is 0 afterwards and the
 * answer means nothing. */
bool pattern_match_value(struct pattern *pattern, const char *text, size_t len, bool longest, size_t *budget, size_t *ret);

enum path_match {
	PATH_MATCH_NONE,   /* neither the path nor anything beneath it */
	PATH_MATCH_BENEATH, /* not the path, but something beneath it may match */
	PATH_MATCH_WHOLE,  /* the path */
	PATH_MATCH_PARENT, /* a directory above it, and so all beneath that */
};
enum path_match pattern_match_path(struct pattern *pattern, const char *path);
#endif
