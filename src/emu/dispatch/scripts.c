/* Texts of programs: see scripts.h.
 *
 * What a shell, awk or make does is in its text, which may ask for what the twin would answer as this machine, or what QEMU makes up. The text is not understood, only searched for
 * words; one too many costs time, no more. An entry's words (struct twin_entry, deny) are found wherever they stand, but for these:
 *   %xyz     a conversion of printf by one of these letters
 *   1e       a number with an exponent of three digits, which may be too large to be any
 *   !name    the command `name` without arguments, as `set` prints all that a shell knows
 *   ?name    the same, or with nothing but options
 *   >name    the word at the start of a line
 *   .        files that are sourced are searched as well; one whose name is not known is a reason to refuse
 *   .?       the same, but for one whose name is not known: every configure script has one
 */
#include "emu/dispatch/scripts.h"

#include "emu/dispatch/words.h"

enum { TEXT_MAX = 4 << 20, PATH_SIZE = 1024, DEPTH_MAX = 4 };

static int words_within(const struct twin_table *table, uint32_t words, const char *bytes, size_t len, int depth);

/* ---- files ---- */

const char *text_map(const char *path, size_t *ret_len)
{
	struct statx about;
	long fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *bytes = NULL;

	if (fd < 0)
		return NULL;
	if (sys_stat((int)fd, "", AT_EMPTY_PATH, &about) == 0 && (about.stx_mode & 0170000) == 0100000 && about.stx_size && about.stx_size <= TEXT_MAX) {
		bytes = sys_map(about.stx_size, 1 /* PROT_READ */, 2 /* MAP_PRIVATE */, (int)fd);
		*ret_len = about.stx_size;
	}
	sys_close((int)fd);
	return bytes && map_failed(bytes) ? NULL : bytes;
}

/* What cannot be read, or is not found by this name, is not for a twin. */
static int script_refused(const struct twin_table *table, uint32_t words, const char *path, int depth)
{
	size_t len;
	const char *bytes = text_map(path, &len);

	return !bytes || words_within(table, words, bytes, len, depth);
}

/* ---- words ---- */

static int has_letter(const char *letters, char letter)
{
	while (*letters && *letters != letter)
		letters++;
	return *letters != '\0';
}

/* Is the % that of a shell's ${name%pattern}? */
static int is_expansion(const char *bytes, const char *at)
{
	while (at > bytes && (has_letter("_%#!@*?[]", at[-1]) || (at[-1] >= '0' && at[-1] <= '9') || ((at[-1] | 0x20) >= 'a' && (at[-1] | 0x20) <= 'z')))
		at--;
	return at - bytes >= 2 && at[-1] == '{' && at[-2] == '$';
}

/* Is there a conversion of printf by one of these letters, as "%-8.3f" is one by f? */
static int converts_by(const char *letters, const char *bytes, size_t len)
{
	const char *end = bytes + len;

	if (!bytes_find(bytes, len, "printf"))
		return 0;
	for (const char *at = bytes; at < end; at++) {
		if (*at != '%' || is_expansion(bytes, at))
			continue;
		const char *last = at + 1;
		while (last < end && has_letter("-+ #'*.0123456789lL", *last))
			last++;
		if (last < end && has_letter(letters, *last))
			return 1;
	}
	return 0;
}

static int is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/* A number with an exponent of three digits. */
static int has_large_number(const char *bytes, size_t len)
{
	for (size_t i = 1; i + 3 < len; i++)
		if ((bytes[i] | 0x20) == 'e' && has_letter("0123456789.", bytes[i - 1]) && has_letter("123456789", bytes[i + 1]) &&
		    has_letter("0123456789", bytes[i + 2]) && has_letter("0123456789", bytes[i + 3]))
			return 1;
	return 0;
}

/* May a command begin at `at`? Behind another one's end, an opening bracket or a word such as `then`; a start of a line is one, whatever the line is. */
static int begins_command(const char *bytes, const char *at)
{
	static const char *const words[] = { "then", "do", "else", "if", "elif", "while", "until", "time", "command", "builtin", "eval", NULL };
	const char *end = at;

	while (end > bytes && is_blank(end[-1]))
		end--;
	if (end == bytes || has_letter("\n;&|({`!\"'", end[-1]))
		return 1;
	for (const char *const *word = words; *word && end < at; word++) {
		size_t len = text_len(*word);
		if ((size_t)(end - bytes) >= len && bytes_find(end - len, len, *word) && ((size_t)(end - bytes) == len || has_letter(" \t\n;&|({`", end[-len - 1])))
			return 1;
	}
	return 0;
}

static int ends_command(const char *at, const char *end)
{
	return at == end || has_letter("\n;&|)}`<>#\"'", *at);
}

