/* A package: cut into its parts, and what is read of them before a signature was checked. */
#include <stdint.h>
#include <stdlib.h>

#include "emu/apk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int package = 0; package < 2; package++) {
		struct apk_file file _cleanup_(apk_file_clear) = { 0 };
		struct buf text _cleanup_(buf_free) = { 0 };
		_cleanup_(freep) char *name = NULL;
		if (apk_file_parse(data, size, package, &file, NULL) < 0)
			continue;
		if (file.signature.len + file.control.len + file.rest.len != size || !file.rest.len)
			abort();
		if (apk_tar_find(&file.signature_tar, ".SIGN.", &name, &text, NULL) > 0 && !str_starts(name, ".SIGN."))
			abort();
		buf_clear(&text);
		if (package && apk_tar_find(&file.control_tar, ".PKGINFO", NULL, &text, NULL) > 0)
			free(apk_info_value(text.data, "datahash"));
	}
	return 0;
}
