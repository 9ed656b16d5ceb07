/* Content digests: see digest.h. Both algorithms are rows of one table; a third would be one more row. */
#include "oci/digest.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/str.h"
#include "oci/sha256.h"

static const struct {
	const char *name;
	size_t size;
} algorithms[] = {
	[DIGEST_SHA256] = { "sha256", SHA256_DIGEST_SIZE },
	[DIGEST_SHA512] = { "sha512", SHA512_DIGEST_SIZE },
};
static_assert(SHA512_DIGEST_SIZE <= DIGEST_BYTES_MAX, "a digest holds its bytes");
static_assert(DIGEST_TEXT_SIZE > 7 + 2 * SHA512_DIGEST_SIZE, "and its text");

const char *digest_algorithm_name(enum digest_algorithm algorithm)
{
	return algorithms[algorithm].name;
}

size_t digest_size(enum digest_algorithm algorithm)
{
	return algorithms[algorithm].size;
}

/* Lower case alone, as the specification wants: one digest has one text. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* algorithm-component [+._-] algorithm-component … (image-spec, descriptor.md): well formed, though we may not know it. */
static bool algorithm_well_formed(const char *text, size_t len)
{
	bool separator = true;

	for (size_t i = 0; i < len; i++) {
		bool plain = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9');
		if (!plain && (separator || !strchr("+._-", text[i])))
			return false;
		separator = !plain;
	}
	return len && !separator;
}

static int find_algorithm(const char *text, size_t len, enum digest_algorithm *ret, struct error *err)
{
	for (size_t i = 0; i < array_len(algorithms); i++)
		if (strlen(algorithms[i].name) == len && !memcmp(algorithms[i].name, text, len)) {
			*ret = (enum digest_algorithm)i;
			return 0;
		}
	if (!algorithm_well_formed(text, len))
		return error_set(err, ERROR_INVALID, "'%.100s' is not a digest; it is written sha256:<64 hexadecimal digits>", text);
	return error_set(err, ERROR_UNSUPPORTED, "the digest algorithm '%.*s' is not known; sha256 and sha512 are", (int)(len < 32 ? len : 32), text);
}

int digest_parse(const char *text, struct digest *ret, struct error *err)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	struct digest digest = { 0 };

	if (!colon)
		return error_set(err, ERROR_INVALID, "'%.100s' is not a digest; it is written sha256:<64 hexadecimal digits>", text ? text : "");
	if (find_algorithm(text, (size_t)(colon - text), &digest.algorithm, err) < 0)
		return -1;
	const char *hex = colon + 1;
	size_t size = digest_size(digest.algorithm);
	if (strlen(hex) != size * 2)
		return error_set(err, ERROR_INVALID, "the digest '%.150s' has %zu digits; %s has %zu", text, strlen(hex),
				 digest_algorithm_name(digest.algorithm), size * 2);
	for (size_t i = 0; i < size; i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return error_set(err, ERROR_INVALID, "the digest '%.150s' is not lower-case hexadecimal", text);
		digest.bytes[i] = (unsigned char)(high << 4 | low);
	}
	*ret = digest;
	return 0;
}

char *digest_hex(const struct digest *digest, char out[DIGEST_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t size = digest_size(digest->algorithm);

	for (size_t i = 0; i < size; i++) {
		out[2 * i] = digits[digest->bytes[i] >> 4];
		out[2 * i + 1] = digits[digest->bytes[i] & 15];
	}
	out[2 * size] = '\0';
	return out;
}

char *digest_print(const struct digest *digest, char out[DIGEST_TEXT_SIZE])
{
	const char *name = digest_algorithm_name(digest->algorithm);
	size_t len = strlen(name);
	char hex[DIGEST_TEXT_SIZE];

	digest_hex(digest, hex);
	memcpy(out, name, len);
	out[len] = ':';
	memcpy(out + len + 1, hex, digest_size(digest->algorithm) * 2 + 1);
	return out;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return a->algorithm == b->algorithm && !memcmp(a->bytes, b->bytes, digest_size(a->algorithm));
}

void digest_of(enum digest_algorithm algorithm, const void *bytes, size_t len, struct digest *ret)
{
	struct digester digester;

	digester_init(&digester, algorithm);
	digester_add(&digester, bytes, len);
	digester_finish(&digester, ret);
}

/* What this processor has for SHA-256 that nettle doesn't use; {0}: nothing. */
static struct sha256_way sha256_way;

static void sha256_choose(void)
{
	struct sha256_way ways[SHA256_WAYS];

	if (sha256_ways(ways) > 0)
		sha256_way = ways[0];
}

static void sha256_choose_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, sha256_choose);
}

const char *digest_sha256_way(void)
{
	sha256_choose_once();
	return sha256_way.name ? sha256_way.name : "nettle";
}

/* Whole blocks go past nettle, straight into its state. */
static void sha256_add(struct sha256_ctx *state, const unsigned char *bytes, size_t len)
{
	size_t first = state->index ? SHA256_BLOCK_SIZE - state->index : 0;

	if (!sha256_way.blocks || len < first + SHA256_BLOCK_SIZE) {
		sha256_update(state, len, bytes);
		return;
	}
	sha256_update(state, first, bytes);
	size_t blocks = (len - first) / SHA256_BLOCK_SIZE, done = first + blocks * SHA256_BLOCK_SIZE;
	sha256_way.blocks(state->state, bytes + first, blocks);
	state->count += blocks;
	sha256_update(state, len - done, bytes + done);
}

void digester_init(struct digester *digester, enum digest_algorithm algorithm)
{
	sha256_choose_once();
	digester->algorithm = algorithm;
	if (algorithm == DIGEST_SHA512)
		sha512_init(&digester->state.sha512);
	else
		sha256_init(&digester->state.sha256);
}

void digester_add(struct digester *digester, const void *bytes, size_t len)
{
	if (!len)
		return;
	if (digester->algorithm == DIGEST_SHA512)
		sha512_update(&digester->state.sha512, len, bytes);
	else
		sha256_add(&digester->state.sha256, bytes, len);
}

void digester_finish(struct digester *digester, struct digest *ret)
{
	struct digest digest = { .algorithm = digester->algorithm };

	if (digester->algorithm == DIGEST_SHA512)
		sha512_digest(&digester->state.sha512, SHA512_DIGEST_SIZE, digest.bytes);
	else
		sha256_digest(&digester->state.sha256, SHA256_DIGEST_SIZE, digest.bytes);
	*ret = digest;
}
