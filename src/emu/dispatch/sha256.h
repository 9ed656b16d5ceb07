/* SHA-256 (FIPS 180-4) of bytes in memory. */
#ifndef EMU_DISPATCH_SHA256_H
#define EMU_DISPATCH_SHA256_H
#include <stddef.h>
#include <stdint.h>

void sha256(const void *bytes, size_t len, uint8_t ret[32]);
#endif
