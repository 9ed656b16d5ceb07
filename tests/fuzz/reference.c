/* References, digests and platforms: what is accepted is printed, and read again as the same. */
#include <stdint.h>

#include "base/str.h"
#include "oci/platform.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reference(const char *text)
{
	_cleanup_(reference_clear) struct reference ref = { 0 }, again = { 0 };

	if (reference_parse(text, &ref, NULL) < 0)
		return;
	_cleanup_(freep) char *whole = reference_print(&ref), *familiar = reference_print_familiar(&ref);
	if (reference_parse(familiar, &again, NULL) < 0)
		abort();
	_cleanup_(freep) char *second = reference_print(&again);
	if (!str_equal(whole, second) || !repository_name_valid(ref.repository) || (ref.tag && !tag_valid(ref.tag)))
		abort();
}

static void check_platform(const char *text)
{
	struct platform platform, again;
	char printed[PLATFORM_TEXT_SIZE];

	if (platform_parse(text, &platform, NULL) < 0)
		return;
	if (platform_parse(platform_print(&platform, printed), &again, NULL) < 0 || !platform_equal(&platform, &again) ||
	    !platform_match(&platform, &again))
		abort();
}

static void check_digest(const char *text)
{
	struct digest digest;
	char printed[DIGEST_TEXT_SIZE];

	if (digest_parse(text, &digest, NULL) == 0 && !str_equal(digest_print(&digest, printed), text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);
	struct error err = { 0 };

	check_reference(text);
	check_platform(text);
	check_digest(text);
	_cleanup_(reference_clear) struct reference ref = { 0 };
	reference_parse(text, &ref, &err);
	error_clear(&err);
	return 0;
}
