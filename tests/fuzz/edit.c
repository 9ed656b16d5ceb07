/* Edits of YAML and JSON: whatever the file is, an edit that works is whole (edit.c checks what else the text holds), is found again, and is made once. */
#include <stdint.h>

#include "board/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, enum edit_format format, bool list)
{
	int (*edit)(struct buf *, enum edit_format, const char *const *, size_t, const char *, struct error *) = list ? edit_add : edit_set;
	struct buf text _cleanup_(buf_free) = { 0 };
	const char *path[] = { "mirrors", "r:6000", "endpoint" };

	buf_add(&text, data, size);
	buf_reserve(&text, 0);
	int result = edit(&text, format, path, array_len(path), "http://r:6000", NULL);
	if (result < 0 && (text.len != size || (size && memcmp(text.data, data, size))))
		abort();
	if (result > 0 && edit(&text, format, path, array_len(path), "http://r:6000", NULL) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 8192) /* libyaml is slow on deep nests */
		return 0;
	check(data, size, EDIT_YAML, true);
	check(data, size, EDIT_YAML, false);
	check(data, size, EDIT_JSON, true);
	check(data, size, EDIT_JSON, false);
	return 0;
}
