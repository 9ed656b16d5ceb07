/* The options of run and create: see run_options.h.
 *
 * Those that say what the container may do on this machine go by name into docker's HostConfig (run/host_config.h), which checks them; what the
 * process is goes into container_options. */
#include "cmd/run_options.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "build/duration.h"
#include "remote/remote.h"
#include "run/host_config.h"

/* id, flag, letter, value, help */
#define HOST_LISTS(X)                                                                                            \
	X(tmpfs, "tmpfs", 0, "TARGET[:OPTIONS]", "mount an empty folder in memory")                                     \
	X(memory, "memory", 'm', "SIZE", "limit its memory: 256m")                                                       \
	X(cpus, "cpus", 0, "N", "limit its share of CPUs: 1.5")                                                        \
	X(pids_limit, "pids-limit", 0, "N", "limit the number of its processes")                                             \
	X(ulimit, "ulimit", 0, "NAME=SOFT[:HARD]", "a limit of each process: nofile=1024:4096")                          \
	X(shm_size, "shm-size", 0, "SIZE", "of /dev/shm (64m)")                                                            \
	X(restart, "restart", 0, "no|on-failure[:N]|always|unless-stopped", "when it is started again")                                \
	X(add_host, "add-host", 0, "NAME:ADDRESS", "a line for its /etc/hosts")                                            \
	X(dns, "dns", 0, "ADDRESS", "a name server, in place of this machine's")                                      \
	X(cap_add, "cap-add", 0, "CAPABILITY", "a right more than docker's default: NET_ADMIN, ALL")                      \
	X(cap_drop, "cap-drop", 0, "CAPABILITY", "a right less")                                                           \
	X(device, "device", 0, "PATH[:INSIDE][:rwm]", "a device file of this machine")                                   \
	X(security_opt, "security-opt", 0, "OPTION", "no-new-privileges, seccomp=unconfined or seccomp=FILE")                  \
	X(log_opt, "log-opt", 0, "NAME=VALUE", "max-size=10m: when its log begins anew; max-file=3: how many are kept")                                  \
	X(gpus, "gpus", 0, "WHICH", "not supported")
#define HOST_FLAGS(X)                                                                   \
	X(rm, "rm", "remove it when it has ended")                                          \
	X(read_only, "read-only", "its root file system can't be written")                         \
	X(init, "init", "a first process that reaps orphans: catatonit or tini")              \
	X(privileged, "privileged", "all rights on this machine, all its devices: no boundary left")

enum host_list {
#define X(id, flag, letter, value, help) LIST_##id,
	HOST_LISTS(X)
#undef X
	HOST_LISTS_LEN
};
enum host_flag {
#define X(id, flag, help) FLAG_##id,
	HOST_FLAGS(X)
#undef X
	HOST_FLAGS_LEN
};
static const char *const host_lists[] = {
#define X(id, flag, letter, value, help) flag,
	HOST_LISTS(X)
#undef X
};
static const char *const host_flags[] = {
#define X(id, flag, help) flag,
	HOST_FLAGS(X)
#undef X
};
static struct strlist aliases;
static struct strlist host_list_values[HOST_LISTS_LEN];
static bool host_flag_values[HOST_FLAGS_LEN];

static bool detach, interactive, terminal, publish_all, no_healthcheck;
static const char *name, *platform_text, *network, *entrypoint, *cwd, *user, *hostname, *pull, *stop_signal, *stop_timeout;
static const char *health_cmd, *health_interval, *health_timeout, *health_start_period, *health_retries;
static struct strlist publish, env, env_files, volumes, mounts, labels;

