/* Listening sockets. */
#ifndef REGISTRY_LISTEN_H
#define REGISTRY_LISTEN_H
#include <stdbool.h>

#include "base/error.h"

enum { LISTEN_TEXT_SIZE = 128 };

/* What an address says about its protocol. */
enum listen_scheme {
	LISTEN_ANY,   /* nothing: HTTPS if the server has a certificate, HTTP if not */
	LISTEN_HTTP,  /* http://…, unix:… */
	LISTEN_HTTPS, /* https://… */
};

/* "127.0.0.1:6000", "[::1]:6000", "localhost:6000", ":6000" (all addresses), each with http:// or https:// in front, or "unix:/PATH"; port 0 is
 * one that the kernel chooses. Returns the socket. */
int listen_open(const char *address, enum listen_scheme *ret_scheme, struct error *err);
/* The host of such an address, or NULL: all, or a Unix socket. Owned by the caller. */
char *listen_host(const char *address);
/* Where a socket listens: "127.0.0.1:6000", "[::]:6000", "unix:/run/sampan.sock". `out` is returned. */
char *listen_print(int fd, char out[LISTEN_TEXT_SIZE]);
/* Do only programs of this machine reach it? */
bool listen_is_local(int fd);
#endif
