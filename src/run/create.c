/* container_create: from an image and options to a record that says all that a start needs (start.c), today and after a reboot.
 *
 * The record is written first, then the name is taken: whatever kills us in between leaves a container that `ps -a` shows and `rm`
 * removes. */
#include <stdio.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"
#include "run/container.h"
#include "run/event.h"
#include "run/host_config.h"
#include "run/names.h"
#include "run/network.h"
#include "run/networks.h"
#include "run/sandbox.h"

enum { ID_BYTES = 32, SHORT_ID = 12 };

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
	return json_object_get(json_object_get(creation->options->host, "Tmpfs"), target) != NULL;
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

/* -P: what the image EXPOSEs and nobody published gets a port that is free. */
static int expose_all(struct creation *creation, struct error *err)
{
	const struct strlist *exposed = &creation->image->config.exposed_ports;

	for (size_t i = 0; creation->options->publish_all && i < exposed->len; i++) {
		struct port_spec port;
		bool there = false;
		if (port_parse(exposed->items[i], &port, err) < 0)
			return -1;
		for (size_t j = 0; j < creation->ports_len; j++)
			there |= creation->ports[j].container_port == port.container_port && creation->ports[j].udp == port.udp;
		if (there)
			continue;
		creation->ports = xrealloc(creation->ports, creation->ports_len + 1, sizeof *creation->ports);
		creation->ports[creation->ports_len++] = port;
	}
	return 0;
}

static int decide_ports(struct creation *creation, struct error *err)
{
	const struct container_options *options = creation->options;

	if ((options->ports_len || options->publish_all) && options->network != NETWORK_DEFAULT) {
		log_warn("-p has no effect with --network %s", options->network == NETWORK_HOST ? "host" : "none");
		return 0;
	}
	if ((options->ports_len || options->publish_all) && options->network_name && network_is_internal(creation->store, options->network_name)) {
		log_warn("-p has no effect on the internal network %s", options->network_name);
		return 0;
	}
	creation->ports = xcalloc(options->ports_len + 1, sizeof *creation->ports);
	creation->ports_len = options->ports_len;
	if (options->ports_len)
		memcpy(creation->ports, options->ports, options->ports_len * sizeof *creation->ports);
	return expose_all(creation, err) < 0 ? -1 : ports_settle(creation->ports, creation->ports_len, err);
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

/* docker's object: what the user says over what the image says. */
static json_t *health_json(json_t *wish, const struct healthcheck *image)
{
	json_t *object = json_object();
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = { { "Interval", image->interval }, { "Timeout", image->timeout }, { "StartPeriod", image->start_period }, { "Retries", image->retries } };

	if (image->test.len)
		json_object_set_new(object, "Test", json_from_strlist(&image->test));
	for (size_t i = 0; i < array_len(numbers); i++)
		if (numbers[i].value)
			json_object_set_new(object, numbers[i].key, json_integer(numbers[i].value));
	json_object_update(object, wish);
	return object;
}

static const char *either(const char *wish, const char *image)
{
	return wish ? wish : image ? image : "";
}

static json_t *make_record(const struct creation *creation, const char *name)
{
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
	json_object_set_new(record, "StopSignal", json_string(*either(options->stop_signal, config->stop_signal) ?
								   either(options->stop_signal, config->stop_signal) : "SIGTERM"));
	json_object_set_new(record, "Labels", labels_json(creation));
	json_object_set_new(record, "Tty", json_boolean(options->terminal));
	json_object_set_new(record, "Platform", json_string(platform_print(&creation->emulator.platform, platform)));
	json_object_set_new(record, "Mounts", mounts_json(creation));
	json_object_set_new(record, "Volumes", json_from_strlist(&creation->volumes));
	json_object_set_new(record, "Ports", ports_json(creation));
	if (options->stop_timeout >= 0)
		json_object_set_new(record, "StopTimeout", json_integer(options->stop_timeout));
	json_object_set_new(record, "OpenStdin", json_boolean(options->interactive));
	json_object_set_new(record, "Layers", json_from_strlist(&creation->layers));
	json_object_set_new(record, "HostConfig", options->host ? json_incref(options->host) : json_object());
	if (options->health || config->health.test.len)
		json_object_set_new(record, "Healthcheck", health_json(options->health, &config->health));
	return record;
}

int container_take_name(struct store *store, const struct container *container, const char *name, struct error *err)
{
	struct error why _cleanup_(error_clear) = { 0 };

	if (!container_name_valid(name))
		return error_set(err, ERROR_USAGE, "'%s' is no name for a container: two or more letters, digits, '_', '.' and '-', the first a letter or digit", name);
	for (int attempt = 0; attempt < 2; attempt++) {
		_cleanup_(freep) char *owner = NULL, *record = NULL;
		if (store_record_add(store, "container-name", name, container->id, &why) == 0)
			return 0;
		if (why.code != ERROR_EXISTS)
			break;
		if (store_record_get(store, "container-name", name, &owner, err) < 0)
			return -1;
		if (owner && store_record_get(store, "container", owner, &record, err) < 0)
			return -1;
		if (record) {
			error_set(err, ERROR_EXISTS, "the name %s is in use by container %.12s", name, owner);
			return error_hint(err, "'sampan rm %s' first, or choose another --name", name);
		}
		error_clear(&why);
		store_record_delete(store, "container-name", name, NULL);
	}
	if (err)
		error_move(err, &why);
	return -1;
}

static int write_record(struct creation *creation, struct error *err)
{
	struct container *container = &creation->container;
	_cleanup_(freep) char *name = creation->options->name ? xstrdup(creation->options->name) : container_name_make();

	container->record = make_record(creation, name);
	if (!container->record)
		return error_set(err, ERROR_INVALID, "an argument, variable or name is not UTF-8");
	_cleanup_(fd_close) int lock = creation->options->network_name ? networks_lock(creation->store, err) : -1;
	if (creation->options->network_name &&
	    (lock < 0 || network_attach(creation->store, container, creation->options->network_name, &creation->options->aliases, err) < 0))
		return -1;
	if (container_save(creation->store, container, err) < 0)
		return -1;
	if (store_record_pin(creation->store, "container", container->id, &creation->image->digest, err) < 0)
		return -1;
	return container_take_name(creation->store, container, name, err);
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

int container_create(struct store *store, const struct image *image, const struct container_options *options, char **ret_id, struct error *err)
{
	struct creation creation _cleanup_(creation_clear) = { .store = store, .image = image, .options = options };
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
	container_event(store, &creation.container, "create", NULL, NULL);
	*ret_id = xstrdup(id);
	return 0;
}

int container_run(struct store *store, const struct image *image, const struct container_options *options, bool detach, char **ret_id,
		  struct error *err)
{
	_cleanup_(freep) char *id = NULL;

	if (container_create(store, image, options, &id, err) < 0)
		return -1;
	int result = detach ? container_start(store, id, err) : container_start_foreground(store, id, err);
	struct container container _cleanup_(container_clear) = { 0 };
	if (result < 0 && container_load(store, id, &container, NULL) == 0)
		container_remove(store, id, true, NULL);
	else if (detach)
		*ret_id = steal(id);
	return result;
}
