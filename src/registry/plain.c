/* Plain requests: see plain.h. Whatever is unusual ends the reading with "not plain": a blank too many, a bare line feed, a header that isn't
 * listed here. */
#include "registry/plain.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

/* What may be there, because nothing that is answered depends on it. Two that say different things would be one too many. */
static const struct {
	const char *name;
	bool repeats;
	const char *value; /* NULL: any */
} known[] = {
	{ "Host", false, NULL },	    { "User-Agent", false, NULL }, { "Accept", true, NULL },
	{ "Accept-Encoding", false, NULL }, { "Connection", false, "keep-alive" },
};

/* Ends the line at `at` where its CR was; returns what is behind its LF, or NULL. */
static char *line_take(char *at, const char *end)
{
	char *stop = memchr(at, '\r', (size_t)(end - at));

	if (!stop || stop + 1 >= end || stop[1] != '\n')
		return NULL;
	*stop = '\0';
	for (const unsigned char *c = (unsigned char *)at; *c; c++)
		if (*c < 0x20 || *c >= 0x7f)
			return NULL;
	return strlen(at) == (size_t)(stop - at) ? stop + 2 : NULL;
}

static bool request_line(char *line, struct plain *ret)
{
	char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || !str_equal(version, " HTTP/1.1"))
		return false;
	*target++ = *version = '\0';
	ret->method = str_equal(line, "GET") ? "GET" : str_equal(line, "HEAD") ? "HEAD" : NULL;
	ret->target = target;
	return ret->method && *target == '/';
}

static bool header_line(char *line, struct plain *ret)
{
	char *value = strstr(line, ": ");
	size_t i = 0;

	if (!value || ret->headers_len == PLAIN_HEADERS)
		return false;
	*value = '\0';
	value += 2;
	while (i < array_len(known) && strcasecmp(line, known[i].name) != 0)
		i++;
	if (i == array_len(known) || (!known[i].repeats && plain_header(ret, line)) || (known[i].value && strcasecmp(value, known[i].value) != 0))
		return false;
	if (!*value || *value == ' ' || value[strlen(value) - 1] == ' ')
		return false;
	ret->headers[ret->headers_len++] = (struct plain_header){ line, value };
	return true;
}

size_t plain_parse(char *bytes, size_t len, struct plain *ret)
{
	const char *end = bytes + len;
	struct plain plain = { 0 };
	char *line = bytes, *next = line_take(line, end);

	if (!next || !request_line(line, &plain))
		return 0;
	while ((next = line_take(line = next, end)) && *line)
		if (!header_line(line, &plain))
			return 0;
	if (!next || !plain_header(&plain, "Host"))
		return 0;
	*ret = plain;
	return (size_t)(next - bytes);
}

const char *plain_header(const struct plain *plain, const char *name)
{
	for (size_t i = 0; i < plain->headers_len; i++)
		if (!strcasecmp(plain->headers[i].name, name))
			return plain->headers[i].value;
	return NULL;
}
