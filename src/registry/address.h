/* Addresses of peers, and blocks of them. IPv4 lies in IPv6's ::ffff:0:0/96, so that one comparison does for both. */
#ifndef REGISTRY_ADDRESS_H
#define REGISTRY_ADDRESS_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

enum { ADDRESS_TEXT_SIZE = 64 };

struct address {
	uint8_t bytes[16];
};
struct address_block {
	struct address first;
	int bits; /* of 128 that are equal in all of them */
};

/* "192.0.2.7", "2001:db8::1"; -1 if it is none. */
int address_parse(const char *text, struct address *ret);
/* As proxies write them, with or without a port: "192.0.2.7:80", "[2001:db8::1]:80". */
int address_parse_with_port(const char *text, struct address *ret);
/* -1 if it is of another kind: a Unix socket's. */
int address_from_socket(const struct sockaddr *socket, struct address *ret);
char *address_print(const struct address *address, char out[ADDRESS_TEXT_SIZE]); /* out is returned */

/* "10.0.0.0/8", "fd00::/8", or one address. Bits behind the prefix must be 0: who sets them means something else. */
int address_block_parse(const char *text, struct address_block *ret, struct error *err);
bool address_block_has(const struct address_block *block, const struct address *address);
bool address_is_loopback(const struct address *address);
#endif
