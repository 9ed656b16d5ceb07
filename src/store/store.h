/* The one store: everything else is a view of it (see doc/DESIGN.md, 'The store').
 *
 * Blobs are files, immutable, named by digest; everything else is in SQLite. Several processes use a store at once: the database's
 * write lock orders them, and a blob's file is renamed into place, or unlinked by gc, only under it.
 *
 * Names. A repository is (registry, name). registry "" holds what this store publishes over HTTP ("riscv64/redis"); any other
 * registry holds local images under the name that they were pulled from, built as or tagged ("127.0.0.1:6000", "riscv64/redis").
 * Pushing to a registry that serves this very store is store_tag_copy from one to the other.
 *
 * Durability: a function that commits returns 0 only after data, name and database are synced. Before that nothing is visible.
 * A store handle may be used by several threads (the database is opened in serialized mode). */
#ifndef STORE_STORE_H
#define STORE_STORE_H
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "oci/config.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/platform.h"
#include "oci/reference.h"

struct store;

/* Registry and repository of images that have no name. */
#define STORE_NAMELESS "<none>"

/* Makes the folders and the database where they are missing, migrates an older schema (a newer one is ERROR_UNSUPPORTED), and
 * cleans up after crashed processes. */
int store_open(const char *root, struct store **ret, struct error *err);
void store_close(struct store **at);
int store_dir(const struct store *store);	   /* descriptor of the root folder; borrowed */
/* Waits for the lock of that name ("events") among all processes that have the store open; the descriptor is the lock. */
int store_lock(struct store *store, const char *name, struct error *err);
const char *store_path(const struct store *store); /* absolute path of the root folder; borrowed */
const char *store_id(const struct store *store);   /* a random UUID made with the store; borrowed */

/* ---- blobs ---- */
/* Opens for reading; ERROR_NOT_FOUND if it isn't there. `ret_size` may be NULL. The descriptor is the caller's. */
int store_blob_open(struct store *store, const struct digest *digest, int64_t *ret_size, struct error *err);
bool store_blob_has(struct store *store, const struct digest *digest);
/* The whole blob in memory, verified against its digest. Appends. */
int store_blob_read(struct store *store, const struct digest *digest, size_t limit, struct buf *ret, struct error *err);
/* A small blob from memory. */
int store_blob_put(struct store *store, const void *bytes, size_t len, struct digest *ret, struct error *err);

/* An upload: bytes on their way in. It becomes a blob by upload_commit, or nothing. Hashes as it goes. */
struct upload;
int upload_begin(struct store *store, struct upload **ret, struct error *err);
/* Continues one by its id, of this or an ended process; reads what is there to hash it. One process at a time: ERROR_BUSY. */
int upload_resume(struct store *store, const char *id, struct upload **ret, struct error *err);
/* The same for an upload that belongs to a published repository: through another one it isn't there. */
int upload_begin_in(struct store *store, const char *repository, struct upload **ret, struct error *err);
int upload_resume_in(struct store *store, const char *repository, const char *id, struct upload **ret, struct error *err);
const char *upload_id(const struct upload *upload); /* a UUID; borrowed */
int64_t upload_size(const struct upload *upload);   /* bytes so far */
/* For reading what is there while more comes, and the whole when it has become a blob. The caller's. */
int upload_open(const struct upload *upload, struct error *err);
int upload_write(struct upload *upload, const void *bytes, size_t len, struct error *err);
/* Verifies against `expected` (NULL: sha256 is computed and anything goes), syncs, renames, records. The upload is freed, also on
 * failure; ERROR_CORRUPT if the digest differs, and then nothing of it is kept. */
int upload_commit(struct upload **at, const struct digest *expected, struct digest *ret, struct error *err);
/* The same with store_blob_link in one transaction: half the syncs of a push. */
int upload_commit_to(struct upload **at, const char *registry, const char *repository, const struct digest *expected, struct digest *ret,
		     struct error *err);
/* Frees the handle but keeps the bytes for upload_resume. */
void upload_suspend(struct upload **at);
/* Frees the handle and the bytes. For _cleanup_. */
void upload_cancel(struct upload **at);
/* A pull that was killed is continued: the id of the upload that was begun for a digest, or NULL. Owned by the caller. */
char *upload_find(struct store *store, const struct digest *wanted);
void upload_set_wanted(struct upload *upload, const struct digest *wanted);
/* What it will be verified by, where that is known at the start: saves reading it again at the end. sha256 without it. */
void upload_set_algorithm(struct upload *upload, enum digest_algorithm algorithm);

