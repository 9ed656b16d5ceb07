/* Where this machine's packages of an image's distribution lie, if the image's archive has them only for others. */
#ifndef EMU_TWIN_MIRROR_H
#define EMU_TWIN_MIRROR_H
#include "emu/twin.h"

/* ERROR_USAGE if it is no address of an archive. */
int twin_mirror_check(const char *mirror, struct error *err);
/* The first address in a file of apt's sources; owned by the caller, NULL if there is none. */
char *twin_mirror_first(const char *text, bool stanzas);
/* The archive that has this machine's packages in place of `uri`; NULL if that one has them itself. Owned by the caller. */
char *twin_mirror_of(const struct twin_source *source, const char *uri);
/* Adds to `ret` a file of apt's sources in which each archive is asked for the architectures that it has; `stanzas`: in the format of .sources files. */
void twin_mirror_rewrite(const struct twin_source *source, const char *text, bool stanzas, struct buf *ret);
#endif
