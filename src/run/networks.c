/* Networks with names: see networks.h, link.c for how frames travel, and hosts.c for how names are found. */
#include "run/networks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/child.h"
#include "run/host_config.h"
#include "run/hosts.h"
#include "run/link.h"
#include "run/names.h"
#include "run/namespace.h"
#include "store/events.h"

enum { PREFIX_DEFAULT = 24, PREFIX_MIN = 8, PREFIX_MAX = 30, ID_BYTES = 32, POOL_LEN = 256 };
#define POOL UINT32_C(0x0a590000) /* 10.89.0.0, of which each network gets a /24 */

/* A subnet in host order. */
struct subnet {
	uint32_t base;
	int prefix;
};

static bool overlap(const struct subnet *a, const struct subnet *b)
{
	uint32_t mask = prefix_mask(a->prefix < b->prefix ? a->prefix : b->prefix);

	return (a->base & mask) == (b->base & mask);
}

static int parse_address(const char *text, uint32_t *ret, struct error *err)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return error_set(err, ERROR_USAGE, "'%s' is no IPv4 address", text);
	*ret = ntohl(in.s_addr);
	return 0;
}

static const char *print_address(uint32_t address, char out[INET_ADDRSTRLEN])
{
	struct in_addr in = { htonl(address) };

	return inet_ntop(AF_INET, &in, out, INET_ADDRSTRLEN);
}

static int parse_subnet(const char *text, struct subnet *ret, struct error *err)
{
	const char *slash = strchrnul(text, '/');
	_cleanup_(freep) char *address = xstrndup(text, (size_t)(slash - text));
	int64_t prefix;

	if (!*slash || str_to_int(slash + 1, PREFIX_MIN, PREFIX_MAX, &prefix, NULL) < 0 || parse_address(address, &ret->base, NULL) < 0)
		return error_set(err, ERROR_USAGE, "'%s' is no subnet: write it like 10.89.5.0/24", text);
	ret->prefix = (int)prefix;
	if (ret->base & ~prefix_mask(ret->prefix))
		return error_set(err, ERROR_USAGE, "'%s' has bits behind its prefix", text);
	return 0;
}

int networks_lock(struct store *store, struct error *err)
{
	return store_lock(store, "networks", err);
}

/* ---- records of networks ---- */

static bool is_builtin(const char *name)
{
	enum network_mode mode;

	return network_mode_parse(name, &mode, NULL) == 0;
}

static const char *const builtin[] = { "default", "host", "none", "bridge" };

static int not_found(struct store *store, const char *name, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	store_record_keys(store, "network", &names, NULL);
	for (size_t i = 0; i < array_len(builtin); i++)
		strlist_add(&names, builtin[i]);
	const char *near = str_nearest(name, (const char *const *)names.items);
	error_set(err, ERROR_NOT_FOUND, "no such network: %s", name);
	return near ? error_hint(err, "did you mean %s?", near) : error_hint(err, "'sampan network create %s' makes it", name);
}

static json_t *network_load(struct store *store, const char *name, struct error *err)
{
	_cleanup_(freep) char *text = NULL;

	if (store_record_get(store, "network", name, &text, err) < 0)
		return NULL;
	if (!text) {
		not_found(store, name, err);
		return NULL;
	}
	return json_parse(text, strlen(text), "network", err);
}

bool network_is_internal(struct store *store, const char *name)
{
	json_t *network _cleanup_(json_release) = network_load(store, name, NULL);

	return host_config_is(network, "Internal");
}

static int read_subnet(const json_t *network, struct subnet *ret, struct error *err)
{
	return parse_subnet(json_string_at(network, "Subnet"), ret, err);
}

/* Does a network of ours, or an interface of this machine, use some of it? */
static bool is_taken(struct store *store, const struct subnet *wish)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	struct ifaddrs *interfaces = NULL;
	bool taken = false;

	store_record_keys(store, "network", &names, NULL);
	for (size_t i = 0; i < names.len && !taken; i++) {
		json_t *network _cleanup_(json_release) = network_load(store, names.items[i], NULL);
		struct subnet other;
		taken = network && read_subnet(network, &other, NULL) == 0 && overlap(wish, &other);
	}
	if (taken || getifaddrs(&interfaces) < 0)
		return taken;
	for (const struct ifaddrs *at = interfaces; at && !taken; at = at->ifa_next) {
		if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET)
			continue;
		struct subnet host = { ntohl(((const struct sockaddr_in *)at->ifa_addr)->sin_addr.s_addr), 32 };
		taken = overlap(wish, &host);
	}
	freeifaddrs(interfaces);
	return taken;
}