/* ---- repositories, manifests, tags ---- */
/* The blob may be read through this repository from now on (a mount, or an upload's end). */
int store_blob_link(struct store *store, const char *registry, const char *repository, const struct digest *digest, struct error *err);
bool store_blob_linked(struct store *store, const char *registry, const char *repository, const struct digest *digest);
/* Repositories of the registry through which it may be read, at most `limit`: for anonymous mounts. */
int store_blob_repositories(struct store *store, const char *registry, const struct digest *digest, size_t limit, struct strlist *ret,
			    struct error *err);
int store_blob_unlink(struct store *store, const char *registry, const char *repository, const struct digest *digest, struct error *err);
/* Stores the bytes exactly as given, and the graph. Everything that it names (config, layers, children; not a subject, and not
 * foreign layers) must be in the store: else ERROR_NOT_FOUND, with the digest in the message. For registry "" it must be linked to the
 * repository as well; for others it is linked here. `partial` allows missing children of an index (one platform of it pulled).
 * `tags` may be NULL. One transaction. */
int store_manifest_put(struct store *store, const char *registry, const char *repository, const void *bytes, size_t len,
		       const char *media_type, bool partial, const struct strlist *tags, struct digest *ret, struct error *err);
/* The same under a digest of the caller's choice (sha512); bytes that do not match it are ERROR_CORRUPT. */
int store_manifest_put_as(struct store *store, const char *registry, const char *repository, const void *bytes, size_t len,
			  const char *media_type, bool partial, const struct strlist *tags, const struct digest *digest, struct error *err);
/* Text and media type (owned by the caller) of a manifest of this repository; either may be NULL. */
int store_manifest_get(struct store *store, const char *registry, const char *repository, const struct digest *digest,
		       struct buf *ret, char **ret_media_type, struct error *err);
/* Removes the manifest and its tags from the repository. */
int store_manifest_delete(struct store *store, const char *registry, const char *repository, const struct digest *digest, struct error *err);

int store_tag_get(struct store *store, const char *registry, const char *repository, const char *tag, struct digest *ret, struct error *err);
int store_tag_set(struct store *store, const char *registry, const char *repository, const char *tag, const struct digest *manifest, struct error *err);
int store_tag_delete(struct store *store, const char *registry, const char *repository, const char *tag, struct error *err);
/* Copies a manifest with all that it needs between repositories of this store, moving no byte, and tags it. `tag` may be NULL. */
int store_tag_copy(struct store *store, const char *from_registry, const char *from_repository, const struct digest *manifest,
		   const char *to_registry, const char *to_repository, const char *tag, struct error *err);
/* Sorted by bytes, those after `last` (NULL: from the start), at most `limit`; fewer than that means the end. */
int store_tags(struct store *store, const char *registry, const char *repository, const char *last, size_t limit, struct strlist *ret, struct error *err);
int store_catalog(struct store *store, const char *registry, const char *last, size_t limit, struct strlist *ret, struct error *err);
bool store_repository_exists(struct store *store, const char *registry, const char *repository);
/* The referrers of a digest (distribution-spec, Listing Referrers), as descriptors in an index, in the order in which they came. `artifact_type`
 * NULL: all. A page has those behind `last` (NULL: from the start), as many as make an index of at most MANIFEST_SIZE_MAX bytes, but one. */
int store_referrers(struct store *store, const char *registry, const char *repository, const struct digest *subject,
		    const char *artifact_type, const struct digest *last, struct manifest *ret, bool *ret_more, struct error *err);

/* ---- what lists say of repositories and tags ---- */
struct repository_row {
	char *name;	     /* owned */
	int64_t tags, bytes; /* bytes: of all its blobs, each once */
	char *newest;	     /* the tag that was set last, or NULL; owned */
	int64_t updated;     /* when, in seconds since 1970; 0 without tags */
};
/* Sorted by name, those after `last` whose names match a shell pattern in which '*' matches '/' as well (NULL: all). */
int store_repository_rows(struct store *store, const char *registry, const char *pattern, const char *last, size_t limit,
			  struct repository_row **ret, size_t *ret_len, struct error *err);
void repository_rows_free(struct repository_row *rows, size_t len);
struct tag_row {
	char *name, *media_type; /* owned */
	struct digest digest;
	int64_t bytes, updated; /* bytes: of all that it reaches */
	char *platforms;	/* "linux/amd64,linux/riscv64", or "" */
};
int store_tag_rows(struct store *store, const char *registry, const char *repository, const char *last, size_t limit, struct tag_row **ret,
		   size_t *ret_len, struct error *err);
