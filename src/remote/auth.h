/* Authorization for one registry: Basic, and Bearer tokens by scope. */
#ifndef REMOTE_AUTH_H
#define REMOTE_AUTH_H
#include "remote/answer.h"
#include "remote/config.h"
#include "remote/transport.h"

struct auth;
/* `origin` is copied, `transport` borrowed; takes what is in `credentials`. `token_hosts` is copied. */
struct auth *auth_new(const char *origin, struct transport *transport, struct credentials *credentials, const struct strlist *token_hosts);
void auth_free(struct auth **at);
/* Once the scheme is known; before any token. Copied. */
void auth_set_origin(struct auth *auth, const char *origin);
/* The value of Authorization that answers the challenge. `scope` NULL: the challenge's own. `refused` is the value that the registry
 * has just refused (a token that ran out), or NULL. *ret is NULL where there is nothing to answer with; owned by the caller. */
int auth_answer(struct auth *auth, const struct challenge *challenge, const char *scope, const char *refused, char **ret, struct error *err);
bool auth_has_credentials(const struct auth *auth);
/* May credentials for a registry at `origin` be sent to this realm? For auth.c and tests. */
bool realm_is_trusted(const char *origin, const char *realm, const struct strlist *token_hosts);
#endif
