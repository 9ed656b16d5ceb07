/* Manifests and indexes, of OCI and of Docker (image-spec: manifest.md, image-index.md; distribution: manifest v2 schema 2). */
#ifndef OCI_MANIFEST_H
#define OCI_MANIFEST_H
#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "oci/digest.h"
#include "oci/platform.h"

/* name, text, class */
#define MEDIA_TYPES(X)                                                                              \
	X(OCI_MANIFEST, "application/vnd.oci.image.manifest.v1+json", MEDIA_CLASS_MANIFEST)          \
	X(OCI_INDEX, "application/vnd.oci.image.index.v1+json", MEDIA_CLASS_INDEX)                   \
	X(DOCKER_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json", MEDIA_CLASS_MANIFEST) \
	X(DOCKER_LIST, "application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_CLASS_INDEX) \
	X(DOCKER_SCHEMA1, "application/vnd.docker.distribution.manifest.v1+json", MEDIA_CLASS_OTHER)  \
	X(DOCKER_SCHEMA1_SIGNED, "application/vnd.docker.distribution.manifest.v1+prettyjws", MEDIA_CLASS_OTHER) \
	X(OCI_CONFIG, "application/vnd.oci.image.config.v1+json", MEDIA_CLASS_CONFIG)                \
	X(DOCKER_CONFIG, "application/vnd.docker.container.image.v1+json", MEDIA_CLASS_CONFIG)       \
	X(OCI_EMPTY, "application/vnd.oci.empty.v1+json", MEDIA_CLASS_OTHER)                         \
	X(OCI_LAYER, "application/vnd.oci.image.layer.v1.tar", MEDIA_CLASS_LAYER)                    \
	X(OCI_LAYER_GZIP, "application/vnd.oci.image.layer.v1.tar+gzip", MEDIA_CLASS_LAYER)          \
	X(OCI_LAYER_ZSTD, "application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_CLASS_LAYER)          \
	X(OCI_LAYER_FOREIGN, "application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_CLASS_FOREIGN_LAYER) \
	X(OCI_LAYER_FOREIGN_GZIP, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_CLASS_FOREIGN_LAYER) \
	X(OCI_LAYER_FOREIGN_ZSTD, "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_CLASS_FOREIGN_LAYER) \
	X(DOCKER_LAYER, "application/vnd.docker.image.rootfs.diff.tar", MEDIA_CLASS_LAYER)           \
	X(DOCKER_LAYER_GZIP, "application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_CLASS_LAYER) \
	X(DOCKER_LAYER_ZSTD, "application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_CLASS_LAYER) \
	X(DOCKER_LAYER_FOREIGN_GZIP, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_CLASS_FOREIGN_LAYER)

enum media_class { MEDIA_CLASS_OTHER, MEDIA_CLASS_MANIFEST, MEDIA_CLASS_INDEX, MEDIA_CLASS_CONFIG, MEDIA_CLASS_LAYER, MEDIA_CLASS_FOREIGN_LAYER };
enum media_type {
	MEDIA_UNKNOWN,
#define X(name, text, class) MEDIA_##name,
	MEDIA_TYPES(X)
#undef X
};
const char *media_type_text(enum media_type type);
enum media_type media_type_parse(const char *text); /* parameters (";…") are ignored, case too */
enum media_class media_type_class(enum media_type type);
/* OCI's name for what Docker names otherwise (the bytes are the same); others stay. */
enum media_type media_type_oci(enum media_type type);

enum { MANIFEST_SIZE_MAX = 4 << 20, MANIFEST_CHILDREN_MAX = 10000 };

struct descriptor {
	char *media_type; /* as given; never NULL; owned */
	struct digest digest;
	int64_t size; /* >= 0 */
	bool has_platform;
	struct platform platform;
	char *artifact_type;  /* or NULL */
	json_t *annotations;  /* or NULL; owns a reference */
	json_t *urls;	      /* or NULL; owns a reference */
};
void descriptor_clear(struct descriptor *descriptor);
void descriptor_copy(const struct descriptor *from, struct descriptor *to);
/* Gives it OCI's media type in place of Docker's. True if it was Docker's. */
bool descriptor_make_oci(struct descriptor *descriptor);
/* To and from the JSON object; a new reference. */
json_t *descriptor_to_json(const struct descriptor *descriptor);
int descriptor_from_json(const json_t *object, struct descriptor *ret, struct error *err);

/* Either an image manifest (config and layers) or an index (manifests), never both: a text that has config or layers as
 * well as manifests is refused (CVE-2021-41190), as is one whose mediaType contradicts. */
struct manifest {
	enum media_type type;
	bool is_index;
	struct descriptor config;    /* images */
	struct descriptor *layers;   /* images */
	size_t layers_len;
	struct descriptor *children; /* indexes */
	size_t children_len;
	bool has_subject;
	struct descriptor subject;
	char *artifact_type; /* or NULL; for images without one it is the config's media type, see manifest_artifact_type */
	json_t *annotations; /* or NULL */
};
/* `content_type` is the HTTP header or the descriptor's media type; NULL if unknown (then mediaType or the fields decide).
 * Schema 1 is ERROR_UNSUPPORTED. */
int manifest_parse(const char *text, size_t len, const char *content_type, struct manifest *ret, struct error *err);
/* The canonical text (compact JSON, fixed order of keys), for manifests that we make. Appends. */
void manifest_print(const struct manifest *manifest, struct buf *ret);
void manifest_clear(struct manifest *manifest);
/* What a list of referrers says that it is: its artifactType, else the config's media type of an image, else NULL. Borrowed. */
const char *manifest_artifact_type(const struct manifest *manifest);
void manifest_add_layer(struct manifest *manifest, const struct descriptor *layer); /* copies */
void manifest_add_child(struct manifest *manifest, const struct descriptor *child); /* copies */
/* The best child of an index for a platform, or NULL. Attestation manifests (annotation vnd.docker.reference.type) never match. */
const struct descriptor *manifest_choose(const struct manifest *index, const struct platform *wish);
#endif
