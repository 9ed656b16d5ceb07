/* COPY and ADD: files of a tree go into another tree, the image in the making, as docker does it.
 *
 * A source that is a directory gives what it holds; one that is a file goes under its name into a destination that is a directory
 * (it exists, ends in a slash, or there are several sources), else it becomes the destination. The destination's tree is the
 * image's: its symlinks lead anywhere, so it is entered only by path_open_in_root; missing directories are made (0755). */
#ifndef BUILD_COPY_H
#define BUILD_COPY_H
#include "build/tree.h"

struct copy_options {
	int root;		/* directory of the tree that is written to; borrowed */
	const char *dest;	/* absolute; a final slash or /. says that it is a directory */
	bool many;		/* several sources: it must be a directory */
	int64_t uid, gid;	/* of what is made; -1: as the source has it (0 for contexts) */
	const char *chmod;	/* --chmod, checked; or NULL */
	const struct ignore *exclude; /* or NULL */
	bool unpack;		/* ADD: a tar archive is unpacked into the destination */
	int64_t epoch;		/* >= 0: the time of all that is copied */
	const char *scratch;	/* an absolute folder that may be used for intermediate files */
};

/* One path of tree_match. */
int copy_path(const struct tree *tree, const char *source, const struct copy_options *options, struct error *err);
/* A heredoc: a file with these bytes. */
int copy_text(const char *name, const char *text, const struct copy_options *options, struct error *err);
/* Makes a directory and those above it with an owner, following symlinks inside the root. Returns 1 if it was there already. */
int copy_make_directory(int root, const char *path, int64_t uid, int64_t gid, int64_t epoch, struct error *err);
#endif
