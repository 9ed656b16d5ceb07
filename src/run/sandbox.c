/* From a description to a bundle: see sandbox.h.
 *
 * Device files, in layers or made inside, must not lead to this machine's disks. Where a cgroup can say which devices are opened it does
 * (devices_held). Where it can't, root's tree is mounted nodev and a user namespace is put around, in which device files can't be made, and which
 * locks that flag: a runtime takes it off otherwise. A user's containers live in such a namespace anyway.
 *
 * The order matters. What needs the rights of the outer namespace comes first (the overlay with its trusted xattrs, hiding a cgroup
 * hierarchy that crun doesn't know); the user namespace of the emulator is entered behind it, and everything that must belong to that one
 * (binfmt_misc, later the network namespace) is made inside. Mounts from outside are locked in there: the container's rights end at them. */
#include "run/sandbox.h"

#include <errno.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/userns.h"
#include "run/child.h"
#include "run/host_config.h"
#include "run/network.h"
#include "run/runtime.h"
#include "run/spec.h"
#include "store/overlay.h"

char *sandbox_bundle(const char *dir)
{
	return path_join(dir, "bundle");
}

static bool is_filesystem(const char *path, long magic)
{
	struct statfs info;

	return statfs(path, &info) == 0 && info.f_type == magic;
}

static bool runtime_is_crun(void)
{
	_cleanup_(freep) char *runtime = runtime_find(NULL);

	return runtime && str_ends(runtime, "crun");
}

/* crun refuses hosts with both cgroup versions, though we don't let it touch them. It sees an empty folder instead. runc takes them as they
 * are, and insists on making groups of its own. */
static int hide_hybrid_cgroups(struct error *err)
{
	if (!runtime_is_crun() || !is_filesystem("/sys/fs/cgroup", TMPFS_MAGIC) || !is_filesystem("/sys/fs/cgroup/unified", CGROUP2_SUPER_MAGIC))
		return 0;
	if (mount("tmpfs", "/sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=64k") < 0)
		return error_errno(err, errno, "cannot hide the host's cgroups");
	return 0;
}

static int leave_host_mounts(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return error_errno(err, errno, "cannot make a mount namespace"),
		       error_hint(err, "containers need root or unprivileged user namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(err, errno, "cannot make mounts private");
	return hide_hybrid_cgroups(err);
}

/* Is this id known in our user namespace? */
static bool gid_mapped(unsigned long gid)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	unsigned long inside, outside, count;
	int used;

	if (file_read(AT_FDCWD, "/proc/self/gid_map", 65536, &text, NULL) < 0 || !text.data)
		return false;
	for (const char *at = text.data; sscanf(at, "%lu %lu %lu%n", &inside, &outside, &count, &used) == 3; at += used)
		if (gid >= inside && gid - inside < count)
			return true;
	return false;
}

static bool kernel_has_mqueue(void)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	return file_read(AT_FDCWD, "/proc/filesystems", 65536, &text, NULL) == 0 && text.data && strstr(text.data, "\tmqueue\n");
}

static uint64_t capabilities_possible(void)
{
	uint64_t set = 0;

	for (int i = 0; i < 64; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			set |= UINT64_C(1) << i;
	return set;
}

static int write_text(const char *bundle, const char *name, const char *text, char **ret_path, struct error *err)
{
	char *path = path_join(bundle, name);
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int result = fd < 0 ? error_errno(err, errno, "cannot make %s", path) : fd_write_all(fd, text, strlen(text), path, err);

	/* whatever our umask is, the container's users may read it */
	if (result == 0 && fchmod(fd, 0644) < 0)
		result = error_errno(err, errno, "cannot make %s", path);
	if (ret_path)
		*ret_path = steal(path);
	free(path);
	return result;
}

static void read_host(const char *path, struct buf *ret)
{
	if (file_read(AT_FDCWD, path, 1 << 20, ret, NULL) < 0)
		buf_clear(ret);
	buf_reserve(ret, 0);
}

struct etc_files {
	char *resolv_conf, *hosts, *hostname; /* owned */
};

static void etc_files_clear(struct etc_files *files)
{
	free(files->resolv_conf);
	free(files->hosts);
	free(files->hostname);
}

static void add_name_servers(const json_t *list, struct buf *ret)
{
	const json_t *address;
	size_t i;

	json_array_foreach(list, i, address)
		buf_printf(ret, "nameserver %s\n", json_string_value(address));
}

/* "NAME:ADDRESS", checked when it was taken. */
static void add_hosts(const json_t *list, struct buf *ret)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *name = json_string_value(item), *colon = strchrnul(name, ':');
		buf_printf(ret, "%s\t%.*s\n", *colon ? colon + 1 : "", (int)(colon - name), name);
	}
}

