/* One instruction: see instruction.h.
 *
 * The grammar is a table: a row says what shape the arguments have, how many there may be, what is left to do when they are read, and where
 * variables are expanded. Flags have a table of their own (flags.c). */
#include "build/instruction.h"

#include <assert.h>
#include <ctype.h>
#include <signal.h>
#include <strings.h>

#include "build/args.h"
#include "build/diagnose.h"
#include "build/flags.h"
#include "build/heredoc.h"

enum expand_where {
	EXPAND_WORDS = 1,    /* each word, and dest */
	EXPAND_SPLIT = 2,    /* each word, which may become several */
	EXPAND_PAIRS = 4,    /* names and values */
	EXPAND_HEREDOCS = 8, /* bodies, unless the name was quoted */
};

typedef int finish(struct instruction *instruction, const char *text, char escape, struct error *err);
typedef int check_word(const char *word, struct error *err);

struct spec {
	enum instruction_kind kind;
	args_parse *args;
	size_t min, max; /* words or pairs; max 0: any number */
	finish *finish;
	unsigned expand; /* enum expand_where */
	check_word *check;
};

static finish finish_copy, finish_from, finish_onbuild, finish_run, finish_shell, finish_cmd;
static check_word check_port, check_signal, check_not_blank;

/* Indexed by kind. */
static const struct spec specs[] = {
	[INSTRUCTION_ADD] = { INSTRUCTION_ADD, NULL, 0, 0, finish_copy, EXPAND_WORDS | EXPAND_HEREDOCS, NULL },
	[INSTRUCTION_ARG] = { INSTRUCTION_ARG, args_names, 1, 0, NULL, EXPAND_PAIRS, NULL },
	[INSTRUCTION_CMD] = { INSTRUCTION_CMD, args_json_or_line, 0, 0, finish_cmd, 0, NULL },
	[INSTRUCTION_COPY] = { INSTRUCTION_COPY, NULL, 0, 0, finish_copy, EXPAND_WORDS | EXPAND_HEREDOCS, NULL },
	[INSTRUCTION_ENTRYPOINT] = { INSTRUCTION_ENTRYPOINT, args_json_or_line, 0, 0, finish_cmd, 0, NULL },
	[INSTRUCTION_ENV] = { INSTRUCTION_ENV, args_pairs, 1, 0, NULL, EXPAND_PAIRS, NULL },
	[INSTRUCTION_EXPOSE] = { INSTRUCTION_EXPOSE, args_words, 1, 0, NULL, EXPAND_SPLIT, check_port },
	[INSTRUCTION_FROM] = { INSTRUCTION_FROM, args_words, 1, 3, finish_from, EXPAND_WORDS, NULL },
	[INSTRUCTION_HEALTHCHECK] = { INSTRUCTION_HEALTHCHECK, args_health, 1, 0, NULL, 0, NULL },
	[INSTRUCTION_LABEL] = { INSTRUCTION_LABEL, args_pairs, 1, 0, NULL, EXPAND_PAIRS, NULL },
	[INSTRUCTION_MAINTAINER] = { INSTRUCTION_MAINTAINER, args_line, 1, 1, NULL, 0, NULL },
	[INSTRUCTION_ONBUILD] = { INSTRUCTION_ONBUILD, args_line, 1, 1, finish_onbuild, 0, NULL },
	[INSTRUCTION_RUN] = { INSTRUCTION_RUN, args_json_or_line, 1, 0, finish_run, 0, NULL },
	[INSTRUCTION_SHELL] = { INSTRUCTION_SHELL, args_json_or_line, 1, 0, finish_shell, 0, NULL },
	[INSTRUCTION_STOPSIGNAL] = { INSTRUCTION_STOPSIGNAL, args_line, 1, 1, NULL, EXPAND_WORDS, check_signal },
	[INSTRUCTION_USER] = { INSTRUCTION_USER, args_line, 1, 1, NULL, EXPAND_WORDS, check_not_blank },
	[INSTRUCTION_VOLUME] = { INSTRUCTION_VOLUME, args_json_or_words, 1, 0, NULL, EXPAND_WORDS, check_not_blank },
	[INSTRUCTION_WORKDIR] = { INSTRUCTION_WORKDIR, args_line, 1, 1, NULL, EXPAND_WORDS, check_not_blank },
};

