/* The build cache: what a step made, by a digest of what it read.
 *
 * A key is made of everything that can change a step's outcome and of nothing else: the chain id of the layers that it stands on (not
 * the instructions that led there), the expanded instruction, environment, directory, user, platform, and the content of files that
 * it reads. So a LABEL that changes, or a step before that comes out the same, costs nothing. The record holds the layer, and is
 * pinned to it so that gc keeps both or none. */
#ifndef BUILD_CACHE_H
#define BUILD_CACHE_H
#include "store/store.h"

enum { CACHE_KEY_SIZE = 65 };

/* A key in the making. Fields are (name, value) pairs, each with its length: no two lists give one text. */
struct cache_key {
	struct digester digester;
};
void cache_key_begin(struct cache_key *key, const char *kind);
void cache_key_add(struct cache_key *key, const char *name, const char *value); /* NULL differs from "" */
void cache_key_add_list(struct cache_key *key, const char *name, const struct strlist *values);
void cache_key_add_digest(struct cache_key *key, const char *name, const struct digest *digest);
char *cache_key_end(struct cache_key *key, char out[CACHE_KEY_SIZE]); /* hex; returns out */

struct cache_entry {
	bool has_layer; /* false: the step changed nothing (WORKDIR of a directory that is there) */
	struct descriptor layer;
	struct digest diff_id;
	char *created; /* RFC 3339; owned */
};
void cache_entry_clear(struct cache_entry *entry);
/* 1 if it is there and its layer too, else 0. */
int cache_get(struct store *store, const char *key, struct cache_entry *ret, struct error *err);
int cache_put(struct store *store, const char *key, const struct cache_entry *entry, struct error *err);
#endif
