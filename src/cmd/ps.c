/* sampan ps: the containers. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/template.h"
#include "run/run.h"

static bool all, no_trunc, last_one;
static const char *format;
static struct strlist filters;

static const struct option_spec options[] = {
	{ 'a', "all", OPTION_FLAG, &all, NULL, "also those that have ended" },
	{ 'l', "latest", OPTION_FLAG, &last_one, NULL, "the newest alone, in any state" },
	{ 'f', "filter", OPTION_LIST, &filters, "KEY=VALUE", "name, id, status, label, ancestor, health, exited, network" },
	{ 0, "format", OPTION_STRING, &format, "json|TEMPLATE", "JSON, or a line for each like '{{.Names}}\\t{{.Status}}'" },
	{ 0, "no-trunc", OPTION_FLAG, &no_trunc, NULL, "show ids and commands in full" },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "CONTAINER ID", NULL }, { NULL, "id" }, { "IMAGE", "image" }, { "COMMAND", NULL }, { NULL, "command" }, { "CREATED", NULL },
	{ NULL, "created" }, { "STATUS", "status" }, { NULL, "state" }, { NULL, "exit_code" }, { "PORTS", "ports" }, { "NAMES", "name" },
};

enum { SHORT_ID = 12, SHORT_COMMAND = 20 };

/* "Up 3 minutes", "Exited (137) 2 hours ago" */
static char *status_text(const struct container_row *row)
{
	char age[32];

	if (row->state == CONTAINER_CREATED)
		return xstrdup("Created");
	if (row->state == CONTAINER_RESTARTING)
		return xprintf("Restarting (%d) %s", row->exit_code, age_print(row->finished, time(NULL), age));
	if (row->state == CONTAINER_RUNNING || row->state == CONTAINER_PAUSED) {
		age_print(row->started, time(NULL), age);
		char *ago = strstr(age, " ago");
		if (ago)
			*ago = '\0';
		const char *health = str_equal(row->health, "starting") ? "health: starting" : row->health;
		if (row->state == CONTAINER_PAUSED)
			health = "Paused";
		return *health ? xprintf("Up %s (%s)", age, health) : xprintf("Up %s", age);
	}
	if (!row->finished)
		return xstrdup("Exited (unknown)");
	return xprintf("Exited (%d) %s", row->exit_code, age_print(row->finished, time(NULL), age));
}

/* In quotes, and cut with an ellipsis, as docker does. */
static char *command_text(const char *command)
{
	if (no_trunc || strlen(command) <= SHORT_COMMAND)
		return xprintf("\"%s\"", command);
	int len = SHORT_COMMAND - 1;
	while (len > 0 && ((unsigned char)command[len] & 0xc0) == 0x80)
		len--;
	return xprintf("\"%.*s…\"", len, command);
}

static void add_row(struct table *table, const struct container_row *row)
{
	_cleanup_(freep) char *status = status_text(row), *command = command_text(row->command), *id = xstrndup(row->id, no_trunc ? 64 : SHORT_ID);
	char age[32], when[32], code[16];

	table_cell(table, id);
	table_cell(table, row->id);
	table_cell(table, row->image);
	table_cell(table, command);
	table_cell(table, row->command);
	table_cell(table, age_print(row->created, time(NULL), age));
	table_cell(table, time_print(row->created, when));
	table_cell(table, status);
	table_cell(table, container_state_name(row->state));
	snprintf(code, sizeof code, "%d", row->exit_code);
	if (row->state == CONTAINER_EXITED)
		table_cell_number(table, code, row->exit_code);
	else
		table_cell(table, NULL);
	table_cell(table, row->ports);
	table_cell(table, row->name);
}

/* The values of docker's template keys. A new reference. */
static json_t *template_object(const struct container_row *row)
{
	_cleanup_(freep) char *status = status_text(row), *command = command_text(row->command), *id = xstrndup(row->id, no_trunc ? 64 : SHORT_ID);
	char age[32], running[32], when[32];

	age_print(row->created, time(NULL), age);
	age_print(row->started ? row->started : row->created, time(NULL), running);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ID", id, "Names", row->name, "Image", row->image, "Command", command,
			 "CreatedAt", time_print(row->created, when), "RunningFor", running, "Status", status, "State",
			 container_state_name(row->state), "Ports", row->ports, "Labels", row->labels, "Networks", row->networks);
}

static int print_template(const char *template, const struct container_row *rows, size_t len, struct error *err)
{
	for (size_t i = 0; i < len; i++) {
		json_t *object _cleanup_(json_release) = template_object(&rows[i]);
		if (template_print_line(template, object, err) < 0)
			return -1;
	}
	return 0;
}

static bool image_is(const struct container_row *row, const char *image)
{
	const char *colon = strrchr(row->image, ':');

	return str_equal(row->image, image) || (colon && !strchr(image, ':') && strlen(image) == (size_t)(colon - row->image) &&
						str_starts(row->image, image));
}

