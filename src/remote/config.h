/* The client's settings: sampan.json, and the credentials in docker's config.json and podman's auth.json. */
#ifndef REMOTE_CONFIG_H
#define REMOTE_CONFIG_H
#include <jansson.h>

#include "base/str.h"
#include "remote/remote.h"

/* sampan.json, of $XDG_CONFIG_HOME/sampan (~/.config/sampan) and /etc/sampan; lists of both are joined. */
struct settings {
	struct strlist insecure_registries; /* "insecure-registries": host, host:port or 10.0.0.0/8, spoken to in plain HTTP */
	struct strlist token_hosts;	    /* "token-hosts": hosts that may get credentials as a foreign realm */
};
/* A missing file is fine, a broken one is an error that names it. */
int settings_load(struct settings *ret, struct error *err);
void settings_clear(struct settings *settings);
/* "host" covers all its ports. */
bool settings_is_insecure(const struct settings *settings, const char *registry);

struct credentials {
	char *username, *password; /* owned, or NULL */
	char *identity_token;	   /* OAuth2 refresh token, or NULL */
	char *registry_token;	   /* a bearer token as it is, or NULL */
};
void credentials_clear(struct credentials *credentials);
bool credentials_empty(const struct credentials *credentials);
/* Those of the command line, else of the first file that has some for this registry (podman's keys may go on with a part of the
 * repository: the longest wins), asking the credential helper that it names. None is not an error: all fields are NULL. */
int credentials_find(const char *registry, const char *repository, const struct remote_options *options, struct credentials *ret,
		     struct error *err);
/* What one parsed config.json has in its auths; 1 if there are some. For credentials_find and tests. */
int credentials_from_json(const json_t *root, const char *registry, const char *repository, struct credentials *ret, struct error *err);
/* Writes to options->auth_file or docker's config.json (mode 0600, other fields are kept), or to the helper that it names.
 * `password` NULL removes: ERROR_NOT_FOUND if there was nothing. */
int credentials_store(const char *registry, const char *username, const char *password, const struct remote_options *options, struct error *err);
/* "user:password" in base64; owned by the caller. */
char *credentials_encode(const char *username, const char *password);
#endif
