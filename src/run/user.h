/* Who a process in a tree is: "user[:group]", names by the tree's own /etc/passwd and /etc/group. */
#ifndef RUN_USER_H
#define RUN_USER_H
#include <sys/types.h>

#include "base/error.h"

enum { USER_GROUPS_MAX = 64 };
struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX]; /* supplementary ones */
	size_t groups_len;
	char home[256]; /* "/" if nothing says another */
};
/* `text` NULL or "" is root. Parses with the contents of the two files (NULL where there is none). Without ":group" the
 * supplementary groups are those that name the user. ERROR_NOT_FOUND for names that aren't there. */
int user_parse(const char *text, const char *passwd, const char *group, struct user *ret, struct error *err);
/* With the files of a tree, never outside of it. */
int user_find(int root, const char *text, struct user *ret, struct error *err);
#endif
