/* sampan __complete -- WORD…: what the last WORD may become, a line each with a tab and what it means. The scripts of dist/completions ask.
 *
 * All of it is read off what --help shows, so that a new command or option is completed when it is there: the tables of commands and options, the
 * alternatives in a value's name ("missing|always|never"), and a usage line as the grammar of its arguments ("create [NAME] | rm VOLUME…"),
 * where some nouns stand for what the store has. The line ":files" asks the shell for its own names of files.
 *
 * Somebody waits at a prompt: what can't be told is not told, without a word, and a store that is busy for long isn't waited for. */
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/table.h"
#include "oci/reference.h"
#include "run/run.h"

enum { SECONDS_MAX = 1, NAMES_MAX = 1000 };

struct completion {
	struct context *context;
	const struct command *command; /* NULL: before its name */
	const char *typed;	       /* what there is of the word */
	const char *before;	       /* stands in front of it: "--format=" */
	int before_len;
	struct strlist args; /* arguments of the command before the word */
	bool no_options;     /* behind --, or what belongs to a container's program */
};

static void offer(const struct completion *completion, const char *word, const char *help)
{
	if (str_starts(word, completion->typed))
		printf("%.*s%s\t%s\n", completion->before_len, completion->before, word, help ? help : "");
}

/* ---- what nouns stand for ---- */

/* NULL also for a store that isn't there: looking must not make one. */
static struct store *look(const struct completion *completion)
{
	_cleanup_(freep) char *database = path_join(completion->context->root, "sampan.db");
	struct store *store = NULL;

	return access(database, W_OK) == 0 && store_open(completion->context->root, &store, NULL) == 0 ? store : NULL;
}

static void offer_images(const struct completion *completion)
{
	struct store *store _cleanup_(store_close) = look(completion);
	struct image_row *rows = NULL;
	size_t len = 0;

	if (!store || store_images(store, &rows, &len, NULL) < 0)
		return;
	for (size_t i = 0; i < len; i++) {
		const struct image_row *row = &rows[i];
		char platform[PLATFORM_TEXT_SIZE];
		if (!row->tag || str_equal(row->registry, STORE_NAMELESS))
			continue;
		_cleanup_(freep) char *name = reference_print_familiar(&(struct reference){ row->registry, row->repository, row->tag, .has_digest = false });
		offer(completion, name, platform_print(&row->platform, platform));
	}
	image_rows_free(rows, len);
}

static void offer_containers(const struct completion *completion)
{
	struct store *store _cleanup_(store_close) = look(completion);
	struct container_row *rows = NULL;
	size_t len = 0;

	if (!store || containers_list(store, true, &rows, &len, NULL) < 0)
		return;
	for (size_t i = 0; i < len; i++)
		offer(completion, rows[i].name, container_state_name(rows[i].state));
	container_rows_free(rows, len);
}

static void offer_volumes(const struct completion *completion)
{
	struct store *store _cleanup_(store_close) = look(completion);
	struct volume_row *rows = NULL;
	size_t len = 0;

	if (!store || volumes_list(store, &rows, &len, NULL) < 0)
		return;
	for (size_t i = 0; i < len; i++)
		offer(completion, rows[i].name, rows[i].used_by);
	volume_rows_free(rows, len);
}

