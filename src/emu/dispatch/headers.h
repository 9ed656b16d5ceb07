/* Is there a precompiled header among those that a compiler would take? It is a memory image of the emulated compiler, which the twin would leave aside for the
 * header itself: not always the same, and not always there. */
#ifndef EMU_DISPATCH_HEADERS_H
#define EMU_DISPATCH_HEADERS_H
#include "emu/dispatch/rules.h"

int headers_precompiled(const struct twin_table *table, const struct twin_entry *entry, const struct call *call);
#endif
