/* Case files of another form than cases.h: INPUT -> EXPECTED a line, where the input may have any blanks and tabs; # begins a comment. */
#ifndef TESTS_REGISTRY_ARROWS_H
#define TESTS_REGISTRY_ARROWS_H
#include "base/fd.h"
#include "base/str.h"
#include "tap.h"

/* False if the file can't be read. `describe`: its text is ours to free. */
static inline bool arrows_check(const char *path, char *(*describe)(const char *input))
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	if (!path || file_read(AT_FDCWD, path, 1 << 20, &text, NULL) < 0)
		return false;
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		char *line = lines.items[i], *arrow = strstr(line, " -> ");
		if (*line == '#' || !arrow)
			continue;
		*arrow = '\0';
		_cleanup_(freep) char *got = describe(line);
		is_str(got, arrow + 4, line);
	}
	return true;
}
#endif
