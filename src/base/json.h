/* The one JSON reader: jansson with duplicate keys refused and depth, size and types checked, and errors that name the field. */
#ifndef BASE_JSON_H
#define BASE_JSON_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* For _cleanup_(json_release). */
static inline void json_release(json_t **at)
{
	json_decref(*at);
	*at = NULL;
}

/* Parses a whole text whose top is an object. `what` names it in the error ("manifest"). NULL on failure; a new reference. */
json_t *json_parse(const char *text, size_t len, const char *what, struct error *err);

/* Typed fields of an object: -1 with ERROR_INVALID if the type is another. A field that is missing or null gives *ret = NULL (0, or
 * false) and returns 0, present gives 1. Strings and objects are borrowed from the object. */
int json_get_string(const json_t *object, const char *key, const char **ret, struct error *err);
int json_get_int(const json_t *object, const char *key, int64_t *ret, struct error *err);
int json_get_bool(const json_t *object, const char *key, bool *ret, struct error *err);
int json_get_object(const json_t *object, const char *key, json_t **ret, struct error *err);
int json_get_array(const json_t *object, const char *key, json_t **ret, struct error *err);
/* An array of strings, copied. */
int json_get_strlist(const json_t *object, const char *key, struct strlist *ret, struct error *err);

/* ERROR_INVALID ("there is no WHAT 'key'", and the nearest) on a key of `object` that is not in `known` (NULL-terminated): for settings, so that
 * a misspelt one never goes unnoticed. */
int json_check_keys(const json_t *object, const char *const *known, const char *what, struct error *err);

/* A text of the object; "" if it isn't there or is none. Borrowed. */
const char *json_string_at(const json_t *object, const char *key);

/* For texts of foreign origin: NULL, and what is no UTF-8, is left out. */
void json_set_text(json_t *object, const char *key, const char *text);
/* Compact, keys in the order in which they were set. Owned by the caller. */
char *json_text(const json_t *value);
/* A new array of the list's strings. */
json_t *json_from_strlist(const struct strlist *list);
#endif