void tag_rows_free(struct tag_row *rows, size_t len);
/* More of one, which only those ask for who show it; ERROR_NOT_FOUND if it isn't there. */
struct repository_details {
	struct strlist platforms; /* of all its images, at most 64 */
	int64_t cached;		  /* manifests that came from an upstream */
	int64_t pulled;		  /* when one of these was pulled last, in seconds; 0: there is none */
};
void repository_details_clear(struct repository_details *details);
int store_repository_details(struct store *store, const char *registry, const char *repository, struct repository_details *ret, struct error *err);
struct tag_details {
	char *artifact_type; /* or NULL; owned */
	int64_t created;     /* when its newest image was made, in seconds; 0: it doesn't say */
	int64_t pulled;	     /* if it came from an upstream, when it was pulled last; 0: it was pushed */
};
void tag_details_clear(struct tag_details *details);
int store_tag_details(struct store *store, const char *registry, const char *repository, const char *tag, struct tag_details *ret, struct error *err);
/* A pattern that matches every name in which `text` is, whatever it holds. Owned by the caller. */
char *store_pattern_containing(const char *text);
/* "linux/amd64,linux/riscv64", or "", of the images that a manifest or index leads to. Owned by the caller. */
int store_image_platforms(struct store *store, const struct digest *top, char **ret, struct error *err);
/* What an image says about itself: its annotation org.opencontainers.image.description, or a label of that name. NULL if it says
 * nothing. Owned by the caller. */
char *store_image_description(struct store *store, const struct digest *top);

/* ---- what came from an upstream: published (registry ""), but may go and be fetched again ---- */
/* A manifest whose config, layers and children may come later. `tag` may be NULL. Nothing that it names becomes readable by this. */
int store_cached_put(struct store *store, const char *repository, const void *bytes, size_t len, const char *media_type, const char *tag,
		     const struct digest *digest, struct error *err);
/* The manifest was pulled now, which is remembered by the minute, and not synced. ERROR_NOT_FOUND if it isn't a cached one that is here. */
int store_cached_pulled(struct store *store, const char *repository, const struct digest *digest, struct error *err);
/* A tag that has moved to a manifest that is here; ERROR_NOT_FOUND if it isn't. */
int store_cached_tag(struct store *store, const char *repository, const char *tag, const struct digest *digest, struct error *err);
/* Lets go what was not pulled for `age` seconds (-1: any), then the least recently pulled until the rest has at most `bytes` (-1: any).
 * gc takes it when its grace is over. */
int store_cached_evict(struct store *store, int64_t age, int64_t bytes, int64_t *ret_manifests, struct error *err);
/* A configuration came after its manifests: what listings show of them (platform, age) is known now. */
int store_cached_describe(struct store *store, const struct digest *config, struct error *err);

/* ---- images (local names) ---- */
/* What a user's text names: a reference, or the start of an image id (config digest) of at least 4 hex digits that is the only one. */
struct image {
	struct reference reference; /* tag NULL and no digest if it was found by id and has no name */
	struct digest top;	    /* what the tag points to: a manifest or an index */
	struct digest digest;	    /* the image manifest chosen */
	struct digest id;	    /* its config */
	struct manifest manifest;
	struct image_config config;
};
void image_clear(struct image *image);
/* `platform` NULL: this machine's if the index has it, else the only one that is there. ERROR_NOT_FOUND if it isn't in the store. */
int store_image_find(struct store *store, const char *name, const struct platform *platform, struct image *ret, struct error *err);
/* An index of manifests that are in the same repositories (those of the names, or the nameless one), tagged for each name. */
struct index_child {
	struct digest manifest;
	struct platform platform;
};
int store_index_commit(struct store *store, const struct index_child *children, size_t children_len, const struct reference *names,
		       size_t names_len, struct digest *ret, struct error *err);
struct image_row {
	char *registry, *repository, *tag; /* owned; tag NULL: dangling */
	struct digest digest, id;	   /* top manifest; config (of the manifest that is there) */
	struct platform platform;
	time_t created;
	int64_t size; /* of all its blobs, compressed */
};
int store_images(struct store *store, struct image_row **ret, size_t *ret_len, struct error *err);
void image_rows_free(struct image_row *rows, size_t len);
/* An image manifest made of a config and layers that are in the store: writes both, tags it for each reference (NULL-terminated may be
 * empty: then it is dangling and lives until gc). Always OCI, also on top of a base of Docker's: its layers keep their bytes. */
int store_image_commit(struct store *store, const struct image_config *config, const struct descriptor *layers, size_t layers_len,
		       const struct reference *names, size_t names_len, struct digest *ret_manifest, struct error *err);

/* ---- housekeeping ---- */
struct store_usage {
	int64_t blobs, blobs_bytes, layers, layers_bytes, containers, containers_bytes, uploads, uploads_bytes, cache_entries, reclaimable_bytes;
};
int store_usage(struct store *store, struct store_usage *ret, struct error *err);
/* Removes what nothing needs and was not touched for `grace` seconds: blobs, manifests without tag in local repositories, unpacked layers; uploads that
 * nobody came back to. Works beside running servers and builds. */
