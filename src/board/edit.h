/* Edits of settings in JSON and YAML that leave everything else as somebody wrote it: comments, order, quotes, indentation.
 *
 * The text is parsed only to find the place; then a few characters are put there. What comes out is parsed again, and must hold what the
 * old text held and what was asked for, nothing else; otherwise the edit fails and the text is untouched. So an exotic file may be
 * refused, but never damaged. (JSON's flow style is part of YAML, hence one editor for both; that JSON is JSON is checked by the JSON reader.) */
#ifndef BOARD_EDIT_H
#define BOARD_EDIT_H
#include "base/buf.h"
#include "base/str.h"

enum { EDIT_SIZE_MAX = 256 << 10, EDIT_DEPTH_MAX = 64 };
enum edit_format { EDIT_YAML, EDIT_JSON };

/* Both return 1 if the text was changed, 0 if it said so already. `path` is the keys from the top; mappings that are missing are made. An empty
 * text is an empty mapping. Fails with ERROR_INVALID (with the line) if the text or the value at the path is no such thing, ERROR_UNSUPPORTED if
 * the text is right but can't be edited safely (anchors, several documents). */
int edit_set(struct buf *text, enum edit_format format, const char *const *path, size_t path_len, const char *value, struct error *err);
/* The list at `path` has this item: in front, where there are others. */
int edit_add(struct buf *text, enum edit_format format, const char *const *path, size_t path_len, const char *value, struct error *err);

#define EDIT_PATH(...) (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)
#endif
