/* The shapes of arguments: see args.h. */
#include "build/args.h"

#include <ctype.h>
#include <jansson.h>
#include <strings.h>

#include "base/json.h"

int args_line(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	(void)escape;
	(void)err;
	if (*text)
		strlist_add(&instruction->words, text);
	return 0;
}

int args_words(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	(void)escape;
	(void)err;
	for (;;) {
		text += strspn(text, " \t\v\f\r\n");
		size_t len = strcspn(text, " \t\v\f\r\n");
		if (!len)
			return 0;
		strlist_take(&instruction->words, xstrndup(text, len));
		text += len;
	}
}

/* Returns 1 and the strings if the text is a JSON list, 0 if it is something else, -1 if it is a list that holds other than strings. */
static int read_json(const char *text, struct strlist *ret, struct error *err)
{
	if (text[strspn(text, " \t")] != '[')
		return 0;
	_cleanup_(json_release) json_t *list = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_array(list))
		return 0;
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item)) {
			error_set(err, ERROR_INVALID, "the list in JSON form holds something that is no string");
			return error_hint(err, "put each item in double quotes: [\"a\", \"b\"]");
		}
		strlist_add(ret, json_string_value(item));
	}
	return 1;
}

int args_json_or_line(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	int json = read_json(text, &instruction->words, err);

	if (json < 0)
		return -1;
	instruction->json_form = json;
	return json ? 0 : args_line(instruction, text, escape, err);
}

int args_json_or_words(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	int json = read_json(text, &instruction->words, err);

	if (json < 0)
		return -1;
	instruction->json_form = json;
	return json ? 0 : args_words(instruction, text, escape, err);
}

/* The next word, in which blanks may stand in quotes or behind the escape character. Quotes and escapes stay: expansion removes them.
 * NULL at the end. Owned by the caller. */
static char *next_quoted_word(const char **at, char escape)
{
	char quote = '\0';
	const char *text = *at + strspn(*at, " \t\v\f\r\n"), *begin = text;

	if (!*text)
		return NULL;
	for (; *text && (quote || !isspace((unsigned char)*text)); text++) {
		if (*text == escape && quote != '\'' && text[1])
			text++;
		else if (quote ? *text == quote : *text == '"' || *text == '\'')
			quote = quote ? '\0' : *text;
	}
	*at = text;
	return xstrndup(begin, (size_t)(text - begin));
}

static void add_pair(struct instruction *instruction, const char *name, size_t name_len, const char *value)
{
	xgrow(instruction->pairs, instruction->pairs_len);
	instruction->pairs[instruction->pairs_len++] = (struct name_value){ xstrndup(name, name_len), xstrdup(value) };
}

static int blank_name(const struct instruction *instruction, struct error *err)
{
	return error_set(err, ERROR_INVALID, "%s names can not be blank", instruction_kind_name(instruction->kind));
}

/* ENV name all the rest. */
static int legacy_pair(struct instruction *instruction, const char *text, struct error *err)
{
	size_t len = strcspn(text, " \t\v\f\r");
	const char *value = text + len + strspn(text + len, " \t\v\f\r");

	if (!*value) {
		error_set(err, ERROR_INVALID, "%s must have two arguments", instruction_kind_name(instruction->kind));
		return error_hint(err, "write %s %s=value", instruction_kind_name(instruction->kind), text);
	}
	instruction->legacy_pair = true;
	add_pair(instruction, text, len, value);
	return 0;
}

int args_pairs(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	const char *at = text;

	for (;;) {
		_cleanup_(freep) char *word = next_quoted_word(&at, escape);
		if (!word)
			return 0;
		const char *equals = strchr(word, '=');
		if (!equals && !instruction->pairs_len)
			return legacy_pair(instruction, text, err);
		if (!equals) {
			error_set(err, ERROR_INVALID, "can't find = in '%s'", word);
			return error_hint(err, "each must be of the form name=value; put a value with blanks in double quotes");
		}
		if (equals == word)
			return blank_name(instruction, err);
		add_pair(instruction, word, (size_t)(equals - word), equals + 1);
	}
}

int args_names(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	for (;;) {
		_cleanup_(freep) char *word = next_quoted_word(&text, escape);
		if (!word)
			return 0;
		const char *equals = strchrnul(word, '=');
		if (equals == word)
			return blank_name(instruction, err);
		add_pair(instruction, word, (size_t)(equals - word), *equals ? equals + 1 : NULL);
	}
}

int args_health(struct instruction *instruction, const char *text, char escape, struct error *err)
{
	size_t len = strcspn(text, " \t\v\f\r");
	const char *rest = text + len + strspn(text + len, " \t\v\f\r");
	struct strlist *test = &instruction->health.test;

	if (len == 4 && !strncasecmp(text, "NONE", len)) {
		if (*rest || instruction->raw_flags.len)
			return error_set(err, ERROR_INVALID, "HEALTHCHECK NONE takes no arguments");
		strlist_add(test, "NONE");
		strlist_add(&instruction->words, "NONE");
		return 0;
	}
	if (len != 3 || strncasecmp(text, "CMD", len) != 0) {
		if (!len)
			return 0;
		error_set(err, ERROR_INVALID, "unknown type '%.*s' in HEALTHCHECK", (int)len, text);
		return error_hint(err, "write HEALTHCHECK CMD command, or HEALTHCHECK NONE");
	}
	if (args_json_or_line(instruction, rest, escape, err) < 0)
		return -1;
	if (!instruction->words.len)
		return error_set(err, ERROR_INVALID, "there is no command behind HEALTHCHECK CMD");
	strlist_add(test, instruction->json_form ? "CMD" : "CMD-SHELL");
	strlist_add_all(test, &instruction->words);
	return 0;
}
