/* Ranges, chunks, pages: what is accepted lies within its bounds. The first bytes are the size. */
#include <stdint.h>
#include <string.h>

#include "registry/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t number = 0;
	int64_t start, other;
	size_t n;

	if (size < sizeof number)
		return 0;
	memcpy(&number, data, sizeof number);
	_cleanup_(freep) char *text = xstrndup((const char *)data + sizeof number, size - sizeof number);
	if (range_parse(text, number, &start, &other) == RANGE_PART && (start < 0 || other < 1 || start + other > (int64_t)number))
		abort();
	if (chunk_parse(text, &start, &other, NULL) == 0 && (start < 0 || other < start))
		abort();
	if (page_parse(text, &n, NULL) == 0 && n > PAGE_MAX)
		abort();
	return 0;
}
