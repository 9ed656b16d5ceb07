/* Descriptors (image-spec: descriptor.md): a media type, a digest and a size, and what may stand beside them. */
#include <ctype.h>
#include <stdio.h>

#include "base/json.h"
#include "oci/manifest.h"

void descriptor_clear(struct descriptor *descriptor)
{
	free(descriptor->media_type);
	free(descriptor->artifact_type);
	json_release(&descriptor->annotations);
	json_release(&descriptor->urls);
	*descriptor = (struct descriptor){ 0 };
}

void descriptor_copy(const struct descriptor *from, struct descriptor *to)
{
	*to = *from;
	to->media_type = xstrdup(from->media_type);
	to->artifact_type = xstrdup(from->artifact_type);
	to->annotations = json_incref(from->annotations);
	to->urls = json_incref(from->urls);
}

static json_t *platform_to_json(const struct platform *platform)
{
	json_t *object = json_object();

	json_object_set_new(object, "architecture", json_string(platform->architecture));
	json_object_set_new(object, "os", json_string(platform->os));
	if (*platform->os_version)
		json_object_set_new(object, "os.version", json_string(platform->os_version));
	if (*platform->variant)
		json_object_set_new(object, "variant", json_string(platform->variant));
	return object;
}

json_t *descriptor_to_json(const struct descriptor *descriptor)
{
	json_t *object = json_object();
	char digest[DIGEST_TEXT_SIZE];

	json_object_set_new(object, "mediaType", json_string(descriptor->media_type));
	json_object_set_new(object, "digest", json_string(digest_print(&descriptor->digest, digest)));
	json_object_set_new(object, "size", json_integer(descriptor->size));
	if (descriptor->urls)
		json_object_set(object, "urls", descriptor->urls);
	if (descriptor->annotations)
		json_object_set(object, "annotations", descriptor->annotations);
	if (descriptor->has_platform)
		json_object_set_new(object, "platform", platform_to_json(&descriptor->platform));
	if (descriptor->artifact_type)
		json_object_set_new(object, "artifactType", json_string(descriptor->artifact_type));
	return object;
}

/* A string of the platform object into its field; `required` may not be missing. */
static int take_part(const json_t *object, const char *key, bool required, char *field, size_t size, struct error *err)
{
	const char *text;
	int found = json_get_string(object, key, &text, err);

	if (found < 0)
		return -1;
	if (required && str_empty(text))
		return error_set(err, ERROR_INVALID, "the field '%s' is missing", key);
	if (text && strlen(text) >= size)
		return error_set(err, ERROR_INVALID, "the field '%s' is longer than %zu characters", key, size - 1);
	snprintf(field, size, "%s", text ? text : "");
	return 0;
}

/* {} or {"architecture": "", "os": ""}: some programs write this where they mean that there is none. */
static bool is_blank(const json_t *platform)
{
	const char *os, *architecture;

	return json_get_string(platform, "os", &os, NULL) >= 0 && json_get_string(platform, "architecture", &architecture, NULL) >= 0 &&
	       str_empty(os) && str_empty(architecture);
}

static int take_platform(const json_t *object, struct descriptor *descriptor, struct error *err)
{
	struct platform *p = &descriptor->platform;
	json_t *platform;
	int found = json_get_object(object, "platform", &platform, err);

	if (found <= 0 || is_blank(platform))
		return found < 0 ? -1 : 0;
	if (take_part(platform, "os", true, p->os, sizeof p->os, err) < 0 ||
	    take_part(platform, "architecture", true, p->architecture, sizeof p->architecture, err) < 0 ||
	    take_part(platform, "variant", false, p->variant, sizeof p->variant, err) < 0 ||
	    take_part(platform, "os.version", false, p->os_version, sizeof p->os_version, err) < 0)
		return error_wrap(err, "platform");
	descriptor->has_platform = true;
	return 0;
}

/* "type/subtype" of RFC 6838, perhaps with parameters behind it: enough to be safe in a header. */
static int check_media_type(const char *key, const char *text, struct error *err)
{
	const char *slash = strchr(text, '/');
	size_t len = strlen(text);

	for (const char *at = text; *at; at++)
		if (!isprint((unsigned char)*at) || *at == '"' || *at == '<' || *at == '>')
			slash = NULL;
	if (!slash || slash == text || !slash[1] || len > 255)
		return error_set(err, ERROR_INVALID, "the field '%s' is not a media type", key);
	return 0;
}

static int take_types(const json_t *object, struct descriptor *descriptor, struct error *err)
{
	const char *media_type, *artifact_type;

	if (json_get_string(object, "mediaType", &media_type, err) < 0 || json_get_string(object, "artifactType", &artifact_type, err) < 0)
		return -1;
	if (!media_type)
		return error_set(err, ERROR_INVALID, "the field 'mediaType' is missing");
	if (check_media_type("mediaType", media_type, err) < 0)
		return -1;
	descriptor->media_type = xstrdup(media_type);
	descriptor->artifact_type = str_empty(artifact_type) ? NULL : xstrdup(artifact_type);
	return 0;
}

static int take_content(const json_t *object, struct descriptor *descriptor, struct error *err)
{
	const char *digest;
	int found;

	if (json_get_string(object, "digest", &digest, err) < 0)
		return -1;
	if (!digest)
		return error_set(err, ERROR_INVALID, "the field 'digest' is missing");
	if (digest_parse(digest, &descriptor->digest, err) < 0 || (found = json_get_int(object, "size", &descriptor->size, err)) < 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_INVALID, "the field 'size' is missing");
	if (descriptor->size < 0)
		return error_set(err, ERROR_INVALID, "the size %lld is negative", (long long)descriptor->size);
	return 0;
}

static int take_extras(const json_t *object, struct descriptor *descriptor, struct error *err)
{
	json_t *annotations, *urls, *value;
	const char *key, *data;
	size_t i;

	if (json_get_object(object, "annotations", &annotations, err) < 0 || json_get_array(object, "urls", &urls, err) < 0 ||
	    json_get_string(object, "data", &data, err) < 0)
		return -1;
	json_object_foreach(annotations, key, value)
		if (!json_is_string(value))
			return error_set(err, ERROR_INVALID, "an annotation is not a string");
	json_array_foreach(urls, i, value)
		if (!json_is_string(value))
			return error_set(err, ERROR_INVALID, "one of the 'urls' is not a string");
	descriptor->annotations = json_incref(annotations);
	descriptor->urls = json_incref(urls);
	return 0;
}

int descriptor_from_json(const json_t *object, struct descriptor *ret, struct error *err)
{
	struct descriptor descriptor = { 0 };

	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "a descriptor is not an object");
	if (take_types(object, &descriptor, err) < 0 || take_content(object, &descriptor, err) < 0 ||
	    take_platform(object, &descriptor, err) < 0 || take_extras(object, &descriptor, err) < 0) {
		descriptor_clear(&descriptor);
		return -1;
	}
	*ret = descriptor;
	return 0;
}

bool descriptor_make_oci(struct descriptor *descriptor)
{
	enum media_type type = media_type_parse(descriptor->media_type), other = media_type_oci(type);

	if (type == other)
		return false;
	free(descriptor->media_type);
	descriptor->media_type = xstrdup(media_type_text(other));
	return true;
}
