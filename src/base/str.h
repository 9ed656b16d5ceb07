/* Strings: questions, lists, sizes and times as people read them. */
#ifndef BASE_STR_H
#define BASE_STR_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

static inline bool str_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}
static inline bool str_empty(const char *text)
{
	return !text || !*text;
}
bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);

/* A whole decimal number within [min, max]; nothing before, nothing behind. */
int str_to_int(const char *text, int64_t min, int64_t max, int64_t *ret, struct error *err);

/* The nearest of `words` (a NULL-terminated array) by edit distance, for "did you mean"; NULL if none is near. */
const char *str_nearest(const char *word, const char *const *words);

/* Text of foreign origin for a terminal, in place: control characters except newline and tab (escape sequences could rewrite what was printed
 * before) become '?', C1 ones in UTF-8 too. Returns text. */
char *str_make_printable(char *text);

/* Columns that it takes on a terminal, not bytes: continuation bytes of UTF-8 count for nothing. 0 for NULL. */
int str_columns(const char *text);

/* A list of strings that it owns. Invariant: items[len] is NULL once anything was added, so items is an argv. */
struct strlist {
	char **items;
	size_t len;
};
void strlist_free(struct strlist *list);
void strlist_add(struct strlist *list, const char *text);		/* copies */
void strlist_take(struct strlist *list, char *text);			/* takes ownership */
void strlist_printf(struct strlist *list, const char *format, ...) _printf_(2, 3);
void strlist_add_all(struct strlist *list, const struct strlist *more); /* copies */
bool strlist_has(const struct strlist *list, const char *text);
void strlist_split(struct strlist *list, const char *text, char separator); /* empty parts are kept; "" gives one */
char *strlist_join(const struct strlist *list, const char *separator);
/* Environment-like lists of NAME=VALUE: the last wins; set replaces in place. */
const char *strlist_env_get(const struct strlist *list, const char *name);
void strlist_env_set(struct strlist *list, const char *name, const char *value);

/* Sizes as docker prints them: 1.23MB, powers of 1000. `out` is returned. */
char *size_print(uint64_t bytes, char out[16]);
/* "512m", "1g", "1.5GiB", "4096": bytes. */
int size_parse(const char *text, uint64_t *ret, struct error *err);
/* "90s", "30m", "12h", "7d", "2w", or a number of seconds. */
int period_parse(const char *text, int64_t *ret_seconds, struct error *err);
/* "3 minutes ago", "2 weeks ago"; `out` is returned. */
char *age_print(time_t then, time_t now, char out[32]);
/* RFC 3339 in UTC with seconds: 2026-01-02T03:04:05Z; `out` is returned. */
char *time_print(time_t when, char out[32]);
/* RFC 3339 with any fraction and zone. */
int time_parse(const char *text, struct timespec *ret, struct error *err);
#endif
