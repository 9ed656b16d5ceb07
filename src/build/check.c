/* The build checks: what a Dockerfile may say and rarely should. The names and the wording are docker's, so that `# check=skip=` lines
 * work here as there.
 *
 * A rule is a row of the table at the end. Rules only look at the text: what a base image sets isn't known here, so that UndefinedVar tells
 * only of variables that nothing can have set (FROM scratch) and of probable typing errors. CopyIgnoredFile needs the context
 * and has a function of its own. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/fd.h"
#include "build/dockerfile.h"
#include "oci/platform.h"
#include "oci/reference.h"

enum {
	FINDINGS_MAX = 1000,
	NAMES_MAX = 500, /* declared variables in a stage beyond which they aren't checked */
};

struct check;
typedef void check_rule(struct check *check);

struct rule {
	const char *name;
	const char *url; /* behind URL_PREFIX */
	check_rule *run; /* NULL: it has a function of its own */
};

struct check {
	const struct dockerfile *dockerfile;
	const struct rule *rule;
	struct found {
		struct check_finding finding;
		char *message;
	} *found;
	size_t len;
};

static const struct rule *rule_find(const char *name);

#define URL_PREFIX "https://docs.docker.com/go/dockerfile/rule/"

_printf_(3, 4) static void found(struct check *check, const struct instruction *at, const char *format, ...)
{
	va_list args;
	char *message;

	if (check->len == FINDINGS_MAX)
		return;
	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		abort();
	va_end(args);
	xgrow(check->found, check->len);
	check->found[check->len++] = (struct found){ { check->rule->name, message, check->rule->url, at->line, at->end_line }, message };
}

typedef void each_instruction(struct check *check, const struct instruction *instruction);

/* Calls it for all instructions in order, FROM and the global ARGs too. */
static void for_each(struct check *check, each_instruction *call)
{
	const struct dockerfile *dockerfile = check->dockerfile;

	for (size_t i = 0; i < dockerfile->global_args_len; i++)
		call(check, &dockerfile->global_args[i]);
	for (size_t i = 0; i < dockerfile->stages_len; i++) {
		call(check, &dockerfile->stages[i].from);
		for (size_t j = 0; j < dockerfile->stages[i].instructions_len; j++)
			call(check, &dockerfile->stages[i].instructions[j]);
	}
}

static bool is_cased(const char *word, int (*is)(int))
{
	for (; *word; word++)
		if (isalpha((unsigned char)*word) && !is((unsigned char)*word))
			return false;
	return true;
}

static void check_stage_name_casing(struct check *check)
{
	for (size_t i = 0; i < check->dockerfile->stages_len; i++) {
		const struct instruction *from = &check->dockerfile->stages[i].from;
		if (from->alias && !is_cased(from->alias, islower))
			found(check, from, "Stage name '%s' should be lowercase", from->alias);
	}
}

static void check_from_as_casing(struct check *check)
{
	for (size_t i = 0; i < check->dockerfile->stages_len; i++) {
		const struct instruction *from = &check->dockerfile->stages[i].from;
		bool upper = is_cased(from->word, isupper), lower = is_cased(from->word, islower);
		if (from->as_word && ((upper && !is_cased(from->as_word, isupper)) || (lower && !is_cased(from->as_word, islower))))
			found(check, from, "'%s' and '%s' keywords' casing do not match", from->as_word, from->word);
	}
}

static void tell_empty_continuation(struct check *check, const struct instruction *instruction)
{
	if (instruction->empty_continuation)
		found(check, instruction, "Empty continuation line");
}

static void check_empty_continuation(struct check *check)
{
	for_each(check, tell_empty_continuation);
}

/* How many instructions are written in lower and in upper case. */
static void count_cases(const struct dockerfile *dockerfile, size_t *ret_lower, size_t *ret_upper)
{
	for (size_t i = 0; i < dockerfile->global_args_len; i++) {
		*ret_lower += is_cased(dockerfile->global_args[i].word, islower);
		*ret_upper += is_cased(dockerfile->global_args[i].word, isupper);
	}
	for (size_t i = 0; i < dockerfile->stages_len; i++) {
		const struct stage *stage = &dockerfile->stages[i];
		*ret_lower += is_cased(stage->from.word, islower);
		*ret_upper += is_cased(stage->from.word, isupper);
		for (size_t j = 0; j < stage->instructions_len; j++) {
			*ret_lower += is_cased(stage->instructions[j].word, islower);
			*ret_upper += is_cased(stage->instructions[j].word, isupper);
		}
	}
}