static int choose_subnet(struct store *store, const char *wish, struct subnet *ret, struct error *err)
{
	if (wish) {
		if (parse_subnet(wish, ret, err) < 0)
			return -1;
		return is_taken(store, ret) ? error_set(err, ERROR_EXISTS, "the subnet %s is in use by another network or this machine", wish) : 0;
	}
	for (uint32_t i = 0; i < POOL_LEN; i++) {
		*ret = (struct subnet){ POOL + (i << 8), PREFIX_DEFAULT };
		if (!is_taken(store, ret))
			return 0;
	}
	return error_set(err, ERROR_EXISTS, "no subnet is free"), error_hint(err, "choose one: --subnet 172.30.0.0/24");
}

static int choose_gateway(const struct subnet *subnet, const char *wish, uint32_t *ret, struct error *err)
{
	uint32_t last = ~prefix_mask(subnet->prefix);

	*ret = subnet->base + 1;
	if (!wish)
		return 0;
	if (parse_address(wish, ret, err) < 0)
		return -1;
	uint32_t host = *ret - subnet->base;
	return host == 0 || host >= last ? error_set(err, ERROR_USAGE, "the gateway %s is not in the subnet", wish) : 0;
}

int network_create(struct store *store, const char *name, const struct network_options *options, struct error *err)
{
	_cleanup_(fd_close) int lock = networks_lock(store, err);
	char id[2 * ID_BYTES + 1], base[INET_ADDRSTRLEN], gateway_text[INET_ADDRSTRLEN], now[32];
	struct subnet subnet;
	uint32_t gateway;

	if (lock < 0)
		return -1;
	if (is_builtin(name))
		return error_set(err, ERROR_USAGE, "%s is always there", name);
	if (!container_name_valid(name)) {
		error_set(err, ERROR_USAGE, "'%s' is no name for a network", name);
		return error_hint(err, "one has two or more of a-z, A-Z, 0-9, '_', '.' and '-', and begins with a letter or digit");
	}
	if (choose_subnet(store, options->subnet, &subnet, err) < 0 || choose_gateway(&subnet, options->gateway, &gateway, err) < 0)
		return -1;
	random_hex(id, ID_BYTES);
	_cleanup_(freep) char *range = xprintf("%s/%d", print_address(subnet.base, base), subnet.prefix);
	json_t *network _cleanup_(json_release) = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:o}", "Id", id, "Name", name, "Created",
							    time_print(time(NULL), now), "Internal", options->internal, "Subnet", range, "Gateway",
							    print_address(gateway, gateway_text), "Labels", json_object());
	for (size_t i = 0; i < options->labels.len; i++) {
		_cleanup_(freep) char *key = xstrndup(options->labels.items[i], strcspn(options->labels.items[i], "="));
		const char *value = strlist_env_get(&options->labels, key);
		json_object_set_new(json_object_get(network, "Labels"), key, json_string(value ? value : ""));
	}
	_cleanup_(freep) char *text = json_text(network), *folder = xprintf("networks/%s", id);
	if (dir_make(store_dir(store), folder, 0700, err) < 0)
		return -1;
	if (store_record_add(store, "network", name, text, err) < 0) {
		dir_remove(store_dir(store), folder, NULL);
		return error_wrap(err, "cannot make the network %s", name);
	}
	event_add(store, "network", "create", id, json_pack("{s:s, s:s}", "name", name, "type", "sampan"));
	return 0;
}

/* ---- who is on it ---- */

static json_t *end_of(const struct container *container, const char *network)
{
	return json_object_get(json_object_get(container->record, "Networks"), network);
}

/* Calls for each container on the network; stops at a value that is not 0. */
static int each_member(struct store *store, const char *network, int (*act)(const struct container *container, const json_t *end, void *data), void *data)
{
	struct strlist ids _cleanup_(strlist_free) = { 0 };
	int result = 0;

	store_record_keys(store, "container", &ids, NULL);
	for (size_t i = 0; i < ids.len && result == 0; i++) {
		struct container container _cleanup_(container_clear) = { 0 };
		if (container_load(store, ids.items[i], &container, NULL) < 0 || !end_of(&container, network))
			continue;
		result = act(&container, end_of(&container, network), data);
	}
	return result;
}

static int add_address(const struct container *container, const json_t *end, void *data)
{
	(void)container;
	strlist_add(data, json_string_at(end, "IPAddress"));
	return 0;
}

static int is_running(const struct container *container, const json_t *end, void *data)
{
	struct container_status status;

	(void)end, (void)data;
	container_status(container, &status);
	return container_is_up(&status);
}

