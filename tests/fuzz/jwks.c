/* Key sets: what is accepted are keys that can be used; a token that none of them made does not verify. */
#include <stdint.h>

#include "registry/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jwks keys _cleanup_(jwks_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	char signature[JWT_SIGNATURE_MAX] = { 1, 2, 3 };
	struct jwt jwt = { .text = "a.b", .signed_len = 3, .signature = { .data = signature } };

	if (jwks_parse((const char *)data, size, &keys, &err) < 0) {
		if (keys.len || !err.message)
			abort();
		return 0;
	}
	if (!keys.len || keys.len > JWT_KEYS_MAX)
		abort();
	for (jwt.algorithm = JWT_RS256; jwt.algorithm <= JWT_EDDSA; jwt.algorithm++) {
		jwt.signature.len = jwt.algorithm == JWT_RS256 && keys.items[0].algorithm == JWT_RS256 ? keys.items[0].key.rsa.size : 64;
		jwt_verify(&jwt, &keys);
	}
	return 0;
}
