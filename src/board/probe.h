/* How a registry is to be spoken to, found out by asking it. */
#ifndef BOARD_PROBE_H
#define BOARD_PROBE_H
#include "remote/remote.h"

struct probe_options {
	const char *ca_file;	 /* trust this CA, or NULL */
	const char *fingerprint; /* "sha256:HEX" of the CA's certificate (also with colons, as openssl prints it), or NULL: fetch /ca.crt and compare */
	const char *username, *password; /* checked, if given */
};
struct probe {
	bool tls;
	char *ca; /* PEM, to be installed; NULL: plain HTTP, or this machine trusts it already; owned */
};
/* ERROR_NETWORK if nobody answers, ERROR_DENIED where the certificate is not the one that was pinned. Nothing that is trusted comes from an answer that
 * wasn't checked. */
int registry_probe(const char *registry, const struct probe_options *options, struct probe *ret, struct error *err);
void probe_clear(struct probe *probe);

/* The certificate in a PEM text whose SHA-256 is this, again as PEM. NULL with ERROR_DENIED if none is. Pure. */
char *pem_choose(const char *pem, const char *fingerprint, struct error *err);
/* Lower-case hex without colons, 64 digits; NULL with ERROR_USAGE. */
char *fingerprint_parse(const char *text, struct error *err);
#endif
