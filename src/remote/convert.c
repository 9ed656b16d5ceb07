/* Docker's manifests as OCI's: the same bytes of configs and layers under other names. Readers of OCI layouts (skopeo, for one) find only OCI's
 * media types in them. The manifests' digests change, so an index is made anew with those of its children. */
#include "remote/cargo.h"

/* Children were converted before: `from` and `to` hold the same manifests at the same places. */
static bool convert_child(struct descriptor *child, const struct cargo *from, const struct cargo *to)
{
	bool changed = descriptor_make_oci(child);

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
	bool changed = media_type_oci(manifest.type) != manifest.type;
	manifest.type = media_type_oci(manifest.type);
	if (!manifest.is_index)
		changed |= descriptor_make_oci(&manifest.config);
	for (size_t i = 0; i < manifest.layers_len; i++)
		changed |= descriptor_make_oci(&manifest.layers[i]);
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
