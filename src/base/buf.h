/* A growing byte buffer.
 *
 * Invariants: data is NULL only while cap is 0; otherwise data[len] is '\0', so data is a C string where the bytes hold no
 * NUL. Start from `struct buf b = {0}`. */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include "base/mem.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_free(struct buf *buf);
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_str(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) _printf_(2, 3);
void buf_clear(struct buf *buf); /* len becomes 0, the memory stays */
void buf_reserve(struct buf *buf, size_t more); /* room for `more` bytes and the NUL behind len */
char *buf_steal(struct buf *buf); /* a C string that the caller owns, "" if empty; the buffer is empty afterwards */
#endif
