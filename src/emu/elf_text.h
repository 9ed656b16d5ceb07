/* A text that is compiled into a program of this machine, replaced by a longer one. */
#ifndef EMU_ELF_TEXT_H
#define EMU_ELF_TEXT_H
#include "base/buf.h"
#include "base/error.h"

/* Lets every pointer in the program's data that leads to the text `from` lead to `to`, which is put where the last page of a read-only segment has room.
 * Code that refers to the text itself isn't found: the caller must know that there is none. Returns how many pointers were changed; 0: the
 * program has no such text. ERROR_UNSUPPORTED if there is no room, or it is no 64-bit program with least significant bytes first. */
int elf_retarget_text(struct buf *program, const char *from, const char *to, struct error *err);
#endif
