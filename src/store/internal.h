/* What the files of the store share with each other and with nobody else. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H
#include <pthread.h>

#include "base/uuid.h"
#include "store/database.h"
#include "store/store.h"

/* Folders beneath the root, made by store_open. */
#define STORE_FOLDERS(X) \
	X("blobs") X("blobs/sha256") X("blobs/sha512") X("uploads") X("layers") X("locks") X("containers") X("builds") X("quarantine")

enum { UPLOADS_REMEMBERED = 64, TOUCH_INTERVAL_MS = 60 * 1000 };

/* Who waits to have a blob recorded, and whether somebody is at it (group.c). */
struct group {
	pthread_mutex_t lock; /* guards all of it */
	pthread_cond_t changed;
	struct recorded *waiting; /* borrowed: on their owners' stacks */
	bool led;
};

/* The digest so far of an upload that this process suspended, so that the next chunk needs no second look at the earlier ones. */
struct upload_memory {
	char id[37];
	int64_t size;
	struct digester digester;
};

struct store {
	int dir;
	int held; /* locks/held: see layers.c */
	char *path;
	char id[37];
	struct db reader, writer;
	const uint64_t *log_index; /* see store_version; NULL: unknown */
	pthread_mutex_t uploads_lock;
	struct upload_memory uploads[UPLOADS_REMEMBERED];
	size_t uploads_next;
	struct group group;
};

/* ---- transactions (store.c) ---- */
/* A write transaction: BEGIN IMMEDIATE, the write lock between processes; ended without write_commit it is rolled back.
 * A lazy one is not synced: for what may be lost in a power cut (last-touched times), so that an SD card isn't worn by questions. */
struct write {
	struct db *db;
	bool open;
};
int write_begin(struct store *store, struct write *ret, struct error *err);
int write_begin_lazy(struct store *store, struct write *ret, struct error *err);
int write_commit(struct write *write, struct error *err);
void write_end(struct write *write); /* for _cleanup_ */

int64_t now_ms(void);

int schema_current(struct db *db, struct error *err); /* schema.c; 1, or 0 if a migration is due */
int schema_migrate(struct db *db, struct error *err); /* inside a write transaction */


/* ---- blobs (blob.c) ---- */
/* A digest that the store knows: size -1 if it is only named by a manifest and isn't here. */
struct blob_row {
	int64_t id, size, touched;
};
int blob_row_find(struct db *db, const struct digest *digest, struct blob_row *ret, struct error *err); /* 1, or 0 */
/* The id of its row, made if it is missing (size NULL). */
int blob_row_name(struct db *db, const struct digest *digest, int64_t *ret, struct error *err);
/* "blobs/sha256/<hex>"; `out` is returned. */
enum { BLOB_PATH_SIZE = 16 + DIGEST_TEXT_SIZE };
char *blob_path(const struct digest *digest, char out[BLOB_PATH_SIZE]);
/* Inside a write transaction: `name` in uploads/, complete, verified and synced, gets the blob's name and a row; it is gone afterwards. Where *ret_renamed
 * becomes true the folder must be synced before the commit. */
int blob_name(struct store *store, struct db *db, const char *name, const struct digest *digest, int64_t size, bool *ret_renamed, struct error *err);
int blob_folder_sync(struct store *store, enum digest_algorithm algorithm, struct error *err);
/* Both. */
int blob_adopt(struct store *store, struct db *db, const char *name, const struct digest *digest, int64_t size, struct error *err);
/* Writes bytes to a new temporary file in uploads/, synced. `ret_name` gets its name there. */
int blob_write_temporary(struct store *store, const void *bytes, size_t len, char ret_name[48], struct error *err);

/* Reads the whole file (fsck.c): are these the bytes that the digest means? */
int blob_file_check(struct store *store, const struct digest *digest, int64_t size, bool *ret_good, struct error *err);

/* ---- group commit (group.c) ---- */
struct recorded {
	const char *upload; /* in uploads/: complete, verified and synced; it is gone afterwards */
	const struct digest *digest;
	int64_t size;
	const char *registry, *repository; /* what it is linked to; NULL: nothing */
	/* for group.c */
	struct recorded *next;
	bool done, failed;
	struct error err;
};
/* The name, the row and the link in one transaction, shared with others. After 0 it survives a power cut. */
int group_record(struct store *store, struct recorded *mine, struct error *err);

/* ---- uploads (upload.c) ---- */
void uploads_sweep(struct store *store); /* those that nobody came back to for a week */
/* Those not written to for `age` seconds; adds to the counts. */
void uploads_sweep_older(struct store *store, int64_t age, int64_t *files, int64_t *bytes);

int upload_uncreated(const struct store *store, const char *path, struct error *err); /* fails with what errno says about a file in uploads/ */
void uploads_drop(struct store *store, const char *name); /* a temporary file in uploads/; "" is fine */

