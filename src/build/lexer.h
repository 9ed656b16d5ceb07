/* From the text of a Dockerfile to whole instructions: lines joined, comments gone, heredoc bodies read. */
#ifndef BUILD_LEXER_H
#define BUILD_LEXER_H
#include "build/dockerfile.h"

struct lexer {
	const char *at, *end;
	int line;    /* of what comes next, from 1 */
	char escape; /* '\\' or '`' */
};

/* An instruction before it is parsed. */
struct statement {
	struct buf text; /* one line: "RUN make && make install" */
	int line, end_line;
	bool empty_continuation;
	struct heredoc *heredocs;
	size_t heredocs_len;
};

/* The next physical line, without its end; false at the end of the text. */
bool lexer_line(struct lexer *lexer, const char **ret, size_t *ret_len);
/* The next statement. Returns 1, or 0 at the end; a failure leaves the lines that it concerns in ret->line and ret->end_line. */
int lexer_next(struct lexer *lexer, struct statement *ret, struct error *err);
void statement_clear(struct statement *statement);
#endif