static int exists(const struct container *container, const json_t *end, void *data)
{
	(void)container, (void)end, (void)data;
	return 1;
}

/* The lowest that is free; never the first (the network), the last (broadcast), or the gateway's. */
static int choose_address(struct store *store, const json_t *network, char out[INET_ADDRSTRLEN], struct error *err)
{
	struct strlist taken _cleanup_(strlist_free) = { 0 };
	const char *name = json_string_at(network, "Name");
	struct subnet subnet;

	if (read_subnet(network, &subnet, err) < 0)
		return -1;
	strlist_add(&taken, json_string_at(network, "Gateway"));
	each_member(store, name, add_address, &taken);
	for (uint32_t host = 1; host < ~prefix_mask(subnet.prefix); host++) {
		print_address(subnet.base + host, out);
		if (!strlist_has(&taken, out))
			return 0;
	}
	return error_set(err, ERROR_NO_SPACE, "the network %s has no address left", name);
}

int network_attach(struct store *store, const struct container *container, const char *name, const struct strlist *aliases, struct error *err)
{
	json_t *network _cleanup_(json_release) = network_load(store, name, err), *all = json_object_get(container->record, "Networks");
	char address[INET_ADDRSTRLEN];
	struct subnet subnet;

	if (!network || read_subnet(network, &subnet, err) < 0)
		return -1;
	if (json_object_get(all, name))
		return error_set(err, ERROR_EXISTS, "container %s is on the network %s already", container_text(container, "Name"), name);
	if (choose_address(store, network, address, err) < 0)
		return -1;
	if (!all)
		json_object_set_new(container->record, "Networks", all = json_object());
	json_object_set_new(all, name, json_pack("{s:s, s:i, s:o}", "IPAddress", address, "IPPrefixLen", subnet.prefix, "Aliases",
						 json_from_strlist(aliases)));
	return 0;
}

/* ---- starting ---- */

void network_plan_clear(struct network_plan *plan)
{
	for (size_t i = 0; i < plan->ends_len; i++) {
		free(plan->ends[i].folder);
		free(plan->ends[i].name);
	}
	free(plan->ends);
	free(plan->hosts);
	*plan = (struct network_plan){ 0 };
}

static int add_end(struct store *store, const char *name, const json_t *end, struct network_plan *plan, bool *outside, struct error *err)
{
	json_t *network _cleanup_(json_release) = network_load(store, name, err);
	uint32_t address;

	if (!network || parse_address(json_string_at(end, "IPAddress"), &address, err) < 0)
		return -1;
	*outside |= !host_config_is(network, "Internal");
	xgrow(plan->ends, plan->ends_len);
	plan->ends[plan->ends_len++] = (struct network_end){
		.folder = xprintf("%s/networks/%s", store_path(store), json_string_at(network, "Id")),
		.name = xstrdup(name),
		.address = address,
		.prefix = (int)host_config_number(end, "IPPrefixLen"),
	};
	return 0;
}

int network_plan_read(struct store *store, const struct container *container, struct network_plan *ret, struct error *err)
{
	const char *mode = json_string_at(json_object_get(container->record, "HostConfig"), "NetworkMode"), *name;
	struct network_plan plan = { 0 };
	bool outside = network_mode_parse(*mode ? mode : "default", &plan.mode, NULL) == 0;
	json_t *end;

	json_object_foreach(json_object_get(container->record, "Networks"), name, end)
		if (add_end(store, name, end, &plan, &outside, err) < 0) {
			network_plan_clear(&plan);
			return -1;
		}
	if (!outside && !plan.ends_len) {
		network_plan_clear(&plan);
		return not_found(store, mode, err);
	}
	if (!outside)
		plan.mode = NETWORK_INTERNAL;
	plan.hosts = hosts_block(store, container);
	*ret = plan;
	return 0;
}

static char *pid_file_of(const struct container *container, const char *folder)
{
	return xprintf("%s/link-%.12s.pid", container->bundle, strrchr(folder, '/') + 1);
}

static int start_end(const struct container *container, const struct network_end *end, size_t number, const char *netns, struct error *err)
{
	_cleanup_(freep) char *pid_file = pid_file_of(container, end->folder), *interface = xprintf("net%zu", number);
	struct link link = { .netns = netns, .folder = end->folder, .pid_file = pid_file, .interface = interface, .address = end->address,
			     .prefix = end->prefix };

	return link_start(&link, err) < 0 ? error_wrap(err, "network %s", end->name) : 0;
}