static int is_lone_command(const char *name, int options, const char *bytes, size_t len)
{
	const char *end = bytes + len;
	size_t name_len = text_len(name);

	for (const char *at = bytes; (at = bytes_find(at, (size_t)(end - at), name)); at++) {
		const char *rest = skip_blanks(at + name_len, end);
		if (!begins_command(bytes, at))
			continue;
		while (options && rest > at + name_len && rest < end && *rest == '-') {
			while (rest < end && !is_blank(*rest) && !ends_command(rest, end))
				rest++;
			rest = skip_blanks(rest, end);
		}
		if (ends_command(rest, end))
			return 1;
	}
	return 0;
}

static int is_at_line(const char *name, const char *bytes, size_t len)
{
	const char *end = bytes + len;
	size_t name_len = text_len(name);

	for (const char *at = bytes; (at = bytes_find(at, (size_t)(end - at), name)); at++) {
		const char *start = at;
		while (start > bytes && start[-1] == ' ')
			start--;
		if ((start == bytes || start[-1] == '\n') && at + name_len < end && is_blank(at[name_len]))
			return 1;
	}
	return 0;
}

/* ---- sourced files ---- */

struct sourcing {
	const struct twin_table *table;
	uint32_t words;
	int depth, strict, changes_folder;
};

/* The name behind `.` as it stands, in quotes or without; 0 if it is not known before the script runs. */
static int read_name(const char *at, const char *end, char path[PATH_SIZE])
{
	char quote = at < end && (*at == '"' || *at == '\'') ? *at++ : '\0';
	size_t len = 0;

	for (; at < end && (quote ? *at != quote : !is_blank(*at) && !ends_command(at, end)); at++) {
		if (has_letter("$`*?[\\~\"'\n", *at) || len == PATH_SIZE - 1)
			return 0;
		path[len++] = *at;
	}
	path[len] = '\0';
	return has_letter(path, '/');
}

static int source_refused(const struct sourcing *sourcing, const char *at, const char *end)
{
	char path[PATH_SIZE];
	struct statx about;

	if (ends_command(at, end) && (at == end || (*at != '"' && *at != '\'')))
		return 0;
	if (sourcing->depth >= DEPTH_MAX)
		return sourcing->strict;
	if (!read_name(at, end, path) || (*path != '/' && sourcing->changes_folder) || sys_stat(AT_FDCWD, path, 0, &about) < 0)
		return sourcing->strict;
	return script_refused(sourcing->table, sourcing->words, path, sourcing->depth + 1);
}

static int sources_refused(const struct sourcing *sourcing, const char *bytes, size_t len)
{
	static const char *const names[] = { ".", "source", NULL };
	const char *end = bytes + len;

	for (const char *const *name = names; *name; name++) {
		size_t name_len = text_len(*name);
		for (const char *at = bytes; (at = bytes_find(at, (size_t)(end - at), *name)); at++)
			if (at + name_len < end && is_blank(at[name_len]) && begins_command(bytes, at) &&
			    source_refused(sourcing, skip_blanks(at + name_len, end), end))
				return 1;
	}
	return 0;
}

/* ---- a text ---- */

static int word_is_within(const struct sourcing *sourcing, const char *word, const char *bytes, size_t len)
{
	switch (word[1] || *word == '.' ? *word : '\0') {
	case '%': return converts_by(word + 1, bytes, len);
	case '!': return is_lone_command(word + 1, 0, bytes, len);
	case '?': return is_lone_command(word + 1, 1, bytes, len);
	case '>': return is_at_line(word + 1, bytes, len);
	case '.': return sources_refused(sourcing, bytes, len);
	}
	return text_equal(word, "1e") ? has_large_number(bytes, len) : bytes_find(bytes, len, word) != NULL;
}

static int words_within(const struct twin_table *table, uint32_t words, const char *bytes, size_t len, int depth)
{
	struct sourcing sourcing = { table, words, depth, 0, bytes_find(bytes, len, "cd ") != NULL };

	for (const char *word = NULL; (word = table_next(table, words, word));) {
		sourcing.strict = text_equal(word, ".");
		if (word_is_within(&sourcing, word, bytes, len))
			return 1;
	}
	return 0;
}

/* ---- shells and awk ---- */

/* How a shell reads its options: where its text or its script is. */
struct shell_words {
	const char *text;
	int is_command; /* the text itself, not a file's name */
	int strange;	/* it tells of itself, or reads more than that */
};

static void read_letters(struct shell_words *words, const char *letters, char ***arg)
{
	for (; *letters; letters++) {
		if (*letters == 'c')
			words->is_command = 1;
		if (*letters == 's' || *letters == 'l' || *letters == 'i' || *letters == 'D')
			words->strange = 1;
		if ((*letters == 'o' || *letters == 'O') && (*arg)[1])
			++*arg;
	}
}

