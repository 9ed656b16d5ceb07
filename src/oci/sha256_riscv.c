/* SHA-256 on riscv64: see sha256.h.
 *
 * Instructions are written as numbers (.insn), so that any compiler and assembler takes them, and the program runs on a processor without them. Which
 * there are is asked of the kernel (riscv_hwprobe, Linux 6.4; it knows these extensions since 6.8). A kernel or an emulator that doesn't answer has none. */
#include "oci/sha256.h"

#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/sha256_constants.h"

/* ---- what the processor has ---- */

/* asm/hwprobe.h, which Debian 12 hasn't. */
enum { SYSCALL_HWPROBE = 258, KEY_EXTENSIONS = 4 };
enum {
	HAS_V = 1 << 2,
	HAS_ZBB = 1 << 4,
	HAS_ZBKB = 1 << 8,
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

#define ROTATE(x, by) ({ uint32_t rotated_; __asm__(".insn i 0x1b, 5, %0, %1, %2" : "=r"(rotated_) : "r"(x), "i"(0x600 | (by))); rotated_; }) /* roriw */
#define SIGMA(x, which) ({ uint32_t sigma_; __asm__(".insn i 0x13, 1, %0, %1, %2" : "=r"(sigma_) : "r"(x), "i"(0x100 | (which))); sigma_; }) /* sha256sum0 … */

enum { SUM0, SUM1, SIG0, SIG1 };

#define SUM0_OF(x) (zknh ? SIGMA(x, SUM0) : ROTATE(x, 2) ^ ROTATE(x, 13) ^ ROTATE(x, 22))
#define SUM1_OF(x) (zknh ? SIGMA(x, SUM1) : ROTATE(x, 6) ^ ROTATE(x, 11) ^ ROTATE(x, 25))
#define SIG0_OF(x) (zknh ? SIGMA(x, SIG0) : ROTATE(x, 7) ^ ROTATE(x, 18) ^ (x) >> 3)
#define SIG1_OF(x) (zknh ? SIGMA(x, SIG1) : ROTATE(x, 17) ^ ROTATE(x, 19) ^ (x) >> 10)

#define ROUND(a, b, c, d, e, f, g, h, i)                                                                \
	do {                                                                                            \
		uint32_t sum_ = (h) + SUM1_OF(e) + ((((f) ^ (g)) & (e)) ^ (g)) + constants[i] + words[i]; \
		(d) += sum_;                                                                            \
		(h) = sum_ + SUM0_OF(a) + (((a) & (b)) | (((a) | (b)) & (c)));                          \
	} while (0)

/* Sixteen rounds, in which each word of the state has been everything twice. */
static inline __attribute__((always_inline)) void rounds(uint32_t v[8], const uint32_t words[16], const uint32_t constants[16], bool zknh)
{
	uint32_t a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6], h = v[7];

	for (int i = 0; i < 16; i += 8) {
		ROUND(a, b, c, d, e, f, g, h, i);
		ROUND(h, a, b, c, d, e, f, g, i + 1);
		ROUND(g, h, a, b, c, d, e, f, i + 2);
		ROUND(f, g, h, a, b, c, d, e, i + 3);
		ROUND(e, f, g, h, a, b, c, d, i + 4);
		ROUND(d, e, f, g, h, a, b, c, i + 5);
		ROUND(c, d, e, f, g, h, a, b, i + 6);
		ROUND(b, c, d, e, f, g, h, a, i + 7);
	}
	v[0] = a, v[1] = b, v[2] = c, v[3] = d, v[4] = e, v[5] = f, v[6] = g, v[7] = h;
}

#define NEXT_WORD(i) (words[i] += SIG0_OF(words[((i) + 1) & 15]) + words[((i) + 9) & 15] + SIG1_OF(words[((i) + 14) & 15]))

/* Not a loop: compilers don't all unroll it, and to compute the indices takes longer than the rest. */
static inline __attribute__((always_inline)) void next_words(uint32_t words[16], bool zknh)
{
	NEXT_WORD(0), NEXT_WORD(1), NEXT_WORD(2), NEXT_WORD(3), NEXT_WORD(4), NEXT_WORD(5), NEXT_WORD(6), NEXT_WORD(7);
	NEXT_WORD(8), NEXT_WORD(9), NEXT_WORD(10), NEXT_WORD(11), NEXT_WORD(12), NEXT_WORD(13), NEXT_WORD(14), NEXT_WORD(15);
}

/* Two words at a time: rev8 turns eight bytes around. The source is anywhere; many of these processors take unaligned loads by a trap. */
static inline __attribute__((always_inline)) void read_words(uint32_t words[16], const unsigned char *at)
{
	uint64_t block[8], turned;

	if ((uintptr_t)at % sizeof *block)
		memcpy(block, at, sizeof block);
	else /* without a call */
		memcpy(block, __builtin_assume_aligned(at, sizeof *block), sizeof block);
	for (int i = 0; i < 8; i++) {
		__asm__(".insn i 0x13, 5, %0, %1, 0x6b8" : "=r"(turned) : "r"(block[i]));
		words[2 * i] = (uint32_t)(turned >> 32);
		words[2 * i + 1] = (uint32_t)turned;
	}
}

static inline __attribute__((always_inline)) void add_blocks(uint32_t state[8], const unsigned char *at, size_t blocks, bool zknh)
{
	uint32_t words[16], v[8];

	for (; blocks; blocks--, at += 64) {
		read_words(words, at);
		memcpy(v, state, sizeof v);
		for (int i = 0; i < 64; i += 16) {
			if (i)
				next_words(words, zknh);
			rounds(v, words, sha256_constants + i, zknh);
		}
		for (int i = 0; i < 8; i++)
			state[i] += v[i];
	}
}

static void blocks_zbb(uint32_t state[8], const void *bytes, size_t blocks)
{
	add_blocks(state, bytes, blocks, false);
}

static void blocks_zknh(uint32_t state[8], const void *bytes, size_t blocks)
{
	add_blocks(state, bytes, blocks, true);
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
	if ((has & HAS_ZKNH) && (has & (HAS_ZBB | HAS_ZBKB)))
		ret[len++] = (struct sha256_way){ "zknh", blocks_zknh };
	if (has & (HAS_ZBB | HAS_ZBKB))
		ret[len++] = (struct sha256_way){ "zbb", blocks_zbb };
	return len;
}
