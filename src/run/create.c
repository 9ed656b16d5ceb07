/* container_run: from an image and options to a running container.
 *
 * The record is written first, then the name is taken, then things are started: whatever kills us in between leaves a container that `ps -a`
 * shows and `rm` removes. A child process enters the namespaces (sandbox.h); detached, it leaves conmon, which outlives us, in them and
 * goes away; in the foreground it waits for the runtime, which has our terminal. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/process.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/container.h"
#include "run/monitor.h"
#include "run/names.h"
#include "run/network.h"
#include "run/runtime.h"
#include "run/sandbox.h"

enum { ID_BYTES = 32, SHORT_ID = 12, STOP_TIMEOUT = 10 };

/* All that is decided before anything is started. */
struct creation {
	struct store *store;
	const struct image *image;
	const struct container_options *options;
	struct container container;
	struct emulator emulator;
	struct strlist argv, env, layers;
	struct port_spec *ports;
	size_t ports_len;
	struct mount_spec *mounts; /* with the image's volumes; the sources are owned */
	size_t mounts_len;
	struct strlist volumes; /* names of the anonymous ones */
	char hostname[SHORT_ID + 1];
};

static void creation_clear(struct creation *creation)
{
	container_clear(&creation->container);
	emulator_clear(&creation->emulator);
	strlist_free(&creation->argv);
	strlist_free(&creation->env);
	strlist_free(&creation->layers);
	strlist_free(&creation->volumes);
	for (size_t i = 0; i < creation->mounts_len; i++) {
		free(creation->mounts[i].source);
		free(creation->mounts[i].target);
	}
	free(creation->mounts);
	free(creation->ports);
}

/* docker's rule: --entrypoint replaces ENTRYPOINT and drops CMD; arguments replace CMD. */
static int decide_command(struct creation *creation, struct error *err)
{
	const struct container_options *options = creation->options;
	const struct image_config *config = &creation->image->config;

	if (options->entrypoint) {
		if (*options->entrypoint)
			strlist_add(&creation->argv, options->entrypoint);
	} else {
		strlist_add_all(&creation->argv, &config->entrypoint);
	}
	if (options->args.len)
		strlist_add_all(&creation->argv, &options->args);
	else if (!options->entrypoint)
		strlist_add_all(&creation->argv, &config->cmd);
	if (creation->argv.len)
		return 0;
	error_set(err, ERROR_USAGE, "the image says nothing about what to run");
	return error_hint(err, "name a command: sampan run IMAGE COMMAND");
}

static void decide_env(struct creation *creation)
{
	strlist_add_all(&creation->env, &creation->image->config.env);
	for (size_t i = 0; i < creation->options->env.len; i++) {
		_cleanup_(freep) char *name = xstrdup(creation->options->env.items[i]);
		char *equals = strchr(name, '=');
		if (equals)
			*equals = '\0';
		const char *value = equals ? equals + 1 : getenv(name);
		if (value)
			strlist_env_set(&creation->env, name, value);
	}
}

static bool mount_at(const struct creation *creation, const char *target)
{
	for (size_t i = 0; i < creation->mounts_len; i++)
		if (str_equal(creation->mounts[i].target, target))
			return true;
	return false;
}

static void add_mount(struct creation *creation, const struct mount_spec *mount)
{
	xgrow(creation->mounts, creation->mounts_len);
	creation->mounts[creation->mounts_len++] = (struct mount_spec){ xstrdup(mount->source), xstrdup(mount->target), mount->read_only };
}

/* The user's, and for each VOLUME of the image that they don't cover a volume of its own. */
static int decide_mounts(struct creation *creation, struct error *err)
{
	const struct strlist *volumes = &creation->image->config.volumes;

	for (size_t i = 0; i < creation->options->mounts_len; i++)
		add_mount(creation, &creation->options->mounts[i]);
	for (size_t i = 0; i < volumes->len; i++) {
		_cleanup_(freep) char *target = path_clean(volumes->items[i]);
		char name[2 * ID_BYTES + 1];
		if (target[0] != '/' || target[1] == '\0' || mount_at(creation, target))
			continue;
		random_hex(name, ID_BYTES);
		_cleanup_(freep) char *text = xprintf("%s:%s", name, target);
		struct mount_spec mount = { 0 };
		if (mount_parse(creation->store, text, &mount, err) < 0)
			return -1;
		strlist_add(&creation->volumes, name);
		add_mount(creation, &mount);
		free(mount.source);
		free(mount.target);
	}
	return 0;
}

