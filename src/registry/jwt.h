/* JSON Web Tokens (RFC 7519) as signed compact texts (RFC 7515), and the public keys that they are checked with (RFC 7517). Pure.
 *
 * A token's header is written by whoever sends it, so it decides nothing: which algorithm a key is for is said by the key, and keys come
 * from a file of ours alone. `jwk`, `x5c`, `jku` and `x5u` in a header are never looked at; `alg` must be one of the three below and
 * that of the key; `none` and the HMAC family, where a public key would be the secret, do not exist here. */
#ifndef REGISTRY_JWT_H
#define REGISTRY_JWT_H
#include <jansson.h>
#include <nettle/ecc.h>
#include <nettle/eddsa.h>
#include <nettle/rsa.h>
#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"

enum {
	JWT_TEXT_MAX = 16 << 10,
	JWT_KEYS_MAX = 32,
	JWT_SIGNATURE_MAX = 1024, /* RSA of 8192 bits */
};

enum jwt_algorithm { JWT_RS256, JWT_ES256, JWT_EDDSA };

struct jwt {
	enum jwt_algorithm algorithm;
	char *key_id;	  /* or NULL */
	json_t *claims;	  /* an object; not to be believed before jwt_verify */
	const char *text; /* borrowed; its first signed_len bytes are signed */
	size_t signed_len;
	struct buf signature;
};
/* Splits and decodes; checks no signature. `text` must live as long as *ret. */
int jwt_parse(const char *text, struct jwt *ret, struct error *err);
void jwt_clear(struct jwt *jwt);

struct jwk {
	enum jwt_algorithm algorithm;
	char *id; /* or NULL */
	union {
		struct rsa_public_key rsa;
		struct ecc_point ec; /* on P-256 */
		unsigned char ed25519[ED25519_KEY_SIZE];
	} key;
};
struct jwks {
	struct jwk *items;
	size_t len;
};
/* From {"keys": […]}. Keys of other kinds, sizes and uses are left out; none at all is ERROR_INVALID. */
int jwks_parse(const char *text, size_t len, struct jwks *ret, struct error *err);
void jwks_free(struct jwks *jwks);

/* Was it signed with one of the keys? A token that names a key is checked with that one. */
bool jwt_verify(const struct jwt *jwt, const struct jwks *jwks);

/* What a verified token must say. */
struct jwt_terms {
	const char *issuer, *audience;
	time_t now;
	int leeway; /* seconds by which the issuer's clock may differ */
};
/* iss, aud (a text or a list), exp (must be there), nbf, iat: ERROR_UNAUTHORIZED. */
int jwt_check(const struct jwt *jwt, const struct jwt_terms *terms, struct error *err);

/* Our own: Ed25519. */
struct jwt_signer {
	unsigned char secret[ED25519_KEY_SIZE], public[ED25519_KEY_SIZE];
};
/* From 32 random bytes. */
void jwt_signer_init(struct jwt_signer *signer, const unsigned char secret[ED25519_KEY_SIZE]);
/* Owned by the caller. */
char *jwt_sign(const struct jwt_signer *signer, const json_t *claims);
bool jwt_verify_own(const struct jwt *jwt, const struct jwt_signer *signer);
#endif
