/* config.json: see spec.h. What a container may do is docker's default: its capabilities, masked and read-only paths, mounts. */
#include "run/spec.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/json.h"
#include "run/host_config.h"
#include "run/seccomp.h"

static const char *const masked[] = {
	"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
};
static const char *const read_only_paths[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static json_t *string_array(const char *const *items, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; i < len; i++)
		json_array_append_new(array, json_string(items[i]));
	return array;
}

static json_t *capability_sets(uint64_t set)
{
	json_t *names = json_array();

	for (int i = 0; capability_name(i); i++) {
		char name[64];
		snprintf(name, sizeof name, "CAP_%s", capability_name(i));
		if (set >> i & 1)
			json_array_append_new(names, json_string(name));
	}
	json_t *sets = json_pack("{s:O, s:O, s:O}", "bounding", names, "effective", names, "permitted", names);
	json_decref(names);
	return sets;
}

static json_t *rlimit_list(const json_t *host)
{
	json_t *list = json_array();
	const json_t *limit;
	size_t i;

	json_array_foreach(json_object_get(host, "Ulimits"), i, limit) {
		char name[64];
		snprintf(name, sizeof name, "RLIMIT_%s", json_string_at(limit, "Name"));
		for (char *at = name; *at; at++)
			*at = (char)toupper((unsigned char)*at);
		/* -1, no limit, is the largest number */
		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "type", name, "soft", json_object_get(limit, "Soft") ?
						      json_incref(json_object_get(limit, "Soft")) : json_integer(0), "hard",
						      json_incref(json_object_get(limit, "Hard"))));
	}
	return list;
}

static json_t *user_object(const struct user *user)
{
	json_t *object = json_pack("{s:I, s:I}", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid);
	json_t *groups = json_array();

	for (size_t i = 0; i < user->groups_len; i++)
		json_array_append_new(groups, json_integer(user->groups[i]));
	json_object_set_new(object, "additionalGids", groups);
	return object;
}

/* NULL where a string is not UTF-8, which JSON can't hold: json_from_strlist leaves it out. */
static json_t *whole_list(const struct strlist *list)
{
	json_t *array = json_from_strlist(list);

	if (json_array_size(array) == list->len)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *environment(const struct spec *spec)
{
	struct strlist env _cleanup_(strlist_free) = { 0 };

	strlist_add_all(&env, spec->env);
	if (!strlist_env_get(&env, "PATH"))
		strlist_env_set(&env, "PATH", DEFAULT_PATH);
	if (!strlist_env_get(&env, "HOME"))
		strlist_env_set(&env, "HOME", spec->user->home);
	if (!strlist_env_get(&env, "HOSTNAME") && spec->hostname)
		strlist_env_set(&env, "HOSTNAME", spec->hostname);
	if (spec->terminal && !strlist_env_get(&env, "TERM"))
		strlist_env_set(&env, "TERM", "xterm");
	return whole_list(&env);
}

json_t *spec_process(const struct spec *spec)
{
	return json_pack("{s:b, s:o, s:o, s:o, s:s, s:o, s:o, s:b}", "terminal", spec->terminal, "user", user_object(spec->user), "args",
			 whole_list(spec->argv), "env", environment(spec), "cwd", str_empty(spec->cwd) ? "/" : spec->cwd,
			 "capabilities", capability_sets(host_config_capabilities(spec->host, spec->capabilities)), "rlimits", rlimit_list(spec->host),
			 "noNewPrivileges", host_config_no_new_privileges(spec->host));
}

/* `options` are separated by commas. */
static void add_mount(json_t *mounts, const char *target, const char *type, const char *source, const char *options)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	strlist_split(&list, options, ',');
	json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:o}", "destination", target, "type", type, "source", source, "options",
						json_from_strlist(&list)));
}

/* Device files in it are dead unless a cgroup says which may be opened, or all may. */
static void add_bind(json_t *mounts, const char *source, const char *target, bool read_only, bool devices)
{
	_cleanup_(freep) char *options = xprintf("rbind,rprivate,%s%s", read_only ? "ro" : "rw", devices ? "" : ",nodev");

	if (source)
		add_mount(mounts, target, "bind", source, options);
}

/* docker's defaults, and behind them what the user says. */
static void add_tmpfs(json_t *mounts, json_t *list)
{
	const char *target;
	json_t *options;

	json_object_foreach(list, target, options) {
		const char *more = json_string_value(options);
		_cleanup_(freep) char *all = xprintf("nosuid,nodev,noexec,mode=1777%s%s", str_empty(more) ? "" : ",", more);
		add_mount(mounts, target, "tmpfs", "tmpfs", all);
	}
}

