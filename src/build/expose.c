/* EXPOSE: "80", "53/udp", "8000-8002/tcp"; an address and a port of the host in front are allowed and mean nothing. */
#include <ctype.h>

#include "build/dockerfile.h"

enum { PORTS_MAX = 2 * 65536 };

static int bad_port(const char *word, struct error *err)
{
	error_set(err, ERROR_INVALID, "invalid port '%s'", word);
	return error_hint(err, "write a number or a range from 1 to 65535 with /tcp, /udp or /sctp behind it: 80, 53/udp, 8000-8010/tcp");
}

static bool lower_protocol(const char *text, char out[8])
{
	size_t len = strlen(text);

	if (len >= 8)
		return false;
	for (size_t i = 0; i <= len; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	return !strcmp(out, "tcp") || !strcmp(out, "udp") || !strcmp(out, "sctp");
}

int expose_parse(const char *word, struct strlist *ret, struct error *err)
{
	const char *slash = strchrnul(word, '/'), *colon = memrchr(word, ':', (size_t)(slash - word));
	const char *begin = colon ? colon + 1 : word;
	_cleanup_(freep) char *first_text = xstrndup(begin, (size_t)(slash - begin));
	char *dash = strchr(first_text, '-'), protocol[8] = "tcp";
	int64_t first, last;

	if (*slash && slash[1] && !lower_protocol(slash + 1, protocol))
		return bad_port(word, err);
	if (dash)
		*dash = '\0';
	if (str_to_int(first_text, 1, 65535, &first, NULL) < 0 || (dash && str_to_int(dash + 1, first, 65535, &last, NULL) < 0))
		return bad_port(word, err);
	if (!dash)
		last = first;
	if (!ret)
		return 0;
	if (ret->len + (size_t)(last - first) >= PORTS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "more than %d ports are exposed", PORTS_MAX);
	for (; first <= last; first++)
		strlist_printf(ret, "%d/%s", (int)first, protocol);
	return 0;
}
