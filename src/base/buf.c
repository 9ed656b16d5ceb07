/* A growing byte buffer: see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

void buf_reserve(struct buf *buf, size_t more)
{
	if (buf->cap - buf->len > more)
		return;
	size_t cap = buf->cap ? buf->cap : 64;
	while (cap - buf->len <= more) {
		if (cap > SIZE_MAX / 2)
			abort();
		cap *= 2;
	}
	buf->data = xrealloc(buf->data, cap, 1);
	buf->cap = cap;
	buf->data[buf->len] = '\0';
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
	buf_reserve(buf, len);
	if (len)
		memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_add_str(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int need = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (need < 0)
		abort();
	buf_reserve(buf, (size_t)need);
	va_start(args, format);
	vsnprintf(buf->data + buf->len, (size_t)need + 1, format, args);
	va_end(args);
	buf->len += (size_t)need;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

char *buf_steal(struct buf *buf)
{
	buf_reserve(buf, 0);
	char *data = buf->data;
	*buf = (struct buf){ 0 };
	return data;
}
