/* .dockerignore: which files of the context a build mustn't see.
 *
 * Patterns are read from top to bottom and the last that matches wins; `!` takes back. A pattern that matches a directory
 * matches all beneath it. `*` and `?` stop at a slash, `**` does not. `#` begins a comment at the start of a line only. The same patterns
 * serve COPY --exclude. */
#ifndef BUILD_IGNORE_H
#define BUILD_IGNORE_H
#include "base/error.h"
#include "base/str.h"

enum {
	IGNORE_SIZE_MAX = 1 << 20,   /* of the file */
	IGNORE_PATTERNS_MAX = 10000, /* in it */
	IGNORE_PATTERN_MAX = 4096,   /* bytes of one */
};

struct ignore; /* NULL ignores nothing */

/* Parses the text of a .dockerignore. `file_name` is for errors ("line 3 of .dockerignore: …"). */
int ignore_parse(const char *text, size_t len, const char *file_name, struct ignore **ret, struct error *err);
/* The same from patterns, one an item, where `#` is no comment (COPY --exclude). */
int ignore_from_list(const struct strlist *patterns, struct ignore **ret, struct error *err);
void ignore_free(struct ignore **at);

/* Is the file or directory at `path` ignored? `path` is relative to the context, clean ("a/b", without "./" or a final slash). */
bool ignore_match(const struct ignore *ignore, const char *path);
/* For a directory that is ignored: may something beneath it have been taken back by a `!` pattern? If not, the walk need not go
 * down. True for directories that are not ignored. */
bool ignore_may_descend(const struct ignore *ignore, const char *path);
/* Does a single pattern (no `!`) match the whole of `path`? Go's filepath.Match with `**`, as in COPY sources. */
bool ignore_pattern_match(const char *pattern, const char *path);
#endif
