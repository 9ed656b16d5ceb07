/* The one JSON reader: see json.h. */
#include "base/json.h"

json_t *json_parse(const char *text, size_t len, const char *what, struct error *err)
{
	json_error_t where;
	json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);

	if (!value) {
		error_set(err, ERROR_INVALID, "the %s is not valid JSON: line %d, column %d: %s", what, where.line, where.column, where.text);
		return NULL;
	}
	if (!json_is_object(value)) {
		json_decref(value);
		error_set(err, ERROR_INVALID, "the %s is JSON, but not an object", what);
		return NULL;
	}
	return value;
}

/* 1 and *ret if the field is there and of the type, 0 if it isn't there. */
static int get(const json_t *object, const char *key, json_type type, const char *type_name, json_t **ret, struct error *err)
{
	json_t *value = json_object_get(object, key);

	*ret = NULL;
	if (!value || json_is_null(value))
		return 0;
	if (json_typeof(value) != type)
		return error_set(err, ERROR_INVALID, "the field '%s' is not %s", key, type_name);
	*ret = value;
	return 1;
}

int json_get_string(const json_t *object, const char *key, const char **ret, struct error *err)
{
	json_t *value;
	int found = get(object, key, JSON_STRING, "a string", &value, err);

	*ret = found == 1 ? json_string_value(value) : NULL;
	return found;
}

int json_get_int(const json_t *object, const char *key, int64_t *ret, struct error *err)
{
	json_t *value;
	int found = get(object, key, JSON_INTEGER, "a whole number", &value, err);

	*ret = found == 1 ? json_integer_value(value) : 0;
	return found;
}

int json_get_bool(const json_t *object, const char *key, bool *ret, struct error *err)
{
	json_t *value = json_object_get(object, key);

	*ret = json_is_true(value);
	if (!value || json_is_null(value))
		return 0;
	return json_is_boolean(value) ? 1 : error_set(err, ERROR_INVALID, "the field '%s' is neither true nor false", key);
}

int json_get_object(const json_t *object, const char *key, json_t **ret, struct error *err)
{
	return get(object, key, JSON_OBJECT, "an object", ret, err);
}

int json_get_array(const json_t *object, const char *key, json_t **ret, struct error *err)
{
	return get(object, key, JSON_ARRAY, "an array", ret, err);
}

int json_get_strlist(const json_t *object, const char *key, struct strlist *ret, struct error *err)
{
	json_t *array, *item;
	size_t i;
	int found = json_get_array(object, key, &array, err);

	json_array_foreach(array, i, item) {
		if (!json_is_string(item))
			return error_set(err, ERROR_INVALID, "the field '%s' holds something that is not a string", key);
		strlist_add(ret, json_string_value(item));
	}
	return found;
}

int json_check_keys(const json_t *object, const char *const *known, const char *what, struct error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		const char *const *at = known;
		while (*at && !str_equal(*at, key))
			at++;
		if (*at)
			continue;
		const char *near = str_nearest(key, known);
		error_set(err, ERROR_INVALID, "there is no %s '%s'", what, key);
		return near ? error_hint(err, "did you mean '%s'?", near) : -1;
	}
	return 0;
}

const char *json_string_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void json_set_text(json_t *object, const char *key, const char *text)
{
	json_t *value = text ? json_string(text) : NULL;

	if (value)
		json_object_set_new(object, key, value);
}

char *json_text(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!text)
		abort();
	return text;
}

json_t *json_from_strlist(const struct strlist *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->len; i++)
		json_array_append_new(array, json_string(list->items[i]));
	return array;
}
