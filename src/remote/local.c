/* Cargo from and to repositories of this store: see cargo.h. */
#include "base/json.h"
#include "remote/cargo.h"

int local_resolve(struct store *store, const struct reference *reference, struct digest *ret, struct error *err)
{
	struct error failure _cleanup_(error_clear) = { 0 };

	if (reference->has_digest) {
		*ret = reference->digest;
		return 0;
	}
	if (store_tag_get(store, reference->registry, reference->repository, reference->tag, ret, &failure) == 0)
		return 0;
	if (failure.code == ERROR_NOT_FOUND) {
		_cleanup_(freep) char *name = reference_print_name(reference);
		error_set(err, ERROR_NOT_FOUND, "an image does not exist locally with the tag: %s:%s", name, reference->tag);
		return error_hint(err, "'sampan images' lists those that are here");
	}
	error_move(err, &failure);
	return -1;
}

struct local {
	struct store *store;
	const char *registry, *repository;
};

static int local_text(const struct local *local, const struct digest *digest, struct buf *ret, char **ret_media_type, struct error *err)
{
	return store_manifest_get(local->store, local->registry, local->repository, digest, ret, ret_media_type, err);
}

static bool blob_is_here(const struct local *local, const struct descriptor *blob)
{
	return media_type_class(media_type_parse(blob->media_type)) == MEDIA_CLASS_FOREIGN_LAYER || store_blob_has(local->store, &blob->digest);
}

/* Is a manifest here with everything that it names? Appends it (children first) if it is. 1 if so. A child that is not here is no failure. */
static int add_if_whole(const struct local *local, const struct digest *digest, int depth, struct cargo *cargo, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };
	struct error failure _cleanup_(error_clear) = { 0 };
	_cleanup_(freep) char *media_type = NULL;

	if (depth > 3)
		return error_set(err, ERROR_INVALID, "the image has indexes nested too deep");
	if (local_text(local, digest, &text, &media_type, &failure) < 0) {
		if (failure.code == ERROR_NOT_FOUND)
			return 0;
		error_move(err, &failure);
		return -1;
	}
	if (manifest_parse(text.data, text.len, media_type, &manifest, err) < 0)
		return -1;
	if (!manifest.is_index && !blob_is_here(local, &manifest.config))
		return 0;
	for (size_t i = 0; i < manifest.layers_len; i++)
		if (!blob_is_here(local, &manifest.layers[i]))
			return 0;
	for (size_t i = 0; i < manifest.children_len; i++) {
		int whole = add_if_whole(local, &manifest.children[i].digest, depth + 1, cargo, err);
		if (whole <= 0)
			return whole;
	}
	return cargo_add(cargo, &text, media_type, digest, err) < 0 ? -1 : 1;
}

static bool is_attestation(const struct descriptor *child)
{
	return child->annotations && json_object_get(child->annotations, "vnd.docker.reference.type");
}

/* An index of those children that are aboard. */
static int add_new_index(const struct manifest *old, struct cargo *cargo, struct error *err)
{
	struct manifest index _cleanup_(manifest_clear) = { .type = old->type, .is_index = true };
	struct buf text _cleanup_(buf_free) = { 0 };

	if (old->annotations)
		index.annotations = json_incref(old->annotations);
	for (size_t i = 0; i < old->children_len; i++)
		if (cargo_has(cargo, &old->children[i].digest))
			manifest_add_child(&index, &old->children[i]);
	manifest_print(&index, &text);
	return cargo_add(cargo, &text, media_type_text(index.type), NULL, err);
}

/* Of an index, what is here (and asked for). */
static int load_index(const struct local *local, const struct manifest *index, const struct platform *platform, struct buf *text,
		      const char *media_type, const struct digest *digest, struct cargo *cargo, struct error *err)
{
	const struct descriptor *chosen = platform ? manifest_choose(index, platform) : NULL;
	size_t here = 0, images = 0;
	char name[PLATFORM_TEXT_SIZE];

	for (size_t i = 0; i < index->children_len; i++) {
		const struct descriptor *child = &index->children[i];
		if (platform && child != chosen)
			continue;
		int whole = add_if_whole(local, &child->digest, 1, cargo, err);
		if (whole < 0)
			return -1;
		here += whole;
		images += whole && !is_attestation(child);
	}
	if (!here && platform)
		return error_set(err, ERROR_NOT_FOUND, "the image is not here for %s", platform_print(platform, name));
	if (!here)
		return error_set(err, ERROR_NOT_FOUND, "none of the image's platforms is here");
	if (here == index->children_len)
		return cargo_add(cargo, text, media_type, digest, err);
	return images == 1 && here == 1 ? 0 : add_new_index(index, cargo, err);
}

int cargo_load_local(struct store *store, const char *registry, const char *repository, const struct digest *top, const struct cargo_wish *wish,
		     struct cargo *ret, struct error *err)
{
	struct local local = { store, registry, repository };
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };
	_cleanup_(freep) char *media_type = NULL;
	int result;

	if (local_text(&local, top, &text, &media_type, err) < 0 || manifest_parse(text.data, text.len, media_type, &manifest, err) < 0)
		return -1;
	if (manifest.is_index)
		result = load_index(&local, &manifest, wish && !wish->all ? wish->platform : NULL, &text, media_type, top, &cargo, err);
	else
		result = cargo_add(&cargo, &text, media_type, top, err);
	if (result < 0)
		return -1;
	*ret = cargo;
	cargo = (struct cargo){ 0 };
	return 0;
}

int cargo_unload_local(const struct cargo *cargo, struct store *store, const char *registry, const char *repository, const struct strlist *tags,
		       struct error *err)
{
	for (size_t i = 0; i < cargo->manifests_len; i++) {
		const struct cargo_manifest *one = &cargo->manifests[i];
		struct digest digest;
		if (store_manifest_put(store, registry, repository, one->text.data, one->text.len, one->media_type, cargo->partial,
				       one == cargo_top(cargo) ? tags : NULL, &digest, err) < 0)
			return -1;
	}
	return 0;
}
