/* Strings: see str.h. */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"

bool str_starts(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

bool str_ends(const char *text, const char *suffix)
{
	size_t len = strlen(text), tail = strlen(suffix);

	return len >= tail && !memcmp(text + len - tail, suffix, tail);
}

int str_to_int(const char *text, int64_t min, int64_t max, int64_t *ret, struct error *err)
{
	char *end;

	if (str_empty(text) || !(isdigit((unsigned char)*text) || *text == '-'))
		return error_set(err, ERROR_INVALID, "'%s' is not a whole number", text ? text : "");
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (*end)
		return error_set(err, ERROR_INVALID, "'%s' is not a whole number", text);
	if (errno || value < min || value > max)
		return error_set(err, ERROR_INVALID, "%s is not between %lld and %lld", text, (long long)min, (long long)max);
	*ret = value;
	return 0;
}

/* Levenshtein distance, case folded; words longer than the row are far from everything. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], len = strlen(b);

	if (len + 1 >= array_len(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
			size_t best = diagonal + !same;
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len];
}

const char *str_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	size_t limit = strlen(word) / 3 + 1, best = limit + 1;

	for (; *words; words++) {
		size_t d = distance(word, *words);
		if (d < best) {
			best = d;
			nearest = *words;
		}
	}
	return nearest;
}

char *str_make_printable(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
		if (c1)
			*at++ = '?';
		if (c1 || (*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f)
			*at = '?';
	}
	return text;
}

int str_columns(const char *text)
{
	int n = 0;

	for (; text && *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void strlist_free(struct strlist *list)
{
	for (size_t i = 0; i < list->len; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct strlist){ 0 };
}

void strlist_take(struct strlist *list, char *text)
{
	/* Room for twice as many and the NULL, each time the length is a power of two: n items cost n steps. */
	if (!(list->len & (list->len - 1)))
		list->items = xrealloc(list->items, list->len ? 2 * list->len + 1 : 2, sizeof *list->items);
	list->items[list->len++] = text;
	list->items[list->len] = NULL;
}

void strlist_add(struct strlist *list, const char *text)
{
	strlist_take(list, xstrdup(text));
}

void strlist_printf(struct strlist *list, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	strlist_take(list, text);
}

void strlist_add_all(struct strlist *list, const struct strlist *more)
{
	for (size_t i = 0; i < more->len; i++)
		strlist_add(list, more->items[i]);
}

bool strlist_has(const struct strlist *list, const char *text)
{
	for (size_t i = 0; i < list->len; i++)
		if (str_equal(list->items[i], text))
			return true;
	return false;
}

void strlist_split(struct strlist *list, const char *text, char separator)
{
	for (;;) {
		const char *end = strchrnul(text, separator);
		strlist_take(list, xstrndup(text, (size_t)(end - text)));
		if (!*end)
			return;
		text = end + 1;
	}
}

char *strlist_join(const struct strlist *list, const char *separator)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < list->len; i++) {
		if (i)
			buf_add_str(&out, separator);
		buf_add_str(&out, list->items[i]);
	}
	return buf_steal(&out);
}

static char **env_find(const struct strlist *list, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = list->len; i-- > 0;)
		if (!strncmp(list->items[i], name, len) && list->items[i][len] == '=')
			return &list->items[i];
	return NULL;
}

const char *strlist_env_get(const struct strlist *list, const char *name)
{
	char **item = env_find(list, name);

	return item ? *item + strlen(name) + 1 : NULL;
}

void strlist_env_set(struct strlist *list, const char *name, const char *value)
{
	char **item = env_find(list, name);

	if (!item) {
		strlist_printf(list, "%s=%s", name, value);
		return;
	}
	char *text = xprintf("%s=%s", name, value);
	free(*item);
	*item = text;
}

char *size_print(uint64_t bytes, char out[16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < array_len(units)) {
		value /= 1000;
		unit++;
	}
	int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
	snprintf(out, 16, "%.*f%s", digits, value, units[unit]);
	return out;
}

