/* A user namespace of our own: see userns.h.
 *
 * The maps of a new namespace must be written from outside of it. So a helper process is forked first; it waits until the
 * parent has unshared, writes /proc/PARENT/uid_map and gid_map (or has newuidmap do it), and reports by its exit code. */
#include "base/userns.h"

#include <errno.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "base/str.h"

#define ROOTLESS_MARK "_SAMPAN_ROOTLESS"

/* The first range of `user` in /etc/subuid or /etc/subgid, by name or number. False if there is none. */
static bool subid_range(const char *file, const char *user, uid_t uid, unsigned long *start, unsigned long *count)
{
	_cleanup_(freep) char *number = xprintf("%u", uid);
	FILE *in = fopen(file, "re");
	char line[512], name[256];
	bool found = false;

	while (in && !found && fgets(line, sizeof line, in))
		found = sscanf(line, "%255[^:]:%lu:%lu", name, start, count) == 3 && (str_equal(name, user) || str_equal(name, number));
	if (in)
		fclose(in);
	return found;
}

static int write_proc(pid_t pid, const char *name, const char *text, struct error *err)
{
	_cleanup_(freep) char *path = xprintf("/proc/%d/%s", (int)pid, name);
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	return fd_write_all(fd, text, strlen(text), path, err);
}

static int run_newidmap(const char *program, pid_t pid, unsigned own, unsigned long start, unsigned long count, struct error *err)
{
	char of[16], mine[16], first[24], many[24];

	snprintf(of, sizeof of, "%d", (int)pid);
	snprintf(mine, sizeof mine, "%u", own);
	snprintf(first, sizeof first, "%lu", start);
	snprintf(many, sizeof many, "%lu", count);
	const char *argv[] = { program, of, "0", mine, "1", "1", first, many, NULL };
	struct process_options options = { .argv = argv };
	int code = process_run(&options, err);
	return code > 0 ? error_set(err, ERROR_DENIED, "%s failed with exit code %d", program, code) : code;
}

struct map_plan {
	bool rootless;
	uid_t uid;
	gid_t gid;
	char *uid_map, *gid_map; /* what to write for the identity map */
};

static int write_maps(pid_t pid, const struct map_plan *plan, struct error *err)
{
	unsigned long start, count, gstart, gcount;
	struct passwd *user = plan->rootless ? getpwuid(plan->uid) : NULL;
	const char *name = user ? user->pw_name : "";

	if (!plan->rootless)
		return write_proc(pid, "uid_map", plan->uid_map, err) < 0 ? -1 : write_proc(pid, "gid_map", plan->gid_map, err);
	if (subid_range("/etc/subuid", name, plan->uid, &start, &count) && subid_range("/etc/subgid", name, plan->uid, &gstart, &gcount))
		return run_newidmap("newuidmap", pid, plan->uid, start, count, err) < 0 ?
			       -1 :
			       run_newidmap("newgidmap", pid, plan->gid, gstart, gcount, err);
	log_warn_once("/etc/subuid has no ids for you: files of other users in an image cannot be kept apart; "
		      "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER");
	_cleanup_(freep) char *uids = xprintf("0 %u 1\n", plan->uid), *gids = xprintf("0 %u 1\n", plan->gid);
	if (write_proc(pid, "setgroups", "deny", err) < 0 || write_proc(pid, "uid_map", uids, err) < 0)
		return -1;
	return write_proc(pid, "gid_map", gids, err);
}

static pid_t start_helper(const struct map_plan *plan, int *ret_go, struct error *err)
{
	int go[2];
	pid_t parent = getpid();

	if (pipe2(go, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	pid_t pid = fork();
	if (pid < 0)
		return error_errno(err, errno, "cannot fork");
	if (pid == 0) {
		struct error mine = { 0 };
		char byte;
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		if (write_maps(parent, plan, &mine) < 0) {
			log_failure(&mine);
			_exit(1);
		}
		_exit(0);
	}
	close(go[0]);
	*ret_go = go[1];
	return pid;
}

static int enter(const struct map_plan *plan, struct error *err)
{
	_cleanup_(fd_close) int go = -1;
	int status;
	pid_t helper = start_helper(plan, &go, err);

	if (helper < 0)
		return -1;
	int result = unshare(CLONE_NEWUSER | CLONE_NEWNS), number = errno;
	if (result == 0 && write(go, "", 1) != 1)
		number = errno, result = -1;
	fd_close(&go);
	while (waitpid(helper, &status, 0) < 0 && errno == EINTR)
		;
	if (result < 0)
		return error_errno(err, number, "cannot make a user namespace"),
		       error_hint(err, "allow user namespaces: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone");
	if (status != 0)
		return error_set(err, ERROR_DENIED, "cannot map ids into the user namespace"),
		       error_hint(err, "install uidmap, and give yourself ids: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER");
	if (setgid(0) < 0 || setuid(0) < 0)
		return error_errno(err, errno, "cannot become root of the user namespace");
	return 0;
}

bool userns_is_rootless(void)
{
	return getenv(ROOTLESS_MARK) != NULL;
}

int userns_enter_rootless(struct error *err)
{
	if (geteuid() == 0)
		return 0;
	struct map_plan plan = { .rootless = true, .uid = getuid(), .gid = getgid() };
	if (enter(&plan, err) < 0)
		return -1;
	_cleanup_(freep) char *uid = xprintf("%u", plan.uid);
	return setenv(ROOTLESS_MARK, uid, 1) < 0 ? error_errno(err, errno, "cannot set the environment") : 0;
}

/* Every id that is mapped here, mapped to itself: "0 0 1\n1 1 65536\n". But for the very last: programs (crun, runc, pasta, the store's
 * overlay) tell the machine's first namespace, where one may make device nodes, by the full map "0 0 4294967295". */
static char *identity_of(const char *path, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 }, map = { 0 };
	unsigned long inside, outside, count;
	int used;

	if (file_read(AT_FDCWD, path, 65536, &text, err) < 0)
		return NULL;
	buf_reserve(&text, 0);
	for (const char *at = text.data; sscanf(at, "%lu %lu %lu%n", &inside, &outside, &count, &used) == 3; at += used)
		buf_printf(&map, "%lu %lu %lu\n", inside, inside, count == 4294967295 ? count - 1 : count);
	return buf_steal(&map);
}

int userns_enter_identity(struct error *err)
{
	_cleanup_(freep) char *uids = identity_of("/proc/self/uid_map", err);
	_cleanup_(freep) char *gids = uids ? identity_of("/proc/self/gid_map", err) : NULL;

	if (!gids)
		return -1;
	struct map_plan plan = { .uid_map = uids, .gid_map = gids };
	return enter(&plan, err);
}
