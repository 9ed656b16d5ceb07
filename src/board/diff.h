/* Unified diffs of short texts, for people. */
#ifndef BOARD_DIFF_H
#define BOARD_DIFF_H
#include "base/buf.h"

/* "--- a", "+++ b" and the hunks with three lines around them; nothing if the texts are the same. Appends. Texts are settings of some hundred lines: where
 * thousands of lines differ, they are shown as all gone and all new. */
void diff_print(const struct buf *from, const struct buf *to, const char *from_name, const char *to_name, struct buf *ret);
#endif
