/* Parser directives: the comments `# syntax=…`, `# escape=…` and `# check=…` at the very top of a Dockerfile. */
#ifndef BUILD_DIRECTIVE_H
#define BUILD_DIRECTIVE_H
#include "build/dockerfile.h"

struct directives {
	char escape;
	char *syntax; /* or NULL */
	struct check_directive check;
};

/* Reads them from the first lines of the text, behind a byte order mark and a #! line. *ret_line is where an error is. */
int directives_parse(const char *text, size_t len, struct directives *ret, int *ret_line, struct error *err);
void directives_clear(struct directives *directives);
#endif