static void tell_not_upper(struct check *check, const struct instruction *instruction)
{
	if (!is_cased(instruction->word, isupper))
		found(check, instruction, "Command '%s' should match the case of the command majority (uppercase)", instruction->word);
}

static void tell_not_lower(struct check *check, const struct instruction *instruction)
{
	if (!is_cased(instruction->word, islower))
		found(check, instruction, "Command '%s' should match the case of the command majority (lowercase)", instruction->word);
}

static void check_instruction_casing(struct check *check)
{
	size_t lower = 0, upper = 0;

	count_cases(check->dockerfile, &lower, &upper);
	for_each(check, lower > upper ? tell_not_lower : tell_not_upper);
}

static void check_duplicate_stage(struct check *check)
{
	const struct dockerfile *dockerfile = check->dockerfile;

	for (size_t i = 1; i < dockerfile->stages_len; i++) {
		const char *name = dockerfile->stages[i].name;
		for (size_t j = 0; name && j < i; j++) {
			if (str_equal(dockerfile->stages[j].name, name)) {
				found(check, &dockerfile->stages[i].from, "Duplicate stage name '%s', stage names should be unique", name);
				break;
			}
		}
	}
}

static void check_reserved_stage(struct check *check)
{
	for (size_t i = 0; i < check->dockerfile->stages_len; i++) {
		const struct stage *stage = &check->dockerfile->stages[i];
		if (str_equal(stage->name, "scratch") || str_equal(stage->name, "context"))
			found(check, &stage->from, "'%s' is reserved and should not be used as a stage name", stage->name);
	}
}

static void check_json_args(struct check *check)
{
	for (size_t i = 0; i < check->dockerfile->stages_len; i++) {
		const struct stage *stage = &check->dockerfile->stages[i];
		bool shell = false; /* whoever chooses a shell wants one */
		for (size_t j = 0; j < stage->instructions_len; j++) {
			const struct instruction *at = &stage->instructions[j];
			shell |= at->kind == INSTRUCTION_SHELL;
			if (!shell && !at->json_form && (at->kind == INSTRUCTION_CMD || at->kind == INSTRUCTION_ENTRYPOINT))
				found(check, at,
				      "JSON arguments recommended for %s to prevent unintended behavior related to OS signals",
				      instruction_kind_name(at->kind));
		}
	}
}

static void tell_maintainer(struct check *check, const struct instruction *instruction)
{
	if (instruction->kind == INSTRUCTION_MAINTAINER)
		found(check, instruction, "Maintainer instruction is deprecated in favor of using label");
}

static void check_maintainer(struct check *check)
{
	for_each(check, tell_maintainer);
}

static void tell_legacy_pair(struct check *check, const struct instruction *instruction)
{
	const char *name = instruction_kind_name(instruction->kind);

	if (instruction->legacy_pair)
		found(check, instruction, "\"%s key=value\" should be used instead of legacy \"%s key value\" format", name, name);
}

static void check_legacy_pair(struct check *check)
{
	for_each(check, tell_legacy_pair);
}

/* The stage that this one is built on, or -1. */
static int base_stage(const struct dockerfile *dockerfile, size_t number)
{
	const char *base = dockerfile->stages[number].base;

	/* A number is an image's name here, not a stage's. */
	return isdigit((unsigned char)*base) ? -1 : dockerfile_find_stage(dockerfile, base, number);
}

static void check_workdir(struct check *check)
{
	const struct dockerfile *dockerfile = check->dockerfile;
	_cleanup_(freep) bool *absolute = xcalloc(dockerfile->stages_len, sizeof *absolute);

	for (size_t i = 0; i < dockerfile->stages_len; i++) {
		const struct stage *stage = &dockerfile->stages[i];
		int base = base_stage(dockerfile, i);
		absolute[i] = base >= 0 && absolute[base];
		for (size_t j = 0; j < stage->instructions_len; j++) {
			const struct instruction *at = &stage->instructions[j];
			if (at->kind != INSTRUCTION_WORKDIR)
				continue;
			const char *path = at->words.items[0] + strspn(at->words.items[0], "\"'");
			if (*path == '/' || *path == '$')
				absolute[i] = true;
			else if (!absolute[i])
				found(check, at, "Relative workdir \"%s\" can have unexpected results if the base image changes", path);
		}
	}
}

