/* /etc/apk/repositories: addresses on the network alone. */
#include <stdint.h>
#include <stdlib.h>

#include "emu/apk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);
	struct strlist list _cleanup_(strlist_free) = { 0 };

	apk_repositories_parse(text, &list);
	for (size_t i = 0; i < list.len; i++)
		if ((!str_starts(list.items[i], "http://") && !str_starts(list.items[i], "https://")) || str_ends(list.items[i], "/") || strpbrk(list.items[i], " \t\r\n$?#\"\\"))
			abort();
	return 0;
}