static void offer_networks(const struct completion *completion)
{
	struct store *store _cleanup_(store_close) = look(completion);
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (!store || store_record_keys(store, "network", &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.len; i++)
		offer(completion, names.items[i], NULL);
}

static void offer_repositories(const struct completion *completion)
{
	struct store *store _cleanup_(store_close) = look(completion);
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (!store || store_catalog(store, "", NULL, NAMES_MAX, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.len; i++)
		offer(completion, names.items[i], NULL);
}

static void offer_commands(const struct completion *completion)
{
	for (size_t i = 0; command_table[i]; i++)
		if (command_table[i]->group)
			offer(completion, command_table[i]->name, command_table[i]->summary);
}

static void offer_platforms(const struct completion *completion)
{
	static const char *const platforms[] = { "linux/riscv64", "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x" };

	for (size_t i = 0; i < array_len(platforms); i++)
		offer(completion, platforms[i], NULL);
}

static void offer_files(const struct completion *completion)
{
	(void)completion;
	puts(":files");
}

static void offer_mounts(const struct completion *completion)
{
	offer_volumes(completion);
	offer_files(completion);
}

static const struct {
	const char *noun;
	void (*offer)(const struct completion *completion);
} nouns[] = {
	{ "IMAGE", offer_images },     { "NAME[:TAG]", offer_images }, { "CONTAINER", offer_containers }, { "VOLUME", offer_volumes },
	{ "COMMAND", offer_commands }, { "PLATFORM", offer_platforms }, { "OS/ARCH", offer_platforms },	   { "REPOSITORY", offer_repositories },
	{ "FILE", offer_files },       { "PATH", offer_files },		{ "DIR", offer_files },		   { "CONTEXT", offer_files },
	{ "RULES-FILE", offer_files }, { "SOURCE:TARGET", offer_mounts }, { "NETWORK", offer_networks },
};

/* "none", "on-failure": what is typed as it stands. */
static bool is_literal(const char *text, size_t len)
{
	return len && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= len && *text != '-';
}

/* Is it the noun, with whatever may stand behind one ("IMAGE…", "REPOSITORY[:TAG]")? */
static bool is_noun(const char *text, size_t len, const char *noun)
{
	size_t noun_len = strlen(noun);
	char next = len > noun_len ? text[noun_len] : '\0';

	return len >= noun_len && !strncmp(text, noun, noun_len) && next != '-' && !(next >= 'A' && next <= 'Z');
}

/* "json|TEMPLATE", "IMAGE…", "[NAME[:TAG]]". */
static void offer_alternatives(const struct completion *completion, const char *text)
{
	for (text += *text == '['; *text;) {
		size_t len = strcspn(text, "|"), word = strcspn(text, "|[],");
		if (is_literal(text, word)) {
			_cleanup_(freep) char *literal = xstrndup(text, word);
			offer(completion, literal, NULL);
		}
		for (size_t i = 0; i < array_len(nouns); i++)
			if (is_noun(text, len, nouns[i].noun))
				nouns[i].offer(completion);
		text += len + (text[len] == '|');
	}
}

/* ---- arguments: the usage line ---- */

/* Does "create", or "ls|rm", say that this argument begins it? A noun takes anything. */
static bool token_takes(const char *token, const char *argument)
{
	if (!is_literal(token, strcspn(token, "|")))
		return true;
	for (size_t len; *token; token += len + (token[len] == '|')) {
		len = strcspn(token, "|");
		if (strlen(argument) == len && !strncmp(token, argument, len))
			return true;
	}
	return false;
}

/* How many tokens from here are options and their values, and no arguments. */
static size_t count_options(const struct command *command, const struct strlist *tokens, size_t at)
{
	const char *token = tokens->items[at];

	if (!*token || str_equal(token, "[OPTIONS]") || str_equal(token, "OPTIONS") || str_equal(token, "…"))
		return 1;
	if (str_starts(token, "[-"))
		return strchr(token, ']') ? 1 : 2;
	if (*token != '-')
		return 0;
	const struct option_spec *spec = token[1] == '-' ? option_find(command, token + 2, strlen(token + 2), 0) : option_find(command, NULL, 0, token[1]);
	return spec && spec->type != OPTION_FLAG ? 2 : 1;
}

static void offer_arguments(const struct completion *completion)
{
	struct strlist tokens _cleanup_(strlist_free) = { 0 };
	size_t position = 0;
	bool fits = true;

	strlist_split(&tokens, completion->command->usage, ' ');
	for (size_t i = 0; i < tokens.len; i++) {
		const char *token = tokens.items[i];
		size_t options = count_options(completion->command, &tokens, i);
		if (options) {
			i += options - 1;
			continue;
		}
		if (str_equal(token, "|")) { /* another way to call it */
			position = 0;
			fits = true;
			continue;
		}
		bool last = position == completion->args.len || (position < completion->args.len && strstr(token, "…"));
		if (fits && last)
			offer_alternatives(completion, token);
		else if (fits && position < completion->args.len)
			fits = token_takes(token, completion->args.items[position]);
		position++;
	}
}

static void offer_parts(const struct completion *completion)
{
	for (const struct command_part *part = completion->command->parts; part->name; part++)
		offer(completion, part->name, part->command->summary);
}

/* ---- options ---- */

static void offer_options(const struct completion *completion)
{
	const struct option_spec *tables[] = { completion->command ? completion->command->options : NULL, option_common };

	for (size_t t = 0; t < array_len(tables); t++)
		for (const struct option_spec *spec = tables[t]; spec && spec->name; spec++) {
			if (option_find(completion->command, spec->name, strlen(spec->name), 0) != spec)
				continue; /* a common one, and the command has its own */
			_cleanup_(freep) char *word = xprintf("--%s", spec->name);
			offer(completion, word, spec->help);
		}
}

/* The option that takes the next word as its value, or NULL. */
static const struct option_spec *waits_for_value(const struct command *command, const char *word)
{
	const struct option_spec *spec = NULL;

	if (str_starts(word, "--"))
		spec = strchr(word, '=') ? NULL : option_find(command, word + 2, strlen(word + 2), 0);
	for (const char *at = word + 1; word[0] == '-' && word[1] != '-' && *at; at++) {
		spec = option_find(command, NULL, 0, *at);
		if (!spec || spec->type != OPTION_FLAG)
			return spec && !at[1] ? spec : NULL;
	}
	return spec && spec->type != OPTION_FLAG ? spec : NULL;
}

static void take_root(struct completion *completion, const struct option_spec *spec, const char *word, const char *value)
{
	if (spec && str_equal(spec->name, "root"))
		completion->context->root = value;
	else if (str_starts(word, "--root="))
		completion->context->root = word + strlen("--root=");
}

/* ---- the words before the last ---- */

static bool take_argument(struct completion *completion, const char *word)
{
	if (!completion->command)
		return (completion->command = command_find(word)) && completion->command->group;
	for (const struct command_part *part = completion->command->parts; part && part->name; part++)
		if (str_equal(part->name, word)) {
			completion->command = part->command;
			return true;
		}
	strlist_add(&completion->args, word);
	completion->no_options |= completion->command->stop_at_argument;
	return true;
}

/* Returns the option whose value the last word is, or NULL. false in *ret_known: there is nothing to tell. */
static const struct option_spec *take_words(struct completion *completion, int argc, char **argv, bool *ret_known)
{
	for (int i = 0; i + 1 < argc; i++) {
		const char *word = argv[i];
		if (!completion->no_options && word[0] == '-' && word[1]) {
			const struct option_spec *spec = waits_for_value(completion->command, word);
			completion->no_options = str_equal(word, "--");
			if (spec && i + 2 == argc)
				return spec;
			take_root(completion, spec, word, argv[i + 1]);
			i += spec != NULL;
			continue;
		}
		if (!take_argument(completion, word)) {
			*ret_known = false;
			return NULL;
		}
	}
	return NULL;
}

static void offer_value(struct completion *completion, const struct option_spec *spec, const char *typed)
{
	const char *comma = spec->value && strstr(spec->value, ",…") ? strrchr(typed, ',') : NULL;

	completion->before_len += comma ? (int)(comma + 1 - typed) : 0;
	completion->typed = comma ? comma + 1 : typed;
	if (spec->type == OPTION_FLAG)
		offer_alternatives(completion, "true|false");
	else
		offer_alternatives(completion, spec->value ? spec->value : "");
}

static void offer_last(struct completion *completion, const char *word)
{
	const char *equals = str_starts(word, "--") ? strchr(word, '=') : NULL;
	const struct option_spec *spec = equals ? option_find(completion->command, word + 2, (size_t)(equals - word - 2), 0) : NULL;

	if (!completion->no_options && spec) {
		completion->before_len = (int)(equals + 1 - word);
		offer_value(completion, spec, equals + 1);
	} else if (!completion->no_options && *word == '-') {
		offer_options(completion);
	} else if (!completion->command) {
		offer_commands(completion);
	} else if (completion->command->parts && !completion->args.len) {
		offer_parts(completion);
	} else if (!completion->command->stop_at_argument || !completion->args.len) {
		offer_arguments(completion);
	}
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	const char *last = argv[argc - 1];
	struct completion completion = { .context = context, .typed = last, .before = last };
	bool known = true;

	(void)err;
	alarm(SECONDS_MAX);
	const struct option_spec *spec = take_words(&completion, argc, argv, &known);
	if (spec)
		offer_value(&completion, spec, last);
	else if (known)
		offer_last(&completion, last);
	strlist_free(&completion.args);
	return 0;
}

const struct command command_complete = {
	.name = "__complete",
	.usage = "-- WORD…",
	.summary = "Tell what the last word may become",
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
