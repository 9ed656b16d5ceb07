/* The shapes that the arguments of an instruction can have. Each reads the text behind the flags into the instruction. */
#ifndef BUILD_ARGS_H
#define BUILD_ARGS_H
#include "build/dockerfile.h"

typedef int args_parse(struct instruction *instruction, const char *text, char escape, struct error *err);

args_parse args_line;	       /* all of it is one word */
args_parse args_words;	       /* words between blanks */
args_parse args_json_or_line;  /* ["a", "b"], or one line for the shell */
args_parse args_json_or_words; /* ["a", "b"], or words between blanks */
args_parse args_pairs;	       /* a=b c="d e", or the old form: a the rest */
args_parse args_names;	       /* a=b c */
args_parse args_health;	       /* NONE, or CMD and what args_json_or_line takes */
#endif
