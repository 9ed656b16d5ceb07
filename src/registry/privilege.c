/* Who the server is: see privilege.h.
 *
 * A store that a user owns is served as that user, also when root starts the server. A store of root's, which containers of root share, is
 * served by a root without capabilities: he can do what the owner of those files can, and no more. */
#include "registry/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

static int user_find(const char *user, struct privilege *ret, struct error *err)
{
	int64_t number;
	bool numeric = str_to_int(user, 0, INT32_MAX, &number, NULL) == 0;
	const struct passwd *found = numeric ? getpwuid((uid_t)number) : getpwnam(user);

	if (!found && !numeric)
		return error_set(err, ERROR_USAGE, "--user %s: there is no such user", user);
	ret->uid = found ? found->pw_uid : (uid_t)number;
	ret->gid = found ? found->pw_gid : (gid_t)number;
	ret->name = xstrdup(found ? found->pw_name : NULL);
	return 0;
}

static int make_root(const char *root, const struct privilege *privilege, struct error *err)
{
	if (dir_make(AT_FDCWD, root, 0700, err) < 0)
		return -1;
	if (chown(root, privilege->uid, privilege->gid) < 0)
		return error_errno(err, errno, "cannot give the folder %s to its user", root);
	return 0;
}

/* As `user` wants it. Another's store isn't taken over: its files would be half of one user and half of another. */
static int choose_user(const char *root, const char *user, struct privilege *ret, struct error *err)
{
	struct stat st;

	if (user_find(user, ret, err) < 0)
		return -1;
	if (geteuid() == ret->uid)
		return 0;
	if (geteuid() != 0)
		return error_set(err, ERROR_DENIED, "--user %s: only root can become another user", user);
	ret->change = true;
	if (stat(root, &st) < 0)
		return make_root(root, ret, err);
	if (st.st_uid == ret->uid)
		return 0;
	error_set(err, ERROR_DENIED, "--user %s: the store %s belongs to another (uid %u)", user, root, (unsigned)st.st_uid);
	return error_hint(err, "give it to that user with 'chown -R %s: %s', or choose another with --root", user, root);
}

/* In a container the owner may be nobody that we know, or we may lack the right to change. */
static void choose_owner(const char *root, struct privilege *ret)
{
	struct stat st;

	if (geteuid() != 0 || stat(root, &st) < 0 || st.st_uid == 0)
		return;
	const struct passwd *found = getpwuid(st.st_uid);
	*ret = (struct privilege){ true, st.st_uid, st.st_gid, xstrdup(found ? found->pw_name : NULL) };
	if (privilege_lend(ret, NULL) < 0) {
		log_info("sampan: the store's owner (uid %u) can't be taken on here, so the registry stays uid 0", (unsigned)st.st_uid);
		ret->change = false;
	}
	privilege_return(ret);
}

int privilege_choose(const char *root, const char *user, struct privilege *ret, struct error *err)
{
	*ret = (struct privilege){ 0 };
	if (user)
		return choose_user(root, user, ret, err);
	choose_owner(root, ret);
	return 0;
}

void privilege_clear(struct privilege *privilege)
{
	free(privilege->name);
	*privilege = (struct privilege){ 0 };
}

static int change_failed(const struct privilege *privilege, struct error *err)
{
	error_errno(err, errno, "cannot become the owner of the store (uid %u)", (unsigned)privilege->uid);
	return error_hint(err, "in a container: add the capabilities SETUID and SETGID, or start it as that user");
}

int privilege_lend(const struct privilege *privilege, struct error *err)
{
	if (!privilege->change)
		return 0;
	if (setegid(privilege->gid) == 0 && seteuid(privilege->uid) == 0)
		return 0;
	int saved = errno;
	if (setegid(0) < 0)
		abort();
	errno = saved;
	return change_failed(privilege, err);
}

void privilege_return(const struct privilege *privilege)
{
	if (privilege->change && (seteuid(0) < 0 || setegid(0) < 0))
		abort();
}

int privilege_drop(const struct privilege *privilege, struct error *err)
{
	const char *name = privilege->name;

	if (!privilege->change)
		return 0;
	if ((name ? initgroups(name, privilege->gid) : setgroups(1, &privilege->gid)) < 0 ||
	    setresgid(privilege->gid, privilege->gid, privilege->gid) < 0 || setresuid(privilege->uid, privilege->uid, privilege->uid) < 0)
		return change_failed(privilege, err);
	return 0;
}

int privilege_drop_capabilities(struct error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	/* Without CAP_SETPCAP the bounding set stays, which then is only of use to a program with file capabilities: no_new_privs. */
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, none) < 0)
		return error_errno(err, errno, "cannot drop capabilities");
	return 0;
}