static void check_multiple(struct check *check)
{
	static const enum instruction_kind kinds[] = { INSTRUCTION_CMD, INSTRUCTION_ENTRYPOINT, INSTRUCTION_HEALTHCHECK };

	for (size_t i = 0; i < check->dockerfile->stages_len; i++) {
		const struct stage *stage = &check->dockerfile->stages[i];
		const struct instruction *last[array_len(kinds)] = { NULL };
		for (size_t j = 0; j < stage->instructions_len; j++) {
			for (size_t k = 0; k < array_len(kinds); k++) {
				if (stage->instructions[j].kind != kinds[k])
					continue;
				if (last[k])
					found(check, last[k],
					      "Multiple %s instructions should not be used in the same stage because only the last one "
					      "will be used",
					      instruction_kind_name(kinds[k]));
				last[k] = &stage->instructions[j];
			}
		}
	}
}

static void check_redundant_platform(struct check *check)
{
	for (size_t i = 0; i < check->dockerfile->stages_len; i++) {
		const struct stage *stage = &check->dockerfile->stages[i];
		if (str_equal(stage->platform, "$TARGETPLATFORM") || str_equal(stage->platform, "${TARGETPLATFORM}"))
			found(check, &stage->from,
			      "Setting platform to predefined %s in FROM is redundant as this is the default behavior", stage->platform);
	}
}

/* A stage that is named after its platform means it. */
static void check_constant_platform(struct check *check)
{
	for (size_t i = 0; i < check->dockerfile->stages_len; i++) {
		const struct stage *stage = &check->dockerfile->stages[i];
		struct platform platform;
		if (!stage->platform || strchr(stage->platform, '$') || platform_parse(stage->platform, &platform, NULL) < 0)
			continue;
		if (stage->name && (strstr(stage->name, platform.os) || strstr(stage->name, platform.architecture)))
			continue;
		found(check, &stage->from, "FROM --platform flag should not use constant value \"%s\"", stage->platform);
	}
}

/* Is `word` one of the parts of `name` between underscores? */
static bool has_part(const char *name, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = name; at; at = strchr(at, '_')) {
		at += *at == '_';
		if (!strncasecmp(at, word, len) && (!at[len] || at[len] == '_'))
			return true;
	}
	return false;
}

static bool is_secret_name(const char *name)
{
	static const char *const words[] = { "apikey", "auth",	 "credential", "credentials", "key",
					     "password", "pword", "passwd",    "secret",      "token" };

	for (size_t i = 0; i < array_len(words); i++)
		if (has_part(name, words[i]))
			return !has_part(name, "public");
	return false;
}

static void tell_secret(struct check *check, const struct instruction *instruction)
{
	if (instruction->kind != INSTRUCTION_ARG && instruction->kind != INSTRUCTION_ENV)
		return;
	for (size_t i = 0; i < instruction->pairs_len; i++)
		if (is_secret_name(instruction->pairs[i].name))
			found(check, instruction, "Do not use ARG or ENV instructions for sensitive data (%s \"%s\")",
			      instruction_kind_name(instruction->kind), instruction->pairs[i].name);
}

static void check_secrets(struct check *check)
{
	for_each(check, tell_secret);
}

static void tell_port_case(struct check *check, const struct instruction *instruction)
{
	for (size_t i = 0; instruction->kind == INSTRUCTION_EXPOSE && i < instruction->words.len; i++) {
		const char *slash = strchr(instruction->words.items[i], '/');
		if (slash && !strchr(slash, '$') && !is_cased(slash, islower))
			found(check, instruction, "Defined protocol '%s' in EXPOSE instruction should be lowercase",
			      instruction->words.items[i]);
	}
}

static void check_port_case(struct check *check)
{
	for_each(check, tell_port_case);
}

static void tell_port_format(struct check *check, const struct instruction *instruction)
{
	for (size_t i = 0; instruction->kind == INSTRUCTION_EXPOSE && i < instruction->words.len; i++) {
		const char *word = instruction->words.items[i];
		if (strchr(word, ':') && !strchr(word, '$'))
			found(check, instruction,
			      "EXPOSE instruction should not define an IP address or host-port mapping, found '%s'", word);
	}
}

