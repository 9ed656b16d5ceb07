/* What proxies say, from tests/corpus/registry/forwarded.txt; and blocks of addresses. */
#include "registry/forwarded.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "tap.h"

static struct address_block trusted[2];

static char *trim(char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == ' ')
		text[--len] = '\0';
	return text + strspn(text, " ");
}

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

static void check_line(const char *line)
{
	struct strlist fields _cleanup_(strlist_free) = { 0 };
	_cleanup_(freep) char *copy = xstrdup(line);
	char *want = strstr(copy, " => "), text[ADDRESS_TEXT_SIZE] = "-";
	const char *values[5];
	struct forwarded got;

	*want = '\0';
	strlist_split(&fields, copy, '|');
	for (size_t i = 0; i < array_len(values); i++) {
		values[i] = trim(fields.items[i]);
		if (str_equal(values[i], "-"))
			values[i] = NULL;
	}
	struct forwarded_headers headers = { values[0], values[1], values[2], values[3], values[4] };
	forwarded_read(&headers, trusted, array_len(trusted), &got);
	if (got.has_client)
		address_print(&got.client, text);
	_cleanup_(freep) char *line_got = xprintf("%s %s %s %s", text, or_dash(got.proto), or_dash(got.host), or_dash(got.prefix));
	is_str(line_got, want + 4, line);
}

static void check_blocks(void)
{
	static const struct {
		const char *block, *address;
		bool has;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },	  { "10.0.0.0/8", "11.0.0.1", false },	 { "10.1.2.0/23", "10.1.3.255", true },
		{ "10.1.2.0/23", "10.1.4.0", false },	  { "192.0.2.7", "192.0.2.7", true },	 { "192.0.2.7", "192.0.2.6", false },
		{ "fd00::/8", "fdff::1", true },	  { "fd00::/8", "fe00::1", false },	 { "0.0.0.0/0", "8.8.8.8", true },
		{ "0.0.0.0/0", "2001:db8::1", false }, { "::/0", "8.8.8.8", true },		 { "10.0.0.0/8", "::ffff:10.0.0.1", true },
	};
	static const char *const wrong[] = { "", "10.0.0.0/33", "10.0.0.1/8", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0", "host", "/8" };
	struct address_block block;
	struct address address;

	for (size_t i = 0; i < array_len(cases); i++) {
		bool parsed = address_block_parse(cases[i].block, &block, NULL) == 0 && address_parse(cases[i].address, &address) == 0;
		ok(parsed && address_block_has(&block, &address) == cases[i].has, "%s and %s", cases[i].block, cases[i].address);
	}
	for (size_t i = 0; i < array_len(wrong); i++)
		ok(address_block_parse(wrong[i], &block, NULL) < 0, "'%s' is no block", wrong[i]);
}

int main(int argc, char **argv)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	if (argc < 2 || file_read(AT_FDCWD, argv[1], 1 << 20, &text, NULL) < 0)
		return 2;
	if (address_block_parse("10.0.0.0/8", &trusted[0], NULL) < 0 || address_block_parse("fd00::/8", &trusted[1], NULL) < 0)
		return 2;
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.len; i++)
		if (*lines.items[i] && *lines.items[i] != '#')
			check_line(lines.items[i]);
	check_blocks();
	return done();
}
