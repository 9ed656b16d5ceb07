/* Mount points that a runtime needs in a tree, made and taken away without a trace in the layer.
 *
 * An OCI runtime makes the targets of mounts where they are missing (/proc, /etc/resolv.conf …), which copies folders up and leaves empty files
 * in the upper directory. So we make them before it does, and remember what we did. */
#ifndef RUN_MOUNTPOINT_H
#define RUN_MOUNTPOINT_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct mountpoint {
	char *path; /* in the tree, absolute; owned */
	bool is_dir;
};
/* A folder that was in the layers below only: making something in it copies it up. */
struct copied_folder {
	char *path;	    /* owned */
	struct stat before;
};
struct mountpoints {
	struct mountpoint *made; /* parents before children */
	size_t made_len;
	struct copied_folder *copied; /* parents before children */
	size_t copied_len;
};
/* `tree` is the root of the overlay, `upper` its upper directory. What fails is left to the runtime. */
void mountpoint_make(struct mountpoints *list, int tree, int upper, const char *target, bool is_dir);
/* Takes what is still empty out of the upper directory; folders that only we had touched leave it, others get their time back. */
void mountpoints_remove(struct mountpoints *list, int upper);
void mountpoints_free(struct mountpoints *list);
#endif
