/* Which execs a twin may take over, and with which arguments it then gives the very result that the emulated program would have given. Pure but for
 * a look into the script that a shell is to run: the tests call it without any emulator. */
#ifndef EMU_DISPATCH_RULES_H
#define EMU_DISPATCH_RULES_H
#include <stddef.h>

#include "emu/dispatch/table.h"

/* An execve as the program would see it. */
struct call {
	const char *argv0;
	char **args; /* those behind argv[0]; ends with NULL */
	char **env;
};

/* Memory for the new lists: slots for pointers and bytes for text, enough for call_room of both. */
struct room {
	char **slots;
	char *text;
};
void call_room(const struct twin_table *table, const struct call *call, size_t *ret_slots, size_t *ret_text);

/* Takes back what a twin's start changed for its own use, so that each program gets what it would have got: variables that stand for something
 * compiled in, and the folder names of a driver. Done before anything else is decided. */
void call_restore(const struct twin_table *table, const char *path, struct call *call, struct room *room);
/* The same for the path by which a program was called. */
char *path_restore(char *path, struct room *room);

/* Must this exec be emulated? */
int call_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call);

/* Would a compiler or one of binutils write something compressed? */
int call_compresses(const struct call *call);

/* The arguments and environment with which the twin's loader is executed. */
void call_twin(const struct twin_table *table, const struct twin_entry *entry, const struct call *call, struct room *room, char ***ret_argv, char ***ret_env);

static inline const char *table_text(const struct twin_table *table, uint32_t offset)
{
	return (const char *)table + offset;
}

/* The next string of a list, or NULL behind the last; start with NULL. */
static inline const char *table_next(const struct twin_table *table, uint32_t list, const char *at)
{
	const char *next = at;

	if (!list)
		return NULL;
	if (!at)
		next = table_text(table, list);
	else
		while (*next++)
			;
	return *next ? next : NULL;
}
#endif
