/* A repository's index, or the list of what an image has installed: names and versions are parts of paths, and all fields are of the text. */
#include <stdint.h>
#include <stdlib.h>

#include "emu/apk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(const char *word)
{
	if (!*word || *word == '.' || *word == '-' || strpbrk(word, "/ \n%"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct apk_index index _cleanup_(apk_index_clear) = { 0 };
	struct buf bytes _cleanup_(buf_free) = { 0 };

	buf_add(&bytes, data, size);
	if (apk_index_parse(&bytes, &index, NULL) < 0)
		return 0;
	for (size_t i = 0; i < index.len && i < 100; i++) {
		const struct apk_package *package = &index.items[i];
		struct strlist libraries _cleanup_(strlist_free) = { 0 };
		check_word(package->name);
		check_word(package->version);
		apk_libraries(package->provides, &libraries);
		for (size_t j = 0; j < libraries.len; j++) {
			check_word(libraries.items[j] + 3);
			if (!apk_index_provider(&index, libraries.items[j]))
				abort();
		}
		if (!apk_index_find(&index, package->name) || (!*package->commit && apk_package_equal(package, package)))
			abort();
	}
	return 0;
}
