/* SHA-256 on riscv64: see sha256.h.
 *
 * Instructions are written as numbers (.insn), so that any compiler and assembler takes them, and the program runs on a processor without them. Which
 * there are is asked of the kernel (riscv_hwprobe, Linux 6.4; it knows these extensions since 6.8). A kernel or an emulator that doesn't answer has none. */
#include "oci/sha256.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "oci/sha256_constants.h"

/* ---- what the processor has ---- */

/* asm/hwprobe.h, which Debian 12 hasn't. */
enum { SYSCALL_HWPROBE = 258, KEY_EXTENSIONS = 4 };
enum {
	HAS_V = 1 << 2,
	HAS_ZKNH = 1 << 13,
	HAS_ZVBB = 1 << 17,
	HAS_ZVKB = 1 << 19,
	HAS_ZVKNHA = 1 << 22,
	HAS_ZVKNHB = 1 << 23,
};
struct hwprobe {
	int64_t key;
	uint64_t value;
};

static uint64_t extensions(void)
{
	struct hwprobe probe = { .key = KEY_EXTENSIONS };

	return syscall(SYSCALL_HWPROBE, &probe, 1, 0, NULL, 0) == 0 && probe.key == KEY_EXTENSIONS ? probe.value : 0;
}

/* ---- scalar ---- */

/* sha256sum0, sha256sum1, sha256sig0, sha256sig1 */
enum { SUM0, SUM1, SIG0, SIG1 };
#define SIGMA(which, x) ({ uint32_t sigma_; __asm__(".insn i 0x13, 1, %0, %1, %2" : "=r"(sigma_) : "r"(x), "i"(0x100 + (which))); sigma_; })

/* Byte by byte, as nettle does it: the source is anywhere, and many of these processors take unaligned loads by a trap. */
static inline uint32_t word_at(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The inner loops have to be unrolled: all indices are constants then, and words and state live in registers. Nothing is moved from a to b, b to c …;
 * instead, a to h of round i are v[-i & 7] to v[(7 - i) & 7]. */
static void blocks_zknh(uint32_t state[8], const void *bytes, size_t blocks)
{
	const unsigned char *at = bytes;
	uint32_t words[16], v[8];

	for (; blocks; blocks--, at += 64) {
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			words[i] = word_at(at + 4 * i);
#pragma GCC unroll 8
		for (int i = 0; i < 8; i++)
			v[i] = state[i];
		for (int first = 0;; first += 16) {
#pragma GCC unroll 16
			for (int i = 0; i < 16; i++) {
				uint32_t a = v[-i & 7], b = v[(1 - i) & 7], c = v[(2 - i) & 7];
				uint32_t e = v[(4 - i) & 7], f = v[(5 - i) & 7], g = v[(6 - i) & 7], h = v[(7 - i) & 7];
				uint32_t sum = h + SIGMA(SUM1, e) + (((f ^ g) & e) ^ g) + sha256_constants[first + i] + words[i];
				v[(3 - i) & 7] += sum;
				v[(7 - i) & 7] = sum + SIGMA(SUM0, a) + ((a & b) | ((a | b) & c));
			}
			if (first == 48)
				break;
#pragma GCC unroll 16
			for (int i = 0; i < 16; i++)
				words[i] += SIGMA(SIG0, words[(i + 1) & 15]) + words[(i + 9) & 15] + SIGMA(SIG1, words[(i + 14) & 15]);
		}
#pragma GCC unroll 8
		for (int i = 0; i < 8; i++)
			state[i] += v[i];
	}
}

/* ---- vector ---- */

/* sha256_zvknha.S */
void sha256_zvknha(uint32_t state[8], const void *bytes, size_t blocks, const uint32_t constants[64]);

static void blocks_zvknha(uint32_t state[8], const void *bytes, size_t blocks)
{
	if (blocks)
		sha256_zvknha(state, bytes, blocks, sha256_constants);
}

size_t sha256_ways(struct sha256_way ret[SHA256_WAYS])
{
	uint64_t has = extensions();
	size_t len = 0;

	if ((has & HAS_V) && (has & (HAS_ZVKNHA | HAS_ZVKNHB)) && (has & (HAS_ZVKB | HAS_ZVBB)))
		ret[len++] = (struct sha256_way){ "zvknha", blocks_zvknha };
	if (has & HAS_ZKNH)
		ret[len++] = (struct sha256_way){ "zknh", blocks_zknh };
	return len;
}
