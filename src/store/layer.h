/* Layers: tar archives (image-spec: layer.md) to directories for overlayfs and back, and the mounts made of them.
 *
 * An unpacked layer is layers/<n>/, n being the key in the database for its chain id: a short name, so that 500 of them fit
 * into one mount option. It is made as layers/<n>.tmp/, synced, renamed, recorded; it holds what the layer changes, whiteouts as
 * overlayfs has them: character device 0:0, and the xattr trusted.overlay.opaque (user.overlay.opaque in a user namespace). */
#ifndef STORE_LAYER_H
#define STORE_LAYER_H
#include "store/store.h"

/* Unpacks what is missing of an image's layers, in order; progress may be NULL. `ret` gets the numbers, lowest layer first. Verifies the
 * diff ids: ERROR_CORRUPT. Two processes that unpack the same layer wait for each other. */
struct progress;
int layers_unpack(struct store *store, const struct manifest *manifest, const struct image_config *config, struct progress *progress,
		  struct strlist *ret, struct error *err);

/* A tree with a layer of its own on top of others. Folders: `dir`/upper, `dir`/work, `dir`/merged, and `dir`/empty, which
 * stands in where overlayfs wants a lower layer and there is none. */
struct snapshot_options {
	const struct strlist *layers; /* numbers, lowest first; borrowed */
	const char *dir;	      /* absolute, beneath the store's root; made if missing */
	bool read_only;
	bool no_devices; /* device files in it can't be opened (nodev) */
};
/* Mounts it at dir/merged, in the caller's mount namespace, which should be a private one. */
int snapshot_mount(struct store *store, const struct snapshot_options *options, struct error *err);

/* Makes a layer of an upper directory: a gzip blob, and the directory itself becomes layers/<n> (renamed away, not copied).
 * An upper directory without any entry gives an empty tar, which is fine. `epoch` clamps mtimes to SOURCE_DATE_EPOCH if >= 0.
 * Entries are sorted, so that the same tree gives the same bytes. */
int layer_commit(struct store *store, const struct digest *parent_chain, size_t parent_count, const char *upper, int64_t epoch,
		 struct descriptor *ret_layer, struct digest *ret_diff_id, char **ret_number, struct error *err);

/* The parts, for import, ADD and tests. `source` is any of none, gzip, zstd, xz, bzip2 compressed; `apply_whiteouts` false treats .wh. files as files
 * (ADD of a tar). Never leaves the directory `dir`, wherever names and links point; `limits` and `ret_diff_id` may be NULL. What was unpacked before a
 * failure stays: the caller removes the folder. Over a limit, or a decompression bomb: ERROR_TOO_LARGE. An owner that this user
 * namespace does not map: ERROR_UNSUPPORTED. Devices are left out with a warning where they may not be made. */
struct layer_limits {
	int64_t bytes_max;   /* of files together; 0: 64 GiB; -1: no limit but the disk */
	int64_t entries_max; /* 0: 10 million */
};
int layer_extract(int source, int dir, bool apply_whiteouts, const struct layer_limits *limits, struct digest *ret_diff_id, struct error *err);
/* Writes the tree as an uncompressed tar through `write`; returns -1 as soon as it does. Overlay whiteouts become .wh. entries. */
typedef int archive_write_fn(void *data, const void *bytes, size_t len, struct error *err);
archive_write_fn archive_write_fd; /* data: a pointer to the descriptor */
int layer_archive(int dir, int64_t epoch, archive_write_fn *write, void *data, struct error *err);
struct archive_options {
	int64_t epoch;
	const struct strlist *skip; /* paths like "etc/hosts" that stay out if they are empty: what a runtime makes to mount upon; or NULL */
};
int layer_archive_with(int dir, const struct archive_options *options, archive_write_fn *write, void *data, struct error *err);
/* The blob alone of a layer whose tar `produce` writes, whole or not at all. */
typedef int layer_produce_fn(void *data, archive_write_fn *write, void *to, struct error *err);
int layer_pack(struct store *store, layer_produce_fn *produce, void *data, struct descriptor *ret_layer, struct digest *ret_diff_id, struct error *err);

/* ---- files that are no layer: `cp` ---- */
/* One name in a directory, "." being itself, with all beneath it, as `as` in the tar. Nothing has a meaning to overlayfs here; what the kernel
 * shows of itself (proc, sysfs) is an empty folder. */
int tree_archive(int dir, const char *name, const char *as, archive_write_fn *write, void *data, struct error *err);
/* A tar onto files that are there, its names beginning at `prefix`, a clean path below `root` ("." is the root). Symlinks on the way
 * are followed as in a process whose root that is; what is replaced never is. A folder doesn't take the place of a file nor a file that of a folder:
 * ERROR_EXISTS. own: all belongs to this process's user; else to whom the tar says. */
int tree_extract(int source, int root, const char *prefix, bool own, struct error *err);
#endif
