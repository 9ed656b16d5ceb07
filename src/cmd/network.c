/* sampan network: networks with names, on which containers find each other. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/template.h"
#include "run/run.h"

static const char *subnet, *gateway, *driver, *format;
static struct strlist aliases, labels;
static bool internal, force;

static const struct option_spec options[] = {
	{ 0, "subnet", OPTION_STRING, &subnet, "ADDRESS/BITS", "of create: its addresses (10.89.N.0/24)" },
	{ 0, "gateway", OPTION_STRING, &gateway, "ADDRESS", "of create: an address that no container gets (the first)" },
	{ 0, "internal", OPTION_FLAG, &internal, NULL, "of create: no way out, and no published ports" },
	{ 'd', "driver", OPTION_STRING, &driver, "bridge", "of create: for scripts made for docker; there is one kind" },
	{ 0, "label", OPTION_LIST, &labels, "KEY=VALUE", "of create: a note" },
	{ 0, "alias", OPTION_LIST, &aliases, "NAME", "of connect: one more name of the container" },
	{ 'f', "format", OPTION_STRING, &format, "json|TEMPLATE", "of ls and inspect, like '{{.Name}}'" },
	{ 0, "force", OPTION_FLAG, &force, NULL, "of prune: do not ask; it never does" },
	{ 0 },
};

static const struct table_column columns[] = { { "NETWORK ID", NULL }, { NULL, "id" },	      { "NAME", "name" },
					       { "SUBNET", "subnet" }, { "INTERNAL", "internal" }, { "CONTAINERS", "containers" } };

static void add_row(struct table *table, const json_t *network)
{
	const json_t *config = json_array_get(json_object_get(json_object_get(network, "IPAM"), "Config"), 0);
	_cleanup_(freep) char *id = xstrndup(json_string_at(network, "Id"), 12);
	size_t members = json_object_size(json_object_get(network, "Containers"));
	char number[24];

	table_cell(table, id);
	table_cell(table, json_string_at(network, "Id"));
	table_cell(table, json_string_at(network, "Name"));
	table_cell(table, json_string_at(config, "Subnet"));
	table_cell(table, json_is_true(json_object_get(network, "Internal")) ? "yes" : "no");
	snprintf(number, sizeof number, "%zu", members);
	table_cell_number(table, number, (int64_t)members);
}

static int list(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct strlist names _cleanup_(strlist_free) = { 0 };
	const char *template;

	(void)argc, (void)argv;
	if (template_of_format(format, "{{.Name}}", context, &template, err) < 0 || store_record_keys(store, "network", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		json_t *network _cleanup_(json_release) = network_inspect(store, names.items[i], NULL);
		if (!network)
			continue;
		json_object_set_new(network, "ID", json_stringn(json_string_at(network, "Id"), 12)); /* as docker's ls calls it */
		if (context->quiet)
			puts(json_string_at(network, "Id"));
		else if (template && template_print_line(template, network, err) < 0)
			return -1;
		add_row(table, network);
	}
	if (!context->quiet && !template)
		table_print(table, context->format, stdout);
	return 0;
}

static int create(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	const struct network_options wanted = { .subnet = subnet, .gateway = gateway, .internal = internal, .labels = labels };

	(void)context, (void)argc;
	if (driver && !str_equal(driver, "bridge") && !str_equal(driver, "sampan"))
		return error_set(err, ERROR_UNSUPPORTED, "--driver %s: there is one kind of network, which 'bridge' stands for", driver);
	if (network_create(store, argv[0], &wanted, err) < 0)
		return -1;
	json_t *network _cleanup_(json_release) = network_inspect(store, argv[0], err);
	if (!network)
		return -1;
	puts(json_string_at(network, "Id"));
	return 0;
}

static int inspect(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	json_t *all _cleanup_(json_release) = json_array();
	bool whole = !format || str_equal(format, "json");

	(void)context;
	for (int i = 0; i < argc; i++) {
		json_t *network = network_inspect(store, argv[i], err);
		if (!network)
			return -1;
		json_array_append_new(all, network);
		if (!whole && template_print_line(format, network, err) < 0)
			return -1;
	}
	_cleanup_(freep) char *text = whole ? json_dumps(all, JSON_INDENT(4) | JSON_PRESERVE_ORDER) : NULL;
	if (text)
		puts(text);
	return 0;
}

static int remove_all(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	(void)context;
	for (int i = 0; i < argc; i++) {
		if (network_remove(store, argv[i], err) < 0)
			return -1;
		puts(argv[i]);
	}
	return 0;
}

static int prune(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	(void)context, (void)argc, (void)argv;
	if (store_record_keys(store, "network", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		if (network_is_used(store, names.items[i]))
			continue;
		if (network_remove(store, names.items[i], err) < 0)
			return -1;
		puts(names.items[i]);
	}
	return 0;
}

static int connect_one(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	(void)context, (void)argc;
	return network_connect(store, argv[0], argv[1], &aliases, err);
}

static int disconnect_one(struct context *context, struct store *store, int argc, char **argv, struct error *err)
{
	(void)context, (void)argc;
	return network_disconnect(store, argv[0], argv[1], err);
}

static const struct subcommand subcommands[] = {
	{ "create", 1, 1, create },
	{ "ls", 0, 0, list },
	{ "inspect", 1, -1, inspect },
	{ "rm", 1, -1, remove_all },
	{ "prune", 0, 0, prune },
	{ "connect", 2, 2, connect_one },
	{ "disconnect", 2, 2, disconnect_one },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	const struct subcommand *subcommand = subcommand_choose("network", subcommands, argc, argv, err);

	return !subcommand || store_open(context->root, &store, err) < 0 ? -1 : subcommand->run(context, store, argc - 1, argv + 1, err);
}

const struct command command_network = {
	.name = "network",
	.group = "Containers",
	.usage = "create NAME | ls | inspect NETWORK… | rm NETWORK… | prune | connect NETWORK CONTAINER | disconnect NETWORK CONTAINER",
	.summary = "Networks with names, on which containers find each other",
	.details = "'sampan run --network NAME' puts a container on one. There its name, its --network-alias and its id's start lead to it, by the /etc/hosts of\n"
		   "all members, which is kept up to date; there is no name server. The way out and published ports are as without it.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
