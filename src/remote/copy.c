/* Copies between any two places, and docker's save and load, which are two of them: see cargo.h for how a copy goes. */
#include <unistd.h>

#include "base/fd.h"
#include "remote/archive.h"

#define PLACES(X)                                 \
	X(PLACE_REGISTRY, "docker://")            \
	X(PLACE_LAYOUT, "oci:")                   \
	X(PLACE_OCI_ARCHIVE, "oci-archive:")      \
	X(PLACE_DOCKER_ARCHIVE, "docker-archive:") \
	X(PLACE_STORE, "store:")

enum place_kind {
#define X(kind, prefix) kind,
	PLACES(X)
#undef X
};
static const char *const prefixes[] = {
#define X(kind, prefix) prefix,
	PLACES(X)
#undef X
};

struct place {
	enum place_kind kind;
	struct reference reference; /* registry, store */
	char *path;		    /* the others */
	char *name;		    /* their tag or reference, or NULL */
};

static void place_clear(struct place *place)
{
	reference_clear(&place->reference);
	free(place->path);
	free(place->name);
}

/* PATH[:NAME]; a path may hold no colon, as skopeo has it. */
static int parse_path(const char *text, const char *rest, struct place *place, struct error *err)
{
	const char *colon = strchrnul(rest, ':');

	place->path = xstrndup(rest, (size_t)(colon - rest));
	place->name = *colon && colon[1] ? xstrdup(colon + 1) : NULL;
	if (str_empty(place->path))
		return error_set(err, ERROR_USAGE, "'%s' names no file", text);
	if (place->name && place->kind == PLACE_LAYOUT && !tag_valid(place->name) && !strpbrk(place->name, "/:"))
		return error_set(err, ERROR_USAGE, "'%s' is no tag", place->name);
	return 0;
}

static int place_parse(const char *text, struct place *ret, struct error *err)
{
	struct place place _cleanup_(place_clear) = { .kind = PLACE_REGISTRY };
	const char *rest = text;

	for (size_t i = 0; i < array_len(prefixes); i++)
		if (str_starts(text, prefixes[i])) {
			place.kind = (enum place_kind)i;
			rest = text + strlen(prefixes[i]);
		}
	bool named = place.kind == PLACE_REGISTRY || place.kind == PLACE_STORE;
	if (named ? reference_parse(rest, &place.reference, err) < 0 : parse_path(text, rest, &place, err) < 0) {
		error_wrap(err, "'%s'", text);
		return error_hint(err, "a place is docker://REFERENCE, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REFERENCE] or store:REFERENCE");
	}
	*ret = place;
	place = (struct place){ 0 };
	return 0;
}

/* ---- loading ---- */

/* docker-archive names are references in whatever form: compared complete. */
static char *complete_name(const char *name)
{
	struct reference reference = { 0 };
	char *complete;

	if (!name || !strpbrk(name, "/:") || reference_parse(name, &reference, NULL) < 0)
		return xstrdup(name);
	complete = reference_print(&reference);
	reference_clear(&reference);
	return complete;
}

static void complete_names(struct image_archive *archive)
{
	for (size_t i = 0; i < archive->images_len; i++) {
		struct strlist names = { 0 };
		for (size_t k = 0; k < archive->images[i].names.len; k++)
			strlist_take(&names, complete_name(archive->images[i].names.items[k]));
		strlist_free(&archive->images[i].names);
		archive->images[i].names = names;
	}
}

static int load_archive(struct store *store, const struct place *place, const struct cargo_wish *wish, struct cargo *ret, struct error *err)
{
	struct image_archive archive _cleanup_(image_archive_clear) = { 0 };
	_cleanup_(freep) char *name = complete_name(place->name);
	const struct archived_image *image;

	if (image_archive_read(store, place->path, &archive, err) < 0)
		return -1;
	complete_names(&archive);
	if (image_archive_choose(&archive, name, place->path, &image, err) < 0)
		return -1;
	return image_archive_load(store, image, wish, ret, err);
}

