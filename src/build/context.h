/* The build context: the folder whose files COPY, ADD and bind mounts may read, and nothing outside it. */
#ifndef BUILD_CONTEXT_H
#define BUILD_CONTEXT_H
#include "base/buf.h"
#include "build/tree.h"
#include "build/workspace.h"

struct build_context {
	int root;	       /* -1: there is none (a Dockerfile on stdin) */
	char *path;	       /* as given; for messages */
	struct ignore *ignore; /* or NULL */
	char *file_name;       /* of the Dockerfile, for messages */
	struct buf text;       /* the Dockerfile */
};

/* Opens the folder `path`, or nothing for "-"; reads the Dockerfile `file` (NULL: Dockerfile in the context; "-": stdin) and
 * FILE.dockerignore or else .dockerignore. */
int context_open(const char *path, const char *file, struct build_context *ret, struct error *err);
/* The same; with the path "-" standard input may also be a tar, compressed or not, which is unpacked into the workspace (opened then) and in which
 * `file` is looked for. */
int context_open_any(struct store *store, struct workspace *workspace, const char *path, const char *file, struct build_context *ret,
		     struct error *err);
void context_close(struct build_context *context);
#endif
