/* binfmt_misc (Linux: Documentation/admin-guide/binfmt-misc.rst): which header means which machine, and the text of its files. */
#ifndef EMU_BINFMT_H
#define EMU_BINFMT_H
#include "base/buf.h"
#include "oci/platform.h"

enum { ELF_HEADER_SIZE = 20 }; /* up to and including e_machine */

/* An architecture, as ELF names it. */
struct machine {
	const char *qemu;	  /* the X of qemu-X */
	const char *architecture; /* of the platform */
	unsigned char class, data; /* ELFCLASS…, ELFDATA… */
	unsigned short number;	   /* EM_… */
};

/* The one for a platform's architecture, or NULL. */
const struct machine *machine_find(const char *architecture);
/* By index, for listing; NULL behind the last. */
const struct machine *machine_at(size_t index);

/* The start of an executable of that machine. */
void machine_header(const struct machine *machine, unsigned char ret[ELF_HEADER_SIZE]);
/* Which bits of it count: not the OS ABI (0 or GNU), and ET_EXEC and ET_DYN are both programs. */
void machine_mask(const struct machine *machine, unsigned char ret[ELF_HEADER_SIZE]);

/* The line for binfmt_misc/register; appends. Flags: P keeps argv[0], F opens the interpreter now, so that the container's tree needn't have
 * it, C takes the program's credentials (setuid works). `marked` ones also take headers whose last byte of padding isn't 0: by that the
 * dispatcher passes a program on to the entry behind its own (dispatch/dispatch.c). */
void binfmt_line(const struct machine *machine, const char *name, const char *interpreter, bool marked, struct buf *ret);

/* What a file of binfmt_misc says about an executable with this header. */
enum binfmt_entry {
	BINFMT_OTHER,	/* it is for something else, or disabled */
	BINFMT_UNFIXED, /* it takes it, but the interpreter must exist in the container (no flag F) */
	BINFMT_FIXED,
};
/* `text` is the file's; `interpreter` gets the path where it isn't BINFMT_OTHER; owned by the caller. */
enum binfmt_entry binfmt_read(const char *text, const unsigned char header[ELF_HEADER_SIZE], char **ret_interpreter);
#endif
