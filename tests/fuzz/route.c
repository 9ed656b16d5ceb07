/* Request targets: never a NUL or a control character in what comes out, and the parts are parts of the whole. */
#include <stdint.h>

#include "registry/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plain(const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);
	struct target target _cleanup_(target_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	if (target_parse(text, &target, &err) < 0) {
		if (target.repository || target.item || target.query.len || !err.message)
			abort();
		return 0;
	}
	if (target.query.len > TARGET_QUERY_MAX || (target.repository && strlen(target.repository) > strlen(text)))
		abort();
	check_plain(target.repository);
	check_plain(target.item);
	for (size_t i = 0; i < target.query.len; i++)
		check_plain(target.query.items[i]);
	target_query(&target, "digest");
	return 0;
}
