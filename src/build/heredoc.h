/* Heredocs: finding `<<NAME` in a line, as a shell would. */
#ifndef BUILD_HEREDOC_H
#define BUILD_HEREDOC_H
#include "build/dockerfile.h"

struct heredoc_scan {
	const char *begin, *at;
	char quote;	/* within which we are, or '\0' */
	int arithmetic; /* parentheses open since $(( */
	const char *mark, *mark_end; /* the word that was found: `<<-"EOF"`, with a descriptor's number in front */
};

/* Starts with `struct heredoc_scan scan = { text, text }`. Returns whether there is another; fills all of *ret but the body. */
bool heredoc_next(struct heredoc_scan *scan, struct heredoc *ret);
void heredoc_clear(struct heredoc *heredoc);
#endif