const struct option_spec run_options[] = {
	{ 'd', "detach", OPTION_FLAG, &detach, NULL, "run it in the background and print its id" },
	{ 'i', "interactive", OPTION_FLAG, &interactive, NULL, "connect stdin" },
	{ 't', "tty", OPTION_FLAG, &terminal, NULL, "give it a terminal" },
	{ 0, "name", OPTION_STRING, &name, "NAME", "what to call it (default: made up)" },
	{ 'p', "publish", OPTION_LIST, &publish, "PORTS", "[IP:][HOST:]CONTAINER[/udp], like 8080:80" },
	{ 'P', "publish-all", OPTION_FLAG, &publish_all, NULL, "publish what the image EXPOSEs, at free ports" },
	{ 'e', "env", OPTION_LIST, &env, "NAME=VALUE", "set a variable; NAME alone takes ours" },
	{ 0, "env-file", OPTION_LIST, &env_files, "FILE", "a file of variables, one a line" },
	{ 'v', "volume", OPTION_LIST, &volumes, "SOURCE:TARGET[:ro]", "mount a folder of this machine, or a volume by its name" },
	{ 0, "mount", OPTION_LIST, &mounts, "KEY=VALUE,…", "the same in words: type=bind|volume|tmpfs,source=…,target=…[,readonly]" },
	{ 'w', "workdir", OPTION_STRING, &cwd, "DIR", "working directory" },
	{ 'u', "user", OPTION_STRING, &user, "USER[:GROUP]", "run as this user of the image, or id" },
	{ 0, "entrypoint", OPTION_STRING, &entrypoint, "PROGRAM", "instead of the image's ENTRYPOINT" },
	{ 0, "network", OPTION_STRING, &network, "default|host|none|NETWORK", "its own network, this machine's, none, or one of 'sampan network'" },
	{ 0, "network-alias", OPTION_LIST, &aliases, "NAME", "one more name on that network" },
	{ 'h', "hostname", OPTION_STRING, &hostname, "NAME", "its host name" },
	{ 'l', "label", OPTION_LIST, &labels, "KEY=VALUE", "add a label" },
	{ 0, "stop-signal", OPTION_STRING, &stop_signal, "SIGNAL", "what stop sends (the image's, or SIGTERM)" },
	{ 0, "stop-timeout", OPTION_STRING, &stop_timeout, "SECONDS", "how long stop waits before SIGKILL (10)" },
	{ 0, "health-cmd", OPTION_STRING, &health_cmd, "COMMAND", "a shell line that says by its exit code whether it is well" },
	{ 0, "health-interval", OPTION_STRING, &health_interval, "TIME", "between two checks (30s)" },
	{ 0, "health-timeout", OPTION_STRING, &health_timeout, "TIME", "longer is a failure (30s)" },
	{ 0, "health-start-period", OPTION_STRING, &health_start_period, "TIME", "in which failures do not count (0s)" },
	{ 0, "health-retries", OPTION_STRING, &health_retries, "N", "failures in a row that make it unhealthy (3)" },
	{ 0, "no-healthcheck", OPTION_FLAG, &no_healthcheck, NULL, "not even the image's" },
#define X(id, flag, help) { 0, flag, OPTION_FLAG, &host_flag_values[FLAG_##id], NULL, help },
	HOST_FLAGS(X)
#undef X
#define X(id, flag, letter, value, help) { letter, flag, OPTION_LIST, &host_list_values[LIST_##id], value, help },
	HOST_LISTS(X)
#undef X
	{ 0, "platform", OPTION_STRING, &platform_text, "OS/ARCH", "run the image of this platform" },
	{ 0, "pull", OPTION_STRING, &pull, "missing|always|never", "when to ask the registry (missing)" },
	{ 0 },
};

bool run_options_detach(void)
{
	return detach;
}

/* Blank lines and those with '#' at their start are skipped. */
static int read_env_file(const char *path, struct strlist *ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	if (file_read(AT_FDCWD, path, 1 << 20, &text, err) < 0)
		return -1;
	strlist_split(&lines, text.data ? text.data : "", '\n');
	for (size_t i = 0; i < lines.len; i++)
		if (*lines.items[i] && lines.items[i][0] != '#')
			strlist_add(ret, lines.items[i]);
	return 0;
}

static int read_ports(struct container_options *ret, struct error *err)
{
	struct port_spec *ports = xcalloc(publish.len + 1, sizeof *ports);

	ret->ports = ports;
	for (size_t i = 0; i < publish.len; i++, ret->ports_len++)
		if (port_parse(publish.items[i], &ports[i], err) < 0)
			return -1;
	return 0;
}

