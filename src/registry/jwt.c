/* JSON Web Tokens: see jwt.h. The arithmetic is nettle's. */
#include "registry/jwt.h"

#include <assert.h>
#include <nettle/bignum.h>
#include <nettle/dsa.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecdsa.h>

#include "base/base64.h"
#include "base/json.h"
#include "oci/digest.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, RSA_EXPONENT_BITS_MAX = 33, P256_SIZE = 32 };
static_assert(RSA_BITS_MAX / 8 <= JWT_SIGNATURE_MAX, "a signature of the largest key fits");

static const char *const algorithm_names[] = { [JWT_RS256] = "RS256", [JWT_ES256] = "ES256", [JWT_EDDSA] = "EdDSA" };

static bool algorithm_find(const char *name, enum jwt_algorithm *ret)
{
	for (size_t i = 0; i < array_len(algorithm_names); i++)
		if (str_equal(name, algorithm_names[i])) {
			*ret = (enum jwt_algorithm)i;
			return true;
		}
	return false;
}

/* ---- parsing ---- */

static int part_parse(const char *text, size_t len, const char *what, json_t **ret, struct error *err)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };

	if (!base64_read(BASE64_URL, text, len, &bytes))
		return error_set(err, ERROR_INVALID, "the %s is not base64url", what);
	*ret = json_parse(bytes.data ? bytes.data : "", bytes.len, what, err);
	return *ret ? 0 : -1;
}

/* "crit" names what a reader must understand (RFC 7515, 4.1.11); we understand none of it. */
static int header_read(const json_t *header, struct jwt *jwt, struct error *err)
{
	const char *algorithm, *id;

	if (json_get_string(header, "alg", &algorithm, err) < 0 || json_get_string(header, "kid", &id, err) < 0)
		return -1;
	if (!algorithm || !algorithm_find(algorithm, &jwt->algorithm))
		return error_set(err, ERROR_UNSUPPORTED, "the token's algorithm is none of RS256, ES256 and EdDSA");
	if (json_object_get(header, "crit"))
		return error_set(err, ERROR_UNSUPPORTED, "the token has critical extensions, which are not known here");
	jwt->key_id = xstrdup(id);
	return 0;
}

