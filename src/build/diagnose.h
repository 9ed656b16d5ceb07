/* Errors that point into a text: FILE:LINE, what is wrong, and the lines around it. */
#ifndef BUILD_DIAGNOSE_H
#define BUILD_DIAGNOSE_H
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

struct source {
	const char *file_name, *text;
	size_t len;
};

/* Puts "FILE:LINE: " in front of the message and the source around the lines behind it, once. Control characters of the source are not
 * shown as such. Returns -1. */
int diagnose_at(const struct source *source, int line, int end_line, struct error *err);
/* The lines [line, end_line], marked, and two around them, with a ruler before and behind. Appends. */
void diagnose_excerpt(const struct source *source, int line, int end_line, struct buf *ret);
/* " (did you mean X?)", or "" if no candidate is near. Owned by the caller. */
char *diagnose_suggest(const char *word, const char *const *candidates);
#endif
