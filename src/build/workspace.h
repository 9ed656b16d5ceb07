/* Where a build works: builds/<random>/ beneath the store's root, locked while the build lives, so that the next build sweeps what a
 * killed one left. All mounts are made in the process's own mount namespace and end with it. */
#ifndef BUILD_WORKSPACE_H
#define BUILD_WORKSPACE_H
#include "store/store.h"

struct workspace {
	char *path; /* absolute; NULL: not opened */
	int lock;
	size_t folders; /* numbers given out */
};

int workspace_open(struct store *store, struct workspace *ret, struct error *err);
/* Takes mounts down and removes everything. For _cleanup_; fine if it wasn't opened. */
void workspace_close(struct workspace *workspace);
/* A new empty folder in it, absolute. Owned by the caller. */
char *workspace_folder(struct workspace *workspace, const char *kind, struct error *err);
/* Takes down what is mounted at folder/merged and removes the folder. */
int workspace_remove(struct workspace *workspace, const char *folder, struct error *err);
/* Unmounts a path, lazily if it is in use; fine if nothing is mounted there. */
void workspace_unmount(const char *path);
#endif