static void read_shell_words(const struct call *call, struct shell_words *ret)
{
	static const char *const plain[] = { "--posix", "--norc", "--noprofile", NULL };
	char **arg = call->args;

	for (; *arg && ((*arg)[0] == '-' || (*arg)[0] == '+'); arg++) {
		if (text_equal(*arg, "-") || text_equal(*arg, "--")) {
			arg++;
			break;
		}
		if (any_equal(*arg, plain))
			continue;
		/* bash takes its long options with one dash as well */
		if ((*arg)[1] == '-' || text_equal(*arg, "-version") || text_equal(*arg, "-help"))
			ret->strange = 1;
		else
			read_letters(ret, *arg + 1, &arg);
	}
	ret->text = *arg;
}

/* The text that it is given, or the script, and the functions that bash takes from the environment. */
int shell_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	static const char *const files[] = { "BASH_ENV", NULL };
	struct shell_words words = { 0 };

	read_shell_words(call, &words);
	if (!words.text || words.strange || env_has(call->env, files))
		return 1;
	for (char **at = call->env; *at; at++)
		if (text_starts(*at, "BASH_FUNC_") && words_within(table, entry->deny, *at, text_len(*at), 0))
			return 1;
	if (words_within(table, entry->deny, words.text, text_len(words.text), 0))
		return 1;
	return !words.is_command && script_refused(table, entry->deny, words.text, 0);
}

/* awk's words are those of the program, as text or in the files that -f names. Of long options there is none worth a twin. */
int awk_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	static const char *const files[] = { "-f", "-E", "-i", NULL };

	for (char **arg = call->args; *arg; arg++) {
		if ((text_starts(*arg, "--") && (*arg)[2]) || words_within(table, entry->deny, *arg, text_len(*arg), 0))
			return 1;
		if (any_equal(*arg, files) && arg[1] && script_refused(table, entry->deny, arg[1], 0))
			return 1;
		if (text_starts(*arg, "-f") && (*arg)[2] && script_refused(table, entry->deny, *arg + 2, 0))
			return 1;
	}
	return 0;
}

/* ---- make ---- */

/* The value of an option: behind it, or the next argument; NULL if `arg` is another. */
static const char *option_value(char *const *arg, char letter, const char *name)
{
	const char *at = *arg;

	if (at[0] != '-')
		return NULL;
	if (at[1] == '-') {
		size_t len = text_len(name);
		return text_starts(at + 2, name) && at[2 + len] == '=' ? at + 3 + len : NULL;
	}
	while (*++at && *at != letter)
		;
	return !*at ? NULL : at[1] ? at + 1 : arg[1];
}

static int makefile_refused(const struct twin_table *table, uint32_t words, const char *folder, const char *name)
{
	char path[PATH_SIZE];
	size_t len = 0, bytes_len;

	if (text_len(folder) + text_len(name) + 2 > PATH_SIZE)
		return 1;
	for (const char *at = *name == '/' ? "" : folder; *at; at++)
		path[len++] = *at;
	for (const char *at = *name == '/' ? name : "/"; *at; at++)
		path[len++] = *at;
	for (const char *at = *name == '/' ? "" : name; *at; at++)
		path[len++] = *at;
	path[len] = '\0';
	const char *bytes = text_map(path, &bytes_len);
	return bytes && words_within(table, words, bytes, bytes_len, 0);
}

/* Does it tell of itself as the make above does, by letters such as "kd" or a long option? Variables of the command line come last. */
static int flags_refused(const char *flags)
{
	if (!flags)
		return 0;
	if (bytes_find(flags, text_len(flags), "--debug"))
		return 1;
	for (; !text_starts(flags, "--") && *flags && *flags != ' ' && *flags != '='; flags++)
		if (*flags == 'd' || *flags == 'p')
			return flags[1] != '=';
	return 0;
}

/* A module that a makefile loads is a library of the image's. What a makefile includes is not followed. */
int make_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	static const char *const names[] = { "GNUmakefile", "makefile", "Makefile", NULL };
	const char *folder = ".", *value;
	int named = 0;

	if (flags_refused(env_get(call->env, "MAKEFLAGS")) || flags_refused(env_get(call->env, "GNUMAKEFLAGS")))
		return 1;
	for (char **arg = call->args; *arg; arg++)
		if ((value = option_value(arg, 'C', "directory")))
			folder = value;
	for (char **arg = call->args; *arg; arg++)
		if ((value = option_value(arg, 'f', "file")) || (value = option_value(arg, 'f', "makefile"))) {
			named = 1;
			if (makefile_refused(table, entry->deny, folder, value))
				return 1;
		}
	for (const char *const *name = names; *name && !named; name++)
		if (makefile_refused(table, entry->deny, folder, *name))
			return 1;
	return 0;
}
