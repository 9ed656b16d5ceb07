/* The one option parser: see command.h. Options of the command and those that every command takes are two tables of one shape, looked
 * up in this order. */
#include <stdio.h>

#include "base/log.h"
#include "cmd/command.h"
#include "cmd/table.h"

/* What every command takes; the values land here and go into the context. */
static bool flag_help, flag_quiet, flag_debug;
static const char *value_root, *value_format;
const struct option_spec option_common[] = {
	{ 0, "root", OPTION_STRING, &value_root, "DIR", "the store (or SAMPAN_ROOT)" },
	{ 0, "format", OPTION_STRING, &value_format, "json", "print JSON instead of text" },
	{ 'q', "quiet", OPTION_FLAG, &flag_quiet, NULL, "print only what was asked for" },
	{ 0, "debug", OPTION_FLAG, &flag_debug, NULL, "say more on stderr" },
	{ 'h', "help", OPTION_FLAG, &flag_help, NULL, "show this help" },
	{ 0 },
};

static const struct option_spec *find_in(const struct option_spec *specs, const char *name, size_t len, char letter)
{
	for (; specs && specs->name; specs++)
		if (name ? strlen(specs->name) == len && !strncmp(specs->name, name, len) : letter && specs->letter == letter)
			return specs;
	return NULL;
}

const struct option_spec *option_find(const struct command *command, const char *name, size_t len, char letter)
{
	const struct option_spec *spec = command ? find_in(command->options, name, len, letter) : NULL;

	return spec ? spec : find_in(option_common, name, len, letter);
}

static int unknown(const struct command *command, const char *option, struct error *err)
{
	const char *names[96] = { NULL };
	size_t n = 0;

	for (const struct option_spec *s = command ? command->options : NULL; s && s->name && n + 8 < array_len(names); s++)
		names[n++] = s->name;
	for (const struct option_spec *s = option_common; s->name; s++)
		names[n++] = s->name;
	error_set(err, ERROR_USAGE, "unknown option '%s'", option);
	const char *near = option[1] == '-' ? str_nearest(option + 2, names) : NULL;
	if (near)
		return error_hint(err, "did you mean --%s?", near);
	return command ? error_hint(err, "'sampan %s --help' lists the options", command->name) : error_hint(err, "'sampan help' shows how to call it");
}

static int flag_value(const struct option_spec *spec, const char *value, struct error *err)
{
	bool *at = spec->at;

	if (!value || str_equal(value, "true") || str_equal(value, "1"))
		*at = true;
	else if (str_equal(value, "false") || str_equal(value, "0"))
		*at = false;
	else
		return error_set(err, ERROR_USAGE, "--%s is a flag: '%s' is neither true nor false", spec->name, value);
	return 0;
}

static int store_value(const struct option_spec *spec, const char *value, struct error *err)
{
	switch (spec->type) {
	case OPTION_FLAG:
		return flag_value(spec, value, err);
	case OPTION_STRING:
		*(const char **)spec->at = value;
		return 0;
	case OPTION_LIST:
		strlist_add(spec->at, value);
		return 0;
	}
	return 0;
}

static int missing_value(const struct option_spec *spec, struct error *err)
{
	return error_set(err, ERROR_USAGE, "--%s needs a value: --%s %s", spec->name, spec->name, spec->value ? spec->value : "VALUE");
}

/* --name, --name=value, --name value. Returns how many arguments it took. */
static int parse_long(const struct command *command, char **argv, struct error *err)
{
	const char *name = argv[0] + 2, *equals = strchrnul(name, '=');
	const struct option_spec *spec = option_find(command, name, (size_t)(equals - name), 0);
	const char *value = *equals ? equals + 1 : NULL;

	if (!spec)
		return unknown(command, argv[0], err);
	if (spec->type == OPTION_FLAG || value)
		return store_value(spec, value, err) < 0 ? -1 : 1;
	if (!argv[1])
		return missing_value(spec, err);
	return store_value(spec, argv[1], err) < 0 ? -1 : 2;
}

/* -n value, -nvalue, -abc. Returns how many arguments it took. */
static int parse_short(const struct command *command, char **argv, struct error *err)
{
	for (const char *at = argv[0] + 1; *at; at++) {
		const struct option_spec *spec = option_find(command, NULL, 0, *at);
		if (!spec)
			return unknown(command, argv[0], err);
		if (spec->type == OPTION_FLAG) {
			*(bool *)spec->at = true;
			continue;
		}
		const char *value = at[1] ? at + 1 + (at[1] == '=') : argv[1];
		if (!value)
			return missing_value(spec, err);
		return store_value(spec, value, err) < 0 ? -1 : at[1] ? 1 : 2;
	}
	return 1;
}

