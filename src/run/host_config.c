/* The flags that make a HostConfig, and its readers: see host_config.h. */
#include "run/host_config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"

enum { PROFILE_SIZE_MAX = 1 << 20 };

static const char *const capabilities[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
	"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
	"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
	"SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE", NULL,
};
static_assert(array_len(capabilities) == CAP_CHECKPOINT_RESTORE + 2, "a name for each capability, in the kernel's order");

#define BIT(capability) (UINT64_C(1) << (capability))
/* What docker gives. MKNOD among it is harmless, since a cgroup decides which devices can be opened (devices.c), or, on a machine without that
 * controller, a user namespace in which device files can be neither made nor opened (sandbox.c). */
#define DEFAULT_CAPABILITIES                                                                                                              \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) | BIT(CAP_NET_RAW) | BIT(CAP_SETGID) | \
	 BIT(CAP_SETUID) | BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) | BIT(CAP_MKNOD) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) |           \
	 BIT(CAP_AUDIT_WRITE))

const char *capability_name(int number)
{
	return number >= 0 && number <= CAP_CHECKPOINT_RESTORE ? capabilities[number] : NULL;
}

/* "net_admin", "CAP_NET_ADMIN"; -1 if there is none. */
static int capability_number(const char *text)
{
	const char *name = strncasecmp(text, "CAP_", 4) == 0 ? text + 4 : text;

	for (int i = 0; capabilities[i]; i++)
		if (strcasecmp(capabilities[i], name) == 0)
			return i;
	return -1;
}

static json_t *list_of(json_t *host, const char *key)
{
	json_t *list = json_object_get(host, key);

	if (!list)
		json_object_set_new(host, key, list = json_array());
	return list;
}

static json_t *object_of(json_t *host, const char *key)
{
	json_t *object = json_object_get(host, key);

	if (!object)
		json_object_set_new(host, key, object = json_object());
	return object;
}

static int take_capability(json_t *host, const char *key, const char *value, struct error *err)
{
	int number = capability_number(value);
	char upper[64];

	if (strcasecmp(value, "ALL") == 0) {
		json_array_append_new(list_of(host, key), json_string("ALL"));
		return 0;
	}
	if (number >= 0) {
		snprintf(upper, sizeof upper, "CAP_%s", capabilities[number]);
		json_array_append_new(list_of(host, key), json_string(upper));
		return 0;
	}
	snprintf(upper, sizeof upper, "%s", value);
	for (char *at = upper; *at; at++)
		if (*at >= 'a' && *at <= 'z')
			*at -= 32;
	const char *near = str_nearest(str_starts(upper, "CAP_") ? upper + 4 : upper, capabilities);
	error_set(err, ERROR_USAGE, "'%s' is no capability", value);
	return near ? error_hint(err, "did you mean %s?", near) : error_hint(err, "capabilities(7) lists them");
}

static int take_size(json_t *host, const char *key, const char *value, struct error *err)
{
	uint64_t bytes, least = str_equal(key, "Memory") ? 6 << 20 : 1;

	if (size_parse(value, &bytes, NULL) < 0)
		return error_set(err, ERROR_USAGE, "'%s' is no size: write it like 256m", value);
	if (bytes < least || bytes > INT64_MAX)
		return error_set(err, ERROR_USAGE, "'%s' is too little: at least %s is needed", value, least > 1 ? "6m" : "one byte");
	json_object_set_new(host, key, json_integer((json_int_t)bytes));
	return 0;
}

static int take_cpus(json_t *host, const char *key, const char *value, struct error *err)
{
	char *end;
	double cpus = strtod(value, &end);

	if (*end || !*value || !(cpus >= 0.01 && cpus <= 4096))
		return error_set(err, ERROR_USAGE, "--cpus %s: a number like 0.5 or 2 is needed", value);
	json_object_set_new(host, key, json_integer((json_int_t)(cpus * 1e9)));
	return 0;
}

