/* The table of all commands, for main and help. */
#ifndef CMD_TABLE_H
#define CMD_TABLE_H
#include "cmd/command.h"

extern const struct command *const command_table[]; /* ends with NULL */
const struct command *command_find(const char *name); /* or NULL */
/* -1 with ERROR_USAGE and the nearest name. */
int command_unknown(const char *name, struct error *err);
/* Options before the command's name. Returns the index of the name in argv (argc if there is none). */
int option_parse_global(struct context *context, int argc, char **argv, struct error *err);
/* What every command takes. */
extern const struct option_spec option_common[];
/* By its name of `len` bytes or, with name NULL, its letter; of the command (NULL: none) or of all. NULL if there is none. */
const struct option_spec *option_find(const struct command *command, const char *name, size_t len, char letter);
#endif