static int decide_ports(struct creation *creation, struct error *err)
{
	const struct container_options *options = creation->options;

	if (options->ports_len && options->network != NETWORK_DEFAULT) {
		log_warn("-p has no effect with --network %s", options->network == NETWORK_HOST ? "host" : "none");
		return 0;
	}
	creation->ports = xcalloc(options->ports_len + 1, sizeof *creation->ports);
	creation->ports_len = options->ports_len;
	if (options->ports_len)
		memcpy(creation->ports, options->ports, options->ports_len * sizeof *creation->ports);
	return ports_settle(creation->ports, creation->ports_len, err);
}

static json_t *mounts_json(const struct creation *creation)
{
	json_t *list = json_array();

	for (size_t i = 0; i < creation->mounts_len; i++) {
		const struct mount_spec *mount = &creation->mounts[i];
		_cleanup_(freep) char *volumes = path_join(store_path(creation->store), "volumes/");
		bool volume = mount->source && str_starts(mount->source, volumes);
		json_t *object = json_pack("{s:s, s:s, s:s, s:b}", "Type", volume ? "volume" : mount->source ? "bind" : "tmpfs", "Source",
					   mount->source ? mount->source : "", "Destination", mount->target, "RW", !mount->read_only);
		if (volume)
			json_object_set_new(object, "Name", json_string(mount->source + strlen(volumes)));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *ports_json(const struct creation *creation)
{
	json_t *list = json_array();

	for (size_t i = 0; i < creation->ports_len; i++) {
		const struct port_spec *port = &creation->ports[i];
		json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:b}", "HostIp", port->host_ip, "HostPort", port->host_port, "ContainerPort",
						      port->container_port, "Udp", port->udp));
	}
	return list;
}

static json_t *labels_json(const struct creation *creation)
{
	struct strlist labels _cleanup_(strlist_free) = { 0 };
	json_t *object = json_object();

	strlist_add_all(&labels, &creation->image->config.labels);
	strlist_add_all(&labels, &creation->options->labels);
	for (size_t i = 0; i < labels.len; i++) {
		_cleanup_(freep) char *name = xstrdup(labels.items[i]);
		char *equals = strchr(name, '=');
		if (equals)
			*equals = '\0';
		json_object_set_new(object, name, json_string(equals ? equals + 1 : ""));
	}
	return object;
}

static const char *either(const char *wish, const char *image)
{
	return wish ? wish : image ? image : "";
}

static json_t *make_record(const struct creation *creation, const char *name)
{
	static const char *const networks[] = { "default", "host", "none" };
	const struct container_options *options = creation->options;
	const struct image_config *config = &creation->image->config;
	char id[DIGEST_TEXT_SIZE], platform[PLATFORM_TEXT_SIZE], now[32];
	_cleanup_(freep) char *image = creation->image->reference.registry ? reference_print_familiar(&creation->image->reference) : NULL;

	digest_print(&creation->image->id, id);
	json_t *record = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "Name", name, "Image", id, "ImageName", image ? image : id, "Created",
				   time_print(time(NULL), now), "Args", json_from_strlist(&creation->argv), "Env", json_from_strlist(&creation->env));
	if (!record)
		return NULL;
	json_object_set_new(record, "Hostname", json_string(options->hostname ? options->hostname : creation->hostname));
	json_object_set_new(record, "User", json_string(either(options->user, config->user)));
	json_object_set_new(record, "WorkingDir", json_string(either(options->cwd, config->working_dir)));
	json_object_set_new(record, "StopSignal", json_string(config->stop_signal ? config->stop_signal : "SIGTERM"));
	json_object_set_new(record, "Labels", labels_json(creation));
	json_object_set_new(record, "Tty", json_boolean(options->terminal));
	json_object_set_new(record, "Platform", json_string(platform_print(&creation->emulator.platform, platform)));
	json_object_set_new(record, "Mounts", mounts_json(creation));
	json_object_set_new(record, "Volumes", json_from_strlist(&creation->volumes));
	json_object_set_new(record, "Ports", ports_json(creation));
	json_object_set_new(record, "HostConfig", json_pack("{s:s, s:b, s:b, s:I, s:I, s:f}", "NetworkMode", networks[options->network], "AutoRemove",
							    options->remove, "ReadonlyRootfs", options->read_only, "Memory",
							    (json_int_t)options->memory, "PidsLimit", (json_int_t)options->pids, "Cpus", options->cpus));
	return record;
}

