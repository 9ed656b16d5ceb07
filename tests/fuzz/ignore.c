/* .dockerignore: patterns up to an empty line, then paths. */
#include <stdint.h>

#include "build/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A directory into which the walk doesn't go holds nothing that isn't ignored. */
static void check_path(const struct ignore *ignore, char *path)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		bool closed = *path && !ignore_may_descend(ignore, path);
		*slash = '/';
		if (closed && !ignore_match(ignore, path))
			abort();
	}
	ignore_match(ignore, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(ignore_free) struct ignore *ignore = NULL;
	_cleanup_(strlist_free) struct strlist paths = { 0 };
	_cleanup_(error_clear) struct error err = { 0 };
	const char *text = (const char *)data, *end = memmem(text, size, "\n\n", 2);

	if (ignore_parse(text, end ? (size_t)(end - text) : size, ".dockerignore", &ignore, &err) < 0 || !end)
		return 0;
	_cleanup_(freep) char *rest = xstrndup(end + 2, size - (size_t)(end + 2 - text));
	strlist_split(&paths, rest, '\n');
	for (size_t i = 0; i < paths.len; i++) {
		check_path(ignore, paths.items[i]);
		for (size_t j = 0; j < paths.len && j < 4; j++)
			ignore_pattern_match(paths.items[j], paths.items[i]);
	}
	return 0;
}