/* "type=bind,source=/a,target=/b,readonly" as the words of -v or --tmpfs. */
static int read_mount(struct store *store, const char *text, json_t *host, struct mount_spec *ret, struct error *err)
{
	struct strlist parts _cleanup_(strlist_free) = { 0 };
	const char *type = "volume", *source = NULL, *target = NULL, *size = NULL;
	bool read_only = false;

	strlist_split(&parts, text, ',');
	for (size_t i = 0; i < parts.len; i++) {
		char *key = parts.items[i], *value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		if (str_equal(key, "type"))
			type = value;
		else if (str_equal(key, "source") || str_equal(key, "src"))
			source = value;
		else if (str_equal(key, "target") || str_equal(key, "dst") || str_equal(key, "destination"))
			target = value;
		else if (str_equal(key, "readonly") || str_equal(key, "ro"))
			read_only = !value || str_equal(value, "true") || str_equal(value, "1");
		else if (str_equal(key, "tmpfs-size"))
			size = value;
		else if (!str_equal(key, "bind-propagation") || !str_equal(value, "rprivate"))
			return error_set(err, ERROR_USAGE, "--mount: '%s' is not known here", key),
			       error_hint(err, "type, source, target, readonly and tmpfs-size are");
	}
	if (str_empty(target))
		return error_set(err, ERROR_USAGE, "--mount %s: target= is missing", text);
	if (str_equal(type, "tmpfs")) {
		_cleanup_(freep) char *words = size ? xprintf("%s:size=%s", target, size) : xstrdup(target);
		return host_config_take(host, "tmpfs", words, err);
	}
	bool bind = str_equal(type, "bind");
	if (!bind && !str_equal(type, "volume"))
		return error_set(err, ERROR_USAGE, "--mount type=%s: use bind, volume or tmpfs", type ? type : "");
	if (str_empty(source))
		return error_set(err, ERROR_USAGE, "--mount %s: source= is missing", text);
	if (bind && (source[0] != '/' || access(source, F_OK) < 0))
		return error_set(err, ERROR_USAGE, "--mount source=%s: a path that exists is needed, from / on", source);
	if (!bind && strchr(source, '/'))
		return error_set(err, ERROR_USAGE, "--mount source=%s: a volume's name has no slash; type=bind mounts a folder", source);
	_cleanup_(freep) char *words = xprintf("%s:%s%s", source, target, read_only ? ":ro" : "");
	return mount_parse(store, words, ret, err) < 0 ? -1 : 1;
}

static int read_mounts(struct store *store, struct container_options *ret, struct error *err)
{
	struct mount_spec *list = xcalloc(volumes.len + mounts.len + 1, sizeof *list);

	ret->mounts = list;
	for (size_t i = 0; i < volumes.len; i++, ret->mounts_len++)
		if (mount_parse(store, volumes.items[i], &list[ret->mounts_len], err) < 0)
			return -1;
	for (size_t i = 0; i < mounts.len; i++) {
		int found = read_mount(store, mounts.items[i], ret->host, &list[ret->mounts_len], err);
		if (found < 0)
			return -1;
		ret->mounts_len += (size_t)found;
	}
	return 0;
}

static int read_host(json_t *host, struct error *err)
{
	enum network_mode mode;

	if (aliases.len && (!network || network_mode_parse(network, &mode, NULL) == 0))
		return error_set(err, ERROR_USAGE, "--network-alias needs a network with a name: --network NAME");
	host_config_take(host, "network", network ? network : "default", err);
	for (size_t i = 0; i < HOST_FLAGS_LEN; i++)
		if (host_flag_values[i] && host_config_take(host, host_flags[i], "true", err) < 0)
			return -1;
	for (size_t i = 0; i < HOST_LISTS_LEN; i++)
		for (size_t n = 0; n < host_list_values[i].len; n++)
			if (host_config_take(host, host_lists[i], host_list_values[i].items[n], err) < 0)
				return -1;
	return host_config_check(host, err);
}