/* Takes the name, also from a container that is gone: a crash between two records may have left it. */
static int take_name(struct creation *creation, const char *name, struct error *err)
{
	struct error why _cleanup_(error_clear) = { 0 };

	for (int attempt = 0; attempt < 2; attempt++) {
		_cleanup_(freep) char *owner = NULL, *record = NULL;
		if (store_record_add(creation->store, "container-name", name, creation->container.id, &why) == 0)
			return 0;
		if (why.code != ERROR_EXISTS)
			break;
		if (store_record_get(creation->store, "container-name", name, &owner, err) < 0)
			return -1;
		if (owner && store_record_get(creation->store, "container", owner, &record, err) < 0)
			return -1;
		if (record) {
			error_set(err, ERROR_EXISTS, "the name %s is in use by container %.12s", name, owner);
			return error_hint(err, "'sampan rm %s' first, or choose another --name", name);
		}
		error_clear(&why);
		store_record_delete(creation->store, "container-name", name, NULL);
	}
	if (err)
		error_move(err, &why);
	return -1;
}

static int write_record(struct creation *creation, struct error *err)
{
	struct container *container = &creation->container;
	_cleanup_(freep) char *name = creation->options->name ? xstrdup(creation->options->name) : container_name_make();

	if (!container_name_valid(name))
		return error_set(err, ERROR_USAGE, "'%s' is no name for a container: use letters, digits, '_', '.' and '-'", name);
	container->record = make_record(creation, name);
	if (!container->record)
		return error_set(err, ERROR_INVALID, "an argument, variable or name is not UTF-8");
	if (container_save(creation->store, container, err) < 0)
		return -1;
	if (store_record_pin(creation->store, "container", container->id, &creation->image->digest, err) < 0)
		return -1;
	return take_name(creation, name, err);
}

/* Docker's rule for a volume that is new and empty: it starts with what the image has at its place. */
static int fill_volume(int tree, const struct mount_spec *mount, struct error *err)
{
	_cleanup_(fd_close) int from = path_open_in_root(tree, mount->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, NULL);
	_cleanup_(freep) char *to = xprintf("%s/.", mount->source);
	const char *const argv[] = { "cp", "-a", "--", "/proc/self/fd/3/.", to, NULL };
	struct process_options options = { .argv = argv, .in = PROCESS_NULL, .keep = 1, .kept = &from };

	/* rmdir refuses a folder that is not empty, and the folder is ours */
	if (from < 0 || rmdir(mount->source) < 0)
		return 0;
	if (mkdir(mount->source, 0755) < 0)
		return error_errno(err, errno, "cannot make %s", mount->source);
	int code = process_run(&options, err);
	return code > 0 ? error_set(err, ERROR_IO, "cannot copy the image's %s into its volume", mount->target) : code;
}

static int fill_volumes(void *data, int tree, struct error *err)
{
	const struct creation *creation = data;
	_cleanup_(freep) char *volumes = path_join(store_path(creation->store), "volumes/");

	for (size_t i = 0; i < creation->mounts_len; i++) {
		const struct mount_spec *mount = &creation->mounts[i];
		if (mount->source && str_starts(mount->source, volumes) && fill_volume(tree, mount, err) < 0)
			return -1;
	}
	return 0;
}

/* In the child: everything up to the runtime. */
static int enter(struct creation *creation, struct error *err)
{
	const struct container_options *options = creation->options;
	const struct container *container = &creation->container;
	struct cgroup_files cgroup;
	struct sandbox sandbox = {
		.store = creation->store, .layers = &creation->layers, .dir = container->dir, .emulator = &creation->emulator,
		.argv = &creation->argv, .env = &creation->env, .cwd = container_text(container, "WorkingDir"),
		.user = container_text(container, "User"), .hostname = container_text(container, "Hostname"), .network = options->network,
		.mounts = creation->mounts, .mounts_len = creation->mounts_len, .terminal = options->terminal, .read_only = options->read_only,
		.id = container->id, .filter = true, .mounted = fill_volumes, .data = creation,
	};

	cgroup_open(container->id, &cgroup);
	if (sandbox_enter(&sandbox, NULL, err) < 0)
		return -1;
	if (options->network == NETWORK_DEFAULT && network_start(container->bundle, creation->ports, creation->ports_len, err) < 0)
		return -1;
	/* Behind pasta, which doesn't count against the container's limits. */
	cgroup_enter(&cgroup);
	return 0;
}

static int work_detached(void *data, struct error *err)
{
	struct creation *creation = data;

	setsid();
	if (enter(creation, err) < 0)
		return -1;
	return monitor_start(&creation->container, creation->options->terminal, creation->options->interactive, err);
}

static int work_foreground(void *data, struct error *err)
{
	struct creation *creation = data;

	if (enter(creation, err) < 0)
		return -1;
	return monitor_foreground(&creation->container, creation->options->interactive || creation->options->terminal, err);
}