static int load_store(struct store *store, const struct reference *reference, const struct cargo_wish *wish, struct cargo *ret, struct error *err)
{
	struct digest top;

	if (local_resolve(store, reference, &top, err) < 0)
		return -1;
	return cargo_load_local(store, reference->registry, reference->repository, &top, wish, ret, err);
}

static int place_load(struct store *store, const struct place *place, const struct cargo_wish *wish, const struct remote_options *options,
		      struct cargo *ret, struct error *err)
{
	switch (place->kind) {
	case PLACE_REGISTRY:
		return cargo_load_registry(store, &place->reference, wish, options, ret, NULL, err);
	case PLACE_STORE:
		return load_store(store, &place->reference, wish, ret, err);
	case PLACE_LAYOUT:
		return layout_load(store, place->path, place->name, wish, options->progress, ret, err);
	default:
		return load_archive(store, place, wish, ret, err);
	}
}

/* ---- unloading ---- */

static int unload_file(const struct place *place, struct store *store, struct cargo *cargo, struct error *err)
{
	if (place->kind != PLACE_DOCKER_ARCHIVE && cargo_convert_oci(cargo, err) < 0)
		return -1;
	struct archive_cargo item = { .cargo = *cargo };
	int result;

	if (place->name && strpbrk(place->name, "/:"))
		strlist_take(&item.names, complete_name(place->name));
	else
		item.tag = xstrdup(place->name);
	if (place->kind == PLACE_LAYOUT)
		result = layout_write(store, place->path, &item, err);
	else
		result = image_archive_write(store, place->path, &item, 1, place->kind == PLACE_DOCKER_ARCHIVE, err);
	strlist_free(&item.names);
	free(item.tag);
	return result;
}

static int unload_store(const struct place *place, struct store *store, const struct cargo *cargo, struct error *err)
{
	struct strlist tags _cleanup_(strlist_free) = { 0 };

	if (place->reference.tag)
		strlist_add(&tags, place->reference.tag);
	return cargo_unload_local(cargo, store, place->reference.registry, place->reference.repository, &tags, err);
}

static int place_unload(const struct place *place, const struct place *from, struct store *store, struct cargo *cargo,
			const struct remote_options *options, struct error *err)
{
	if (place->kind == PLACE_STORE)
		return unload_store(place, store, cargo, err);
	if (cargo_make_whole(cargo, err) < 0)
		return -1;
	if (place->kind == PLACE_REGISTRY)
		return cargo_push(cargo, store, from->kind == PLACE_STORE ? &from->reference : NULL, &place->reference, options, NULL, err);
	return unload_file(place, store, cargo, err);
}

int remote_copy(struct store *store, const char *from, const char *to, const struct platform *platform, bool all_platforms,
		const struct remote_options *from_options, const struct remote_options *to_options, struct digest *ret, struct error *err)
{
	struct place source _cleanup_(place_clear) = { 0 }, target _cleanup_(place_clear) = { 0 };
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };
	struct cargo_wish wish = { .platform = platform, .all = all_platforms };
	struct error failure _cleanup_(error_clear) = { 0 };

	if (place_parse(from, &source, err) < 0 || place_parse(to, &target, err) < 0)
		return -1;
	if (place_load(store, &source, &wish, from_options, &cargo, &failure) < 0) {
		error_wrap(&failure, "cannot copy from %s", from);
		error_move(err, &failure);
		return -1;
	}
	if (place_unload(&target, &source, store, &cargo, to_options, &failure) < 0) {
		error_wrap(&failure, "cannot copy to %s", to);
		error_move(err, &failure);
		return -1;
	}
	if (ret)
		*ret = cargo_top(&cargo)->digest;
	return 0;
}

/* ---- save and load ---- */