int network_plan_link(const struct container *container, const struct network_plan *plan, const char *netns, struct error *err)
{
	for (size_t i = 0; i < plan->ends_len; i++)
		if (start_end(container, &plan->ends[i], i, netns, err) < 0)
			return -1;
	return 0;
}

/* A process that still is what the file says: its arguments name the bundle. */
static void end_link(const struct container *container, const char *file)
{
	int pid = bundle_number(container, file);
	_cleanup_(freep) char *path = xprintf("/proc/%d/cmdline", pid);
	struct buf text _cleanup_(buf_free) = { 0 };

	if (pid > 0 && file_read(AT_FDCWD, path, 65536, &text, NULL) == 0 && text.len &&
	    memmem(text.data, text.len, container->bundle, strlen(container->bundle)))
		kill(pid, SIGTERM);
	_cleanup_(freep) char *full = path_join(container->bundle, file);
	unlink(full);
}

void network_unlink(const struct container *container)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (!json_object_get(container->record, "Networks") || dir_names(AT_FDCWD, container->bundle, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.len; i++)
		if (str_starts(names.items[i], "link-") && str_ends(names.items[i], ".pid"))
			end_link(container, names.items[i]);
}

/* ---- connect and disconnect ---- */

struct joining {
	const struct container *container;
	const struct network_end *end;
	size_t number;
	int pid; /* the container's */
};

static int work_join(void *data, struct error *err)
{
	const struct joining *joining = data;
	_cleanup_(freep) char *netns = xprintf("/proc/%d/ns/net", joining->pid);

	if (namespace_join(joining->pid, "user", CLONE_NEWUSER, err) < 0)
		return -1;
	if (geteuid() != 0 && (setgid(0) < 0 || setuid(0) < 0))
		return error_errno(err, errno, "cannot become root of the container's namespace");
	return start_end(joining->container, joining->end, joining->number, netns, err);
}

static int join_running(struct store *store, const struct container *container, const char *name, int pid, struct error *err)
{
	struct network_plan plan _cleanup_(network_plan_clear) = { 0 };
	struct joining joining = { .container = container, .pid = pid };

	if (network_plan_read(store, container, &plan, err) < 0)
		return -1;
	for (size_t i = 0; i < plan.ends_len; i++)
		if (str_equal(plan.ends[i].name, name))
			joining.end = &plan.ends[i], joining.number = i;
	return child_run(work_join, &joining, err);
}

bool network_is_cut(const struct container *container)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	size_t alive = 0;

	if (!json_object_size(json_object_get(container->record, "Networks")) || dir_names(AT_FDCWD, container->bundle, &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.len; i++)
		if (str_starts(names.items[i], "link-") && process_start_time(bundle_number(container, names.items[i])))
			alive++;
	return alive < json_object_size(json_object_get(container->record, "Networks"));
}

/* A user's start is in a namespace of its own, from where others can't be entered: then the next `ps`, `stop` or `connect` does it. */
int network_relink(struct store *store, const struct container *container, struct error *err)
{
	struct network_plan plan _cleanup_(network_plan_clear) = { 0 };
	struct joining joining = { .container = container };
	struct container_status status;

	container_status(container, &status);
	if (!container_is_up(&status) || network_plan_read(store, container, &plan, err) < 0)
		return container_is_up(&status) ? -1 : 0;
	for (size_t i = 0; i < plan.ends_len; i++) {
		_cleanup_(freep) char *path = pid_file_of(container, plan.ends[i].folder);
		if (process_start_time(bundle_number(container, strrchr(path, '/') + 1)))
			continue;
		joining = (struct joining){ container, &plan.ends[i], i, status.pid };
		if (child_run(work_join, &joining, err) < 0)
			return -1;
	}
	return 0;
}

static void note(struct store *store, const struct container *container, const char *action, const char *network)
{
	json_t *object _cleanup_(json_release) = network_load(store, network, NULL);

	event_add(store, "network", action, object ? json_string_at(object, "Id") : network,
		  json_pack("{s:s, s:s, s:s}", "name", network, "type", "sampan", "container", container->id));
}

static int check_mode(const struct container *container, struct error *err)
{
	const char *mode = json_string_at(json_object_get(container->record, "HostConfig"), "NetworkMode");

	if (!str_equal(mode, "host") && !str_equal(mode, "none"))
		return 0;
	return error_set(err, ERROR_INVALID, "container %s has --network %s and can't be on another", container_text(container, "Name"), mode);
}

