/* Who the server is: root opens ports and reads keys, and then becomes the owner of the store. */
#ifndef REGISTRY_PRIVILEGE_H
#define REGISTRY_PRIVILEGE_H
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct privilege {
	bool change; /* we are root, and may become another */
	uid_t uid;
	gid_t gid;
	char *name; /* NULL: the user has none */
};

/* Decides: `user` (a name or number; NULL: the owner of the store's folder `root`). A folder that isn't there yet is made for `user`. */
int privilege_choose(const char *root, const char *user, struct privilege *ret, struct error *err);
void privilege_clear(struct privilege *privilege);
/* Files that are made between these two belong to that user. Before any thread. */
int privilege_lend(const struct privilege *privilege, struct error *err);
void privilege_return(const struct privilege *privilege);
/* For good. Before any thread. */
int privilege_drop(const struct privilege *privilege, struct error *err);
/* All capabilities, those of root too, and the ways to get them back. */
int privilege_drop_capabilities(struct error *err);
#endif
