/* Which texts a twin may not run: those of shells, awk and make. See scripts.c. */
#ifndef EMU_DISPATCH_SCRIPTS_H
#define EMU_DISPATCH_SCRIPTS_H
#include "emu/dispatch/rules.h"

int shell_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call);
int awk_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call);
int make_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call);

/* A regular file that isn't too long, or NULL. It stays mapped: an execve follows. */
const char *text_map(const char *path, size_t *ret_len);
#endif