static const char *const kind_names[] = {
#define X(kind, word) word,
	INSTRUCTION_KINDS(X)
#undef X
		NULL
};
static_assert(array_len(specs) == array_len(kind_names) - 1, "a row for each kind");

const char *instruction_kind_name(enum instruction_kind kind)
{
	return kind_names[kind];
}

static void pairs_clear(struct instruction *instruction)
{
	for (size_t i = 0; i < instruction->pairs_len; i++) {
		free(instruction->pairs[i].name);
		free(instruction->pairs[i].value);
	}
	free(instruction->pairs);
}

void instruction_clear(struct instruction *instruction)
{
	free(instruction->text);
	free(instruction->word);
	strlist_free(&instruction->raw_flags);
	flags_clear(&instruction->flags);
	strlist_free(&instruction->words);
	free(instruction->dest);
	free(instruction->alias);
	free(instruction->as_word);
	pairs_clear(instruction);
	for (size_t i = 0; i < instruction->heredocs_len; i++)
		heredoc_clear(&instruction->heredocs[i]);
	free(instruction->heredocs);
	strlist_free(&instruction->health.test);
	*instruction = (struct instruction){ 0 };
}

static int check_not_blank(const char *word, struct error *err)
{
	return word[strspn(word, " \t")] ? 0 : error_set(err, ERROR_INVALID, "the argument is empty");
}

static int check_port(const char *word, struct error *err)
{
	return expose_parse(word, NULL, err);
}

static int check_signal(const char *word, struct error *err)
{
	const char *name = strncasecmp(word, "SIG", 3) ? word : word + 3;
	int64_t number;

	if (isdigit((unsigned char)*word)) {
		if (str_to_int(word, 1, SIGRTMAX, &number, NULL) == 0)
			return 0;
	} else if (!strncasecmp(name, "RTM", 3)) {
		return 0;
	}
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i) && !strcasecmp(sigabbrev_np(i), name))
			return 0;
	error_set(err, ERROR_INVALID, "invalid signal '%s'", word);
	return error_hint(err, "write a name like SIGTERM, or a number");
}

int instruction_check_word(enum instruction_kind kind, const char *word, struct error *err)
{
	return specs[kind].check ? specs[kind].check(word, err) : 0;
}

/* Takes the heredocs out of the text: "<<a b <<c /d" becomes " b  /d". */
static char *without_heredocs(const char *text)
{
	struct buf out = { 0 };
	struct heredoc_scan scan = { text, text };
	struct heredoc heredoc;
	const char *from = text;

	while (heredoc_next(&scan, &heredoc)) {
		heredoc_clear(&heredoc);
		buf_add(&out, from, (size_t)(scan.mark - from));
		from = scan.mark_end;
	}
	buf_add_str(&out, from);
	return buf_steal(&out);
}

static bool ends_in_heredoc(const char *text)
{
	struct heredoc_scan scan = { text, text };
	struct heredoc heredoc;

	while (heredoc_next(&scan, &heredoc))
		heredoc_clear(&heredoc);
	return scan.mark_end && !scan.mark_end[strspn(scan.mark_end, " \t")];
}

static int finish_copy(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	const char *name = instruction_kind_name(instruction->kind);
	_cleanup_(freep) char *rest = without_heredocs(text);

	if (ends_in_heredoc(text))
		return error_set(err, ERROR_INVALID, "%s cannot accept a heredoc as a destination", name);
	if (args_json_or_words(instruction, rest, escape, err) < 0)
		return -1;
	struct strlist *words = &instruction->words;
	if (words->len + instruction->heredocs_len < 2) {
		error_set(err, ERROR_INVALID, "%s requires at least two arguments%s", name, words->len ? ", but only one was provided" : "");
		return error_hint(err, "write %s source destination", name);
	}
	instruction->dest = words->items[--words->len];
	words->items[words->len] = NULL;
	return 0;
}