static void check_port_format(struct check *check)
{
	for_each(check, tell_port_format);
}

/* The variables that are known at a place, and those that weren't found when something was expanded there. */
struct names {
	struct strlist known, missing;
};

static void names_clear(struct names *names)
{
	strlist_free(&names->known);
	strlist_free(&names->missing);
}

static void names_add(struct names *names, const struct instruction *instruction)
{
	for (size_t i = 0; i < instruction->pairs_len && names->known.len <= NAMES_MAX; i++)
		if (!strlist_has(&names->known, instruction->pairs[i].name))
			strlist_add(&names->known, instruction->pairs[i].name);
}

/* The lookup of an expansion that nobody wants the result of. `name` points into the text: what is around it tells the form. */
static const char *names_lookup(const char *name, size_t len, void *data)
{
	static const char *const always[] = { "PATH", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy",
					      "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy" };
	struct names *names = data;
	_cleanup_(freep) char *text = xstrndup(name, len);

	for (size_t i = 0; i < array_len(always); i++)
		if (str_equal(text, always[i]))
			return "";
	if (strlist_has(&names->known, text))
		return "";
	bool bare = name[-1] != '{' || name[len] == '}'; /* not ${v:-w}: whoever gives a default has thought of it */
	bool named = isalpha((unsigned char)*text) || *text == '_';
	if (named && bare && names->missing.len < NAMES_MAX && !strlist_has(&names->missing, text))
		strlist_add(&names->missing, text);
	return NULL;
}

static const char *names_nearest(const struct names *names, const char *word)
{
	return names->known.len ? str_nearest(word, (const char *const *)names->known.items) : NULL;
}

/* Fills names->missing. */
static void names_miss(struct names *names, const struct instruction *instruction, char escape)
{
	const struct expand_options options = { .lookup = names_lookup, .data = names, .escape = escape };
	_cleanup_(instruction_clear) struct instruction expanded = { 0 };

	strlist_free(&names->missing);
	instruction_expand(instruction, &options, &expanded, NULL); /* a failure is told when it is built */
}

static const char *const platform_args[] = { "TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE",
					     "BUILDPLATFORM",  "BUILDOS",  "BUILDARCH",	 "BUILDVARIANT" };

static void names_add_platform_args(struct names *names)
{
	for (size_t i = 0; i < array_len(platform_args); i++)
		strlist_add(&names->known, platform_args[i]);
}

static void check_from_args(struct check *check)
{
	const struct dockerfile *dockerfile = check->dockerfile;
	_cleanup_(names_clear) struct names names = { 0 };

	names_add_platform_args(&names);
	for (size_t i = 0; i < dockerfile->global_args_len; i++)
		names_add(&names, &dockerfile->global_args[i]);
	if (names.known.len > NAMES_MAX)
		return;
	for (size_t i = 0; i < dockerfile->stages_len; i++) {
		names_miss(&names, &dockerfile->stages[i].from, dockerfile->escape);
		for (size_t j = 0; j < names.missing.len; j++) {
			const char *nearest = names_nearest(&names, names.missing.items[j]);
			found(check, &dockerfile->stages[i].from, "FROM argument '%s' is not declared%s%s%s", names.missing.items[j],
			      nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
		}
	}
}

/* One letter more, fewer or other, or two swapped, in any case: nearer than a variable of the base image is likely to be to one of ours. */
static bool is_typo(const char *a, const char *b)
{
	while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
		a++;
		b++;
	}
	if (!*a && !*b)
		return true;
	if (*a && (!strcasecmp(a + 1, b) || (*b && !strcasecmp(a + 1, b + 1))))
		return true;
	if (*b && !strcasecmp(a, b + 1))
		return true;
	return *a && *b && a[1] == b[0] && a[0] == b[1] && !strcasecmp(a + 2, b + 2);
}

static void tell_undefined(struct check *check, struct names *names, bool from_scratch, const struct instruction *instruction)
{
	names_miss(names, instruction, check->dockerfile->escape);
	for (size_t i = 0; i < names->missing.len; i++) {
		const char *nearest = names_nearest(names, names->missing.items[i]);
		if (nearest && (from_scratch || is_typo(names->missing.items[i], nearest)))
			found(check, instruction, "Usage of undefined variable '$%s' (did you mean $%s?)", names->missing.items[i], nearest);
		else if (from_scratch)
			found(check, instruction, "Usage of undefined variable '$%s'", names->missing.items[i]);
	}
}

