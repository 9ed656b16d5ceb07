/* Byte ranges, chunks and pages. Every number is digits only: strtoll would take signs and blanks. */
#include "registry/range.h"

#include "base/str.h"

/* Digits at *at, which moves behind them. False without digits, or with more than an int64_t takes. */
static bool take_number(const char **at, int64_t *ret)
{
	const char *c = *at;
	int64_t value = 0;

	if (*c < '0' || *c > '9')
		return false;
	for (; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *c - '0', &value))
			return false;
	*at = c;
	*ret = value;
	return true;
}

static enum range_result range_suffix(const char *text, int64_t size, int64_t *ret_start, int64_t *ret_len)
{
	int64_t len;

	if (!take_number(&text, &len) || *text)
		return RANGE_WHOLE;
	if (!len || !size)
		return RANGE_UNSATISFIABLE;
	*ret_len = len < size ? len : size;
	*ret_start = size - *ret_len;
	return RANGE_PART;
}

enum range_result range_parse(const char *text, int64_t size, int64_t *ret_start, int64_t *ret_len)
{
	int64_t start, last = INT64_MAX;

	if (!text || !str_starts(text, "bytes="))
		return RANGE_WHOLE;
	text += strlen("bytes=");
	if (*text == '-')
		return range_suffix(text + 1, size, ret_start, ret_len);
	if (!take_number(&text, &start) || *text++ != '-')
		return RANGE_WHOLE;
	if (*text && !take_number(&text, &last))
		return RANGE_WHOLE;
	if (*text)
		return RANGE_WHOLE;
	if (start >= size || last < start)
		return RANGE_UNSATISFIABLE;
	*ret_start = start;
	*ret_len = (last < size - 1 ? last : size - 1) - start + 1;
	return RANGE_PART;
}

int chunk_parse(const char *text, int64_t *ret_start, int64_t *ret_end, struct error *err)
{
	const char *at = text;
	int64_t start, end, total;
	bool read = false;

	if (str_starts(at, "bytes ") || str_starts(at, "bytes="))
		at += strlen("bytes ");
	if (take_number(&at, &start) && *at == '-') {
		at++;
		read = take_number(&at, &end) && end >= start && end < INT64_MAX;
	}
	if (read && *at == '/') {
		at++;
		read = *at == '*' ? !*++at : take_number(&at, &total) && total > end;
	}
	if (!read || *at)
		return error_set(err, ERROR_INVALID, "the Content-Range is not START-END");
	*ret_start = start;
	*ret_end = end;
	return 0;
}

int page_parse(const char *text, size_t *ret, struct error *err)
{
	int64_t n;

	if (!text) {
		*ret = PAGE_MAX;
		return 0;
	}
	const char *at = text;
	if (!*text || strspn(text, "0123456789") != strlen(text))
		return error_set(err, ERROR_INVALID, "n is not a number");
	*ret = take_number(&at, &n) && n < PAGE_MAX ? (size_t)n : PAGE_MAX;
	return 0;
}