static int take_pids(json_t *host, const char *key, const char *value, struct error *err)
{
	int64_t number;

	if (!str_equal(value, "-1") && str_to_int(value, 1, INT32_MAX, &number, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--pids-limit %s: a number from 1 is needed, or -1 for none", value);
	json_object_set_new(host, key, json_integer(str_equal(value, "-1") ? 0 : number));
	return 0;
}

static int take_restart(json_t *host, const char *key, const char *value, struct error *err)
{
	static const char *const words[] = { "no", "on-failure", "always", "unless-stopped", NULL };
	const char *colon = strchrnul(value, ':');
	_cleanup_(freep) char *name = xstrndup(value, (size_t)(colon - value));
	int64_t most = 0;
	size_t i = 0;

	while (words[i] && !str_equal(words[i], name))
		i++;
	if (!words[i]) {
		const char *near = str_nearest(name, words);
		error_set(err, ERROR_USAGE, "--restart %s: use no, on-failure[:N], always or unless-stopped", value);
		return near ? error_hint(err, "did you mean %s?", near) : -1;
	}
	if (*colon && (i != RESTART_ON_FAILURE || str_to_int(colon + 1, 0, INT32_MAX, &most, NULL) < 0))
		return error_set(err, ERROR_USAGE, "--restart %s: only on-failure takes a number, of how often at most", value);
	json_object_set_new(host, key, json_pack("{s:s, s:I}", "Name", name, "MaximumRetryCount", (json_int_t)most));
	return 0;
}

static int take_host_name(json_t *host, const char *key, const char *value, struct error *err)
{
	const char *colon = value + strcspn(value, ":=");
	unsigned char bytes[16];

	if (colon == value || !*colon || strcspn(value, " \t\n") != strlen(value))
		return error_set(err, ERROR_USAGE, "--add-host %s: write NAME:ADDRESS", value);
	if (str_equal(colon + 1, "host-gateway"))
		return error_set(err, ERROR_UNSUPPORTED, "--add-host %s: a container's own network has no way to this machine", value),
		       error_hint(err, "use --network host, or an address of this machine's network that others reach it by");
	if (inet_pton(AF_INET, colon + 1, bytes) != 1 && inet_pton(AF_INET6, colon + 1, bytes) != 1)
		return error_set(err, ERROR_USAGE, "--add-host %s: '%s' is no IP address", value, colon + 1);
	_cleanup_(freep) char *text = xprintf("%.*s:%s", (int)(colon - value), value, colon + 1);
	json_array_append_new(list_of(host, key), json_string(text));
	return 0;
}

static int take_dns(json_t *host, const char *key, const char *value, struct error *err)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, value, bytes) != 1 && inet_pton(AF_INET6, value, bytes) != 1)
		return error_set(err, ERROR_USAGE, "--dns %s: an IP address is needed", value);
	json_array_append_new(list_of(host, key), json_string(value));
	return 0;
}

static const char *const rlimits[] = { "as",     "core",  "cpu",    "data",  "fsize", "locks",	"memlock", "msgqueue",
				       "nice",   "nofile", "nproc", "rss",   "rtprio", "rttime", "sigpending", "stack", NULL };

static int take_ulimit(json_t *host, const char *key, const char *value, struct error *err)
{
	const char *equals = strchrnul(value, '='), *colon;
	_cleanup_(freep) char *name = xstrndup(value, (size_t)(equals - value)), *soft_text = NULL;
	int64_t soft, hard;
	size_t i = 0;

	while (rlimits[i] && !str_equal(rlimits[i], name))
		i++;
	if (!rlimits[i] || !*equals)
		return error_set(err, ERROR_USAGE, "--ulimit %s: write NAME=SOFT[:HARD], like nofile=1024:4096", value);
	colon = strchrnul(equals + 1, ':');
	soft_text = xstrndup(equals + 1, (size_t)(colon - equals - 1));
	if (str_to_int(soft_text, -1, INT64_MAX, &soft, NULL) < 0 || (*colon && str_to_int(colon + 1, -1, INT64_MAX, &hard, NULL) < 0))
		return error_set(err, ERROR_USAGE, "--ulimit %s: the limits are numbers, -1 for none", value);
	if (!*colon)
		hard = soft;
	if (hard >= 0 && (soft > hard || soft < 0))
		return error_set(err, ERROR_USAGE, "--ulimit %s: the soft limit is above the hard one", value);
	json_array_append_new(list_of(host, key), json_pack("{s:s, s:I, s:I}", "Name", name, "Soft", (json_int_t)soft, "Hard", (json_int_t)hard));
	return 0;
}