static void check_undefined(struct check *check)
{
	const struct dockerfile *dockerfile = check->dockerfile;
	struct stage_names {
		struct names names;
		bool from_scratch;
	} *all = xcalloc(dockerfile->stages_len, sizeof *all);

	for (size_t i = 0; i < dockerfile->stages_len; i++) {
		const struct stage *stage = &dockerfile->stages[i];
		struct stage_names *at = &all[i];
		int base = base_stage(dockerfile, i);
		at->from_scratch = base >= 0 ? all[base].from_scratch : str_equal(stage->base, "scratch");
		if (base >= 0)
			strlist_add_all(&at->names.known, &all[base].names.known);
		for (size_t j = 0; j < stage->instructions_len && at->names.known.len <= NAMES_MAX; j++) {
			const struct instruction *instruction = &stage->instructions[j];
			tell_undefined(check, &at->names, at->from_scratch, instruction);
			if (instruction->kind == INSTRUCTION_ENV || instruction->kind == INSTRUCTION_ARG)
				names_add(&at->names, instruction);
		}
	}
	for (size_t i = 0; i < dockerfile->stages_len; i++)
		names_clear(&all[i].names);
	free(all);
}

static const char *default_lookup(const char *name, size_t len, void *data)
{
	const struct strlist *values = data;
	_cleanup_(freep) char *text = xstrndup(name, len);

	return strlist_env_get(values, text);
}

/* With the defaults of the global ARGs alone, and some platform, is there a base image? */
static void check_default_from(struct check *check)
{
	const struct dockerfile *dockerfile = check->dockerfile;
	_cleanup_(strlist_free) struct strlist values = { 0 };
	struct expand_options options = { .lookup = default_lookup, .data = &values, .escape = dockerfile->escape };

	for (size_t i = 0; i < array_len(platform_args); i++)
		strlist_env_set(&values, platform_args[i], "any");
	for (size_t i = 0; i < dockerfile->global_args_len && values.len <= NAMES_MAX; i++) {
		const struct instruction *arg = &dockerfile->global_args[i];
		for (size_t j = 0; j < arg->pairs_len; j++) {
			_cleanup_(freep) char *value = NULL;
			if (arg->pairs[j].value && expand_text(arg->pairs[j].value, &options, &value, NULL) == 0)
				strlist_env_set(&values, arg->pairs[j].name, value);
		}
	}
	for (size_t i = 0; i < dockerfile->stages_len; i++) {
		const struct stage *stage = &dockerfile->stages[i];
		_cleanup_(reference_clear) struct reference reference = { 0 };
		_cleanup_(freep) char *base = NULL;
		if (!strchr(stage->base, '$') || expand_text(stage->base, &options, &base, NULL) < 0)
			continue;
		if (dockerfile_find_stage(dockerfile, base, i) < 0 && reference_parse(base, &reference, NULL) < 0)
			found(check, &stage->from, "Default value for ARG %s results in empty or invalid base image name", stage->base);
	}
}