static int read_health(struct container_options *ret, struct error *err)
{
	const struct {
		const char *flag, *value, *key;
	} times[] = { { "health-interval", health_interval, "Interval" },
		      { "health-timeout", health_timeout, "Timeout" },
		      { "health-start-period", health_start_period, "StartPeriod" } };
	json_t *health = json_object();
	int64_t number;

	for (size_t i = 0; i < array_len(times); i++) {
		if (!times[i].value)
			continue;
		if (duration_parse(times[i].value, &number, NULL) < 0)
			return error_set(err, ERROR_USAGE, "--%s %s: a time like 10s or 1m30s is needed", times[i].flag, times[i].value);
		json_object_set_new(health, times[i].key, json_integer(number));
	}
	if (health_retries && str_to_int(health_retries, 1, 1000, &number, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--health-retries %s: a number from 1 is needed", health_retries);
	if (health_retries)
		json_object_set_new(health, "Retries", json_integer(number));
	if (no_healthcheck && (health_cmd || json_object_size(health)))
		return error_set(err, ERROR_USAGE, "--no-healthcheck and --health-… contradict each other");
	if (health_cmd || no_healthcheck)
		json_object_set_new(health, "Test", no_healthcheck ? json_pack("[s]", "NONE") : json_pack("[s, s]", "CMD-SHELL", health_cmd));
	if (json_object_size(health))
		ret->health = health;
	return 0;
}

int run_options_read(struct store *store, int argc, char **argv, struct container_options *ret, struct error *err)
{
	int number;

	*ret = (struct container_options){
		.name = name, .hostname = hostname, .user = user, .cwd = cwd, .entrypoint = entrypoint, .labels = labels, .interactive = interactive,
		.terminal = terminal, .publish_all = publish_all, .stop_signal = stop_signal, .stop_timeout = -1, .host = json_object(),
	};
	if (stop_signal && signal_parse(stop_signal, &number, err) < 0)
		return -1;
	if (stop_timeout && str_to_int(stop_timeout, 0, 86400, &ret->stop_timeout, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--stop-timeout %s: a number of seconds is needed", stop_timeout);
	if (read_host(ret->host, err) < 0 || read_health(ret, err) < 0)
		return -1;
	if (network && network_mode_parse(network, &ret->network, NULL) < 0) {
		json_t *there _cleanup_(json_release) = network_inspect(store, network, err);
		if (!there) /* before an image is pulled for it */
			return -1;
		ret->network_name = network;
		ret->aliases = aliases;
	}
	for (size_t i = 0; i < env_files.len; i++)
		if (read_env_file(env_files.items[i], &ret->env, err) < 0)
			return -1;
	strlist_add_all(&ret->env, &env);
	for (int i = 1; i < argc; i++)
		strlist_add(&ret->args, argv[i]);
	return read_ports(ret, err) < 0 ? -1 : read_mounts(store, ret, err);
}

static int read_policy(enum pull_policy *ret, struct error *err)
{
	static const char *const words[] = { "missing", "always", "never" };

	for (size_t i = 0; i < array_len(words); i++)
		if (str_equal(pull ? pull : "missing", words[i])) {
			*ret = (enum pull_policy)i;
			return 0;
		}
	return error_set(err, ERROR_USAGE, "--pull %s: use missing, always or never", pull);
}

/* The image from the store, pulled where the policy says so. */
int run_options_image(struct context *context, struct store *store, const char *text, struct image *ret, struct error *err)
{
	struct reference reference _cleanup_(reference_clear) = { 0 };
	struct error why _cleanup_(error_clear) = { 0 };
	struct pull_result result;
	struct platform platform;
	enum pull_policy policy;

	if (read_policy(&policy, err) < 0 || (platform_text && platform_parse(platform_text, &platform, err) < 0))
		return -1;
	const struct platform *wish = platform_text ? &platform : NULL;
	if (policy != PULL_ALWAYS && store_image_find(store, text, wish, ret, &why) == 0)
		return 0;
	if (policy == PULL_NEVER || (policy == PULL_MISSING && why.code != ERROR_NOT_FOUND)) {
		error_move(err, &why);
		return -1;
	}
	if (reference_parse(text, &reference, err) < 0)
		return -1;
	if (!context->quiet && policy == PULL_MISSING)
		fprintf(stderr, "Unable to find image '%s' locally\n", text);
	struct progress *progress _cleanup_(progress_free) = progress_new(stderr, context->quiet);
	struct remote_options remote = { .progress = progress };
	if (remote_pull(store, &reference, wish, false, &remote, &result, err) < 0)
		return -1;
	return store_image_find(store, text, wish, ret, err);
}

