/* Flags of instructions: --name or --name=value between the word and its arguments. */
#ifndef BUILD_FLAGS_H
#define BUILD_FLAGS_H
#include "build/dockerfile.h"

/* Takes the leading flags off the arguments. *ret_args points to what is behind them, in `args`. */
void flags_split(const char *args, struct strlist *ret_flags, const char **ret_args);
/* Reads instruction->raw_flags into instruction->flags and ->health. Without options, values that hold a variable are kept as they
 * stand. */
int flags_apply(struct instruction *instruction, const struct expand_options *options, struct error *err);
void flags_clear(struct instruction_flags *flags);

/* The value of RUN --mount (mount.c). */
int run_mount_parse(const char *text, const struct expand_options *options, struct run_mount *ret, struct error *err);
void mount_clear(struct run_mount *mount);
#endif
