/* TLS of the listeners: the server's certificate, which may change while connections last, and the certificates of clients. */
#ifndef REGISTRY_TLS_H
#define REGISTRY_TLS_H
#include <gnutls/gnutls.h>
#include <stdbool.h>

#include "registry/registry.h"

struct tls;
/* One certificate as connections use it: they keep it until they end, though a newer one has come. */
struct identity;

/* TLS 1.2 and 1.3, with keys that are forgotten after the connection and ciphers that authenticate what they hide. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-AES-128-CBC:-AES-256-CBC:-SHA1"

/* Loads, or makes, the certificate. *ret is NULL if the options name none. `names` are more names of this host: those it listens on. */
int tls_open(struct store *store, const struct registry_tls *options, const struct strlist *names, struct tls **ret, struct error *err);
void tls_close(struct tls **at);
/* Takes what has changed on disk, and renews a certificate of our own in time. `now`: look at once (SIGHUP); else it may be called every few
 * seconds, and does little. Failures are logged, and the certificate stays. */
void tls_refresh(struct tls *tls, bool now);
/* Public: our own authority's certificate in PEM and "AB:CD:…", or NULL with certificates from elsewhere. Borrowed. */
const char *tls_authority(const struct tls *tls);
const char *tls_authority_fingerprint(const struct tls *tls);

/* For a new connection, before its handshake. Owns a reference; give it back when the connection has ended. */
struct identity *tls_begin(struct tls *tls, gnutls_session_t session);
void tls_end(struct tls *tls, struct identity **at);
/* The common name of the client's certificate, which was verified; NULL if it showed none. Owned by the caller. */
char *tls_client_name(gnutls_session_t session);
#endif
