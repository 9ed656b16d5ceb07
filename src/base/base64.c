/* Base64: see base64.h. */
#include "base/base64.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
static const char last_two[][2] = { [BASE64] = { '+', '/' }, [BASE64_URL] = { '-', '_' } };

static int digit_value(enum base64_kind kind, char c)
{
	const char *at = c ? strchr(common, c) : NULL;

	if (at)
		return (int)(at - common);
	return c == last_two[kind][0] ? 62 : c == last_two[kind][1] ? 63 : -1;
}

static char digit(enum base64_kind kind, unsigned value)
{
	return value < 62 ? common[value] : last_two[kind][value - 62];
}

/* How many of the characters are digits: all but the padding, which must be there exactly where it is wanted. */
static bool digits_count(enum base64_kind kind, const char *text, size_t len, size_t *ret)
{
	if (kind == BASE64) {
		if (len % 4)
			return false;
		len -= len && text[len - 1] == '=';
		len -= len % 4 == 3 && text[len - 1] == '=';
	}
	*ret = len;
	return len % 4 != 1;
}

bool base64_read(enum base64_kind kind, const char *text, size_t len, struct buf *ret)
{
	size_t before = ret->len, digits;
	uint32_t bits = 0;
	int have = 0;

	if (!digits_count(kind, text, len, &digits))
		return false;
	buf_reserve(ret, digits / 4 * 3 + 3);
	for (size_t i = 0; i < digits; i++) {
		int value = digit_value(kind, text[i]);
		if (value < 0)
			goto wrong;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8)
			buf_add_char(ret, (char)(bits >> (have -= 8)));
	}
	if (!(bits & ((1u << have) - 1)))
		return true;
wrong:
	ret->len = before;
	ret->data[before] = '\0';
	return false;
}

void base64_write(enum base64_kind kind, const void *bytes, size_t len, struct buf *ret)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)at[i] << 16 | (n > 1 ? (uint32_t)at[i + 1] << 8 : 0) | (n > 2 ? at[i + 2] : 0);
		for (size_t j = 0; j < 4; j++) {
			if (j <= n)
				buf_add_char(ret, digit(kind, bits >> (18 - 6 * j) & 63));
			else if (kind == BASE64)
				buf_add_char(ret, '=');
		}
	}
}
