/* Strings, sizes, times: tables of text and what it means. */
#include "base/str.h"

#include <stdint.h>

#include "tap.h"

static void test_sizes(void)
{
	static const struct { uint64_t bytes; const char *text; } prints[] = {
		{ 0, "0B" }, { 999, "999B" }, { 1000, "1.00kB" }, { 1230000, "1.23MB" }, { 12300000, "12.3MB" }, { 123456789, "123MB" },
		{ 999999, "1.00MB" }, { 5000000000, "5.00GB" },
	};
	static const struct { const char *text; uint64_t bytes; } parses[] = {
		{ "0", 0 }, { "4096", 4096 }, { "512m", 512 << 20 }, { "1g", 1 << 30 }, { "1.5GiB", 1610612736 }, { "2KB", 2048 },
	};
	static const char *const bad[] = { "", "m", "-1", "1x", "1mm", "1e400", "nan", " 1" };
	struct error err = { 0 };
	char out[16];
	uint64_t bytes;

	for (size_t i = 0; i < array_len(prints); i++)
		is_str(size_print(prints[i].bytes, out), prints[i].text, prints[i].text);
	for (size_t i = 0; i < array_len(parses); i++)
		ok(size_parse(parses[i].text, &bytes, &err) == 0 && bytes == parses[i].bytes, "size %s", parses[i].text);
	for (size_t i = 0; i < array_len(bad); i++)
		fails(size_parse(bad[i], &bytes, &err), &err, ERROR_INVALID, "is not a size", bad[i]);
}

static void test_periods(void)
{
	static const struct { const char *text; int64_t seconds; } good[] = {
		{ "0", 0 }, { "90", 90 }, { "90s", 90 }, { "30m", 1800 }, { "12h", 43200 }, { "7d", 604800 }, { "2w", 1209600 },
	};
	static const char *const bad[] = { "", "s", "-1s", "1.5h", "7 d", "7dd", "7y", "99999999999d", "1h30m" };
	struct error err = { 0 };
	int64_t seconds;

	for (size_t i = 0; i < array_len(good); i++)
		ok(period_parse(good[i].text, &seconds, &err) == 0 && seconds == good[i].seconds, "period %s", good[i].text);
	for (size_t i = 0; i < array_len(bad); i++)
		fails(period_parse(bad[i], &seconds, &err), &err, ERROR_INVALID, "is not a time", bad[i]);
}

static void test_times(void)
{
	static const struct { const char *text; time_t seconds; long nanoseconds; } good[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 }, { "2026-01-02T03:04:05Z", 1767323045, 0 }, { "2026-01-02T03:04:05.123456789Z", 1767323045, 123456789 },
		{ "2026-01-02T03:04:05.5+01:30", 1767323045 - 5400, 500000000 }, { "2026-01-02T03:04:05-08:00", 1767323045 + 28800, 0 },
	};
	static const char *const bad[] = { "", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05+1", "2026-01-02T03:04:05Zx" };
	struct error err = { 0 };
	struct timespec at;
	char out[32];

	for (size_t i = 0; i < array_len(good); i++)
		ok(time_parse(good[i].text, &at, &err) == 0 && at.tv_sec == good[i].seconds && at.tv_nsec == good[i].nanoseconds, "time %s", good[i].text);
	for (size_t i = 0; i < array_len(bad); i++)
		fails(time_parse(bad[i], &at, &err), &err, ERROR_INVALID, "RFC 3339", bad[i]);
	is_str(time_print(1767323045, out), "2026-01-02T03:04:05Z", "printed in UTC");
	is_str(age_print(100, 100, out), "just now", "no age");
	is_str(age_print(0, 150, out), "2 minutes ago", "minutes");
	is_str(age_print(0, 86400 * 9, out), "a week ago", "a week");
	is_str(age_print(200, 100, out), "just now", "the future is now");
}

static void test_lists(void)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };
	static const char *const words[] = { "FROM", "RUN", "COPY", "ENTRYPOINT", NULL };

	strlist_split(&list, "a::b", ':');
	is_int(list.len, 3, "empty parts are kept");
	ok(!list.items[3], "it ends with NULL");
	strlist_env_set(&list, "K", "1");
	strlist_env_set(&list, "KK", "2");
	strlist_env_set(&list, "K", "3");
	is_str(strlist_env_get(&list, "K"), "3", "replaced in place");
	is_str(strlist_env_get(&list, "KK"), "2", "not mixed up with a longer name");
	ok(!strlist_env_get(&list, "X"), "not there");
	_cleanup_(freep) char *joined = strlist_join(&list, "|");
	is_str(joined, "a||b|K=3|KK=2", "joined");
	is_str(str_nearest("RUNN", words), "RUN", "one letter too many");
	is_str(str_nearest("entrypiont", words), "ENTRYPOINT", "two letters swapped, other case");
	ok(!str_nearest("HELLO", words), "nothing is near");
}

static void test_numbers(void)
{
	struct error err = { 0 };
	int64_t n;

	ok(str_to_int("65535", 0, 65535, &n, &err) == 0 && n == 65535, "the largest port");
	fails(str_to_int("65536", 0, 65535, &n, &err), &err, ERROR_INVALID, "not between", "one more");
	fails(str_to_int("12a", 0, 99, &n, &err), &err, ERROR_INVALID, "whole number", "a letter behind");
	fails(str_to_int("", 0, 99, &n, &err), &err, ERROR_INVALID, "whole number", "nothing");
	fails(str_to_int("99999999999999999999", 0, INT64_MAX, &n, &err), &err, ERROR_INVALID, "not between", "overflow");
}

static void test_printable(void)
{
	char text[] = "a\tb\n\x1b[2J\x07\x7f \xc3\xa9\xc2\x9b" "2J\xc2", empty[] = "";

	is_str(str_make_printable(text), "a\tb\n?[2J?? \xc3\xa9??2J\xc2", "control characters are taken out, UTF-8 is left");
	is_str(str_make_printable(empty), "", "nothing stays nothing");
}

int main(void)
{
	test_sizes();
	test_periods();
	test_times();
	test_lists();
	test_numbers();
	test_printable();
	return done();
}
