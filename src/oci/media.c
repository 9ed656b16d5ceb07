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
