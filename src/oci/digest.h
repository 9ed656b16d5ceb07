/* Content digests: "sha256:<64 hex>" and "sha512:<128 hex>", lower case (image-spec, descriptor.md, section Digests). */
#ifndef OCI_DIGEST_H
#define OCI_DIGEST_H
#include <stdbool.h>
#include <stddef.h>
#include <nettle/sha2.h>

#include "base/error.h"

enum digest_algorithm { DIGEST_SHA256, DIGEST_SHA512 };
enum { DIGEST_TEXT_SIZE = 7 + 128 + 1, DIGEST_BYTES_MAX = 64 };

/* A value; copy it freely. Unused bytes are zero, so that memcmp and {0} work. */
struct digest {
	enum digest_algorithm algorithm;
	unsigned char bytes[DIGEST_BYTES_MAX];
};

const char *digest_algorithm_name(enum digest_algorithm algorithm); /* "sha256" */
size_t digest_size(enum digest_algorithm algorithm);		    /* in bytes: 32, 64 */
/* Unknown algorithms are ERROR_UNSUPPORTED, everything else that is wrong ERROR_INVALID. */
int digest_parse(const char *text, struct digest *ret, struct error *err);
/* `out` is returned. */
char *digest_print(const struct digest *digest, char out[DIGEST_TEXT_SIZE]);
/* Only the hex; `out` is returned. */
char *digest_hex(const struct digest *digest, char out[DIGEST_TEXT_SIZE]);
bool digest_equal(const struct digest *a, const struct digest *b);
/* How SHA-256 is computed on this processor: "nettle", or the instructions that we use ourselves (sha256.h). */
const char *digest_sha256_way(void);
void digest_of(enum digest_algorithm algorithm, const void *bytes, size_t len, struct digest *ret);

/* A running digest; a value that may be copied to fork the state. */
struct digester {
	enum digest_algorithm algorithm;
	union {
		struct sha256_ctx sha256;
		struct sha512_ctx sha512;
	} state;
};
void digester_init(struct digester *digester, enum digest_algorithm algorithm);
void digester_add(struct digester *digester, const void *bytes, size_t len);
void digester_finish(struct digester *digester, struct digest *ret);
#endif
