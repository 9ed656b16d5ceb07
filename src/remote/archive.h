/* Images in tar files: OCI layouts and docker-archives, read and written. */
#ifndef REMOTE_ARCHIVE_H
#define REMOTE_ARCHIVE_H
#include "remote/cargo.h"

/* One image that a file or folder names. */
struct archived_image {
	struct strlist names;	  /* complete references, as given; may be empty */
	char *tag;		  /* an OCI ref.name that is no complete reference, or NULL */
	struct descriptor top;	  /* of a layout: in the index */
	struct buf text;	  /* of a docker-archive: the manifest that we made for it */
};
struct image_archive {
	struct archived_image *images;
	size_t images_len;
};
void image_archive_clear(struct image_archive *archive);
/* Streams a tar (plain or compressed; "-" is stdin) into the store: every file in it becomes a blob, each verified if its name says its
 * digest; then finds the images in it. Blobs that no image uses are left to gc. */
int image_archive_read(struct store *store, const char *file, struct image_archive *ret, struct error *err);
/* The index.json of a layout; for image_archive_read and layout.c. Appends to the images. */
int image_archive_add_index(struct image_archive *archive, const char *text, size_t len, struct error *err);
/* The image that is meant: by its tag or name, or the only one. `what` names the place in the error. */
int image_archive_choose(const struct image_archive *archive, const char *name, const char *what, const struct archived_image **ret, struct error *err);
/* An image of image_archive_read as cargo; its blobs are in the store. */
int image_archive_load(struct store *store, const struct archived_image *image, const struct cargo_wish *wish, struct cargo *ret, struct error *err);

/* What is written: cargoes with their names. With `docker` the archive has a manifest.json as well, so that docker of any age reads it. */
struct archive_cargo {
	struct cargo cargo;
	struct strlist names; /* complete references */
	char *tag;	      /* ref.name for a layout that is named by tag alone, or NULL */
};
void archive_cargo_free(struct archive_cargo *items, size_t len);
/* A tar in `file` ("-": stdout), replaced at once when it is whole. Same input, same bytes. */
int image_archive_write(struct store *store, const char *file, const struct archive_cargo *items, size_t len, bool docker, struct error *err);

/* ---- OCI layouts as folders (image-spec: image-layout.md) ---- */
int layout_load(struct store *store, const char *path, const char *tag, const struct cargo_wish *wish, struct progress *progress, struct cargo *ret,
		struct error *err);
/* Adds to the layout, or makes it; an image of the same tag is replaced in its index. */
int layout_write(struct store *store, const char *path, const struct archive_cargo *item, struct error *err);
/* The entries of an index.json for an item: its top with the annotations of its names. Appends to the array. */
void layout_add_entries(json_t *manifests, const struct archive_cargo *item);
#define LAYOUT_VERSION "{\"imageLayoutVersion\":\"1.0.0\"}"
#endif