static const struct rule rules[] = {
	{ "StageNameCasing", URL_PREFIX "stage-name-casing/", check_stage_name_casing },
	{ "FromAsCasing", URL_PREFIX "from-as-casing/", check_from_as_casing },
	{ "NoEmptyContinuation", URL_PREFIX "no-empty-continuation/", check_empty_continuation },
	{ "ConsistentInstructionCasing", URL_PREFIX "consistent-instruction-casing/", check_instruction_casing },
	{ "DuplicateStageName", URL_PREFIX "duplicate-stage-name/", check_duplicate_stage },
	{ "ReservedStageName", URL_PREFIX "reserved-stage-name/", check_reserved_stage },
	{ "JSONArgsRecommended", URL_PREFIX "json-args-recommended/", check_json_args },
	{ "MaintainerDeprecated", URL_PREFIX "maintainer-deprecated/", check_maintainer },
	{ "UndefinedArgInFrom", URL_PREFIX "undefined-arg-in-from/", check_from_args },
	{ "WorkdirRelativePath", URL_PREFIX "workdir-relative-path/", check_workdir },
	{ "UndefinedVar", URL_PREFIX "undefined-var/", check_undefined },
	{ "MultipleInstructionsDisallowed", URL_PREFIX "multiple-instructions-disallowed/", check_multiple },
	{ "LegacyKeyValueFormat", URL_PREFIX "legacy-key-value-format/", check_legacy_pair },
	{ "RedundantTargetPlatform", URL_PREFIX "redundant-target-platform/", check_redundant_platform },
	{ "SecretsUsedInArgOrEnv", URL_PREFIX "secrets-used-in-arg-or-env/", check_secrets },
	{ "InvalidDefaultArgInFrom", URL_PREFIX "invalid-default-arg-in-from/", check_default_from },
	{ "FromPlatformFlagConstDisallowed", URL_PREFIX "from-platform-flag-const-disallowed/", check_constant_platform },
	{ "ExposeProtoCasing", URL_PREFIX "expose-proto-casing/", check_port_case },
	{ "ExposeInvalidFormat", URL_PREFIX "expose-invalid-format/", check_port_format },
	{ "CopyIgnoredFile", URL_PREFIX "copy-ignored-file/", NULL },
};

static const struct rule *rule_find(const char *name)
{
	for (size_t i = 0; i < array_len(rules); i++)
		if (str_equal(rules[i].name, name))
			return &rules[i];
	return NULL;
}

static bool is_skipped(const struct dockerfile *dockerfile, const char *name)
{
	const struct strlist *skip = &dockerfile->check.skip;

	for (size_t i = 0; i < skip->len; i++)
		if (!strcasecmp(skip->items[i], "all") || !strcasecmp(skip->items[i], name))
			return true;
	return false;
}

static int by_line(const void *a, const void *b)
{
	const struct check_finding *one = &((const struct found *)a)->finding, *two = &((const struct found *)b)->finding;

	if (one->line != two->line)
		return one->line < two->line ? -1 : 1;
	int order = strcmp(one->rule, two->rule);
	return order ? order : strcmp(one->message, two->message);
}

/* Reports in the order of the lines, and frees. */
static size_t check_end(struct check *check, check_report *report, void *data)
{
	if (check->len)
		qsort(check->found, check->len, sizeof *check->found, by_line);
	for (size_t i = 0; i < check->len; i++) {
		report(&check->found[i].finding, data);
		free(check->found[i].message);
	}
	free(check->found);
	return check->len;
}

size_t dockerfile_check(const struct dockerfile *dockerfile, check_report *report, void *data)
{
	struct check check = { .dockerfile = dockerfile };

	for (size_t i = 0; i < array_len(rules); i++) {
		check.rule = &rules[i];
		if (rules[i].run && !is_skipped(dockerfile, rules[i].name))
			rules[i].run(&check);
	}
	return check_end(&check, report, data);
}

static void check_copy_sources(struct check *check, const struct instruction *copy, const struct ignore *ignore)
{
	if ((copy->kind != INSTRUCTION_COPY && copy->kind != INSTRUCTION_ADD) || copy->flags.from)
		return;
	for (size_t i = 0; i < copy->words.len; i++) {
		const char *source = copy->words.items[i];
		if (strpbrk(source, "$*?[\"'\\") || strstr(source, "://"))
			continue;
		_cleanup_(freep) char *clean = path_clean(source);
		const char *path = clean + (*clean == '/');
		if (*path && ignore_match(ignore, path) && !ignore_may_descend(ignore, path))
			found(check, copy, "Attempting to %s file \"%s\" that is excluded by .dockerignore",
			      copy->kind == INSTRUCTION_COPY ? "Copy" : "Add", source);
	}
}

size_t dockerfile_check_ignored(const struct dockerfile *dockerfile, const struct ignore *ignore, check_report *report, void *data)
{
	struct check check = { .dockerfile = dockerfile, .rule = rule_find("CopyIgnoredFile") };

	if (!ignore || is_skipped(dockerfile, check.rule->name))
		return 0;
	for (size_t i = 0; i < dockerfile->stages_len; i++)
		for (size_t j = 0; j < dockerfile->stages[i].instructions_len; j++)
			check_copy_sources(&check, &dockerfile->stages[i].instructions[j], ignore);
	return check_end(&check, report, data);
}
