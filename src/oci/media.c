/* Media types: the strings of the table in manifest.h and what each is. */
#include <strings.h>

#include "base/str.h"
#include "oci/manifest.h"

static const struct {
	const char *text;
	enum media_class class;
} types[] = {
	[MEDIA_UNKNOWN] = { "application/octet-stream", MEDIA_CLASS_OTHER },
#define X(name, text, class) [MEDIA_##name] = { text, class },
	MEDIA_TYPES(X)
#undef X
};

const char *media_type_text(enum media_type type)
{
	return types[type].text;
}

enum media_type media_type_parse(const char *text)
{
	if (!text)
		return MEDIA_UNKNOWN;
	text += strspn(text, " \t");
	size_t len = strcspn(text, "; \t");
	for (size_t i = MEDIA_UNKNOWN + 1; i < array_len(types); i++)
		if (strlen(types[i].text) == len && !strncasecmp(types[i].text, text, len))
			return (enum media_type)i;
	return MEDIA_UNKNOWN;
}

enum media_class media_type_class(enum media_type type)
{
	return types[type].class;
}

enum media_type media_type_oci(enum media_type type)
{
	switch (type) {
	case MEDIA_DOCKER_MANIFEST: return MEDIA_OCI_MANIFEST;
	case MEDIA_DOCKER_LIST: return MEDIA_OCI_INDEX;
	case MEDIA_DOCKER_CONFIG: return MEDIA_OCI_CONFIG;
	case MEDIA_DOCKER_LAYER: return MEDIA_OCI_LAYER;
	case MEDIA_DOCKER_LAYER_GZIP: return MEDIA_OCI_LAYER_GZIP;
	case MEDIA_DOCKER_LAYER_ZSTD: return MEDIA_OCI_LAYER_ZSTD;
	case MEDIA_DOCKER_LAYER_FOREIGN_GZIP: return MEDIA_OCI_LAYER_FOREIGN_GZIP;
	default: return type;
	}
}
