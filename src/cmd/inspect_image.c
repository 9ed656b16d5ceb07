/* An image as docker's `inspect` shows it. The parts that are the image configuration's own are taken from its printed form, so that what we do not
 * know of is shown as well. */
#include "cmd/inspect_image.h"

#include "base/json.h"

static json_t *text_or_empty(const char *text)
{
	return json_string(text ? text : "");
}

/* All names of the image: redis:7 into tags, redis@sha256:… into digests. */
static int add_names(struct store *store, const struct image *image, json_t *tags, json_t *digests, struct error *err)
{
	struct image_row *rows = NULL;
	size_t len = 0;

	if (store_images(store, &rows, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct reference name = { .registry = rows[i].registry, .repository = rows[i].repository, .tag = rows[i].tag };
		bool same = digest_equal(&rows[i].digest, &image->top) || digest_equal(&rows[i].digest, &image->digest);
		if (!same || str_equal(rows[i].registry, STORE_NAMELESS))
			continue;
		_cleanup_(freep) char *tagged = reference_print_familiar(&name);
		if (name.tag)
			json_array_append_new(tags, json_string(tagged));
		name.tag = NULL;
		name.has_digest = true;
		name.digest = rows[i].digest;
		_cleanup_(freep) char *pinned = reference_print_familiar(&name);
		bool known = false;
		for (size_t j = 0; j < json_array_size(digests); j++)
			known |= str_equal(json_string_value(json_array_get(digests, j)), pinned);
		if (!known)
			json_array_append_new(digests, json_string(pinned));
	}
	image_rows_free(rows, len);
	return 0;
}

static json_t *configuration(const struct image_config *config)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	config_print(config, &text);
	return json_parse(text.data, text.len, "image configuration", NULL);
}

static json_t *root_fs(const struct image_config *config)
{
	json_t *layers = json_array();
	char text[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < config->diff_ids_len; i++)
		json_array_append_new(layers, json_string(digest_print(&config->diff_ids[i], text)));
	return json_pack("{s:s, s:o}", "Type", "layers", "Layers", layers);
}

/* Compressed, as in `sampan images`. */
static int64_t size_of(const struct manifest *manifest)
{
	int64_t size = manifest->config.size;

	for (size_t i = 0; i < manifest->layers_len; i++)
		size += manifest->layers[i].size;
	return size;
}

static void add_machine(json_t *object, const struct image *image)
{
	const struct platform *platform = &image->config.platform;
	char text[DIGEST_TEXT_SIZE];

	json_object_set_new(object, "Architecture", json_string(platform->architecture));
	if (*platform->variant)
		json_object_set_new(object, "Variant", json_string(platform->variant));
	json_object_set_new(object, "Os", json_string(platform->os));
	json_object_set_new(object, "Size", json_integer(size_of(&image->manifest)));
	json_object_set_new(object, "RootFS", root_fs(&image->config));
	json_object_set_new(object, "Digest", json_string(digest_print(&image->digest, text)));
	json_object_set_new(object, "ManifestType", json_string(media_type_text(image->manifest.type)));
}

json_t *image_inspect(struct store *store, const char *name, const struct platform *platform, struct error *err)
{
	struct image image _cleanup_(image_clear) = { 0 };
	json_t *tags = json_array(), *digests = json_array();
	char text[DIGEST_TEXT_SIZE];

	if (store_image_find(store, name, platform, &image, err) < 0 || add_names(store, &image, tags, digests, err) < 0) {
		json_decref(tags);
		json_decref(digests);
		return NULL;
	}
	_cleanup_(json_release) json_t *config = configuration(&image.config);
	json_t *object = json_object(), *history = json_object_get(config, "history");
	json_object_set_new(object, "Id", json_string(digest_print(&image.id, text)));
	json_object_set_new(object, "RepoTags", tags);
	json_object_set_new(object, "RepoDigests", digests);
	json_object_set_new(object, "Created", text_or_empty(image.config.created));
	json_object_set_new(object, "Author", text_or_empty(image.config.author));
	json_object_set(object, "Config", json_object_get(config, "config"));
	add_machine(object, &image);
	json_object_set_new(object, "History", history ? json_incref(history) : json_array());
	return object;
}
