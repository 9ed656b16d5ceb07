/* Manifests and indexes: what is accepted is printed, and read again as the same. */
#include <stdint.h>

#include "base/str.h"
#include "oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { NULL, "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json" };
	const char *type = types[size % array_len(types)];
	_cleanup_(manifest_clear) struct manifest manifest = { 0 }, again = { 0 };
	_cleanup_(buf_free) struct buf first = { 0 }, second = { 0 };
	_cleanup_(error_clear) struct error err = { 0 };
	struct platform wish;

	if (manifest_parse((const char *)data, size, type, &manifest, &err) < 0)
		return 0;
	platform_host(&wish);
	manifest_choose(&manifest, &wish);
	manifest_print(&manifest, &first);
	if (manifest_parse(first.data, first.len, media_type_text(manifest.type), &again, &err) < 0)
		/* Our own text may be longer where the other was short: "\/" and such are not, but the limit is one of bytes. */
		return err.code == ERROR_TOO_LARGE ? 0 : (abort(), 0);
	manifest_print(&again, &second);
	if (!str_equal(first.data, second.data))
		abort();
	return 0;
}
