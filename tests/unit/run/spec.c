/* config.json made from data, and mount points without a trace. */
#include "run/spec.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "run/mountpoint.h"
#include "tests/unit/tap.h"

static const json_t *find_mount(const json_t *config, const char *target)
{
	const json_t *mount;
	size_t i;

	json_array_foreach(json_object_get(config, "mounts"), i, mount)
		if (str_equal(json_string_value(json_object_get(mount, "destination")), target))
			return mount;
	return NULL;
}

static bool has(const json_t *value, const char *text)
{
	_cleanup_(freep) char *all = value ? json_text(value) : NULL;

	return all && strstr(all, text);
}

static void check_spec(void)
{
	struct strlist argv _cleanup_(strlist_free) = { 0 }, env _cleanup_(strlist_free) = { 0 };
	struct user user = { .uid = 5, .gid = 6, .groups = { 7 }, .groups_len = 1, .home = "/home/x" };
	const struct mount_spec mounts[] = { { (char *)"/src", (char *)"/dst", true }, { NULL, (char *)"/scratch", false } };
	struct spec spec = { .root = "/r", .argv = &argv, .env = &env, .user = &user, .hostname = "boat", .capabilities = ~UINT64_C(0), .mounts = mounts,
			     .mounts_len = 2, .resolv_conf = "/b/resolv.conf", .netns = "/b/netns" };

	strlist_add(&argv, "prog");
	strlist_add(&env, "HOME=/mine");
	json_t *config _cleanup_(json_release) = spec_make(&spec);
	const json_t *process = json_object_get(config, "process"), *linux_part = json_object_get(config, "linux");
	ok(has(json_object_get(process, "env"), "\"HOME=/mine\""), "what is set stays");
	ok(has(json_object_get(process, "env"), "\"PATH=/usr/local/sbin:"), "a PATH where there was none");
	ok(has(json_object_get(process, "user"), "\"additionalGids\":[7]"), "groups");
	is_str(json_string_value(json_object_get(process, "cwd")), "/", "a working directory");
	ok(has(json_object_get(process, "capabilities"), "CAP_CHOWN") && !has(process, "CAP_SYS_ADMIN") && !has(process, "CAP_SYS_PTRACE"),
	   "docker's capabilities, no more");
	ok(!json_object_get(json_object_get(process, "capabilities"), "ambient"), "none ambient");
	ok(has(find_mount(config, "/dst"), "\"ro\""), "a read-only bind");
	is_str(json_string_value(json_object_get(find_mount(config, "/scratch"), "type")), "tmpfs", "a tmpfs");
	ok(!find_mount(config, "/dev/mqueue") && !find_mount(config, "/sys/fs/cgroup"), "nothing that the kernel lacks");
	ok(has(json_object_get(linux_part, "namespaces"), "/b/netns"), "the network namespace");
	ok(has(json_object_get(linux_part, "maskedPaths"), "/proc/kcore") && has(json_object_get(linux_part, "readonlyPaths"), "/proc/sys"), "masked");
	ok(!has(find_mount(config, "/dev/pts"), "gid=5"), "no group that is not mapped");

	spec.host_network = spec.bind_sys = true;
	spec.capabilities = 1;
	json_t *host _cleanup_(json_release) = spec_make(&spec);
	ok(!has(json_object_get(host, "linux"), "\"network\""), "the host's network");
	ok(has(find_mount(host, "/sys"), "\"rro\""), "all of /sys read-only");
	ok(has(host, "CAP_CHOWN") && !has(host, "CAP_KILL"), "only capabilities that we have");
	strlist_add(&argv, "\xff");
	ok(!spec_make(&spec), "an argument that is not UTF-8");
}

static int folder(const char *root, const char *name)
{
	_cleanup_(freep) char *path = path_join(root, name);

	dir_make(AT_FDCWD, path, 0755, NULL);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Without an overlay: tree and upper are one folder, in which everything that is made shows. */
static void check_mountpoints(void)
{
	char root[] = "/tmp/sampan-test-run.XXXXXX";
	struct mountpoints made = { 0 };
	struct stat before, after;

	if (!ok(mkdtemp(root) != NULL, "a folder"))
		return;
	_cleanup_(fd_close) int tree = folder(root, "t"), etc = folder(root, "t/etc");
	ok(symlinkat("../run/x/resolv.conf", etc, "resolv.conf") == 0 && symlinkat("/../../../../tmp/sampan-escape", etc, "bad") == 0, "dangling links");
	fstat(etc, &before);
	mountpoint_make(&made, tree, tree, "/etc/hosts", false);
	mountpoint_make(&made, tree, tree, "/etc/resolv.conf", false);
	mountpoint_make(&made, tree, tree, "/etc/bad", false);
	mountpoint_make(&made, tree, tree, "/a/b/c", true);
	mountpoint_make(&made, tree, tree, "/etc", true);
	fstat(etc, &after);
	is_int(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec, "the folder keeps its time");
	ok(faccessat(tree, "etc/hosts", F_OK, 0) == 0 && faccessat(tree, "a/b/c", F_OK, 0) == 0, "made");
	ok(faccessat(tree, "run/x/resolv.conf", F_OK, 0) == 0, "behind a dangling link");
	ok(faccessat(tree, "tmp/sampan-escape", F_OK, 0) == 0 && access("/tmp/sampan-escape", F_OK) < 0, "never outside");
	_cleanup_(fd_close) int kept = openat(tree, "a/kept", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	mountpoints_remove(&made, tree);
	ok(faccessat(tree, "etc/hosts", F_OK, 0) < 0 && faccessat(tree, "run", F_OK, 0) < 0, "taken away");
	ok(faccessat(tree, "a/kept", F_OK, 0) == 0 && faccessat(tree, "a/b", F_OK, 0) < 0, "what others wrote stays");
	mountpoints_free(&made);
	dir_remove(AT_FDCWD, root, NULL);
}

int main(void)
{
	check_spec();
	check_mountpoints();
	return done();
}
