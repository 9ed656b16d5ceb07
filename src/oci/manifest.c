/* Manifests and indexes: see manifest.h.
 *
 * One text must mean the same to everyone who reads it. So the type is decided once, from three witnesses that may not contradict each
 * other: the content type it came with, its own mediaType, and the fields that it has. A witness may be silent, as OCI lets mediaType be
 * missing and HTTP clients send application/json; with all silent but the fields, they decide. */
#include "base/json.h"
#include "oci/manifest.h"

static bool has_field(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value && !json_is_null(value);
}

static int refuse_schema1(struct error *err)
{
	error_set(err, ERROR_UNSUPPORTED, "it is of the old schema 1, which has no digests of its parts");
	return error_hint(err, "push the image again with a docker newer than 1.10");
}

static int check_version(const json_t *object, struct error *err)
{
	int64_t version;
	int found = json_get_int(object, "schemaVersion", &version, err);

	if (found < 0)
		return -1;
	if (version == 1 || has_field(object, "fsLayers"))
		return refuse_schema1(err);
	if (!found)
		return error_set(err, ERROR_INVALID, "the field 'schemaVersion' is missing");
	return version == 2 ? 0 : error_set(err, ERROR_INVALID, "schemaVersion is %lld, not 2", (long long)version);
}

/* What a media type says: a manifest's or index's type, or MEDIA_UNKNOWN if it says nothing about that. */
static int type_said(const char *text, enum media_type *ret, struct error *err)
{
	static const char *const silent[] = { "application/json", "application/octet-stream", "text/plain" };
	enum media_type type = media_type_parse(text);
	enum media_class class = media_type_class(type);

	*ret = type;
	if (str_empty(text) || class == MEDIA_CLASS_MANIFEST || class == MEDIA_CLASS_INDEX)
		return 0;
	for (size_t i = 0; type == MEDIA_UNKNOWN && i < array_len(silent); i++)
		if (!strncasecmp(text, silent[i], strlen(silent[i])))
			return 0;
	if (type == MEDIA_DOCKER_SCHEMA1 || type == MEDIA_DOCKER_SCHEMA1_SIGNED)
		return refuse_schema1(err);
	return error_set(err, ERROR_UNSUPPORTED, "'%.100s' is not the type of a manifest or index", text);
}

static int decide_type(const json_t *object, const char *content_type, enum media_type *ret, struct error *err)
{
	bool image = has_field(object, "config") || has_field(object, "layers"), index = has_field(object, "manifests");
	enum media_type said, own;
	const char *text;

	if (image && index)
		return error_set(err, ERROR_INVALID, "it is an image (config, layers) and an index (manifests) in one");
	if (json_get_string(object, "mediaType", &text, err) < 0 || type_said(text, &own, err) < 0 || type_said(content_type, &said, err) < 0)
		return -1;
	if (said && own && said != own)
		return error_set(err, ERROR_INVALID, "its mediaType is %s, but it came as %s", media_type_text(own), media_type_text(said));
	*ret = own ? own : said;
	if (!*ret && !image && !index)
		return error_set(err, ERROR_INVALID, "it is neither an image (config, layers) nor an index (manifests)");
	if (!*ret)
		*ret = index ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;
	if (media_type_class(*ret) == MEDIA_CLASS_INDEX ? image : index)
		return error_set(err, ERROR_INVALID, "its type is %s, but its fields are those of %s", media_type_text(*ret),
				 index ? "an index" : "an image");
	return 0;
}

/* A required array of descriptors; null is an empty one, as Go programs write it. */
static int take_list(const json_t *object, const char *key, struct descriptor **ret, size_t *ret_len, struct error *err)
{
	json_t *array, *item;
	int64_t total = 0;
	size_t i;

	if (!json_object_get(object, key))
		return error_set(err, ERROR_INVALID, "the field '%s' is missing", key);
	if (json_get_array(object, key, &array, err) < 0)
		return -1;
	if (json_array_size(array) > MANIFEST_CHILDREN_MAX)
		return error_set(err, ERROR_TOO_LARGE, "it has %zu %s; at most %d are taken", json_array_size(array), key, MANIFEST_CHILDREN_MAX);
	*ret = xcalloc(json_array_size(array), sizeof **ret);
	json_array_foreach(array, i, item) {
		if (descriptor_from_json(item, &(*ret)[i], err) < 0)
			return error_wrap(err, "%s[%zu]", key, i);
		*ret_len = i + 1;
		if (__builtin_add_overflow(total, (*ret)[i].size, &total))
			return error_set(err, ERROR_INVALID, "the sizes of its %s are too large together", key);
	}
	return 0;
}

static int take_config(const json_t *object, struct manifest *manifest, struct error *err)
{
	json_t *config;
	int found = json_get_object(object, "config", &config, err);

	if (found < 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_INVALID, "the field 'config' is missing");
	return descriptor_from_json(config, &manifest->config, err) < 0 ? error_wrap(err, "config") : 0;
}

static int take_subject(const json_t *object, struct manifest *manifest, struct error *err)
{
	json_t *subject;
	int found = json_get_object(object, "subject", &subject, err);

	if (found <= 0)
		return found;
	if (descriptor_from_json(subject, &manifest->subject, err) < 0)
		return error_wrap(err, "subject");
	manifest->has_subject = true;
	return 0;
}