/* What the runtime wrote when it had started the container, for the record. */
static int note_start(struct creation *creation, int pid, struct error *err)
{
	char now[32];

	json_object_set_new(creation->container.record, "Pid", json_integer(pid));
	json_object_set_new(creation->container.record, "PidStart", json_integer((json_int_t)process_start_time(pid)));
	json_object_set_new(creation->container.record, "Started", json_string(time_print(time(NULL), now)));
	return container_save(creation->store, &creation->container, err);
}

/* On ^C: the image's stop signal at first, ten seconds later SIGKILL. A container that isn't there yet is waited for. */
static void ask_to_stop(const struct creation *creation, const struct child *child, int pid, time_t *asked)
{
	int number = SIGTERM;

	if (pid && !*asked) {
		signal_parse(container_text(&creation->container, "StopSignal"), &number, NULL);
		kill(pid, number);
	}
	if (!*asked)
		*asked = time(NULL);
	else if (time(NULL) - *asked >= STOP_TIMEOUT)
		kill(pid ? pid : child->pid, SIGKILL);
}

static int wait_foreground(struct creation *creation, struct child *child, struct error *err)
{
	bool noted = false;
	time_t asked = 0;

	for (;;) {
		struct pollfd waiting = { child->report, POLLIN, 0 };
		if (poll(&waiting, 1, noted ? 500 : 20) > 0)
			return child_wait(child, err);
		int pid = bundle_number(&creation->container, "pid");
		if (pid && !noted)
			noted = note_start(creation, pid, NULL) == 0;
		if (interrupt_pending())
			ask_to_stop(creation, child, pid, &asked);
	}
}

static int run_foreground(struct creation *creation, struct error *err)
{
	struct child child;

	if (child_start(work_foreground, creation, &child, err) < 0)
		return -1;
	int result = wait_foreground(creation, &child, err);
	if (result >= 0 && !json_object_get(creation->container.record, "Pid"))
		note_start(creation, bundle_number(&creation->container, "pid"), NULL);
	network_stop(&creation->container);
	if (result >= 0) {
		_cleanup_(freep) char *path = xprintf("exits/%s", creation->container.id), *code = xprintf("%d", result);
		_cleanup_(fd_close) int dir = open(creation->container.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || dir_make(dir, "exits", 0755, err) < 0 || file_replace(dir, path, code, strlen(code), 0644, err) < 0)
			log_warn("the exit code of %s could not be kept", creation->container.id);
	}
	if (result < 0 || creation->options->remove)
		container_remove(creation->store, creation->container.id, true, NULL);
	return result;
}

static int run_detached(struct creation *creation, char **ret_id, struct error *err)
{
	int pid = child_run(work_detached, creation, err);

	if (pid < 0 || note_start(creation, pid, err) < 0) {
		container_remove(creation->store, creation->container.id, true, NULL);
		return -1;
	}
	*ret_id = xstrdup(creation->container.id);
	return 0;
}

static int decide(struct creation *creation, struct error *err)
{
	if (decide_command(creation, err) < 0)
		return -1;
	decide_env(creation);
	emulator_find(&creation->image->config.platform, &creation->emulator);
	if (emulator_check(&creation->emulator, err) < 0 || decide_ports(creation, err) < 0)
		return -1;
	return layers_unpack(creation->store, &creation->image->manifest, &creation->image->config, NULL, &creation->layers, err);
}

int container_run(struct store *store, const struct image *image, const struct container_options *options, char **ret_id, struct error *err)
{
	struct creation creation _cleanup_(creation_clear) = { .store = store, .image = image, .options = options };
	struct limits limits = { options->memory, options->pids, options->cpus };
	char id[2 * ID_BYTES + 1];
	_cleanup_(freep) char *relative = NULL;

	containers_sweep(store);
	if (decide(&creation, err) < 0)
		return -1;
	random_hex(id, ID_BYTES);
	relative = xprintf("containers/%s", id);
	snprintf(creation.hostname, sizeof creation.hostname, "%.*s", SHORT_ID, id);
	creation.container.id = xstrdup(id);
	creation.container.dir = path_join(store_path(store), relative);
	creation.container.bundle = sandbox_bundle(creation.container.dir);
	if (dir_make(store_dir(store), relative, 0700, err) < 0 || decide_mounts(&creation, err) < 0 || write_record(&creation, err) < 0) {
		container_remove(store, id, true, NULL);
		dir_remove(store_dir(store), relative, NULL);
		return -1;
	}
	cgroup_make(id, &limits);
	return options->detach ? run_detached(&creation, ret_id, err) : run_foreground(&creation, err);
}