int jwt_parse(const char *text, struct jwt *ret, struct error *err)
{
	struct jwt jwt _cleanup_(jwt_clear) = { .text = text };
	json_t *header _cleanup_(json_release) = NULL;
	const char *first = strchr(text, '.'), *second = first ? strchr(first + 1, '.') : NULL;

	if (strnlen(text, JWT_TEXT_MAX + 1) > JWT_TEXT_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the token is longer than %d bytes", JWT_TEXT_MAX);
	if (!second || strchr(second + 1, '.'))
		return error_set(err, ERROR_INVALID, "the token has not three parts");
	jwt.signed_len = (size_t)(second - text);
	if (part_parse(text, (size_t)(first - text), "token's header", &header, err) < 0 || header_read(header, &jwt, err) < 0 ||
	    part_parse(first + 1, (size_t)(second - first - 1), "token's claims", &jwt.claims, err) < 0)
		return -1;
	if (!base64_read(BASE64_URL, second + 1, strlen(second + 1), &jwt.signature) || !jwt.signature.len || jwt.signature.len > JWT_SIGNATURE_MAX)
		return error_set(err, ERROR_INVALID, "the token's signature is not base64url, or too long");
	*ret = jwt;
	jwt = (struct jwt){ 0 };
	return 0;
}

void jwt_clear(struct jwt *jwt)
{
	free(jwt->key_id);
	json_release(&jwt->claims);
	buf_free(&jwt->signature);
	*jwt = (struct jwt){ 0 };
}

/* ---- keys ---- */

static void jwk_clear(struct jwk *jwk)
{
	if (jwk->algorithm == JWT_RS256)
		rsa_public_key_clear(&jwk->key.rsa);
	else if (jwk->algorithm == JWT_ES256)
		ecc_point_clear(&jwk->key.ec);
	free(jwk->id);
}

void jwks_free(struct jwks *jwks)
{
	for (size_t i = 0; i < jwks->len; i++)
		jwk_clear(&jwks->items[i]);
	free(jwks->items);
	*jwks = (struct jwks){ 0 };
}

/* A field of base64url; false if there is none, or not one of at most `max` bytes. */
static bool field_bytes(const json_t *object, const char *key, size_t max, struct buf *ret)
{
	const char *text;

	if (json_get_string(object, key, &text, NULL) != 1)
		return false;
	return base64_read(BASE64_URL, text, strlen(text), ret) && ret->len && ret->len <= max;
}

static bool rsa_read(const json_t *object, struct rsa_public_key *ret)
{
	struct buf modulus _cleanup_(buf_free) = { 0 }, exponent _cleanup_(buf_free) = { 0 };

	if (!field_bytes(object, "n", RSA_BITS_MAX / 8, &modulus) || !field_bytes(object, "e", RSA_EXPONENT_BITS_MAX / 8, &exponent))
		return false;
	rsa_public_key_init(ret);
	nettle_mpz_set_str_256_u(ret->n, modulus.len, (const uint8_t *)modulus.data);
	nettle_mpz_set_str_256_u(ret->e, exponent.len, (const uint8_t *)exponent.data);
	if (mpz_sizeinbase(ret->n, 2) >= RSA_BITS_MIN && mpz_odd_p(ret->n) && mpz_odd_p(ret->e) && mpz_cmp_ui(ret->e, 3) >= 0 &&
	    rsa_public_key_prepare(ret))
		return true;
	rsa_public_key_clear(ret);
	return false;
}

static bool ec_read(const json_t *object, struct ecc_point *ret)
{
	struct buf x _cleanup_(buf_free) = { 0 }, y _cleanup_(buf_free) = { 0 };
	mpz_t px, py;

	if (!field_bytes(object, "x", P256_SIZE, &x) || !field_bytes(object, "y", P256_SIZE, &y))
		return false;
	nettle_mpz_init_set_str_256_u(px, x.len, (const uint8_t *)x.data);
	nettle_mpz_init_set_str_256_u(py, y.len, (const uint8_t *)y.data);
	ecc_point_init(ret, nettle_get_secp_256r1());
	bool on_curve = ecc_point_set(ret, px, py);
	mpz_clear(px);
	mpz_clear(py);
	if (!on_curve)
		ecc_point_clear(ret);
	return on_curve;
}

static bool ed25519_read(const json_t *object, unsigned char ret[ED25519_KEY_SIZE])
{
	struct buf x _cleanup_(buf_free) = { 0 };

	if (!field_bytes(object, "x", ED25519_KEY_SIZE, &x) || x.len != ED25519_KEY_SIZE)
		return false;
	memcpy(ret, x.data, ED25519_KEY_SIZE);
	return true;
}

/* False for a key that is not for us. Its type says its algorithm; an "alg" or "use" that says otherwise rules it out. */
static bool jwk_read(const json_t *object, struct jwk *ret)
{
	const char *type, *curve, *use, *algorithm, *id;
	struct jwk jwk = { 0 };
	bool good = false;

	if (!json_is_object(object) || json_get_string(object, "kty", &type, NULL) != 1 || json_get_string(object, "crv", &curve, NULL) < 0 ||
	    json_get_string(object, "use", &use, NULL) < 0 || json_get_string(object, "alg", &algorithm, NULL) < 0 ||
	    json_get_string(object, "kid", &id, NULL) < 0)
		return false;
	if (str_equal(type, "RSA"))
		jwk.algorithm = JWT_RS256;
	else if (str_equal(type, "EC") && str_equal(curve, "P-256"))
		jwk.algorithm = JWT_ES256;
	else if (str_equal(type, "OKP") && str_equal(curve, "Ed25519"))
		jwk.algorithm = JWT_EDDSA;
	else
		return false;
	if ((use && !str_equal(use, "sig")) || (algorithm && !str_equal(algorithm, algorithm_names[jwk.algorithm])))
		return false;
	switch (jwk.algorithm) {
	case JWT_RS256: good = rsa_read(object, &jwk.key.rsa); break;
	case JWT_ES256: good = ec_read(object, &jwk.key.ec); break;
	case JWT_EDDSA: good = ed25519_read(object, jwk.key.ed25519); break;
	}
	if (good) {
		jwk.id = xstrdup(id);
		*ret = jwk;
	}
	return good;
}

int jwks_parse(const char *text, size_t len, struct jwks *ret, struct error *err)
{
	json_t *root _cleanup_(json_release) = json_parse(text, len, "key set", err), *keys, *object;
	struct jwks jwks _cleanup_(jwks_free) = { 0 };
	size_t i;

	if (!root || json_get_array(root, "keys", &keys, err) < 0)
		return -1;
	json_array_foreach(keys, i, object) {
		struct jwk jwk;
		if (!jwk_read(object, &jwk))
			continue;
		xgrow(jwks.items, jwks.len);
		jwks.items[jwks.len++] = jwk;
		if (jwks.len > JWT_KEYS_MAX)
			return error_set(err, ERROR_TOO_LARGE, "the key set has more than %d keys", JWT_KEYS_MAX);
	}
	if (!jwks.len)
		return error_set(err, ERROR_INVALID, "the key set has no usable key: RSA of %d bits or more, EC P-256 or Ed25519, for signing", RSA_BITS_MIN);
	*ret = jwks;
	jwks = (struct jwks){ 0 };
	return 0;
}

/* ---- verifying ---- */

static bool rsa_verify(const struct jwt *jwt, const struct rsa_public_key *key)
{
	struct digest digest;
	mpz_t signature;

	if (jwt->signature.len != key->size)
		return false;
	digest_of(DIGEST_SHA256, jwt->text, jwt->signed_len, &digest);
	nettle_mpz_init_set_str_256_u(signature, jwt->signature.len, (const uint8_t *)jwt->signature.data);
	bool good = rsa_sha256_verify_digest(key, digest.bytes, signature);
	mpz_clear(signature);
	return good;
}

/* The signature is r and s, 32 bytes each (RFC 7518, 3.4). */
static bool ec_verify(const struct jwt *jwt, const struct ecc_point *key)
{
	struct dsa_signature signature;
	struct digest digest;

	if (jwt->signature.len != 2 * P256_SIZE)
		return false;
	digest_of(DIGEST_SHA256, jwt->text, jwt->signed_len, &digest);
	dsa_signature_init(&signature);
	nettle_mpz_set_str_256_u(signature.r, P256_SIZE, (const uint8_t *)jwt->signature.data);
	nettle_mpz_set_str_256_u(signature.s, P256_SIZE, (const uint8_t *)jwt->signature.data + P256_SIZE);
	bool good = ecdsa_verify(key, SHA256_DIGEST_SIZE, digest.bytes, &signature);
	dsa_signature_clear(&signature);
	return good;
}

static bool ed25519_verify(const struct jwt *jwt, const unsigned char key[ED25519_KEY_SIZE])
{
	return jwt->signature.len == ED25519_SIGNATURE_SIZE &&
	       ed25519_sha512_verify(key, jwt->signed_len, (const uint8_t *)jwt->text, (const uint8_t *)jwt->signature.data);
}

static bool jwk_verify(const struct jwt *jwt, const struct jwk *jwk)
{
	switch (jwk->algorithm) {
	case JWT_RS256: return rsa_verify(jwt, &jwk->key.rsa);
	case JWT_ES256: return ec_verify(jwt, &jwk->key.ec);
	case JWT_EDDSA: return ed25519_verify(jwt, jwk->key.ed25519);
	}
	return false;
}

bool jwt_verify(const struct jwt *jwt, const struct jwks *jwks)
{
	for (size_t i = 0; i < jwks->len; i++) {
		const struct jwk *jwk = &jwks->items[i];
		if (jwk->algorithm != jwt->algorithm || (jwt->key_id && !str_equal(jwt->key_id, jwk->id)))
			continue;
		if (jwk_verify(jwt, jwk))
			return true;
	}
	return false;
}

/* ---- claims ---- */

static bool audience_has(const json_t *audience, const char *wanted)
{
	json_t *item;
	size_t i;

	if (json_is_string(audience))
		return str_equal(json_string_value(audience), wanted);
	json_array_foreach((json_t *)audience, i, item)
		if (json_is_string(item) && str_equal(json_string_value(item), wanted))
			return true;
	return false;
}

/* A NumericDate, which may have a fraction. 1, or 0 if it isn't there. */
static int time_claim(const json_t *claims, const char *key, double *ret, struct error *err)
{
	const json_t *value = json_object_get(claims, key);

	if (value && !json_is_number(value))
		return error_set(err, ERROR_UNAUTHORIZED, "the token's '%s' is no number", key);
	*ret = value ? json_number_value(value) : 0;
	return value != NULL;
}

int jwt_check(const struct jwt *jwt, const struct jwt_terms *terms, struct error *err)
{
	double expires, not_before, issued, now = (double)terms->now;
	const char *issuer;

	if (json_get_string(jwt->claims, "iss", &issuer, NULL) != 1 || !str_equal(issuer, terms->issuer))
		return error_set(err, ERROR_UNAUTHORIZED, "the token is of another issuer");
	if (!audience_has(json_object_get(jwt->claims, "aud"), terms->audience))
		return error_set(err, ERROR_UNAUTHORIZED, "the token is for another service");
	int expires_there = time_claim(jwt->claims, "exp", &expires, err);
	if (expires_there < 0 || time_claim(jwt->claims, "nbf", &not_before, err) < 0 || time_claim(jwt->claims, "iat", &issued, err) < 0)
		return -1;
	if (!expires_there || !(now < expires + terms->leeway))
		return error_set(err, ERROR_UNAUTHORIZED, "the token has expired");
	if (not_before > now + terms->leeway || issued > now + terms->leeway)
		return error_set(err, ERROR_UNAUTHORIZED, "the token is not valid yet; are the clocks right?");
	return 0;
}

/* ---- our own ---- */

void jwt_signer_init(struct jwt_signer *signer, const unsigned char secret[ED25519_KEY_SIZE])
{
	memcpy(signer->secret, secret, ED25519_KEY_SIZE);
	ed25519_sha512_public_key(signer->public, secret);
}

char *jwt_sign(const struct jwt_signer *signer, const json_t *claims)
{
	static const char header[] = "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}";
	unsigned char signature[ED25519_SIGNATURE_SIZE];
	_cleanup_(freep) char *body = json_text(claims);
	struct buf text _cleanup_(buf_free) = { 0 };

	base64_write(BASE64_URL, header, strlen(header), &text);
	buf_add_char(&text, '.');
	base64_write(BASE64_URL, body, strlen(body), &text);
	ed25519_sha512_sign(signer->public, signer->secret, text.len, (const uint8_t *)text.data, signature);
	buf_add_char(&text, '.');
	base64_write(BASE64_URL, signature, sizeof signature, &text);
	return buf_steal(&text);
}

bool jwt_verify_own(const struct jwt *jwt, const struct jwt_signer *signer)
{
	return jwt->algorithm == JWT_EDDSA && ed25519_verify(jwt, signer->public);
}
