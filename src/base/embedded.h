/* Files that the build put into the program (src/embed.sh), as tables that end with a NULL name. */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H
#include <stddef.h>

struct embedded_file {
	const char *name;	    /* without folders */
	const char *tag;	    /* the start of its SHA-256 in hex */
	const unsigned char *bytes; /* len of them, and a NUL behind: text is a string */
	size_t len;
	size_t size; /* of the file itself; len is less where it was compressed by gzip */
};
#endif