static int write_etc(const struct sandbox *sandbox, const char *bundle, const char *hostname, struct etc_files *ret, struct error *err)
{
	struct buf host _cleanup_(buf_free) = { 0 }, resolv _cleanup_(buf_free) = { 0 }, hosts _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *name_line = xprintf("%s\n", hostname);

	read_host("/etc/resolv.conf", &host);
	add_name_servers(json_object_get(sandbox->host, "Dns"), &resolv);
	if (!resolv.len)
		network_resolv_conf(host.data, sandbox->network, &resolv);
	if (sandbox->network == NETWORK_HOST)
		read_host("/etc/hosts", &hosts);
	if (!hosts.len)
		buf_printf(&hosts, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t%s\n", hostname);
	add_hosts(json_object_get(sandbox->host, "ExtraHosts"), &hosts);
	buf_add_str(&hosts, sandbox->hosts ? sandbox->hosts : "");
	if (write_text(bundle, "resolv.conf", resolv.data ? resolv.data : "", &ret->resolv_conf, err) < 0)
		return -1;
	if (write_text(bundle, "hosts", hosts.data, &ret->hosts, err) < 0)
		return -1;
	return write_text(bundle, "hostname", name_line, &ret->hostname, err);
}

static int make_cwd(int tree, const char *cwd, struct error *err)
{
	_cleanup_(freep) char *path = path_clean(str_empty(cwd) ? "/" : cwd);
	_cleanup_(fd_close) int dir = -1;
	const char *name;

	if (path[0] != '/')
		return error_set(err, ERROR_INVALID, "the working directory %s is not absolute", cwd);
	if (path[1] == '\0')
		return 0;
	_cleanup_(fd_close) int there = path_open_in_root(tree, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, NULL);
	if (there >= 0)
		return 0;
	if (path_parent_in_root(tree, path, true, &dir, &name, err) < 0)
		return -1;
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "cannot make the working directory %s", path);
	return 0;
}

/* What the runtime would make in the tree for the mounts of config.json. */
static void make_mountpoints(const struct sandbox *sandbox, const json_t *config, int tree, struct mountpoints *made)
{
	_cleanup_(freep) char *path = path_join(sandbox->dir, "upper");
	_cleanup_(fd_close) int upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const json_t *mount;
	size_t i;

	if (upper < 0 || !made)
		return;
	json_array_foreach(json_object_get(config, "mounts"), i, mount) {
		const char *target = json_string_value(json_object_get(mount, "destination"));
		const char *source = json_string_value(json_object_get(mount, "source"));
		bool bind = str_equal(json_string_value(json_object_get(mount, "type")), "bind");
		struct stat info;
		bool is_dir = !bind || stat(source, &info) < 0 || S_ISDIR(info.st_mode);
		/* below these nothing of the tree is seen */
		if (str_starts(target, "/dev/") || str_starts(target, "/proc/") || str_starts(target, "/sys/"))
			continue;
		mountpoint_make(made, tree, upper, target, is_dir);
	}
}

/* Is it up to us to make device files harmless? */
static bool needs_guard(const struct sandbox *sandbox)
{
	return !sandbox->devices_held && !overlay_is_user() && !host_config_is(sandbox->host, "Privileged");
}

static int enter_namespaces(const struct sandbox *sandbox, bool guard, const char *binfmt, struct error *err)
{
	if (emulator_enter(sandbox->emulator, binfmt, sandbox->dispatcher, err) < 0)
		return -1;
	if (guard && sandbox->emulator->emulation != EMULATION_PRIVATE && userns_enter_identity(err) < 0)
		return error_wrap(err, "without a cgroup for devices a container needs a user namespace");
	child_die_with_parent();
	return 0;
}

