/* As much of TOML as edits of containerd's and podman's files need: where tables and keys are. A scanner, no reader: values are skipped as wholes
 * (strings of all four kinds, arrays, inline tables), and what stands between is left to whom it belongs. */
#ifndef BOARD_TOML_H
#define BOARD_TOML_H
#include "base/buf.h"
#include "base/str.h"

enum { TOML_SIZE_MAX = 256 << 10 };
enum toml_kind { TOML_TABLE, TOML_TABLES /* [[x]] */, TOML_KEY };

struct toml_item {
	enum toml_kind kind;
	struct strlist path;	      /* complete: a key's begins with its table's */
	size_t table_len;	      /* of a key: how much of the path is its table's */
	size_t start, end;	      /* bytes in the text, from the start of its line to behind the line's end */
	size_t value_start, value_end; /* of a key */
};
struct toml {
	struct toml_item *items; /* in the order of the text */
	size_t len;
};

/* ERROR_INVALID with the line. A text that passes may still not be TOML: only what is needed to find places is checked. */
int toml_scan(const char *text, size_t len, struct toml *ret, struct error *err);
void toml_clear(struct toml *toml);
/* Does the path begin with these (or, with `whole`, is it these)? */
bool toml_path_is(const struct toml_item *item, const char *const *path, size_t path_len, bool whole);
/* The item of that path and kind, or NULL. */
const struct toml_item *toml_find(const struct toml *toml, enum toml_kind kind, const char *const *path, size_t path_len);
/* A key's value if it is a string of one line, decoded; else NULL. Owned by the caller. */
char *toml_string(const char *text, const struct toml_item *item);
/* "text" with what must be escaped. Appends. */
void toml_add_quoted(struct buf *out, const char *text);

#define TOML_PATH(...) (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)
#endif