static bool network_is(const struct container_row *row, const char *wish)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	strlist_split(&list, row->networks, ',');
	return strlist_has(&list, wish);
}

static bool label_is(const struct container_row *row, const char *wish)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	strlist_split(&list, row->labels, ',');
	return strchr(wish, '=') ? strlist_has(&list, wish) : strlist_env_get(&list, wish) != NULL;
}

enum { FILTER_NAME, FILTER_ID, FILTER_STATUS, FILTER_LABEL, FILTER_ANCESTOR, FILTER_HEALTH, FILTER_EXITED, FILTER_NETWORK, FILTER_COUNT };
static const char *const filter_names[] = { "name", "id", "status", "label", "ancestor", "health", "exited", "network", NULL };

static bool filter_matches(const struct container_row *row, size_t filter, const char *value)
{
	char code[16];

	switch (filter) {
	case FILTER_NAME: return strstr(row->name, value[0] == '^' ? value + 1 : value) != NULL;
	case FILTER_ID: return str_starts(row->id, value);
	case FILTER_STATUS: return str_equal(container_state_name(row->state), value);
	case FILTER_LABEL: return label_is(row, value);
	case FILTER_ANCESTOR: return image_is(row, value);
	case FILTER_HEALTH: return str_equal(*row->health ? row->health : "none", value);
	case FILTER_NETWORK: return network_is(row, value);
	default: snprintf(code, sizeof code, "%d", row->exit_code); return row->state == CONTAINER_EXITED && str_equal(code, value);
	}
}

/* Values of one key are alternatives, but labels, which all must be there; keys must all match: docker's rule. */
static int row_wanted(const struct container_row *row, struct error *err)
{
	bool asked[FILTER_COUNT] = { false }, matched[FILTER_COUNT] = { false };

	for (size_t i = 0; i < filters.len; i++) {
		const char *equals = strchrnul(filters.items[i], '=');
		_cleanup_(freep) char *key = xstrndup(filters.items[i], (size_t)(equals - filters.items[i]));
		size_t n = 0;
		while (filter_names[n] && !str_equal(filter_names[n], key))
			n++;
		if (!filter_names[n] || !*equals) {
			const char *near = str_nearest(key, filter_names);
			error_set(err, ERROR_USAGE, "--filter %s: use name, id, status, label, ancestor, health, exited or network, and =VALUE", filters.items[i]);
			return near ? error_hint(err, "did you mean %s=?", near) : -1;
		}
		bool one = filter_matches(row, n, equals + 1);
		matched[n] = asked[n] && n == FILTER_LABEL ? matched[n] && one : matched[n] || one;
		asked[n] = true;
	}
	for (size_t n = 0; n < FILTER_COUNT; n++)
		if (asked[n] && !matched[n])
			return 0;
	return 1;
}

/* Moves what is wanted to the front. */
static int choose(struct container_row *rows, size_t len, size_t *ret, struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < len && !(last_one && kept); i++) {
		int wanted = row_wanted(&rows[i], err);
		if (wanted < 0)
			return -1;
		if (!wanted)
			continue;
		struct container_row row = rows[i];
		rows[i] = rows[kept];
		rows[kept++] = row;
	}
	*ret = kept;
	return 0;
}

static void print_rows(struct context *context, const struct container_row *rows, size_t len)
{
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));

	for (size_t i = 0; i < len; i++) {
		if (context->quiet && context->format == FORMAT_TEXT)
			printf("%.*s\n", no_trunc ? 64 : SHORT_ID, rows[i].id);
		add_row(table, &rows[i]);
	}
	if (!context->quiet || context->format == FORMAT_JSON)
		table_print(table, context->format, stdout);
}

static bool filters_state(void)
{
	for (size_t i = 0; i < filters.len; i++)
		if (str_starts(filters.items[i], "status=") || str_starts(filters.items[i], "exited="))
			return true;
	return false;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct container_row *rows = NULL;
	const char *template;
	size_t len = 0, kept = 0;

	(void)argc, (void)argv;
	if (template_of_format(format, "{{.Names}}", context, &template, err) < 0)
		return -1;
	if (store_open(context->root, &store, err) < 0)
		return -1;
	if (containers_list(store, all || last_one || filters_state(), &rows, &len, err) < 0)
		return -1;
	int result = choose(rows, len, &kept, err);
	if (result == 0 && template)
		result = print_template(template, rows, kept, err);
	else if (result == 0)
		print_rows(context, rows, kept);
	container_rows_free(rows, len);
	return result;
}

const struct command command_ps = {
	.name = "ps",
	.group = "Containers",
	.usage = "[OPTIONS]",
	.summary = "List containers",
	.details = "-q prints the ids alone. 'Exited (unknown)' is a container whose end nobody saw: a power cut, or its monitor was killed.",
	.options = options,
	.run = run,
};