struct gc_options {
	int64_t grace, uploads; /* seconds */
	int64_t cache;		/* build cache that was not used for so many seconds; -1 keeps it */
	bool published;		/* only what is published over HTTP, and blobs that nobody holds: local images and unpacked layers stay */
};
int store_gc(struct store *store, const struct gc_options *options, struct store_usage *ret_freed, struct error *err);
/* The uploads alone: one look into one folder. Adds to the counts. */
void store_sweep_uploads(struct store *store, int64_t age, struct store_usage *freed);
/* Grows with every change of the store by anybody; 0 if it can't be told. For those who would look for work in vain. */
int64_t store_changes(struct store *store);
/* The version of the store at this moment, of which any committed change by any process makes another. It costs no system call. False: unknown. */
struct store_version {
	uint64_t words[6];
};
bool store_version(struct store *store, struct store_version *ret);
bool store_version_equal(const struct store_version *a, const struct store_version *b);
/* The numbers that a look at the tables gives: cheap enough for a page that is asked every few seconds. */
struct store_totals {
	int64_t blobs, bytes, repositories, tags, uploads;
};
int store_totals(struct store *store, struct store_totals *ret, struct error *err);
/* Bytes of the blobs that published repositories whose names begin with `prefix` hold, each blob once. */
int store_prefix_bytes(struct store *store, const char *prefix, int64_t *ret, struct error *err);

/* What may stay in the published repositories whose names match. A tag stays that is one of the newest, newer, or matched; without any of the
 * three all stay. Patterns are those of the shell; '*' matches '/' as well. */
struct retention_rule {
	struct strlist repositories;
	int64_t keep_newest;	     /* tags; -1: not given */
	int64_t newer_than;	     /* seconds; -1: not given */
	struct strlist tags;	     /* patterns */
	int64_t untagged_older_than; /* seconds; -1: manifests without a tag stay */
};
void retention_rules_free(struct retention_rule *rules, size_t len);
/* Takes away tags, and what keeps untagged manifests, by the first rule that matches a repository; gc then frees the space. Never an index's child,
 * a referrer of what is there, or the fallback tag of such referrers. Calls `report` (may be NULL) for each; `tag` NULL is an untagged manifest. */
int store_retain(struct store *store, const struct retention_rule *rules, size_t len, bool dry_run,
		 void (*report)(void *data, const char *repository, const char *tag, const char *digest), void *data, int64_t *ret_count,
		 struct error *err);
/* Checks every blob against its digest and the graph against the blobs. Damaged files move to quarantine/. Calls `report` for each finding. */
int store_fsck(struct store *store, void (*report)(void *data, const char *text), void *data, size_t *ret_damaged, struct error *err);
/* The same. `repair` (may be NULL) is called when damaged blobs have been put away and the graph was not looked at yet: it may bring some back. */
int store_fsck_repair(struct store *store, void (*report)(void *data, const char *text), int (*repair)(void *data, struct error *err), void *data,
		      size_t *ret_damaged, struct error *err);
/* What published repositories hold but the store doesn't have (any more): sorted by repository. */
struct missing_row {
	char *repository; /* owned */
	struct digest digest;
	bool is_manifest;
};
int store_missing(struct store *store, struct missing_row **ret, size_t *ret_len, struct error *err);
void missing_rows_free(struct missing_row *rows, size_t len);
/* What fsck does with one blob, for who came upon it: 1 if it is damaged or missing and counts as absent now; 0 if it is whole (a disk may read
 * better the second time), or was absent already. */
int store_blob_condemn(struct store *store, const struct digest *digest, struct error *err);
/* Makes a lost or damaged database anew from the blobs and the journal of tags: repositories, tags and manifests come back; containers, build cache
 * and unpacked layers don't. Nobody else may have the store open: ERROR_BUSY. Says what it did through `report`. */
int store_rebuild(const char *root, void (*report)(void *data, const char *text), void *data, struct error *err);

/* ---- small records for the rooms below: keys to JSON or text, committed when the call returns ---- */
/* `space` is "build-cache", "container", … A key is there once. Owned by the caller. NULL without an error if there is none. */
int store_record_get(struct store *store, const char *space, const char *key, char **ret, struct error *err);
int store_record_put(struct store *store, const char *space, const char *key, const char *value, struct error *err);
/* Fails with ERROR_EXISTS if the key is there: for names. */
int store_record_add(struct store *store, const char *space, const char *key, const char *value, struct error *err);
int store_record_delete(struct store *store, const char *space, const char *key, struct error *err);
int store_record_keys(struct store *store, const char *space, struct strlist *ret, struct error *err);
/* What a record keeps alive: an image manifest (containers, cache). Set NULL to release. */
int store_record_pin(struct store *store, const char *space, const char *key, const struct digest *manifest_or_blob, struct error *err);
#endif
