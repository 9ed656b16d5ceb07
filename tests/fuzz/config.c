/* Image configurations: what is accepted is copied, printed, and read again as the same. */
#include <stdint.h>

#include "base/str.h"
#include "oci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(config_clear) struct image_config config = { 0 }, copy = { 0 }, again = { 0 };
	_cleanup_(buf_free) struct buf first = { 0 }, second = { 0 };
	_cleanup_(error_clear) struct error err = { 0 };
	struct digest chain;

	if (config_parse((const char *)data, size, &config, &err) < 0)
		return 0;
	config_copy(&config, &copy);
	config_chain_id(copy.diff_ids, copy.diff_ids_len, &chain);
	config_print(&copy, &first);
	if (config_parse(first.data, first.len, &again, &err) < 0)
		return err.code == ERROR_TOO_LARGE ? 0 : (abort(), 0);
	config_print(&again, &second);
	if (!str_equal(first.data, second.data))
		abort();
	return 0;
}
