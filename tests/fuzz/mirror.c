/* apt's sources of an image, in both formats, for which this machine's archive is looked up: whatever stands there, what comes out is what went in or is asked for one
 * architecture. */
#include <stdint.h>
#include <stdlib.h>

#include "emu/twin_mirror.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const mirrors[] = { NULL, "http://mirror.example/ubuntu" };
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);

	for (int way = 0; way < 4; way++) {
		struct twin_source source = { .distribution = (char *)"ubuntu", .host = way & 1 ? "arm64" : "amd64", .foreign = way & 1 ? "amd64" : "riscv64" };
		struct buf out _cleanup_(buf_free) = { 0 };
		source.archive = twin_mirror_first(text, way & 2);
		source.mirror = mirrors[size & 1];
		twin_mirror_rewrite(&source, text, way & 2, &out);
		if (out.len && out.data[out.len - 1] != '\n')
			abort();
		free(source.archive);
	}
	return 0;
}