/* By name, or by a part of its id as `images` shows it. */
static int save_one(struct store *store, const char *name, struct archive_cargo *item, struct error *err)
{
	struct image image = { 0 };
	struct reference reference = { 0 };
	struct error ignored _cleanup_(error_clear) = { 0 };
	int result;

	if (reference_parse(name, &reference, &ignored) == 0) {
		struct digest top;
		result = local_resolve(store, &reference, &top, &ignored);
		if (result == 0) {
			result = cargo_load_local(store, reference.registry, reference.repository, &top, NULL, &item->cargo, err);
			if (result == 0 && reference.tag)
				strlist_take(&item->names, reference_print(&reference));
			reference_clear(&reference);
			return result;
		}
		reference_clear(&reference);
	}
	if (store_image_find(store, name, NULL, &image, err) < 0)
		return -1;
	result = cargo_load_local(store, image.reference.registry, image.reference.repository, &image.digest, NULL, &item->cargo, err);
	if (result == 0 && image.reference.tag)
		strlist_take(&item->names, reference_print(&image.reference));
	image_clear(&image);
	return result;
}

int remote_save(struct store *store, const struct strlist *names, const char *file, bool oci, struct error *err)
{
	struct archive_cargo *items = xcalloc(names->len + 1, sizeof *items);
	int result = 0;

	for (size_t i = 0; i < names->len && result == 0; i++)
		if (save_one(store, names->items[i], &items[i], err) < 0)
			result = error_wrap(err, "cannot save %s", names->items[i]);
	for (size_t i = 0; i < names->len && oci && result == 0; i++)
		result = cargo_convert_oci(&items[i].cargo, err);
	if (result == 0 && image_archive_write(store, file, items, names->len, !oci, err) < 0)
		result = error_wrap(err, "cannot save to %s", file);
	archive_cargo_free(items, names->len);
	return result;
}

static int load_nameless(struct store *store, const struct cargo *cargo, struct strlist *ret_names, struct error *err)
{
	const struct cargo_manifest *top = cargo_top(cargo), *image = top;
	char id[DIGEST_TEXT_SIZE];

	if (cargo_unload_local(cargo, store, STORE_NAMELESS, STORE_NAMELESS, NULL, err) < 0)
		return -1;
	if (top->manifest.is_index && cargo->manifests_len > 1)
		image = &cargo->manifests[0];
	strlist_add(ret_names, digest_print(image->manifest.is_index ? &image->digest : &image->manifest.config.digest, id));
	return 0;
}

/* Under each of its names. */
static int load_one(struct store *store, const struct archived_image *image, struct strlist *ret_names, struct error *err)
{
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };
	struct cargo_wish wish = { .all = true, .lenient = true };

	if (image_archive_load(store, image, &wish, &cargo, err) < 0)
		return -1;
	if (!image->names.len)
		return load_nameless(store, &cargo, ret_names, err);
	for (size_t i = 0; i < image->names.len; i++) {
		struct place place _cleanup_(place_clear) = { .kind = PLACE_STORE };
		if (reference_parse(image->names.items[i], &place.reference, err) < 0 || unload_store(&place, store, &cargo, err) < 0)
			return -1;
		strlist_take(ret_names, reference_print_familiar(&place.reference));
	}
	return 0;
}

int remote_load(struct store *store, const char *file, struct strlist *ret_names, struct progress *progress, struct error *err)
{
	struct image_archive archive _cleanup_(image_archive_clear) = { 0 };
	struct strlist names _cleanup_(strlist_free) = { 0 };

	(void)progress;
	if (image_archive_read(store, file, &archive, err) < 0)
		return -1;
	if (!archive.images_len)
		return error_set(err, ERROR_INVALID, "cannot load %s: it holds no image", file);
	for (size_t i = 0; i < archive.images_len; i++)
		if (load_one(store, &archive.images[i], &names, err) < 0)
			return error_wrap(err, "cannot load %s", file);
	strlist_add_all(ret_names, &names);
	return 0;
}
