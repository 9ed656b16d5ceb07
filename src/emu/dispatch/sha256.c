/* SHA-256: see sha256.h. The one digest of the project that isn't nettle's, since the dispatcher is linked with no library. */
#include "emu/dispatch/sha256.h"

#include "oci/sha256_constants.h"

static uint32_t turn(uint32_t value, int by)
{
	return value >> by | value << (32 - by);
}

static uint32_t read_word(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void add_block(uint32_t state[8], const uint8_t *block)
{
	uint32_t words[64], v[8];

	for (int i = 0; i < 16; i++)
		words[i] = read_word(block + 4 * i);
	for (int i = 16; i < 64; i++) {
		uint32_t a = words[i - 15], b = words[i - 2];
		words[i] = words[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + words[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
	}
	for (int i = 0; i < 8; i++)
		v[i] = state[i];
	for (int i = 0; i < 64; i++) {
		uint32_t one = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha256_constants[i] + words[i];
		uint32_t two = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		for (int j = 7; j > 0; j--)
			v[j] = v[j - 1];
		v[4] += one;
		v[0] = one + two;
	}
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
}

void sha256(const void *bytes, size_t len, uint8_t ret[32])
{
	uint32_t state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	const uint8_t *at = bytes;
	size_t left = len;
	uint8_t last[128];

	for (; left >= 64; left -= 64, at += 64)
		add_block(state, at);
	size_t last_len = left < 56 ? 64 : 128;
	for (size_t i = 0; i < last_len; i++)
		last[i] = i < left ? at[i] : i == left ? 0x80 : 0;
	for (int i = 0; i < 8; i++)
		last[last_len - 1 - i] = (uint8_t)((uint64_t)len * 8 >> (8 * i));
	for (size_t i = 0; i < last_len; i += 64)
		add_block(state, last + i);
	for (int i = 0; i < 32; i++)
		ret[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