static int take_device(json_t *host, const char *key, const char *value, struct error *err)
{
	struct strlist parts _cleanup_(strlist_free) = { 0 };
	struct stat info;

	strlist_split(&parts, value, ':');
	const char *from = parts.items[0], *to = from, *rights = "rwm";
	for (size_t i = 1; i < parts.len; i++) {
		if (parts.items[i][0] == '/')
			to = parts.items[i];
		else
			rights = parts.items[i];
	}
	if (parts.len > 3 || from[0] != '/' || rights[strspn(rights, "rwm")] || !*rights)
		return error_set(err, ERROR_USAGE, "--device %s: write /dev/NAME[:/dev/INSIDE][:rwm]", value);
	if (stat(from, &info) < 0)
		return error_errno(err, errno, "--device %s", from);
	if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode))
		return error_set(err, ERROR_USAGE, "--device %s: %s is no device; -v mounts files and folders", value, from);
	json_array_append_new(list_of(host, key), json_pack("{s:s, s:s, s:s}", "PathOnHost", from, "PathInContainer", to, "CgroupPermissions", rights));
	return 0;
}

static int take_tmpfs(json_t *host, const char *key, const char *value, struct error *err)
{
	const char *colon = strchrnul(value, ':');
	_cleanup_(freep) char *text = xstrndup(value, (size_t)(colon - value)), *target = path_clean(text);

	if (value[0] != '/' || target[1] == '\0')
		return error_set(err, ERROR_USAGE, "--tmpfs %s: write /TARGET[:OPTIONS], like /run:size=64m", value);
	json_object_set_new(object_of(host, key), target, json_string(*colon ? colon + 1 : ""));
	return 0;
}

static int take_security(json_t *host, const char *key, const char *value, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	if (str_equal(value, "no-new-privileges") || str_equal(value, "no-new-privileges=true") || str_equal(value, "no-new-privileges:true") ||
	    str_equal(value, "seccomp=unconfined")) {
		json_array_append_new(list_of(host, key), json_string(str_starts(value, "no") ? "no-new-privileges" : value));
		return 0;
	}
	if (!str_starts(value, "seccomp=")) {
		error_set(err, ERROR_USAGE, "--security-opt %s is not known here", value);
		return error_hint(err, "no-new-privileges, seccomp=unconfined and seccomp=FILE are");
	}
	if (file_read(AT_FDCWD, value + 8, PROFILE_SIZE_MAX, &text, err) < 0)
		return -1;
	json_t *profile _cleanup_(json_release) = json_parse(text.data ? text.data : "", text.len, "seccomp profile", err);
	if (!profile)
		return -1;
	_cleanup_(freep) char *compact = json_text(profile), *kept = xprintf("seccomp=%s", compact);
	json_array_append_new(list_of(host, key), json_string(kept));
	return 0;
}

static int take_log(json_t *host, const char *key, const char *value, struct error *err)
{
	const char *equals = strchrnul(value, '=');
	_cleanup_(freep) char *name = xstrndup(value, (size_t)(equals - value));
	uint64_t bytes;

	if (str_equal(name, "max-size")) {
		if (!*equals || size_parse(equals + 1, &bytes, NULL) < 0 || bytes < 4096)
			return error_set(err, ERROR_USAGE, "--log-opt %s: a size like 10m is needed, 4k at least", value);
	} else if (str_equal(name, "max-file")) {
		int64_t count;
		if (!*equals || str_to_int(equals + 1, 1, 1000, &count, NULL) < 0)
			return error_set(err, ERROR_USAGE, "--log-opt %s: a number from 1 is needed", value);
	} else {
		return error_set(err, ERROR_USAGE, "--log-opt %s is not known here: max-size=SIZE and max-file=N are", value);
	}
	json_object_set_new(object_of(object_of(host, key), "Config"), name, json_string(equals + 1));
	return 0;
}

static int take_true(json_t *host, const char *key, const char *value, struct error *err)
{
	(void)value, (void)err;
	json_object_set_new(host, key, json_true());
	return 0;
}

static int take_gpus(json_t *host, const char *key, const char *value, struct error *err)
{
	(void)host, (void)key, (void)value;
	error_set(err, ERROR_UNSUPPORTED, "--gpus is not supported: it needs the driver's own tools in the container");
	return error_hint(err, "a GPU that needs its device file alone works with --device /dev/dri/renderD128");
}

static int take_network(json_t *host, const char *key, const char *value, struct error *err)
{
	(void)err;
	json_object_set_new(host, key, json_string(value));
	return 0;
}