static json_t *mount_list(const struct spec *spec)
{
	json_t *mounts = json_array();
	char shm[128];

	add_mount(mounts, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	add_mount(mounts, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
	add_mount(mounts, "/dev/pts", "devpts", "devpts",
		  spec->map_tty ? "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" : "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
	snprintf(shm, sizeof shm, "nosuid,noexec,nodev,mode=1777,size=%lld",
		 host_config_number(spec->host, "ShmSize") ? (long long)host_config_number(spec->host, "ShmSize") : 67108864LL);
	add_mount(mounts, "/dev/shm", "tmpfs", "shm", shm);
	if (spec->mqueue)
		add_mount(mounts, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
	/* rro: what is mounted below it (cgroups) must be read-only as well */
	if (spec->bind_sys)
		add_mount(mounts, "/sys", "bind", "/sys", "rbind,rslave,nosuid,noexec,nodev,rro");
	else
		add_mount(mounts, "/sys", "sysfs", "sysfs", host_config_is(spec->host, "Privileged") ? "nosuid,noexec,nodev,rw" : "nosuid,noexec,nodev,ro");
	add_bind(mounts, spec->resolv_conf, "/etc/resolv.conf", false, false);
	add_bind(mounts, spec->hostname_file, "/etc/hostname", false, false);
	add_bind(mounts, spec->hosts, "/etc/hosts", false, false);
	for (size_t i = 0; i < spec->mounts_len; i++) {
		const struct mount_spec *mount = &spec->mounts[i];
		if (mount->source)
			add_bind(mounts, mount->source, mount->target, mount->read_only, spec->devices_held || host_config_is(spec->host, "Privileged"));
		else
			add_mount(mounts, mount->target, "tmpfs", "tmpfs", "nosuid,nodev,mode=1777");
	}
	add_tmpfs(mounts, json_object_get(spec->host, "Tmpfs"));
	/* in /dev, which is the runtime's: it leaves no trace in the layer */
	if (spec->init)
		add_bind(mounts, spec->init, SPEC_INIT, true, false);
	return mounts;
}

static json_t *namespace_list(const struct spec *spec)
{
	json_t *list = json_pack("[{s:s}, {s:s}, {s:s}, {s:s}]", "type", "pid", "type", "ipc", "type", "uts", "type", "mount");

	if (!spec->host_network)
		json_array_append_new(list, spec->netns ? json_pack("{s:s, s:s}", "type", "network", "path", spec->netns) :
							  json_pack("{s:s}", "type", "network"));
	return list;
}

/* A device file of this machine; what is none, or is gone, is left out: the runtime could not make it either. */
static void add_device(json_t *list, const char *from, const char *to)
{
	struct stat info;

	if (stat(from, &info) < 0 || (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)))
		return;
	json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "path", to, "type", S_ISCHR(info.st_mode) ? "c" : "b", "major",
					      (int)major(info.st_rdev), "minor", (int)minor(info.st_rdev), "fileMode", (int)(info.st_mode & 07777),
					      "uid", (int)info.st_uid, "gid", (int)info.st_gid));
}

static json_t *device_list(const struct spec *spec)
{
	static const char *const own[] = { "null", "zero", "full", "random", "urandom", "tty", "console", "ptmx" }; /* the runtime makes them */
	json_t *list = json_array();
	const json_t *device;
	struct dirent *entry;
	size_t i;

	json_array_foreach(json_object_get(spec->host, "Devices"), i, device)
		add_device(list, json_string_at(device, "PathOnHost"), json_string_at(device, "PathInContainer"));
	DIR *dev = host_config_is(spec->host, "Privileged") ? opendir("/dev") : NULL;
	while (dev && (entry = readdir(dev))) {
		_cleanup_(freep) char *path = xprintf("/dev/%s", entry->d_name);
		bool known = entry->d_type == DT_LNK;
		for (i = 0; i < array_len(own); i++)
			known |= str_equal(own[i], entry->d_name);
		if (!known)
			add_device(list, path, path);
	}
	if (dev)
		closedir(dev);
	return list;
}

json_t *spec_make(const struct spec *spec)
{
	bool privileged = host_config_is(spec->host, "Privileged");
	json_t *linux_part = json_pack("{s:o, s:o, s:o, s:o}", "namespaces", namespace_list(spec), "maskedPaths",
				       string_array(masked, privileged ? 0 : array_len(masked)), "readonlyPaths",
				       string_array(read_only_paths, privileged ? 0 : array_len(read_only_paths)), "devices", device_list(spec));
	json_t *filter = spec->filter ? seccomp_for(host_config_seccomp(spec->host), host_config_capabilities(spec->host, spec->capabilities)) : NULL;

	if (filter)
		json_object_set_new(linux_part, "seccomp", filter);
	if (spec->cgroups_path)
		json_object_set_new(linux_part, "cgroupsPath", json_string(spec->cgroups_path));
	return json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", "1.0.2", "process", spec_process(spec), "root", "path", spec->root,
			 "readonly", spec->read_only, "hostname", spec->hostname ? spec->hostname : "localhost", "mounts", mount_list(spec), "linux",
			 linux_part);
}
