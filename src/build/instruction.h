/* One instruction: from its line to the tree, and its expansion. */
#ifndef BUILD_INSTRUCTION_H
#define BUILD_INSTRUCTION_H
#include "build/lexer.h"

/* Takes the statement's heredocs. */
int instruction_parse(struct statement *statement, char escape, struct instruction *ret, struct error *err);
/* Is a value that is known now fit for the instruction? Called for words without variables when parsing, for all when expanding. */
int instruction_check_word(enum instruction_kind kind, const char *word, struct error *err);
#endif
