/* Base64 (RFC 4648), read strictly: one text has one meaning, so blanks, wrong padding and bits that stand for nothing are refused. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H
#include <stdbool.h>

#include "base/buf.h"

enum base64_kind {
	BASE64,	    /* section 4: + and /, padded with = */
	BASE64_URL, /* section 5: - and _, without padding */
};
/* Appends. False if it isn't base64; nothing is appended then. */
bool base64_read(enum base64_kind kind, const char *text, size_t len, struct buf *ret);
void base64_write(enum base64_kind kind, const void *bytes, size_t len, struct buf *ret);
#endif
