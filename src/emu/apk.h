/* What Alpine's package manager writes, parsed: the index of a repository, the database of what is installed, /etc/apk/repositories, and packages. All of
 * it is foreign bytes; no I/O here. Sources: apk-tools' manual pages apk-v2(5) and apk-repositories(5), and its database.c for the letters of the index. */
#ifndef EMU_APK_H
#define EMU_APK_H
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum { APK_SHA1_SIZE = 20, APK_SHA256_SIZE = 32 };

/* A package of an index; strings are borrowed from the index's text, "" where it says nothing. */
struct apk_package {
	const char *name, *version, *architecture, *origin, *commit;
	const char *depends, *provides; /* words between blanks */
	bool has_identity;
	unsigned char identity[APK_SHA1_SIZE]; /* SHA-1 of the package's control segment */
};
struct apk_index {
	char *text; /* owned */
	struct apk_package *items;
	size_t len;
};
/* APKINDEX, or /lib/apk/db/installed, which also lists files: those are passed over. So are packages whose name or version could be no part of a path.
 * Takes the bytes out of `text`. */
int apk_index_parse(struct buf *text, struct apk_index *ret, struct error *err);
void apk_index_clear(struct apk_index *index);
const struct apk_package *apk_index_find(const struct apk_index *index, const char *name); /* or NULL */
/* Whose p: has the word, such as "so:libz.so.1"; or NULL. */
const struct apk_package *apk_index_provider(const struct apk_index *index, const char *word);
/* The same version, made of the same recipe at the same commit. */
bool apk_package_equal(const struct apk_package *a, const struct apk_package *b);
/* The words of D: or p: that begin with "so:", without versions. */
void apk_libraries(const char *words, struct strlist *ret);

/* The addresses in /etc/apk/repositories, without a slash at the end: those on the network that apk takes any package from, thus without a tag. */
void apk_repositories_parse(const char *text, struct strlist *ret);

/* A package or an index is a row of gzip members: signatures, for packages the control segment, and the rest. They are borrowed from the file. */
struct apk_segment {
	const char *bytes;
	size_t len;
};
struct apk_file {
	struct apk_segment signature, control, rest; /* control is empty in an index */
	struct buf signature_tar, control_tar;	     /* decompressed; owned */
};
int apk_file_parse(const void *bytes, size_t len, bool package, struct apk_file *ret, struct error *err);
void apk_file_clear(struct apk_file *file);
/* All of a segment decompressed, at most `limit` bytes. */
int apk_segment_read(const struct apk_segment *segment, size_t limit, struct buf *ret, struct error *err);
/* A file of a tar that was decompressed: by its name, or the first whose name begins so. 1, or 0 if there is none; ret_name may be NULL, owned by the caller. */
int apk_tar_find(const struct buf *tar, const char *start, char **ret_name, struct buf *ret, struct error *err);

/* The value of NAME = VALUE in .PKGINFO; owned by the caller, NULL if there is none or more than one. */
char *apk_info_value(const char *text, const char *name);
#endif
