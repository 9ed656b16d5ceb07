/* Content-Range, Retry-After, Link and error bodies: accepted numbers are in bounds, reasons are one clean line. */
#include <stdint.h>

#include "remote/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reason(const uint8_t *data, size_t size)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };

	buf_add(&answer.body, data, size);
	_cleanup_(freep) char *reason = answer_reason(&answer);
	for (const char *at = reason; at && *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			abort();
	if (reason && (!*reason || strlen(reason) > 300))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);
	struct content_range range;

	if (content_range_parse(text, &range, NULL) == 0 &&
	    (range.first < 0 || range.last < range.first || range.total < -1 || (range.total >= 0 && range.last >= range.total)))
		abort();
	int seconds = retry_after_parse(text, 1445412480);
	if (seconds < -1 || seconds > RETRY_AFTER_MAX)
		abort();
	_cleanup_(freep) char *next = link_next(text);
	if (next && (!*next || strchr(next, '>') || !strstr(text, next)))
		abort();
	check_reason(data, size);
	return 0;
}
