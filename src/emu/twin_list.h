/* Which programs may have twins. */
#ifndef EMU_TWIN_LIST_H
#define EMU_TWIN_LIST_H
#include <stdbool.h>

#include "emu/dispatch/table.h"

/* A package of machine-independent programs, the same name for every architecture. */
struct twin_package {
	const char *name;
	const char *folder; /* where they lie, "usr/lib/apt/methods"; NULL: where commands lie */
	const char *only; /* names of programs between blanks: only those; NULL: all but `skip` */
	const char *skip;
	bool by_order; /* what it writes differs with the machine's byte order */
};
extern const struct twin_package twin_packages[]; /* ends with a NULL name */

/* Programs that need more than being started. */
struct twin_special {
	const char *program; /* file name */
	enum twin_kind kind;
	const char *deny;     /* between line feeds; see struct twin_entry */
	const char *variables; /* names between blanks, see twin_make.c */
};
const struct twin_special *twin_special_find(const char *program); /* or NULL: TWIN_PLAIN */

/* The programs of binutils and gcc, whose twins are cross tools: TRIPLET-NAME in /usr/bin, or NAME in gcc's own folder. */
struct twin_tool {
	const char *name;
	enum twin_kind kind;
	const char *languages; /* of a compiler: "c", "c++"; or NULL */
};
extern const struct twin_tool twin_binutils[], twin_gcc[], twin_gcc_internal[]; /* end with a NULL name */

/* A library that decides what bytes a program writes: the image's must be the distribution's own as well. */
struct twin_library {
	const char *name, *package;
	const char *programs;	 /* between blanks: of these, always */
	const char *compressing; /* of these, if the call has something compressed; or NULL */
	bool by_order;		 /* what it writes differs with the machine's byte order */
};
extern const struct twin_library twin_libraries[]; /* ends with a NULL name */
const struct twin_library *twin_library_find(const char *name); /* or NULL */

/* Is `word` among the words between blanks? */
bool twin_list_has(const char *words, const char *word);
#endif
