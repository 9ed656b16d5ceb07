/* Case files: one case a line, fields between tabs (any number of them), '#' begins a comment line. In a field, %name% stands for what the
 * test's `expand` says, so that long digests need not be written out, and "-" is an empty field. */
#ifndef TESTS_OCI_CASES_H
#define TESTS_OCI_CASES_H
#include <fcntl.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "tap.h"

#define DIGEST_A "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST_B "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
#define HEX_A "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST_512                                                                    \
	"sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce" \
	"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"

static inline char *case_expand(const char *text)
{
	static const struct {
		const char *name, *value;
	} names[] = { { "%A%", DIGEST_A }, { "%B%", DIGEST_B }, { "%hex%", HEX_A }, { "%512%", DIGEST_512 }, { "%ff%", "\xff\xfe" } };
	struct buf out = { 0 };

	while (*text) {
		size_t i = 0;
		while (i < array_len(names) && !str_starts(text, names[i].name))
			i++;
		if (i < array_len(names))
			buf_add_str(&out, names[i].value);
		else
			buf_add_char(&out, *text);
		text += i < array_len(names) ? strlen(names[i].name) : 1;
	}
	return buf_steal(&out);
}

static inline void case_line(char *line, void (*run)(const struct strlist *fields))
{
	_cleanup_(strlist_free) struct strlist fields = { 0 };
	char *field, *rest = line;

	if (!*line || *line == '#')
		return;
	while ((field = strtok_r(rest, "\t", &rest)))
		strlist_take(&fields, str_equal(field, "-") ? xstrdup("") : case_expand(field));
	run(&fields);
}

/* Runs every case of a file. An unreadable file is a failed test. */
static inline void case_file(const char *path, void (*run)(const struct strlist *fields))
{
	_cleanup_(buf_free) struct buf text = { 0 };
	struct error err = { 0 };
	char *line, *rest;

	if (!works(file_read(AT_FDCWD, path, 1 << 20, &text, &err), &err, path))
		return;
	for (rest = text.data; rest && (line = strsep(&rest, "\n"));)
		case_line(line, run);
}
#endif
