/* Plain requests: what is taken for one is a whole head, ends where it says, and holds nothing but the few headers that may be there. */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "registry/plain.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t parse(const uint8_t *data, size_t size, struct plain *ret, char **ret_bytes)
{
	*ret_bytes = xrealloc(NULL, size + 1, 1);
	if (size)
		memcpy(*ret_bytes, data, size);
	return plain_parse(*ret_bytes, size, ret);
}

static void check_text(const char *text)
{
	if (!*text)
		abort();
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			abort();
}

static void check_header(const struct plain_header *header)
{
	static const char *const names[] = { "Host", "User-Agent", "Accept", "Accept-Encoding", "Connection" };
	size_t i = 0;

	check_text(header->name);
	check_text(header->value);
	while (i < array_len(names) && strcasecmp(names[i], header->name) != 0)
		i++;
	if (i == array_len(names))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *bytes = NULL, *exact = NULL, *cut = NULL;
	struct plain plain, other;
	size_t len = parse(data, size, &plain, &bytes);

	if (!len)
		return 0;
	if (len > size || len < 4 || memcmp(data + len - 4, "\r\n\r\n", 4) != 0 || memmem(data, len - 1, "\r\n\r\n", 4))
		abort();
	if (parse(data, len, &other, &exact) != len || parse(data, len - 1, &other, &cut))
		abort();
	if (*plain.target != '/' || strchr(plain.target, ' ') || plain.headers_len > PLAIN_HEADERS || !plain_header(&plain, "Host"))
		abort();
	check_text(plain.target);
	for (size_t i = 0; i < plain.headers_len; i++)
		check_header(&plain.headers[i]);
	return 0;
}
