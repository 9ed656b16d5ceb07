/* An image on its way from one place to another.
 *
 * Places are a registry, this store, an OCI layout (a folder or a tar) and a docker-archive. Whatever the way, it goes in two steps: the
 * cargo is loaded from a source, which brings the manifests into memory and every blob, verified, into the store; then it is unloaded at its
 * destination, out of the store. So a pull is (registry -> store), a push (store -> registry), save and load the same with files, a copy any pair;
 * a blob that the store has is never fetched, and what was verified once needs no second look. */
#ifndef REMOTE_CARGO_H
#define REMOTE_CARGO_H
#include "remote/remote.h"

struct cargo_manifest {
	struct digest digest;
	char *media_type; /* owned */
	struct buf text;  /* exactly as the source had it */
	struct manifest manifest;
};

/* Invariants: a manifest comes behind those that it names, so the last one is the top; manifests and blobs are there once; blobs holds
 * the configs and layers of all manifests but foreign layers (with urls), which are never fetched. */
struct cargo {
	struct cargo_manifest *manifests;
	size_t manifests_len;
	struct descriptor *blobs;
	size_t blobs_len;
	bool partial; /* an index in it names manifests that are not aboard */
};
void cargo_clear(struct cargo *cargo);
const struct cargo_manifest *cargo_top(const struct cargo *cargo);
/* Parses and appends; takes the text. `expected` NULL: any (then it is named by sha256). A digest that differs is ERROR_CORRUPT. */
int cargo_add(struct cargo *cargo, struct buf *text, const char *media_type, const struct digest *expected, struct error *err);
void cargo_drop_top(struct cargo *cargo); /* the index goes, what it named stays; mustn't be the only manifest */
bool cargo_has(const struct cargo *cargo, const struct digest *digest);

/* Where images come from: the one point where places differ when reading. */
struct cargo_source {
	/* The manifest that was asked for. `ret_expected` is the digest by which it was asked for, if it was (else untouched). */
	int (*top)(void *data, struct buf *ret, char **ret_media_type, struct digest *ret_expected, bool *ret_has_expected, struct error *err);
	/* One that an index names; the caller verifies it. Appends. ERROR_NOT_FOUND if it isn't there. */
	int (*manifest)(void *data, const struct descriptor *descriptor, struct buf *ret, struct error *err);
	/* Brings a blob that isn't in the store into it, verified. Called by several threads. */
	int (*blob)(void *data, struct store *store, const struct descriptor *descriptor, struct progress_line *line, struct error *err);
	void (*stop)(void *data); /* ends the blobs under way; or NULL */
	void *data;
};
struct cargo_wish {
	const struct platform *platform; /* NULL: this machine's */
	bool all;			 /* the whole index */
	bool lenient;			 /* with all: what the source does not have of the index is left out */
	const struct platform *several;	 /* in place of platform: those of these that the index has, one at least */
	size_t several_len;
	/* Is a blob at the destination already, so that it needn't be brought? Called by several threads; or NULL. */
	bool (*elsewhere)(void *data, const struct descriptor *blob);
	void *elsewhere_data;
	int jobs;
};
/* Manifests and blobs. *ret_fetched says whether any blob had to be. ERROR_NOT_FOUND with the list of the platforms that there are if none suits. */
int cargo_load(const struct cargo_source *source, struct store *store, const struct cargo_wish *wish, struct progress *progress, struct cargo *ret,
	       bool *ret_fetched, struct error *err);
/* From a repository of this store: what of it is here. A partial index becomes the manifest that is here, or a new index of those that are.
 * `wish` NULL: all that is here. */
int cargo_load_local(struct store *store, const char *registry, const char *repository, const struct digest *top, const struct cargo_wish *wish,
		     struct cargo *ret, struct error *err);
/* A new index for what is aboard replaces an index of which a part is aboard; one image alone needs no index. */
int cargo_make_whole(struct cargo *cargo, struct error *err);
/* Puts the manifests into a repository of the store; `tags` may be NULL. */
int cargo_unload_local(const struct cargo *cargo, struct store *store, const char *registry, const char *repository, const struct strlist *tags,
		       struct error *err);
/* From a registry (pull.c). */
int cargo_load_registry(struct store *store, const struct reference *reference, const struct cargo_wish *wish, const struct remote_options *options,
			struct cargo *ret, bool *ret_fetched, struct error *err);
/* To a registry (push.c). `same_store` is set when it was this store's own. */
int cargo_push(const struct cargo *cargo, struct store *store, const struct reference *from, const struct reference *to,
	       const struct remote_options *options, bool *ret_same_store, struct error *err);

/* Docker's media types become OCI's, for OCI layouts; what is OCI's already keeps its digest (convert.c). */
int cargo_convert_oci(struct cargo *cargo, struct error *err);

/* The first 12 hex digits, as docker labels layers; `out` is returned. */
enum { LABEL_SIZE = 13 };
char *digest_label(const struct digest *digest, char out[LABEL_SIZE]);
/* The digest that a local name has, ERROR_NOT_FOUND in docker's words. */
int local_resolve(struct store *store, const struct reference *reference, struct digest *ret, struct error *err);
#endif
