/* SHA-256 by the instructions that this processor has for it, where nettle doesn't use them.
 *
 * nettle chooses by itself on amd64 (SHA extensions) and arm64 (crypto extensions). On riscv64 it has portable C alone, 3,817 instructions a block
 * (Debian 13's library, counted under QEMU). So there we bring our own: with the vector instructions made for it (Zvknha or Zvknhb, and Zvkb for the
 * byte order; 89 instructions) or with the scalar ones (Zknh; 1,645). Rotate instructions alone (Zbb) were tried and saved a quarter: not worth their
 * code. SHA-512, in which hardly an image comes, stays nettle's. */
#ifndef OCI_SHA256_H
#define OCI_SHA256_H
#include <stddef.h>
#include <stdint.h>

/* Takes whole blocks of 64 bytes into the state. */
typedef void sha256_blocks_fn(uint32_t state[8], const void *bytes, size_t blocks);
struct sha256_way {
	const char *name; /* "zvknha", "zknh" */
	sha256_blocks_fn *blocks;
};
/* The ways that this processor has beside nettle's, the fastest first; `ret` has room for SHA256_WAYS. Returns how many. The first call asks the
 * kernel: it must come before a sandbox that forbids that, which then means none. */
enum { SHA256_WAYS = 2 };
size_t sha256_ways(struct sha256_way ret[SHA256_WAYS]);
#endif
