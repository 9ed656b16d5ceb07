/* The certificate authority of `serve --tls auto`: a key of our own in the store, which signs a short-lived certificate for every name and
 * address of this host. */
#ifndef REGISTRY_AUTHORITY_H
#define REGISTRY_AUTHORITY_H
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum { AUTHORITY_FINGERPRINT_SIZE = 32 * 3 };

/* Makes what is missing in the folder tls/ of the store (descriptor `store`), and a new certificate where the present one is about to
 * expire or lacks one of `names` (host names and addresses). Returns 1 if there is a new one, 0 if not. */
int authority_refresh(int store, const struct strlist *names, struct error *err);
/* Key and certificate for the server, in PEM; appends. */
int authority_identity(int store, struct buf *ret, struct error *err);
/* The authority's own certificate in PEM, appended, and its SHA-256 as "AB:CD:…". */
int authority_certificate(int store, struct buf *ret, char fingerprint[AUTHORITY_FINGERPRINT_SIZE], struct error *err);
#endif
