/* What `serve` is told in a file: one JSON object, `--config FILE` or registry.json in the store's root. A section belongs to one
 * part of the server, which reads it; a key that nobody knows is an error that names the nearest, so that a misspelt rule never goes unnoticed. */
#ifndef REGISTRY_CONFIG_H
#define REGISTRY_CONFIG_H
#include <jansson.h>

#include "registry/registry.h"

/* What a section becomes. `section` is never NULL; it is borrowed. */
typedef int config_read_fn(struct registry_options *options, const json_t *section, struct error *err);

/* Reads `path`, or, if that is NULL, registry.json in the store's folder `root` where it is there. Options that the command line has set already
 * are kept. */
int config_load(const char *root, const char *path, struct registry_options *options, struct error *err);

/* One section alone, for commands: others may need what only the server has, a secret in its environment say. */
int config_load_section(const char *root, const char *path, const char *key, struct registry_options *options, struct error *err);

/* For sections: fails with ERROR_INVALID on a key of `object` that is not in `known` (NULL-terminated). */
int config_check_keys(const json_t *object, const char *const *known, struct error *err);
/* For sections, before they look at an address: the server connects to others; fails if it is shut in. */
int config_connects(struct registry_options *options, struct error *err);
/* For sections: a time like "30s", "5m", "12h", "7d", "4w" in seconds. 1 if the key is there; 0, and *ret is as it was, if not. */
int config_get_period(const json_t *object, const char *key, int64_t *ret, struct error *err);

/* ---- sections that live in other files ---- */
config_read_fn tls_config, origin_config_url, origin_config_proxies, page_config;
#endif
