/* Walking files beneath a root that isn't trusted: a build context, or the tree of another stage.
 *
 * One walk serves the digest of what a COPY reads and the COPY itself, so that both see the same files in the same order (sorted
 * by bytes). No symlink is ever followed out of the root: the start is opened by path_open_in_root, everything beneath it one
 * component at a time with O_NOFOLLOW. */
#ifndef BUILD_TREE_H
#define BUILD_TREE_H
#include <sys/stat.h>

#include "base/error.h"
#include "base/str.h"
#include "build/ignore.h"
#include "oci/digest.h"

/* Where sources are read from. */
struct tree {
	int root;		     /* directory; borrowed */
	const struct ignore *ignore; /* .dockerignore, by paths from the root; NULL for other stages */
	bool is_context;	     /* owners don't count: everything is 0:0 */
	const struct stat *hidden;   /* a directory that isn't there for us: the store, should it lie in the context; or NULL */
};

struct tree_entry {
	const char *path; /* from the start of the walk; "" is the start itself */
	int dir;	  /* the directory that holds it */
	const char *name; /* its name there; "." for a start that is a directory */
	struct stat st;
};
typedef int tree_visit(void *data, const struct tree_entry *entry, struct error *err);

/* Visits `start` (clean, relative to the root; symlinks on the way are followed inside the root) and all beneath it, directories
 * before what they hold. What tree->ignore or `exclude` (by paths from the start; may be NULL) match is left out, and so is a
 * directory of which only what it holds was taken back, unless something does follow. Sockets are left out. */
int tree_walk(const struct tree *tree, const char *start, const struct ignore *exclude, tree_visit *visit, void *data, struct error *err);

/* The paths that a COPY source names, sorted: itself, or what its wildcards match. `*ret_wild` says whether it holds any. One without
 * wildcards that isn't there, or is ignored, is ERROR_NOT_FOUND. */
int tree_match(const struct tree *tree, const char *source, struct strlist *ret, bool *ret_wild, struct error *err);

/* Adds everything that a COPY of `start` would carry over to the digest: names, types, modes, owners (unless is_context), bytes; not times. */
int tree_digest(const struct tree *tree, const char *start, const struct ignore *exclude, struct digester *digester, struct error *err);

/* Opens the regular file of an entry for reading. */
int tree_open(const struct tree_entry *entry, struct error *err);
#endif
