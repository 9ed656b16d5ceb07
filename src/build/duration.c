/* Durations: see duration.h. */
#include "build/duration.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	double nanoseconds;
} units[] = {
	{ "ns", 1 },   { "us", 1e3 }, { "µs", 1e3 }, { "μs", 1e3 }, { "ms", 1e6 },
	{ "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
};

/* The longest unit that *at begins with ("ms" rather than "m"), or 0. */
static double unit_read(const char **at)
{
	size_t best_len = 0;
	double best = 0;

	for (size_t i = 0; i < array_len(units); i++) {
		size_t len = strlen(units[i].name);
		if (len > best_len && !strncmp(*at, units[i].name, len)) {
			best_len = len;
			best = units[i].nanoseconds;
		}
	}
	*at += best_len;
	return best;
}

static int bad(const char *text, struct error *err)
{
	error_set(err, ERROR_INVALID, "'%s' is not a duration", text);
	return error_hint(err, "write it as 30s, 1m30s or 500ms");
}

int duration_parse(const char *text, int64_t *ret, struct error *err)
{
	const char *at = text;
	double sum = 0;

	if (!strcmp(text, "0")) {
		*ret = 0;
		return 0;
	}
	do {
		char *end;
		if (!isdigit((unsigned char)*at) && *at != '.')
			return bad(text, err);
		if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) /* strtod would take it */
			return bad(text, err);
		double number = strtod(at, &end);
		if (end == at)
			return bad(text, err);
		at = end;
		double unit = unit_read(&at);
		if (unit == 0)
			return bad(text, err);
		sum += number * unit;
	} while (*at);
	if (!(sum < 9.2e18))
		return error_set(err, ERROR_INVALID, "'%s' is longer than 292 years", text);
	if (sum > 0 && sum < 1e6)
		return error_set(err, ERROR_INVALID, "'%s' is shorter than 1ms", text);
	*ret = (int64_t)sum;
	return 0;
}