static const struct {
	const char *flag, *key;
	int (*take)(json_t *host, const char *key, const char *value, struct error *err);
} flags[] = {
	{ "cap-add", "CapAdd", take_capability },   { "cap-drop", "CapDrop", take_capability }, { "memory", "Memory", take_size },
	{ "shm-size", "ShmSize", take_size },	    { "cpus", "NanoCpus", take_cpus },		{ "pids-limit", "PidsLimit", take_pids },
	{ "restart", "RestartPolicy", take_restart }, { "add-host", "ExtraHosts", take_host_name }, { "dns", "Dns", take_dns },
	{ "ulimit", "Ulimits", take_ulimit },	    { "device", "Devices", take_device },	{ "tmpfs", "Tmpfs", take_tmpfs },
	{ "security-opt", "SecurityOpt", take_security }, { "log-opt", "LogConfig", take_log }, { "privileged", "Privileged", take_true },
	{ "init", "Init", take_true },		    { "read-only", "ReadonlyRootfs", take_true }, { "rm", "AutoRemove", take_true },
	{ "gpus", NULL, take_gpus },		    { "network", "NetworkMode", take_network },
};

int host_config_take(json_t *host, const char *flag, const char *value, struct error *err)
{
	for (size_t i = 0; i < array_len(flags); i++)
		if (str_equal(flags[i].flag, flag))
			return flags[i].take(host, flags[i].key, value, err);
	return error_set(err, ERROR_USAGE, "unknown option '--%s'", flag);
}

int host_config_check(const json_t *host, struct error *err)
{
	int64_t most;

	if (host_config_is(host, "AutoRemove") && host_config_restart(host, &most) != RESTART_NO)
		return error_set(err, ERROR_USAGE, "--rm and --restart contradict each other: one removes what the other starts again");
	return 0;
}

bool host_config_is(const json_t *host, const char *key)
{
	return json_is_true(json_object_get(host, key));
}

int64_t host_config_number(const json_t *host, const char *key)
{
	return json_integer_value(json_object_get(host, key));
}

void host_config_limits(const json_t *host, struct limits *ret)
{
	*ret = (struct limits){ host_config_number(host, "Memory"), host_config_number(host, "PidsLimit"),
				(double)host_config_number(host, "NanoCpus") / 1e9 };
}

/* Adds the set of a list's names to `set`. */
static uint64_t capability_set(const json_t *list, uint64_t possible)
{
	const json_t *name;
	uint64_t set = 0;
	size_t i;

	json_array_foreach(list, i, name) {
		int number = capability_number(json_string_value(name));
		set |= number < 0 ? possible : BIT(number);
	}
	return set;
}

uint64_t host_config_capabilities(const json_t *host, uint64_t possible)
{
	uint64_t add = capability_set(json_object_get(host, "CapAdd"), possible), drop = capability_set(json_object_get(host, "CapDrop"), possible);

	if (host_config_is(host, "Privileged"))
		return possible;
	/* docker's order: ALL is dropped before single ones are added */
	if ((drop & possible) == possible)
		return add & possible;
	return ((DEFAULT_CAPABILITIES | add) & ~drop) & possible;
}

const char *host_config_seccomp(const json_t *host)
{
	const json_t *option;
	size_t i;

	if (host_config_is(host, "Privileged"))
		return "unconfined";
	json_array_foreach(json_object_get(host, "SecurityOpt"), i, option)
		if (str_starts(json_string_value(option), "seccomp="))
			return json_string_value(option) + 8;
	return NULL;
}

bool host_config_no_new_privileges(const json_t *host)
{
	const json_t *option;
	size_t i;

	json_array_foreach(json_object_get(host, "SecurityOpt"), i, option)
		if (str_equal(json_string_value(option), "no-new-privileges"))
			return true;
	return false;
}

enum restart host_config_restart(const json_t *host, int64_t *ret_max)
{
	const json_t *policy = json_object_get(host, "RestartPolicy");
	const char *name = json_string_at(policy, "Name");

	*ret_max = host_config_number(policy, "MaximumRetryCount");
	return str_equal(name, "always")	 ? RESTART_ALWAYS :
	       str_equal(name, "unless-stopped") ? RESTART_UNLESS_STOPPED :
	       str_equal(name, "on-failure")	 ? RESTART_ON_FAILURE :
						   RESTART_NO;
}
