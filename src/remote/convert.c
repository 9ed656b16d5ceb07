/* Docker's manifests as OCI's: the same bytes of configs and layers under other names. Readers of OCI layouts (skopeo, for one) find only OCI's
 * media types in them. The manifests' digests change, so an index is made anew with those of its children. */
#include "remote/cargo.h"

static const struct {
	enum media_type docker, oci;
} pairs[] = {
	{ MEDIA_DOCKER_MANIFEST, MEDIA_OCI_MANIFEST },
	{ MEDIA_DOCKER_LIST, MEDIA_OCI_INDEX },
	{ MEDIA_DOCKER_CONFIG, MEDIA_OCI_CONFIG },
	{ MEDIA_DOCKER_LAYER, MEDIA_OCI_LAYER },
	{ MEDIA_DOCKER_LAYER_GZIP, MEDIA_OCI_LAYER_GZIP },
	{ MEDIA_DOCKER_LAYER_ZSTD, MEDIA_OCI_LAYER_ZSTD },
	{ MEDIA_DOCKER_LAYER_FOREIGN_GZIP, MEDIA_OCI_LAYER_FOREIGN_GZIP },
};

static enum media_type oci_type(enum media_type type)
{
	for (size_t i = 0; i < array_len(pairs); i++)
		if (pairs[i].docker == type)
			return pairs[i].oci;
	return type;
}

/* True if it was Docker's. */
static bool convert_descriptor(struct descriptor *descriptor)
{
	enum media_type type = media_type_parse(descriptor->media_type), other = oci_type(type);

	if (type == other)
		return false;
	free(descriptor->media_type);
	descriptor->media_type = xstrdup(media_type_text(other));
	return true;
}

/* Children were converted before: `from` and `to` hold the same manifests at the same places. */
static bool convert_child(struct descriptor *child, const struct cargo *from, const struct cargo *to)
{
	bool changed = convert_descriptor(child);

	for (size_t i = 0; i < to->manifests_len; i++) {
		const struct cargo_manifest *now = &to->manifests[i];
		if (!digest_equal(&from->manifests[i].digest, &child->digest) || digest_equal(&now->digest, &child->digest))
			continue;
		child->digest = now->digest;
		child->size = (int64_t)now->text.len;
		return true;
	}
	return changed;
}

static int convert_one(const struct cargo *from, size_t at, struct cargo *to, struct error *err)
{
	const struct cargo_manifest *old = &from->manifests[at];
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };

	if (manifest_parse(old->text.data, old->text.len, old->media_type, &manifest, err) < 0)
		return -1;
	bool changed = oci_type(manifest.type) != manifest.type;
	manifest.type = oci_type(manifest.type);
	if (!manifest.is_index)
		changed |= convert_descriptor(&manifest.config);
	for (size_t i = 0; i < manifest.layers_len; i++)
		changed |= convert_descriptor(&manifest.layers[i]);
	for (size_t i = 0; i < manifest.children_len; i++)
		changed |= convert_child(&manifest.children[i], from, to);
	if (!changed) {
		buf_add(&text, old->text.data, old->text.len);
		return cargo_add(to, &text, old->media_type, &old->digest, err);
	}
	manifest_print(&manifest, &text);
	return cargo_add(to, &text, media_type_text(manifest.type), NULL, err);
}

int cargo_convert_oci(struct cargo *cargo, struct error *err)
{
	struct cargo converted _cleanup_(cargo_clear) = { .partial = cargo->partial };

	for (size_t i = 0; i < cargo->manifests_len; i++)
		if (convert_one(cargo, i, &converted, err) < 0)
			return -1;
	struct cargo old = *cargo;
	*cargo = converted;
	converted = old;
	return 0;
}