static json_t *make_config(const struct sandbox *sandbox, const struct user *user, const struct etc_files *etc, const char *hostname,
			   const char *bundle, bool nested)
{
	_cleanup_(freep) char *root = path_join(sandbox->dir, "merged"), *netns = path_join(bundle, "netns");
	/* below the one that holds the limits */
	_cleanup_(freep) char *cgroup = sandbox->id && !runtime_is_crun() ? xprintf("/sampan/%s/runtime", sandbox->id) : NULL;
	struct spec spec = {
		.root = root,
		.read_only = sandbox->read_only,
		.argv = sandbox->argv,
		.env = sandbox->env,
		.cwd = sandbox->cwd,
		.hostname = hostname,
		.user = user,
		.terminal = sandbox->terminal,
		.netns = sandbox->network == NETWORK_DEFAULT || sandbox->network == NETWORK_INTERNAL ? netns : NULL,
		.host_network = sandbox->network == NETWORK_HOST,
		.bind_sys = nested && sandbox->network == NETWORK_HOST,
		.devices_held = sandbox->devices_held,
		.map_tty = gid_mapped(5),
		.mqueue = kernel_has_mqueue(),
		.filter = sandbox->filter,
		.capabilities = capabilities_possible(),
		.host = sandbox->host,
		.init = sandbox->init,
		.cgroups_path = cgroup,
		.resolv_conf = etc->resolv_conf,
		.hosts = etc->hosts,
		.hostname_file = etc->hostname,
		.mounts = sandbox->mounts,
		.mounts_len = sandbox->mounts_len,
	};
	return spec_make(&spec);
}

static int make_bundle_folders(const char *bundle, struct error *err)
{
	_cleanup_(freep) char *binfmt = path_join(bundle, "binfmt"), *state = path_join(bundle, "state");

	if (dir_make(AT_FDCWD, bundle, 0700, err) < 0 || dir_make(AT_FDCWD, binfmt, 0755, err) < 0)
		return -1;
	return dir_make(AT_FDCWD, state, 0700, err);
}

/* The outer half; *ret_tree is the mounted tree. */
static int mount_tree(const struct sandbox *sandbox, struct user *ret_user, int *ret_tree, struct error *err)
{
	struct snapshot_options options = { .layers = sandbox->layers, .dir = sandbox->dir, .no_devices = needs_guard(sandbox) };
	_cleanup_(freep) char *merged = path_join(sandbox->dir, "merged");

	if (leave_host_mounts(err) < 0 || snapshot_mount(sandbox->store, &options, err) < 0)
		return -1;
	_cleanup_(fd_close) int tree = open(merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0)
		return error_errno(err, errno, "cannot open %s", merged);
	if (user_find(tree, sandbox->user, ret_user, err) < 0 || make_cwd(tree, sandbox->cwd, err) < 0)
		return -1;
	if (sandbox->mounted && sandbox->mounted(sandbox->data, tree, err) < 0)
		return -1;
	*ret_tree = fd_steal(&tree);
	return 0;
}

int sandbox_enter(const struct sandbox *sandbox, struct mountpoints *made, struct error *err)
{
	_cleanup_(freep) char *bundle = sandbox_bundle(sandbox->dir), *binfmt = path_join(bundle, "binfmt");
	struct etc_files etc _cleanup_(etc_files_clear) = { 0 };
	_cleanup_(fd_close) int tree = -1;
	char host[256] = "localhost";
	struct user user;

	gethostname(host, sizeof host - 1);
	const char *hostname = sandbox->hostname ? sandbox->hostname : sandbox->network == NETWORK_HOST ? host : "sampan";
	if (emulator_check(sandbox->emulator, err) < 0 || make_bundle_folders(bundle, err) < 0)
		return -1;
	if (mount_tree(sandbox, &user, &tree, err) < 0 || write_etc(sandbox, bundle, hostname, &etc, err) < 0)
		return -1;
	bool guard = needs_guard(sandbox); /* asked before we are in a namespace */
	if (enter_namespaces(sandbox, guard, binfmt, err) < 0)
		return -1;
	bool nested = guard || sandbox->emulator->emulation == EMULATION_PRIVATE || userns_is_rootless();
	json_t *config _cleanup_(json_release) = make_config(sandbox, &user, &etc, hostname, bundle, nested);
	if (!config)
		return error_set(err, ERROR_INVALID, "an argument, variable or name is not UTF-8");
	make_mountpoints(sandbox, config, tree, made);
	_cleanup_(freep) char *text = json_text(config);
	return write_text(bundle, "config.json", text, NULL, err);
}

char *sandbox_process(int tree, const struct exec_options *options, const struct strlist *env, const char *user_text, const char *cwd,
		      const json_t *host, struct error *err)
{
	struct user user;

	if (user_find(tree, options->user ? options->user : user_text, &user, err) < 0)
		return NULL;
	struct spec spec = { .argv = &options->argv, .env = env, .cwd = options->cwd ? options->cwd : cwd, .user = &user,
			     .terminal = options->terminal, .capabilities = capabilities_possible(), .host = host };
	json_t *process _cleanup_(json_release) = spec_process(&spec);
	if (!process)
		error_set(err, ERROR_INVALID, "an argument or variable is not UTF-8");
	return process ? json_text(process) : NULL;
}
