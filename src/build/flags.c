/* Flags of instructions: see flags.h. One table says which instruction has which flag, of what type, kept where. */
#include "build/flags.h"

#include <ctype.h>
#include <stddef.h>
#include <strings.h>

#include "build/diagnose.h"
#include "build/duration.h"

enum flag_type {
	FLAG_STRING,
	FLAG_WORD,	    /* a string out of `choices`; takes no variable */
	FLAG_NAME,	    /* a string that may hold no variable */
	FLAG_BOOL,	    /* --x, --x=true, --x=false */
	FLAG_UNPACK,	    /* a bool for which "not given" is a third state */
	FLAG_LIST,	    /* may be repeated */
	FLAG_MOUNT,	    /* may be repeated */
	FLAG_DURATION,	    /* of HEALTHCHECK, as are the rest */
	FLAG_COUNT,
};

struct flag_spec {
	const char *name;
	enum flag_type type;
	unsigned kinds; /* bits 1 << INSTRUCTION_… */
	size_t offset;	/* in struct instruction */
	bool expands;
	const char *const *choices;
};

#define IN(kind) (1u << INSTRUCTION_##kind)
#define AT(field) offsetof(struct instruction, field)

static const char *const networks[] = { "default", "none", "host", NULL };
static const char *const securities[] = { "sandbox", "insecure", NULL };

static const struct flag_spec flag_table[] = {
	{ "checksum", FLAG_STRING, IN(ADD), AT(flags.checksum), true, NULL },
	{ "chmod", FLAG_STRING, IN(ADD) | IN(COPY), AT(flags.chmod), true, NULL },
	{ "chown", FLAG_STRING, IN(ADD) | IN(COPY), AT(flags.chown), true, NULL },
	{ "device", FLAG_LIST, IN(RUN), AT(flags.devices), false, NULL },
	{ "exclude", FLAG_LIST, IN(ADD) | IN(COPY), AT(flags.exclude), true, NULL },
	{ "from", FLAG_NAME, IN(COPY), AT(flags.from), false, NULL },
	{ "interval", FLAG_DURATION, IN(HEALTHCHECK), AT(health.interval), false, NULL },
	{ "keep-git-dir", FLAG_BOOL, IN(ADD), AT(flags.keep_git_dir), false, NULL },
	{ "link", FLAG_BOOL, IN(ADD) | IN(COPY), AT(flags.link), false, NULL },
	{ "mount", FLAG_MOUNT, IN(RUN), AT(flags.mounts), true, NULL },
	{ "network", FLAG_WORD, IN(RUN), AT(flags.network), false, networks },
	{ "parents", FLAG_BOOL, IN(COPY), AT(flags.parents), false, NULL },
	{ "platform", FLAG_STRING, IN(FROM), AT(flags.platform), true, NULL },
	{ "retries", FLAG_COUNT, IN(HEALTHCHECK), AT(health.retries), false, NULL },
	{ "security", FLAG_WORD, IN(RUN), AT(flags.security), false, securities },
	{ "start-interval", FLAG_DURATION, IN(HEALTHCHECK), AT(health.start_interval), false, NULL },
	{ "start-period", FLAG_DURATION, IN(HEALTHCHECK), AT(health.start_period), false, NULL },
	{ "timeout", FLAG_DURATION, IN(HEALTHCHECK), AT(health.timeout), false, NULL },
	{ "unpack", FLAG_UNPACK, IN(ADD), AT(flags.unpack), false, NULL },
};

void flags_clear(struct instruction_flags *flags)
{
	free(flags->platform);
	free(flags->from);
	free(flags->chown);
	free(flags->chmod);
	free(flags->checksum);
	free(flags->network);
	free(flags->security);
	strlist_free(&flags->exclude);
	strlist_free(&flags->devices);
	for (size_t i = 0; i < flags->mounts_len; i++)
		mount_clear(&flags->mounts[i]);
	free(flags->mounts);
	*flags = (struct instruction_flags){ 0 };
}

/* One flag as a word: quotes are removed, a backslash takes the next character. Returns what is behind it. */
static const char *read_flag(const char *at, struct buf *word)
{
	char quote = '\0';

	for (; *at && (quote || !isspace((unsigned char)*at)); at++) {
		if (quote ? *at == quote : *at == '"' || *at == '\'') {
			quote = quote ? '\0' : *at;
			continue;
		}
		if (*at == '\\' && quote != '\'') {
			if (!at[1])
				continue;
			/* What it hides from us, the expansion may need to see. */
			if (at[1] == '$')
				buf_add_char(word, *at);
			at++;
		}
		buf_add_char(word, *at);
	}
	return at;
}

void flags_split(const char *args, struct strlist *ret_flags, const char **ret_args)
{
	for (;;) {
		_cleanup_(buf_free) struct buf word = { 0 };
		while (isspace((unsigned char)*args))
			args++;
		*ret_args = args;
		if (!str_starts(args, "--"))
			return;
		args = read_flag(args, &word);
		if (str_equal(word.data, "--")) {
			while (isspace((unsigned char)*args))
				args++;
			*ret_args = args;
			return;
		}
		strlist_take(ret_flags, buf_steal(&word));
	}
}

static const struct flag_spec *flag_find(enum instruction_kind kind, const char *name, size_t len)
{
	for (size_t i = 0; i < array_len(flag_table); i++)
		if (flag_table[i].kinds & 1u << kind && strlen(flag_table[i].name) == len && !memcmp(flag_table[i].name, name, len))
			return &flag_table[i];
	return NULL;
}