static int finish_cmd(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	(void)text;
	(void)escape;
	if (!instruction->words.len && !instruction->json_form) {
		error_set(err, ERROR_INVALID, "%s requires at least one argument", instruction_kind_name(instruction->kind));
		return error_hint(err, "write %s [] to have none", instruction_kind_name(instruction->kind));
	}
	return 0;
}

static int finish_shell(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	(void)escape;
	if (instruction->json_form)
		return 0;
	error_set(err, ERROR_INVALID, "SHELL requires the arguments to be in JSON form: '%s'", text);
	return error_hint(err, "write SHELL [\"/bin/sh\", \"-c\"]");
}

static bool is_stage_name(const char *name)
{
	if (!isalpha((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	return true;
}

static int finish_from(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	struct strlist *words = &instruction->words;

	(void)text;
	(void)escape;
	if (words->len == 1)
		return 0;
	if (words->len != 3 || strcasecmp(words->items[1], "AS") != 0) {
		error_set(err, ERROR_INVALID, "FROM requires either one or three arguments");
		return error_hint(err, "write FROM image, or FROM image AS name");
	}
	if (!is_stage_name(words->items[2])) {
		error_set(err, ERROR_INVALID, "invalid name for build stage: '%s'", words->items[2]);
		return error_hint(err, "a name begins with a letter and holds letters, digits, '-', '_' and '.'");
	}
	instruction->alias = words->items[2];
	instruction->as_word = words->items[1];
	words->len = 1;
	words->items[1] = NULL;
	return 0;
}

/* The heredocs behind the line, as a shell reads them. */
static char *line_with_heredocs(const char *line, const struct instruction *instruction)
{
	struct buf out = { 0 };

	buf_add_str(&out, line);
	for (size_t i = 0; i < instruction->heredocs_len; i++)
		buf_printf(&out, "\n%s%s", instruction->heredocs[i].body, instruction->heredocs[i].name);
	return buf_steal(&out);
}

/* Is the line one heredoc and nothing else? */
static bool is_lone_heredoc(const char *line)
{
	struct heredoc_scan scan = { line, line };
	struct heredoc heredoc;

	if (!heredoc_next(&scan, &heredoc))
		return false;
	heredoc_clear(&heredoc);
	return scan.mark == line && !scan.mark_end[strspn(scan.mark_end, " \t")];
}

static int finish_run(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	(void)escape;
	(void)err;
	if (!instruction->heredocs_len || instruction->json_form)
		return 0;
	bool alone = instruction->heredocs_len == 1 && is_lone_heredoc(text);
	char *line = alone ? xstrdup(instruction->heredocs[0].body) : line_with_heredocs(text, instruction);

	free(instruction->words.items[0]);
	instruction->words.items[0] = line;
	instruction->is_script = alone && str_starts(line, "#!");
	return 0;
}

/* The trigger must be right now, though it is used later. */
static int finish_onbuild(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	struct instruction trigger = { 0 };
	char *line = line_with_heredocs(text, instruction);

	free(instruction->words.items[0]);
	instruction->words.items[0] = line;
	if (!strncasecmp(text, "ONBUILD", 7) && (!text[7] || isspace((unsigned char)text[7])))
		return error_set(err, ERROR_INVALID, "chaining ONBUILD via ONBUILD ONBUILD isn't allowed");
	if (dockerfile_parse_instruction(line, escape, &trigger, err) < 0)
		return -1;
	instruction_clear(&trigger);
	return 0;
}

static int unknown_instruction(const char *word, struct error *err)
{
	_cleanup_(freep) char *upper = xstrdup(word);

	for (char *at = upper; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	_cleanup_(freep) char *suggestion = diagnose_suggest(upper, kind_names);
	return error_set(err, ERROR_INVALID, "unknown instruction: %.100s%s", word, suggestion);
}

static const struct spec *spec_find(const char *word)
{
	for (size_t i = 0; i < array_len(specs); i++)
		if (!strcasecmp(kind_names[i], word))
			return &specs[i];
	return NULL;
}

static int wrong_count(const struct spec *spec, struct error *err)
{
	const char *name = instruction_kind_name(spec->kind);

	if (spec->min == 1 && spec->max == 1)
		return error_set(err, ERROR_INVALID, "%s requires exactly one argument", name);
	return error_set(err, ERROR_INVALID, "%s requires at least one argument", name);
}

static int check_words(const struct instruction *instruction, struct error *err)
{
	for (size_t i = 0; i < instruction->words.len; i++) {
		const char *word = instruction->words.items[i];
		if (!strpbrk(word, "$\"'\\`") && instruction_check_word(instruction->kind, word, err) < 0)
			return error_wrap(err, "%s", instruction_kind_name(instruction->kind));
	}
	return 0;
}

static int parse_arguments(const struct spec *spec, struct instruction *instruction, const char *text, char escape, struct error *err)
{
	if (spec->args && spec->args(instruction, text, escape, err) < 0)
		return -1;
	if (spec->args && (instruction->words.len + instruction->pairs_len < spec->min))
		return wrong_count(spec, err);
	if (spec->finish && spec->finish(instruction, text, escape, err) < 0)
		return -1;
	return check_words(instruction, err);
}

int instruction_parse(struct statement *statement, char escape, struct instruction *ret, struct error *err)
{
	_cleanup_(instruction_clear) struct instruction instruction = { .line = statement->line, .end_line = statement->end_line };
	const char *text = statement->text.data + strspn(statement->text.data, " \t\v\f\r");
	size_t len = strcspn(text, " \t\v\f\r");

	instruction.word = xstrndup(text, len);
	instruction.empty_continuation = statement->empty_continuation;
	instruction.heredocs = steal(statement->heredocs);
	instruction.heredocs_len = statement->heredocs_len;
	statement->heredocs_len = 0;
	const struct spec *spec = spec_find(instruction.word);
	if (!spec)
		return unknown_instruction(instruction.word, err);
	instruction.kind = spec->kind;
	text += len + strspn(text + len, " \t\v\f\r");
	instruction.text = xprintf("%s%s%s", instruction_kind_name(spec->kind), *text ? " " : "", text);
	flags_split(text, &instruction.raw_flags, &text);
	if (flags_apply(&instruction, NULL, err) < 0 || parse_arguments(spec, &instruction, text, escape, err) < 0)
		return -1;
	*ret = instruction;
	instruction = (struct instruction){ 0 };
	return 0;
}

/* Quotes don't hold words together here, which many expect. */
static int bad_word(const struct instruction *instruction, const char *word, struct error *err)
{
	if (instruction->dest && !instruction->json_form && strpbrk(word, "\"'"))
		error_hint(err, "names with blanks need the JSON form: %s [\"a b\", \"/c\"]", instruction_kind_name(instruction->kind));
	return -1;
}

static int expand_each_word(const struct instruction *from, const struct expand_options *options, bool split, struct instruction *to,
			    struct error *err)
{
	for (size_t i = 0; i < from->words.len; i++) {
		char *word;
		if (split) {
			if (expand_words(from->words.items[i], options, &to->words, err) < 0)
				return -1;
			continue;
		}
		if (expand_text(from->words.items[i], options, &word, err) < 0)
			return bad_word(from, from->words.items[i], err);
		strlist_take(&to->words, word);
	}
	if (from->dest && expand_text(from->dest, options, &to->dest, err) < 0)
		return bad_word(from, from->dest, err);
	for (size_t i = 0; i < to->words.len; i++)
		if (instruction_check_word(from->kind, to->words.items[i], err) < 0)
			return -1;
	return 0;
}

static int expand_pairs(const struct instruction *from, const struct expand_options *options, struct instruction *to, struct error *err)
{
	to->pairs = xcalloc(from->pairs_len, sizeof *to->pairs);
	for (; to->pairs_len < from->pairs_len; to->pairs_len++) {
		const struct name_value *pair = &from->pairs[to->pairs_len];
		_cleanup_(freep) char *name = NULL, *value = NULL;
		if (expand_text(pair->name, options, &name, err) < 0)
			return -1;
		if (!*name)
			return error_set(err, ERROR_INVALID, "%s names can not be blank", instruction_kind_name(from->kind));
		if (pair->value && expand_text(pair->value, options, &value, err) < 0)
			return -1;
		to->pairs[to->pairs_len] = (struct name_value){ steal(name), steal(value) };
	}
	return 0;
}

static void copy_pairs(const struct instruction *from, struct instruction *to)
{
	to->pairs = from->pairs_len ? xcalloc(from->pairs_len, sizeof *to->pairs) : NULL;
	for (; to->pairs_len < from->pairs_len; to->pairs_len++) {
		const struct name_value *pair = &from->pairs[to->pairs_len];
		to->pairs[to->pairs_len] = (struct name_value){ xstrdup(pair->name), xstrdup(pair->value) };
	}
}

/* In a body the backslash escapes whatever the file's escape character is, and quotes are just text. */
static int expand_heredocs(const struct instruction *from, bool expand, const struct expand_options *options, struct instruction *to,
			   struct error *err)
{
	struct expand_options raw = *options;

	raw.raw_quotes = true;
	raw.escape = '\\';
	to->heredocs = from->heredocs_len ? xcalloc(from->heredocs_len, sizeof *to->heredocs) : NULL;
	for (; to->heredocs_len < from->heredocs_len; to->heredocs_len++) {
		const struct heredoc *heredoc = &from->heredocs[to->heredocs_len];
		_cleanup_(freep) char *body = NULL;
		if (expand && heredoc->expand) {
			if (expand_text(heredoc->body, &raw, &body, err) < 0)
				return -1;
		} else {
			body = xstrdup(heredoc->body);
		}
		to->heredocs[to->heredocs_len] = *heredoc;
		to->heredocs[to->heredocs_len].name = xstrdup(heredoc->name);
		to->heredocs[to->heredocs_len].body = steal(body);
	}
	return 0;
}

/* All but what expansion makes. */
static void copy_plain(const struct instruction *from, struct instruction *to)
{
	*to = (struct instruction){ .kind = from->kind, .line = from->line, .end_line = from->end_line, .json_form = from->json_form,
				    .is_script = from->is_script, .legacy_pair = from->legacy_pair, .health = from->health,
				    .empty_continuation = from->empty_continuation };
	to->text = xstrdup(from->text);
	to->word = xstrdup(from->word);
	to->alias = xstrdup(from->alias);
	to->as_word = xstrdup(from->as_word);
	strlist_add_all(&to->raw_flags, &from->raw_flags);
	to->health.test = (struct strlist){ 0 };
	strlist_add_all(&to->health.test, &from->health.test);
}

int instruction_expand(const struct instruction *from, const struct expand_options *options, struct instruction *ret, struct error *err)
{
	_cleanup_(instruction_clear) struct instruction to;
	unsigned expand = specs[from->kind].expand;

	copy_plain(from, &to);
	if (flags_apply(&to, options, err) < 0)
		return -1;
	if (expand & (EXPAND_WORDS | EXPAND_SPLIT)) {
		if (expand_each_word(from, options, expand & EXPAND_SPLIT, &to, err) < 0)
			return -1;
	} else {
		strlist_add_all(&to.words, &from->words);
	}
	if (!(expand & EXPAND_PAIRS))
		copy_pairs(from, &to);
	else if (expand_pairs(from, options, &to, err) < 0)
		return -1;
	if (expand_heredocs(from, expand & EXPAND_HEREDOCS, options, &to, err) < 0)
		return -1;
	*ret = to;
	to = (struct instruction){ 0 };
	return 0;
}
