/* What the parts of `sampan registry` share: names that mean this store, or another registry. */
#ifndef CMD_REGISTRY_H
#define CMD_REGISTRY_H
#include "cmd/remote.h"
#include "remote/endpoint.h"
#include "store/store.h"

/* "team/app:1", "team/app@sha256:…", "10.0.0.5:6000/team/app:1". What the store publishes comes first: the cache of an upstream has a
 * repository "docker.io/library/redis" of its own. */
struct registry_name {
	struct store *store;	   /* NULL: it is another registry's */
	struct endpoint *endpoint; /* else NULL */
	struct reference reference; /* registry "" for this store; tag NULL if none was given */
};
int registry_name_open(struct context *context, const char *text, struct registry_name *ret, struct error *err);
void registry_name_close(struct registry_name *name); /* for _cleanup_ */
/* Another registry alone: "10.0.0.5:6000", "registry.example/". */
bool registry_host_alone(const char *text);
int registry_host_open(const char *text, struct endpoint **ret, struct error *err);
/* GET, with the status checked. */
int registry_ask(struct endpoint *endpoint, const char *method, const char *url, const char *scope, size_t limit, struct answer *ret,
		 struct error *err);
/* All pages of a list (distribution-spec: tags, catalog), the strings of `key`. */
int registry_list(struct endpoint *endpoint, const char *url, const char *scope, const char *key, struct strlist *ret, struct error *err);

extern const struct command command_registry_ls, command_registry_tags, command_registry_inspect, command_registry_rm, command_registry_df,
	command_registry_retain, command_registry_health;
#endif