int period_parse(const char *text, int64_t *ret_seconds, struct error *err)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 } };
	size_t digits = text ? strspn(text, "0123456789") : 0;
	_cleanup_(freep) char *number = text ? xstrndup(text, digits) : NULL;
	int64_t value, unit = 0;

	for (size_t i = 0; text && i < array_len(units); i++)
		if (!text[digits] || (text[digits] == units[i].letter && !text[digits + 1])) {
			unit = units[i].seconds;
			break;
		}
	if (!unit || str_to_int(number, 0, INT32_MAX, &value, NULL) < 0)
		return error_set(err, ERROR_INVALID, "'%s' is not a time; write it as 30m, 12h, 7d or a number of seconds", text ? text : "");
	*ret_seconds = value * unit;
	return 0;
}

int size_parse(const char *text, uint64_t *ret, struct error *err)
{
	static const char letters[] = "bkmgt";
	char *end;

	if (str_empty(text) || !isdigit((unsigned char)*text))
		goto bad;
	double value = strtod(text, &end);
	if (*end) {
		const char *unit = strchr(letters, tolower((unsigned char)*end));
		if (!unit)
			goto bad;
		for (; unit > letters; unit--)
			value *= 1024;
		end++;
		if (tolower((unsigned char)*end) == 'i')
			end++;
		if (tolower((unsigned char)*end) == 'b')
			end++;
		if (*end)
			goto bad;
	}
	if (!(value < 9e18))
		goto bad;
	*ret = (uint64_t)value;
	return 0;
bad:
	return error_set(err, ERROR_INVALID, "'%s' is not a size; write it as 512m, 1.5g or a number of bytes", text ? text : "");
}

char *age_print(time_t then, time_t now, char out[32])
{
	static const struct {
		time_t seconds;
		const char *one, *many;
	} units[] = {
		{ 31536000, "about a year", "years" }, { 2592000, "about a month", "months" }, { 604800, "a week", "weeks" },
		{ 86400, "a day", "days" },	       { 3600, "about an hour", "hours" },     { 60, "about a minute", "minutes" },
		{ 1, "a second", "seconds" },
	};
	time_t age = now > then ? now - then : 0;

	for (size_t i = 0; i < array_len(units); i++) {
		time_t n = age / units[i].seconds;
		if (n == 1)
			snprintf(out, 32, "%s ago", units[i].one);
		else if (n > 1)
			snprintf(out, 32, "%lld %s ago", (long long)n, units[i].many);
		if (n)
			return out;
	}
	snprintf(out, 32, "just now");
	return out;
}

char *time_print(time_t when, char out[32])
{
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

/* ".123456789" in nanoseconds; further digits are dropped. */
static const char *parse_fraction(const char *at, long *nanoseconds)
{
	long unit = 100000000;

	*nanoseconds = 0;
	if (*at != '.')
		return at;
	for (at++; isdigit((unsigned char)*at); at++, unit /= 10)
		*nanoseconds += unit * (*at - '0');
	return at;
}

int time_parse(const char *text, struct timespec *ret, struct error *err)
{
	struct tm tm = { 0 };
	int hours = 0, minutes = 0, used = 0;
	long nanoseconds = 0;
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	if (!end)
		goto bad;
	end = parse_fraction(end, &nanoseconds);
	if ((*end == '+' || *end == '-') && sscanf(end + 1, "%2d:%2d%n", &hours, &minutes, &used) == 2 && used == 5 && !end[6])
		hours = *end == '-' ? -hours : hours, minutes = *end == '-' ? -minutes : minutes;
	else if (strcmp(end, "Z") != 0)
		goto bad;
	*ret = (struct timespec){ timegm(&tm) - hours * 3600 - minutes * 60, nanoseconds };
	return 0;
bad:
	return error_set(err, ERROR_INVALID, "'%s' is not a time as RFC 3339 writes it", text ? text : "");
}
