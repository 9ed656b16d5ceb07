/* A set of changes to a machine's settings, beneath a root: made together or not at all, and taken back exactly.
 *
 * First the new contents are put together in memory; nothing is written until all of them are known. change_set_apply then writes a journal (what each
 * file held and a digest of what it holds now) and the files, each replaced at once; if one can't be written, those before it get
 * their old contents back. change_undo reads the journal backwards. A file that is no longer what we left is not touched. */
#ifndef BOARD_CHANGE_H
#define BOARD_CHANGE_H
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum { CHANGE_FILE_MAX = 256 << 10 };

struct change {
	char *path;  /* as the machine sees it: "/etc/docker/daemon.json" */
	bool existed;
	struct buf old, new;
	mode_t mode, new_mode; /* of the old file, and what it gets */
	uid_t owner;
	gid_t group;
};
struct change_set {
	char *prefix; /* "/" or the --prefix */
	int root;     /* its descriptor */
	struct change *items;
	size_t len;
	struct strlist secrets; /* texts that a printed difference shows as stars */
};

int change_set_open(const char *prefix, struct change_set *ret, struct error *err);
void change_set_clear(struct change_set *set);
/* Is there such a file or folder beneath the root? */
bool change_set_has(const struct change_set *set, const char *path);
/* The content of a file as it will be, to be edited in place until the next call; the old content at first, empty if there is none. ERROR_UNSUPPORTED for
 * what is no regular file (a symbolic link belongs to whoever manages the machine), ERROR_INVALID for what is no text. */
int change_set_file(struct change_set *set, const char *path, mode_t mode, struct buf **ret, struct error *err);
/* The file gets credentials: none but its owner shall read it. */
void change_set_keep_private(struct change_set *set, const char *path);
bool change_set_is_empty(const struct change_set *set); /* nothing differs */
bool change_differs(const struct change *change);
bool change_set_differs(const struct change_set *set, const char *path);
/* The unified diff of one file. Appends. */
void change_print(const struct change_set *set, const struct change *change, struct buf *ret);

/* `journal` is a path beneath the root; what it holds already is kept, so that joining twice is undone as a whole. */
int change_set_apply(struct change_set *set, const char *journal, struct error *err);

/* What an undo does or would do, a line a file: the path, and how it ends. */
enum undo_state { UNDO_RESTORED, UNDO_REMOVED, UNDO_CHANGED /* by somebody else: left alone */, UNDO_ALREADY };
typedef void undo_report(const char *path, enum undo_state state, const struct buf *now, const struct buf *then, void *data);
/* Returns 1 if something had to be left alone: the journal then keeps only that. ERROR_NOT_FOUND if there is no journal. With `dry` nothing is written. */
int change_undo(struct change_set *set, const char *journal, bool dry, undo_report *report, void *data, struct error *err);
#endif
