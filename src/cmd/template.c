/* Templates: see template.h. */
#include "cmd/template.h"

#include <ctype.h>

#include "base/json.h"
#include "base/str.h"

/* A value as Go prints it in a template: texts plain, lists and maps in brackets are rarely what somebody wants, so they are JSON. */
static void add_value(struct buf *ret, const json_t *value, bool as_json)
{
	if (json_is_string(value) && !as_json) {
		buf_add_str(ret, json_string_value(value));
		return;
	}
	_cleanup_(freep) char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_PRESERVE_ORDER) : NULL;
	buf_add_str(ret, text ? text : "null");
}

static int no_such(const char *path, const json_t *at, const char *key, struct error *err)
{
	const char *names[64] = { NULL }, *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)at, name, value)
		if (n + 1 < array_len(names))
			names[n++] = name;
	const char *near = str_nearest(key, names);
	error_set(err, ERROR_USAGE, "the template's %s: there is no %s", path, key);
	return near ? error_hint(err, "did you mean %s?", near) : -1;
}

/* ".A.B"; "." is the object itself. */
static int look_up(const char *path, const json_t *object, const json_t **ret, struct error *err)
{
	struct strlist keys _cleanup_(strlist_free) = { 0 };
	const json_t *at = object;

	if (path[0] != '.')
		return error_set(err, ERROR_USAGE, "'%s' in a template is not supported here", path),
		       error_hint(err, "{{.Key}}, {{json .Key}}, {{len .Key}} and {{index .Key \"name\"}} are; or use --format json with jq");
	strlist_split(&keys, path + 1, '.');
	for (size_t i = 0; path[1] && i < keys.len; i++) {
		const json_t *next = json_object_get(at, keys.items[i]);
		if (!next)
			return no_such(path, at, keys.items[i], err);
		at = next;
	}
	*ret = at;
	return 0;
}

/* What stands between the braces, without blanks around it. */
static int expand(const char *action, const json_t *object, struct buf *ret, struct error *err)
{
	struct strlist words _cleanup_(strlist_free) = { 0 };
	const json_t *value = NULL;

	strlist_split(&words, action, ' ');
	const char *verb = words.items[0];
	bool json = str_equal(verb, "json"), len = str_equal(verb, "len"), index = str_equal(verb, "index");
	if (words.len != (index ? 3u : json || len ? 2u : 1u))
		return look_up(str_starts(verb, ".") ? action + strlen(verb) + 1 : verb, object, &value, err) < 0 ?
			       -1 : error_set(err, ERROR_USAGE, "'%s' in a template is not supported here", action);
	if (look_up(words.items[json || len || index ? 1 : 0], object, &value, err) < 0)
		return -1;
	if (len) {
		size_t count = json_is_array(value) ? json_array_size(value) : json_is_object(value) ? json_object_size(value) : json_string_length(value);
		buf_printf(ret, "%zu", count);
		return 0;
	}
	if (index) {
		char *key = words.items[2];
		size_t size = strlen(key);
		if (size >= 2 && key[0] == '"' && key[size - 1] == '"') {
			key[size - 1] = '\0';
			value = json_object_get(value, key + 1);
		} else {
			value = json_array_get(value, (size_t)atoi(key));
		}
		if (!value)
			return 0; /* Go's zero value */
	}
	add_value(ret, value, json);
	return 0;
}

int template_print(const char *text, const json_t *object, struct buf *ret, struct error *err)
{
	for (const char *at = text; *at;) {
		if (at[0] == '\\' && (at[1] == 't' || at[1] == 'n')) {
			buf_add_char(ret, at[1] == 't' ? '\t' : '\n');
			at += 2;
			continue;
		}
		if (at[0] != '{' || at[1] != '{') {
			buf_add_char(ret, *at++);
			continue;
		}
		const char *end = strstr(at, "}}");
		if (!end)
			return error_set(err, ERROR_USAGE, "the template '%s' has {{ without }}", text);
		const char *from = at + 2, *to = end;
		while (from < to && isspace((unsigned char)*from))
			from++;
		while (to > from && isspace((unsigned char)to[-1]))
			to--;
		_cleanup_(freep) char *action = xstrndup(from, (size_t)(to - from));
		if (expand(action, object, ret, err) < 0)
			return -1;
		at = end + 2;
	}
	return 0;
}

int template_print_line(const char *text, const json_t *object, struct error *err)
{
	struct buf line _cleanup_(buf_free) = { 0 };

	if (template_print(text, object, &line, err) < 0)
		return -1;
	puts(line.data ? line.data : "");
	return 0;
}

int template_of_format(const char *format, const char *example, struct context *context, const char **ret, struct error *err)
{
	*ret = NULL;
	if (str_equal(format, "json"))
		context->format = FORMAT_JSON;
	if (!format || str_equal(format, "json") || str_equal(format, "table") || str_equal(format, "text"))
		return 0;
	if (!strstr(format, "{{"))
		return error_set(err, ERROR_USAGE, "--format is json or a template like '%s', not '%s'", example, format);
	*ret = str_starts(format, "table ") ? format + strlen("table ") : format;
	return 0;
}