static int take_annotations(const json_t *object, struct manifest *manifest, struct error *err)
{
	json_t *annotations, *value;
	const char *key;

	if (json_get_object(object, "annotations", &annotations, err) < 0)
		return -1;
	json_object_foreach(annotations, key, value)
		if (!json_is_string(value))
			return error_set(err, ERROR_INVALID, "an annotation is not a string");
	manifest->annotations = json_incref(annotations);
	return 0;
}

static int parse(const json_t *object, const char *content_type, struct manifest *manifest, struct error *err)
{
	const char *artifact_type;

	if (check_version(object, err) < 0 || decide_type(object, content_type, &manifest->type, err) < 0)
		return -1;
	manifest->is_index = media_type_class(manifest->type) == MEDIA_CLASS_INDEX;
	if (manifest->is_index) {
		if (take_list(object, "manifests", &manifest->children, &manifest->children_len, err) < 0)
			return -1;
	} else if (take_config(object, manifest, err) < 0 || take_list(object, "layers", &manifest->layers, &manifest->layers_len, err) < 0)
		return -1;
	if (take_subject(object, manifest, err) < 0 || take_annotations(object, manifest, err) < 0 ||
	    json_get_string(object, "artifactType", &artifact_type, err) < 0)
		return -1;
	manifest->artifact_type = str_empty(artifact_type) ? NULL : xstrdup(artifact_type);
	return 0;
}

int manifest_parse(const char *text, size_t len, const char *content_type, struct manifest *ret, struct error *err)
{
	_cleanup_(manifest_clear) struct manifest manifest = { 0 };

	if (len > MANIFEST_SIZE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the manifest has %zu bytes; at most %d are taken", len, MANIFEST_SIZE_MAX);
	_cleanup_(json_release) json_t *object = json_parse(text, len, "manifest", err);
	if (!object)
		return -1;
	if (parse(object, content_type, &manifest, err) < 0)
		return error_wrap(err, "the manifest is not valid");
	*ret = manifest;
	manifest = (struct manifest){ 0 };
	return 0;
}

static json_t *list_to_json(const struct descriptor *list, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; i < len; i++)
		json_array_append_new(array, descriptor_to_json(&list[i]));
	return array;
}

void manifest_print(const struct manifest *manifest, struct buf *ret)
{
	_cleanup_(json_release) json_t *object = json_object();

	json_object_set_new(object, "schemaVersion", json_integer(2));
	json_object_set_new(object, "mediaType", json_string(media_type_text(manifest->type)));
	if (manifest->artifact_type)
		json_object_set_new(object, "artifactType", json_string(manifest->artifact_type));
	if (manifest->is_index)
		json_object_set_new(object, "manifests", list_to_json(manifest->children, manifest->children_len));
	else {
		json_object_set_new(object, "config", descriptor_to_json(&manifest->config));
		json_object_set_new(object, "layers", list_to_json(manifest->layers, manifest->layers_len));
	}
	if (manifest->has_subject)
		json_object_set_new(object, "subject", descriptor_to_json(&manifest->subject));
	if (manifest->annotations)
		json_object_set(object, "annotations", manifest->annotations);
	_cleanup_(freep) char *text = json_text(object);
	buf_add_str(ret, text);
}

static void list_clear(struct descriptor **list, size_t *len)
{
	for (size_t i = 0; i < *len; i++)
		descriptor_clear(&(*list)[i]);
	free(*list);
	*list = NULL;
	*len = 0;
}

void manifest_clear(struct manifest *manifest)
{
	descriptor_clear(&manifest->config);
	descriptor_clear(&manifest->subject);
	list_clear(&manifest->layers, &manifest->layers_len);
	list_clear(&manifest->children, &manifest->children_len);
	free(manifest->artifact_type);
	json_release(&manifest->annotations);
	*manifest = (struct manifest){ 0 };
}

const char *manifest_artifact_type(const struct manifest *manifest)
{
	return manifest->artifact_type ? manifest->artifact_type : manifest->config.media_type;
}

static void list_add(struct descriptor **list, size_t *len, const struct descriptor *item)
{
	*list = xrealloc(*list, *len + 1, sizeof **list);
	descriptor_copy(item, &(*list)[(*len)++]);
}

void manifest_add_layer(struct manifest *manifest, const struct descriptor *layer)
{
	list_add(&manifest->layers, &manifest->layers_len, layer);
}

void manifest_add_child(struct manifest *manifest, const struct descriptor *child)
{
	list_add(&manifest->children, &manifest->children_len, child);
}

const struct descriptor *manifest_choose(const struct manifest *index, const struct platform *wish)
{
	const struct descriptor *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < index->children_len; i++) {
		const struct descriptor *child = &index->children[i];
		if (json_object_get(child->annotations, "vnd.docker.reference.type"))
			continue;
		/* An only child needn't say what it is for: its config does. */
		int score = child->has_platform ? platform_match(wish, &child->platform) : index->children_len == 1;
		if (score > best_score) {
			best = child;
			best_score = score;
		}
	}
	return best;
}
