/* What names images: YAML of any kind and lists. And certificates in PEM, of which one is chosen. All foreign; the names found are texts, no more than the limit. */
#include <stdint.h>

#include "board/images.h"
#include "board/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pem(const char *text)
{
	static const char fingerprint[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	_cleanup_(freep) char *pem = pem_choose(text, fingerprint, NULL), *hex = fingerprint_parse(text, NULL);

	if (pem && !str_starts(pem, "-----BEGIN CERTIFICATE-----"))
		abort();
	if (hex && strlen(hex) != 64)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_list list _cleanup_(image_list_free) = { 0 };
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);
	struct platform platform = { .os = "linux", .architecture = "riscv64" };

	if (size > 8192) /* libyaml is slow on deep nests */
		return 0;
	image_list_read_text(&list, text, "list", NULL);
	if (!memmem(data, size, "build", 5)) /* would read files */
		image_list_read_yaml(&list, (const char *)data, size, "file.yaml", &platform, 1, NULL);
	if (list.len > IMAGES_MAX)
		abort();
	for (size_t i = 0; i < list.len; i++)
		if (str_empty(list.items[i].reference) || str_empty(list.items[i].source))
			abort();
	check_pem(text);
	return 0;
}
