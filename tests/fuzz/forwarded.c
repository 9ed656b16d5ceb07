/* What proxies say: whatever is believed may stand in a header and in a URL. Five lines are the five headers. */
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "registry/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plain(const char *text, size_t max)
{
	if (strlen(text) >= max)
		abort();
	for (; *text; text++)
		if ((unsigned char)*text <= 0x20 || *text == 0x7f || strchr("\"<>\\%?#@'", *text))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	struct address_block trusted;
	struct forwarded got;

	if (address_block_parse("10.0.0.0/8", &trusted, NULL) < 0)
		abort();
	strlist_split(&lines, text, '\n');
	while (lines.len < 5)
		strlist_add(&lines, "");
	struct forwarded_headers headers = { lines.items[0], lines.items[1], lines.items[2], lines.items[3], lines.items[4] };
	forwarded_read(&headers, &trusted, 1, &got);
	if (*got.proto && strcmp(got.proto, "http") != 0 && strcmp(got.proto, "https") != 0)
		abort();
	check_plain(got.host, sizeof got.host);
	check_plain(got.prefix, sizeof got.prefix);
	if (*got.host && !forwarded_host_valid(got.host))
		abort();
	if (*got.prefix && (got.prefix[0] != '/' || got.prefix[1] == '/' || strstr(got.prefix, "/../")))
		abort();
	address_block_parse(lines.items[1], &trusted, NULL);
	return 0;
}