static bool is_option(const char *text)
{
	return text[0] == '-' && text[1];
}

static int parse_one(const struct command *command, char **argv, struct error *err)
{
	return argv[0][1] == '-' ? parse_long(command, argv, err) : parse_short(command, argv, err);
}

static int fill_context(struct context *context, struct error *err)
{
	if (value_root)
		context->root = value_root;
	if (str_equal(value_format, "json"))
		context->format = FORMAT_JSON;
	else if (value_format && !str_equal(value_format, "text") && !str_equal(value_format, "table"))
		return error_set(err, ERROR_USAGE, "--format is text or json, not '%s'", value_format);
	context->quiet = flag_quiet;
	log_set_level(flag_debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	return 0;
}

int option_parse_global(struct context *context, int argc, char **argv, struct error *err)
{
	int at = 1;

	while (at < argc && is_option(argv[at]) && !str_equal(argv[at], "--version")) {
		int used = parse_one(NULL, argv + at, err);
		if (used < 0)
			return -1;
		at += used;
	}
	if (flag_help)
		at = argc;
	flag_help = false;
	return fill_context(context, err) < 0 ? -1 : at;
}

static int check_count(const struct command *command, int count, struct error *err)
{
	if (count >= command->min_args && (command->max_args < 0 || count <= command->max_args))
		return 0;
	error_set(err, ERROR_USAGE, count < command->min_args ? "too few arguments" : "too many arguments");
	return error_hint(err, "usage: sampan %s %s", command->name, command->usage);
}

int option_parse(const struct command *command, struct context *context, int argc, char **argv, int *ret_argc, char ***ret_argv,
		 struct error *err)
{
	int count = 0, at = 0;

	while (at < argc) {
		if (str_equal(argv[at], "--")) {
			at++;
			break;
		}
		if (!is_option(argv[at])) {
			argv[count++] = argv[at++];
			if (command->stop_at_argument)
				break;
			continue;
		}
		int used = parse_one(command, argv + at, err);
		if (used < 0)
			return -1;
		at += used;
	}
	while (at < argc)
		argv[count++] = argv[at++];
	argv[count] = NULL;
	if (flag_help) {
		command_help(command);
		return 1;
	}
	if (fill_context(context, err) < 0 || check_count(command, count, err) < 0)
		return -1;
	*ret_argc = count;
	*ret_argv = argv;
	return 0;
}

enum { HELP_COLUMN = 30 };

static void print_options(const struct option_spec *specs)
{
	for (; specs && specs->name; specs++) {
		char letter[8] = "    ", left[64];
		if (specs->letter)
			snprintf(letter, sizeof letter, "-%c, ", specs->letter);
		snprintf(left, sizeof left, "%s--%s%s%s", letter, specs->name, specs->value ? " " : "", specs->value ? specs->value : "");
		printf("  %s%*s %s\n", left, str_columns(left) < HELP_COLUMN ? HELP_COLUMN - str_columns(left) : 0, "", specs->help);
	}
}

void command_help(const struct command *command)
{
	printf("Usage: sampan %s %s\n\n%s\n", command->name, command->usage, command->summary);
	if (command->details)
		printf("\n%s\n", command->details);
	if (command->options) {
		printf("\nOptions:\n");
		print_options(command->options);
	}
	printf("\nEvery command takes:\n");
	print_options(option_common);
}

static const struct subcommand *subcommand_unknown(const char *command, const struct subcommand *subcommands, const char *wanted, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	for (; subcommands->name; subcommands++)
		strlist_add(&names, subcommands->name);
	_cleanup_(freep) char *list = strlist_join(&names, ", ");
	const char *near = str_nearest(wanted, (const char *const *)names.items);
	error_set(err, ERROR_USAGE, "there is no 'sampan %s %s', only: %s", command, wanted, list);
	if (near)
		error_hint(err, "did you mean 'sampan %s %s'?", command, near);
	return NULL;
}

const struct subcommand *subcommand_choose(const char *command, const struct subcommand *subcommands, int argc, char **argv, struct error *err)
{
	const struct subcommand *subcommand = subcommands;

	while (subcommand->name && !str_equal(subcommand->name, argv[0]))
		subcommand++;
	if (!subcommand->name)
		return subcommand_unknown(command, subcommands, argv[0], err);
	if (argc - 1 >= subcommand->min_args && (subcommand->max_args < 0 || argc - 1 <= subcommand->max_args))
		return subcommand;
	error_set(err, ERROR_USAGE, "too %s arguments for 'sampan %s %s'", argc - 1 < subcommand->min_args ? "few" : "many", command, subcommand->name);
	error_hint(err, "'sampan %s --help' says what it takes", command);
	return NULL;
}
