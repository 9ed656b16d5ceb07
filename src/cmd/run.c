/* sampan run: a container of an image. */
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/command.h"
#include "remote/remote.h"
#include "run/run.h"

static bool detach, interactive, terminal, remove_after, read_only;
static const char *name, *platform_text, *network, *entrypoint, *cwd, *user, *hostname, *memory, *cpus, *pids_limit, *pull;
static struct strlist publish, env, env_files, volumes, tmpfs, labels;

static const struct option_spec options[] = {
	{ 'd', "detach", OPTION_FLAG, &detach, NULL, "run it in the background and print its id" },
	{ 'i', "interactive", OPTION_FLAG, &interactive, NULL, "connect stdin" },
	{ 't', "tty", OPTION_FLAG, &terminal, NULL, "give it a terminal" },
	{ 0, "rm", OPTION_FLAG, &remove_after, NULL, "remove it when it has ended" },
	{ 0, "name", OPTION_STRING, &name, "NAME", "what to call it (default: made up)" },
	{ 'p', "publish", OPTION_LIST, &publish, "PORTS", "[IP:][HOST:]CONTAINER[/udp], like 8080:80" },
	{ 'e', "env", OPTION_LIST, &env, "NAME=VALUE", "set a variable; NAME alone takes ours" },
	{ 0, "env-file", OPTION_LIST, &env_files, "FILE", "a file of variables, one a line" },
	{ 'v', "volume", OPTION_LIST, &volumes, "SOURCE:TARGET[:ro]", "mount a folder of this machine, or a volume by its name" },
	{ 0, "tmpfs", OPTION_LIST, &tmpfs, "TARGET", "mount an empty folder in memory" },
	{ 'w', "workdir", OPTION_STRING, &cwd, "DIR", "working directory" },
	{ 'u', "user", OPTION_STRING, &user, "USER[:GROUP]", "run as this user of the image, or id" },
	{ 0, "entrypoint", OPTION_STRING, &entrypoint, "PROGRAM", "instead of the image's ENTRYPOINT" },
	{ 0, "network", OPTION_STRING, &network, "default|host|none", "its own network, this machine's, or none" },
	{ 0, "hostname", OPTION_STRING, &hostname, "NAME", "its host name" },
	{ 'l', "label", OPTION_LIST, &labels, "KEY=VALUE", "add a label" },
	{ 0, "read-only", OPTION_FLAG, &read_only, NULL, "its root file system can't be written" },
	{ 'm', "memory", OPTION_STRING, &memory, "SIZE", "limit its memory: 256m" },
	{ 0, "cpus", OPTION_STRING, &cpus, "N", "limit its share of CPUs: 1.5" },
	{ 0, "pids-limit", OPTION_STRING, &pids_limit, "N", "limit the number of its processes" },
	{ 0, "platform", OPTION_STRING, &platform_text, "OS/ARCH", "run the image of this platform" },
	{ 0, "pull", OPTION_STRING, &pull, "missing|always|never", "when to ask the registry (missing)" },
	{ 0 },
};

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

static int read_limits(struct container_options *ret, struct error *err)
{
	uint64_t bytes;
	char *end;

	if (memory) {
		if (size_parse(memory, &bytes, NULL) < 0)
			return error_set(err, ERROR_USAGE, "--memory %s: a size like 256m is needed", memory);
		if (bytes < 6 << 20 || bytes > INT64_MAX)
			return error_set(err, ERROR_USAGE, "--memory %s: at least 6m are needed", memory);
		ret->memory = (int64_t)bytes;
	}
	if (pids_limit && str_to_int(pids_limit, 1, INT32_MAX, &ret->pids, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--pids-limit %s: a number from 1 is needed", pids_limit);
	if (cpus) {
		ret->cpus = strtod(cpus, &end);
		if (*end || !*cpus || !(ret->cpus >= 0.01 && ret->cpus <= 4096))
			return error_set(err, ERROR_USAGE, "--cpus %s: a number like 0.5 or 2 is needed", cpus);
	}
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

static int read_mounts(struct store *store, struct container_options *ret, struct error *err)
{
	struct mount_spec *mounts = xcalloc(volumes.len + tmpfs.len + 1, sizeof *mounts);

	ret->mounts = mounts;
	for (size_t i = 0; i < volumes.len; i++, ret->mounts_len++)
		if (mount_parse(store, volumes.items[i], &mounts[ret->mounts_len], err) < 0)
			return -1;
	for (size_t i = 0; i < tmpfs.len; i++, ret->mounts_len++) {
		if (tmpfs.items[i][0] != '/')
			return error_set(err, ERROR_USAGE, "--tmpfs %s: an absolute path is needed", tmpfs.items[i]);
		mounts[ret->mounts_len].target = xstrdup(tmpfs.items[i]);
	}
	return 0;
}

/* Everything but the image. What is allocated lives as long as the program. */
static int read_options(struct store *store, int argc, char **argv, struct container_options *ret, struct error *err)
{
	*ret = (struct container_options){
		.name = name, .hostname = hostname, .user = user, .cwd = cwd, .entrypoint = entrypoint, .labels = labels, .detach = detach,
		.remove = remove_after, .interactive = interactive, .terminal = terminal, .read_only = read_only,
	};
	if (terminal && !detach && !isatty(STDIN_FILENO))
		return error_set(err, ERROR_USAGE, "-t needs a terminal, and stdin is none");
	if (network && network_mode_parse(network, &ret->network, err) < 0)
		return -1;
	for (size_t i = 0; i < env_files.len; i++)
		if (read_env_file(env_files.items[i], &ret->env, err) < 0)
			return -1;
	strlist_add_all(&ret->env, &env);
	for (int i = 0; i < argc; i++)
		strlist_add(&ret->args, argv[i]);
	if (read_limits(ret, err) < 0 || read_ports(ret, err) < 0)
		return -1;
	return read_mounts(store, ret, err);
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
static int find_image(struct context *context, struct store *store, const char *text, struct image *ret, struct error *err)
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

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct image image _cleanup_(image_clear) = { 0 };
	struct container_options wanted;
	_cleanup_(freep) char *id = NULL;

	if (store_open(context->root, &store, err) < 0 || read_options(store, argc - 1, argv + 1, &wanted, err) < 0)
		return -1;
	if (find_image(context, store, argv[0], &image, err) < 0)
		return -1;
	int code = container_run(store, &image, &wanted, &id, err);
	if (code >= 0 && id)
		puts(id);
	return code;
}

const struct command command_run = {
	.name = "run",
	.group = "Containers",
	.usage = "[OPTIONS] IMAGE [COMMAND…]",
	.summary = "Run a container of an image",
	.details = "An image of another platform runs under QEMU: see 'sampan emulator'. An image that is not in the store is pulled.\n"
		   "The exit code is the container's; ^C asks it to stop, and ends it after ten seconds.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.stop_at_argument = true,
	.rootless_namespace = true,
	.run = run,
};