/* ---- for deletions on a full disk (reserve.c) ---- */
void reserve_make(struct store *store);
/* True, once, if a deletion that failed for want of space may be tried again; clears the failure. */
bool reserve_spend(struct store *store, struct error *failure);

/* ---- repositories (manifest.c) ---- */
/* How a repository holds a blob. LINK_KEPT: a manifest pushed for its own sake; LINK_LOOSE: one that gc may take once no
 * tag, index, subject or pin leads to it. */
enum link_kind { LINK_BLOB, LINK_KEPT, LINK_LOOSE };
int repository_find(struct db *db, const char *registry, const char *repository, int64_t *ret, struct error *err); /* 1, or 0 */
int repository_make(struct db *db, const char *registry, const char *repository, int64_t *ret, struct error *err);
int link_add(struct db *db, int64_t repository, int64_t blob, enum link_kind kind, struct error *err);
/* Marks a manifest and all that it reaches in the repository as in use now, so that a gc that is under way spares it. */
int tree_touch(struct db *db, int64_t repository, int64_t manifest, struct error *err);
int tree_touch_all(struct db *db, int64_t manifest, struct error *err); /* in every repository */
/* Its manifest becomes loose if that was its last tag. */
int tag_remove(struct store *store, struct db *db, int64_t repository, const char *tag, int64_t manifest, struct error *err);
int tag_write(struct store *store, struct db *db, int64_t repository, const char *tag, int64_t manifest, struct error *err);
int tag_write_cached(struct db *db, int64_t repository, const char *tag, int64_t manifest, struct error *err); /* what may be lost: not in the journal */
int cached_write(struct db *db, int64_t repository, int64_t manifest, struct error *err); /* cached.c: pulled now */

/* What a manifest says about its image, for listings; `known` is false where it is another kind of artifact. */
struct summary {
	char platform[PLATFORM_TEXT_SIZE], chain[DIGEST_TEXT_SIZE];
	bool known;
	int64_t created; /* seconds */
};
void summary_read_config(struct store *store, const struct digest *config, struct summary *ret);

/* Stores what lay in the store already, without asking for links: for rebuild. */
int manifest_put_trusted(struct store *store, const char *registry, const char *repository, const struct buf *text,
			 const struct strlist *tags, const struct digest *digest, struct error *err);

/* ---- the journal of tags (journal.c) ---- */
#define JOURNAL "tags.journal"
#define JOURNAL_OLD "tags.journal.old" /* while it is there, a rebuild is under way or was interrupted */
/* Inside a write transaction. `tag` may be NULL. */
int journal_add(struct store *store, struct db *db, const char *operation, int64_t repository, const char *tag, int64_t manifest,
		struct error *err);
/* As store_open, but alone: ERROR_BUSY while another process has the store open. The caller makes the database anew. */
int store_open_alone(const char *root, int (*prepare)(struct store *store, void *data, struct error *err), void *data, struct store **ret,
		     struct error *err);

/* ---- unpacked layers (layers.c), for layer_*.c and snapshot.c ----
 * A layer is layers/<n>, and is recorded under its chain id when it is complete. Byte n of the file locks/held, locked shared,
 * says that somebody makes or uses it (a lock of an open file description, F_OFD_SETLK: one descriptor for hundreds of layers). A store handle
 * holds every layer that it looked up or recorded until it is closed, so that a running build keeps what it stands on; what a container needs
 * beyond that is held by the pin of its image. gc takes a layer only if it gets the byte exclusively, nothing else needs it, and it
 * was not touched in the grace time. */
struct layer_row {
	struct digest chain, diff_id;
	bool has_parent;
	struct digest parent; /* chain id of the layers below */
	bool has_blob;
	struct digest blob; /* the compressed layer that it was made from or turned into */
	int64_t number, size; /* size: bytes on disk */
};
/* 1 and the number, or 0 if it isn't unpacked. Touches it. */
int store_layer_lookup(struct store *store, const struct digest *chain, int64_t *ret_number, struct error *err);
/* A number never used before, held by *ret_lock (close it to release). Work in layers/<n>.tmp, which is swept
 * once the lock is free. */
int store_layer_new_number(struct store *store, int64_t *ret_number, int *ret_lock, struct error *err);
/* Records a finished layers/<n> (synced, renamed), whose parent must be recorded. If another process recorded the chain first, *ret_number is
 * its number and ours should be removed. */
int store_layer_record(struct store *store, const struct layer_row *layer, int64_t *ret_number, struct error *err);
/* Holds a layer until *ret_lock is closed, for longer or shorter than the handle: ERROR_NOT_FOUND if gc took it meanwhile. */
int store_layer_hold(struct store *store, int64_t number, int *ret_lock, struct error *err);
int layers_held_open(struct store *store, struct error *err); /* a descriptor of locks/held */
/* Locks byte `number`: 1 if !wait and another holds it in the way. */
int layers_held_lock(int fd, int64_t number, bool exclusive, bool wait, struct error *err);
#endif
