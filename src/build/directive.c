/* Parser directives: see directive.h. The first line that is none ends them, also a comment or an empty line. */
#include "build/directive.h"

#include <ctype.h>
#include <strings.h>

#include "build/lexer.h"

typedef int directive_set(struct directives *directives, const char *value, struct error *err);

void directives_clear(struct directives *directives)
{
	free(directives->syntax);
	strlist_free(&directives->check.skip);
	*directives = (struct directives){ 0 };
}

static int set_escape(struct directives *directives, const char *value, struct error *err)
{
	if (strcmp(value, "\\") != 0 && strcmp(value, "`") != 0)
		return error_set(err, ERROR_INVALID, "invalid escape character '%s': it must be ` or \\", value);
	directives->escape = *value;
	return 0;
}

static int set_syntax(struct directives *directives, const char *value, struct error *err)
{
	(void)err;
	directives->syntax = xstrdup(value);
	return 0;
}

static void add_skips(struct check_directive *check, const char *value)
{
	_cleanup_(strlist_free) struct strlist names = { 0 };

	strlist_split(&names, value, ',');
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];
		while (isspace((unsigned char)*name))
			name++;
		size_t len = strlen(name);
		while (len && isspace((unsigned char)name[len - 1]))
			len--;
		if (len)
			strlist_take(&check->skip, xstrndup(name, len));
	}
}

/* One of skip=A,B and error=true. */
static int set_check_option(struct check_directive *check, const char *option, struct error *err)
{
	while (isspace((unsigned char)*option))
		option++;
	if (!*option)
		return 0;
	if (!strncasecmp(option, "skip=", 5)) {
		add_skips(check, option + 5);
		return 0;
	}
	if (!strncasecmp(option, "experimental=", 13))
		return 0; /* we have no experimental checks */
	if (!strcasecmp(option, "error=true") || !strcasecmp(option, "error=false")) {
		check->error = !strcasecmp(option + 6, "true");
		return 0;
	}
	error_set(err, ERROR_INVALID, "invalid check option '%s'", option);
	return error_hint(err, "write # check=skip=RULE,RULE;error=true");
}

static int set_check(struct directives *directives, const char *value, struct error *err)
{
	_cleanup_(strlist_free) struct strlist options = { 0 };

	strlist_split(&options, value, ';');
	for (size_t i = 0; i < options.len; i++)
		if (set_check_option(&directives->check, options.items[i], err) < 0)
			return -1;
	return 0;
}

static const struct {
	const char *name;
	directive_set *set;
} table[] = { { "check", set_check }, { "escape", set_escape }, { "syntax", set_syntax } };

/* Splits `# name = value`. */
static bool split(const char *line, size_t len, char **ret_name, char **ret_value)
{
	const char *end = line + len;

	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	if (line == end || *line++ != '#')
		return false;
	while (line < end && isspace((unsigned char)*line))
		line++;
	const char *name = line;
	while (line < end && isalnum((unsigned char)*line))
		line++;
	const char *name_end = line;
	while (line < end && isspace((unsigned char)*line))
		line++;
	if (name == name_end || !isalpha((unsigned char)*name) || line == end || *line++ != '=')
		return false;
	while (line < end && isspace((unsigned char)*line))
		line++;
	if (line == end)
		return false;
	*ret_name = xstrndup(name, (size_t)(name_end - name));
	*ret_value = xstrndup(line, (size_t)(end - line));
	return true;
}

/* Returns 1 if the line is a directive, 0 if it ends them. */
static int read_line(const char *line, size_t len, unsigned *seen, struct directives *directives, struct error *err)
{
	_cleanup_(freep) char *name = NULL, *value = NULL;

	while (len && isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	if (!split(line, len, &name, &value))
		return 0;
	for (size_t i = 0; i < array_len(table); i++) {
		if (strcasecmp(name, table[i].name) != 0)
			continue;
		if (*seen & 1u << i)
			return error_set(err, ERROR_INVALID, "only one %s parser directive can be used", table[i].name);
		*seen |= 1u << i;
		return table[i].set(directives, value, err) < 0 ? -1 : 1;
	}
	return 0;
}

int directives_parse(const char *text, size_t len, struct directives *ret, int *ret_line, struct error *err)
{
	_cleanup_(directives_clear) struct directives directives = { .escape = '\\' };
	struct lexer lexer = { text, text + len, 1, '\\' };
	const char *line;
	size_t line_len;
	unsigned seen = 0;
	int more = 1;

	while (more && lexer_line(&lexer, &line, &line_len)) {
		*ret_line = lexer.line - 1;
		if (*ret_line == 1 && line_len >= 2 && !memcmp(line, "#!", 2))
			continue;
		more = read_line(line, line_len, &seen, &directives, err);
		if (more < 0)
			return -1;
	}
	*ret = directives;
	directives = (struct directives){ 0 };
	return 0;
}