static int unknown_flag(enum instruction_kind kind, const char *name, struct error *err)
{
	const char *names[array_len(flag_table) + 1];
	size_t len = 0;

	for (size_t i = 0; i < array_len(flag_table); i++)
		if (flag_table[i].kinds & 1u << kind)
			names[len++] = flag_table[i].name;
	names[len] = NULL;
	const char *nearest = str_nearest(name, names);
	if (nearest)
		return error_set(err, ERROR_INVALID, "unknown flag --%s of %s (did you mean --%s?)", name, instruction_kind_name(kind),
				 nearest);
	error_set(err, ERROR_INVALID, "unknown flag --%s of %s", name, instruction_kind_name(kind));
	if (!len)
		return error_hint(err, "%s has no flags", instruction_kind_name(kind));
	_cleanup_(buf_free) struct buf all = { 0 };
	for (size_t i = 0; i < len; i++)
		buf_printf(&all, " --%s", names[i]);
	return error_hint(err, "%s has:%s", instruction_kind_name(kind), all.data);
}

static int set_word(const struct flag_spec *spec, const char *value, char **field, struct error *err)
{
	for (size_t i = 0; spec->choices[i]; i++) {
		if (str_equal(spec->choices[i], value)) {
			*field = xstrdup(value);
			return 0;
		}
	}
	_cleanup_(freep) char *suggestion = diagnose_suggest(value, spec->choices);
	return error_set(err, ERROR_INVALID, "unsupported value '%s' of --%s%s", value, spec->name, suggestion);
}

static int set_name(const struct flag_spec *spec, const char *value, char **field, struct error *err)
{
	if (strchr(value, '$')) {
		error_set(err, ERROR_INVALID, "--%s takes no variables: '%s'", spec->name, value);
		return error_hint(err, "define a stage with FROM %s AS name, with an ARG before the first FROM, and name that stage", value);
	}
	*field = xstrdup(value);
	return 0;
}

static int set_bool(const struct flag_spec *spec, const char *value, bool *field, struct error *err)
{
	if (value && strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0)
		return error_set(err, ERROR_INVALID, "--%s is true or false, not '%s'", spec->name, value);
	*field = !value || !strcasecmp(value, "true");
	return 0;
}

static int add_mount(struct instruction_flags *flags, const char *value, const struct expand_options *options, struct error *err)
{
	struct run_mount mount = { 0 };

	if (run_mount_parse(value, options, &mount, err) < 0)
		return error_wrap(err, "--mount=%s", value);
	xgrow(flags->mounts, flags->mounts_len);
	flags->mounts[flags->mounts_len++] = mount;
	return 0;
}

static int set_flag(struct instruction *instruction, const struct flag_spec *spec, const char *value,
		    const struct expand_options *options, struct error *err)
{
	void *field = (char *)instruction + spec->offset;

	switch (spec->type) {
	case FLAG_STRING:
		*(char **)field = xstrdup(value);
		return 0;
	case FLAG_WORD:
		return set_word(spec, value, field, err);
	case FLAG_NAME:
		return set_name(spec, value, field, err);
	case FLAG_UNPACK:
		instruction->flags.has_unpack = true;
		return set_bool(spec, value, field, err);
	case FLAG_BOOL:
		return set_bool(spec, value, field, err);
	case FLAG_LIST:
		strlist_add(field, value);
		return 0;
	case FLAG_MOUNT:
		return add_mount(&instruction->flags, value, options, err);
	case FLAG_DURATION:
		return duration_parse(value, field, err) < 0 ? error_wrap(err, "--%s", spec->name) : 0;
	case FLAG_COUNT:
		return str_to_int(value, 0, INT32_MAX, field, err) < 0 ? error_wrap(err, "--%s", spec->name) : 0;
	}
	return 0;
}

static int apply_flag(struct instruction *instruction, const char *flag, unsigned *seen, const struct expand_options *options,
		      struct error *err)
{
	_cleanup_(freep) char *expanded = NULL, *name = NULL;
	const char *equals = strchr(flag, '='), *value = equals ? equals + 1 : NULL;

	name = equals ? xstrndup(flag + 2, (size_t)(equals - flag - 2)) : xstrdup(flag + 2);
	const struct flag_spec *spec = flag_find(instruction->kind, name, strlen(name));
	if (!spec)
		return unknown_flag(instruction->kind, name, err);
	unsigned bit = 1u << (spec - flag_table);
	if (*seen & bit && spec->type != FLAG_LIST && spec->type != FLAG_MOUNT)
		return error_set(err, ERROR_INVALID, "--%s is given twice", name);
	*seen |= bit;
	if (!value && spec->type != FLAG_BOOL && spec->type != FLAG_UNPACK)
		return error_set(err, ERROR_INVALID, "--%s needs a value: --%s=…", name, name);
	if (options && spec->expands && spec->type != FLAG_MOUNT) {
		if (expand_text(value, options, &expanded, err) < 0)
			return error_wrap(err, "--%s", name);
		value = expanded;
	}
	return set_flag(instruction, spec, value, options, err);
}

int flags_apply(struct instruction *instruction, const struct expand_options *options, struct error *err)
{
	unsigned seen = 0;

	for (size_t i = 0; i < instruction->raw_flags.len; i++)
		if (apply_flag(instruction, instruction->raw_flags.items[i], &seen, options, err) < 0)
			return -1;
	return 0;
}
