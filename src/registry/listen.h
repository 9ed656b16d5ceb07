/* Listening sockets. */
#ifndef REGISTRY_LISTEN_H
#define REGISTRY_LISTEN_H
#include "base/error.h"

enum { LISTEN_TEXT_SIZE = 128 };

/* "127.0.0.1:6000", "[::1]:6000", "localhost:6000", ":6000" (all addresses); port 0 is one that the kernel chooses. Returns the socket. */
int listen_open(const char *address, struct error *err);
/* Where a socket listens: "127.0.0.1:6000", "[::]:6000". `out` is returned. */
char *listen_print(int fd, char out[LISTEN_TEXT_SIZE]);
#endif
