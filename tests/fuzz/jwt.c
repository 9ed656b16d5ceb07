/* Tokens: whatever is accepted has three known parts; nothing but the corpus' own tokens can verify, and those only as what they were signed as. */
#include <stdint.h>

#include "base/str.h"
#include "registry/jwt.h"
#include "registry/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);
	struct jwt jwt _cleanup_(jwt_clear) = { 0 };
	struct grants grants _cleanup_(grants_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	const struct jwt_terms terms = { .issuer = "https://ci.example", .audience = "sampan", .now = 1000 };
	struct jwt_signer signer;

	if (jwt_parse(text, &jwt, &err) < 0) {
		if (jwt.claims || jwt.key_id || !err.message)
			abort();
		return 0;
	}
	if (!json_is_object(jwt.claims) || jwt.signed_len >= strlen(text) || !jwt.signature.len || jwt.signature.len > JWT_SIGNATURE_MAX)
		abort();
	jwt_check(&jwt, &terms, &err);
	error_clear(&err);
	grants_add_claim(&grants, json_object_get(jwt.claims, "access"), &err);
	if (grants.len > GRANTS_MAX)
		abort();
	jwt_signer_init(&signer, (const unsigned char[ED25519_KEY_SIZE]){ 7 });
	if (jwt_verify_own(&jwt, &signer))
		abort();
	return 0;
}
