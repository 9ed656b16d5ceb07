/* The script that makes a node use this registry. */
#ifndef REGISTRY_JOIN_H
#define REGISTRY_JOIN_H
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/* `host` is how the client reached us, `fingerprint` "sha256:HEX" or NULL: both foreign, both checked (ERROR_INVALID). Appends. */
int join_print(const char *host, bool tls, const char *fingerprint, struct buf *ret, struct error *err);
#endif
