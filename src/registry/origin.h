/* Where the client sees us: behind a proxy, or at an address of our own. */
#ifndef REGISTRY_ORIGIN_H
#define REGISTRY_ORIGIN_H
#include "registry/address.h"
#include "registry/forwarded.h"
#include "registry/registry.h"

struct request;

/* What the settings say of it, parsed. */
struct origin {
	char *base;			    /* "https://example.org" of --external-url, or NULL; owned */
	char prefix[FORWARDED_PREFIX_SIZE]; /* and its path: "/registry", or "" */
	struct address_block *trusted;	    /* proxies; owned */
	size_t trusted_len;
};
int origin_open(const struct registry_options *options, struct origin *ret, struct error *err);
void origin_clear(struct origin *origin);
/* A request's target without the prefix of --external-url: some proxies leave it there, others take it away. */
const char *origin_strip(const struct origin *origin, const char *target);

/* In front of every path that goes to the client ("/registry", or ""): Location and Link are relative to the host, which is right behind any
 * proxy whatever its scheme and name. Borrowed, as long as the request. */
const char *request_prefix(struct request *request);
/* An absolute URL for a path of ours, where a relative one isn't allowed (a token realm): owned by the caller. */
char *request_url(struct request *request, const char *path);
/* The client's address behind proxies that are believed, for logs and limits; "unix" for a Unix socket. Borrowed, as long as the request. */
const char *request_client_address(struct request *request);
/* The common name of the client's certificate, verified against `client-ca`, or NULL. Borrowed, as long as the connection. */
const char *request_client_name(struct request *request);
#endif
