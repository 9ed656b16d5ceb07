/* Addresses of peers, and blocks of them: see address.h. */
#include "registry/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { V4_BITS = 96 }; /* in front of an IPv4 address */

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_v4(const struct address *address)
{
	return !memcmp(address->bytes, v4_prefix, sizeof v4_prefix);
}

int address_parse(const char *text, struct address *ret)
{
	struct address address;

	memcpy(address.bytes, v4_prefix, sizeof v4_prefix);
	if (inet_pton(AF_INET, text, address.bytes + sizeof v4_prefix) != 1 && inet_pton(AF_INET6, text, address.bytes) != 1)
		return -1;
	*ret = address;
	return 0;
}

static bool is_port(const char *text)
{
	return str_to_int(text, 0, 65535, &(int64_t){ 0 }, NULL) == 0;
}

int address_parse_with_port(const char *text, struct address *ret)
{
	char host[ADDRESS_TEXT_SIZE];
	const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
	bool bracket = text[0] == '[';

	if (!bracket && (!end || strchr(end + 1, ':')))
		return address_parse(text, ret);
	const char *rest = bracket && end ? end + 1 : end;
	if (!end || end - text >= (ptrdiff_t)sizeof host || (*rest && (*rest != ':' || !is_port(rest + 1))))
		return -1;
	snprintf(host, sizeof host, "%.*s", (int)(end - text - bracket), text + bracket);
	return address_parse(host, ret);
}

int address_from_socket(const struct sockaddr *socket, struct address *ret)
{
	if (socket->sa_family == AF_INET) {
		memcpy(ret->bytes, v4_prefix, sizeof v4_prefix);
		memcpy(ret->bytes + sizeof v4_prefix, &((const struct sockaddr_in *)(const void *)socket)->sin_addr, 4);
	} else if (socket->sa_family == AF_INET6) {
		memcpy(ret->bytes, &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr, sizeof ret->bytes);
	} else {
		return -1;
	}
	return 0;
}

char *address_print(const struct address *address, char out[ADDRESS_TEXT_SIZE])
{
	bool v4 = is_v4(address);

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? sizeof v4_prefix : 0), out, ADDRESS_TEXT_SIZE))
		*out = '\0';
	return out;
}

static bool bit_is_set(const struct address *address, int bit)
{
	return address->bytes[bit / 8] & (0x80 >> bit % 8);
}

int address_block_parse(const char *text, struct address_block *ret, struct error *err)
{
	_cleanup_(freep) char *host = xstrndup(text, strcspn(text, "/"));
	const char *slash = strchr(text, '/');
	struct address_block block = { .bits = 128 };
	int64_t bits;

	if (address_parse(host, &block.first) < 0)
		return error_set(err, ERROR_INVALID, "'%s' is no address: write 192.0.2.7, 10.0.0.0/8 or fd00::/8", text);
	int front = strchr(host, ':') ? 0 : V4_BITS;
	if (slash) {
		if (str_to_int(slash + 1, 0, 128 - front, &bits, NULL) < 0)
			return error_set(err, ERROR_INVALID, "'%s' has no such prefix: it is 0 to %d bits", text, 128 - front);
		block.bits = front + (int)bits;
	}
	for (int bit = block.bits; bit < 128; bit++)
		if (bit_is_set(&block.first, bit))
			return error_set(err, ERROR_INVALID, "'%s' has bits behind its prefix", text);
	*ret = block;
	return 0;
}

bool address_block_has(const struct address_block *block, const struct address *address)
{
	int whole = block->bits / 8, rest = block->bits % 8;

	if (memcmp(block->first.bytes, address->bytes, (size_t)whole) != 0)
		return false;
	return !rest || !((block->first.bytes[whole] ^ address->bytes[whole]) >> (8 - rest));
}

bool address_is_loopback(const struct address *address)
{
	static const struct address one = { { [15] = 1 } };

	return is_v4(address) ? address->bytes[12] == 127 : !memcmp(address, &one, sizeof one);
}