int network_connect(struct store *store, const char *network, const char *name, const struct strlist *aliases, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	_cleanup_(fd_close) int lock = -1, addresses = -1;
	struct container_status status;

	if (container_open(store, name, &container, err) < 0 || check_mode(&container, err) < 0 || container_lock(&container, &lock, err) < 0)
		return -1;
	if ((addresses = networks_lock(store, err)) < 0 || network_attach(store, &container, network, aliases, err) < 0)
		return -1;
	container_status(&container, &status);
	if (container_is_up(&status) && join_running(store, &container, network, status.pid, err) < 0)
		return -1;
	if (container_save(store, &container, err) < 0)
		return -1;
	fd_close(&addresses);
	addresses = -1;
	note(store, &container, "connect", network);
	networks_refresh(store);
	return 0;
}

int network_disconnect(struct store *store, const char *network, const char *name, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	json_t *object _cleanup_(json_release) = NULL;
	_cleanup_(fd_close) int lock = -1;

	if (container_open(store, name, &container, err) < 0 || container_lock(&container, &lock, err) < 0)
		return -1;
	if (!end_of(&container, network))
		return error_set(err, ERROR_NOT_FOUND, "container %s is not on the network %s", name, network);
	if ((object = network_load(store, network, NULL))) {
		_cleanup_(freep) char *file = xprintf("link-%.12s.pid", json_string_at(object, "Id"));
		end_link(&container, file);
	}
	json_object_del(json_object_get(container.record, "Networks"), network);
	json_t *host = json_object_get(container.record, "HostConfig");
	if (str_equal(json_string_at(host, "NetworkMode"), network)) /* what is left of it from its next start on */
		json_object_set_new(host, "NetworkMode", json_string("default"));
	if (container_save(store, &container, err) < 0)
		return -1;
	note(store, &container, "disconnect", network);
	networks_refresh(store);
	return 0;
}

/* ---- lists ---- */

int network_remove(struct store *store, const char *name, struct error *err)
{
	json_t *network _cleanup_(json_release) = is_builtin(name) ? NULL : network_load(store, name, err);

	if (is_builtin(name))
		return error_set(err, ERROR_USAGE, "%s is always there", name);
	if (!network)
		return -1;
	if (each_member(store, name, is_running, NULL)) {
		error_set(err, ERROR_BUSY, "the network %s is in use", name);
		return error_hint(err, "'sampan network inspect %s' shows by whom", name);
	}
	_cleanup_(freep) char *folder = xprintf("networks/%s", json_string_at(network, "Id"));
	if (store_record_delete(store, "network", name, err) < 0)
		return -1;
	event_add(store, "network", "destroy", json_string_at(network, "Id"), json_pack("{s:s, s:s}", "name", name, "type", "sampan"));
	return container_folder_remove(store, folder, err);
}

bool network_is_used(struct store *store, const char *name)
{
	return each_member(store, name, exists, NULL);
}

static int add_member(const struct container *container, const json_t *end, void *data)
{
	json_t *all = data;

	if (!is_running(container, end, NULL))
		return 0;
	_cleanup_(freep) char *address = xprintf("%s/%lld", json_string_at(end, "IPAddress"), (long long)host_config_number(end, "IPPrefixLen"));
	json_object_set_new(all, container->id, json_pack("{s:s, s:s}", "Name", container_text(container, "Name"), "IPv4Address", address));
	return 0;
}

json_t *network_inspect(struct store *store, const char *name, struct error *err)
{
	json_t *network _cleanup_(json_release) = network_load(store, name, err), *members = json_object();

	if (!network) {
		json_decref(members);
		return NULL;
	}
	each_member(store, name, add_member, members);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:{s:s, s:[{s:s, s:s}]}, s:o, s:O}", "Name", json_string_at(network, "Name"), "Id",
			 json_string_at(network, "Id"), "Created", json_string_at(network, "Created"), "Scope", "local", "Driver", "sampan",
			 "EnableIPv6", 0, "Internal", host_config_is(network, "Internal"), "IPAM", "Driver", "default", "Config", "Subnet",
			 json_string_at(network, "Subnet"), "Gateway", json_string_at(network, "Gateway"), "Containers", members, "Labels",
			 json_object_get(network, "Labels"));
}

json_t *network_settings(struct store *store, const struct container *container)
{
	json_t *all = json_object(), *end;
	const char *name;

	json_object_foreach(json_object_get(container->record, "Networks"), name, end) {
		json_t *network _cleanup_(json_release) = network_load(store, name, NULL), *shown = json_copy(end);
		json_object_set_new(shown, "NetworkID", json_string(json_string_at(network, "Id")));
		json_object_set_new(shown, "Gateway", json_string(json_string_at(network, "Gateway")));
		json_object_set_new(all, name, shown);
	}
	return all;
}
