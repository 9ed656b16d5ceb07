/* The Authorization header, and behind its first line a request's form and scopes: no control character in a name, nothing that isn't bounded. */
#include <stdint.h>

#include "base/str.h"
#include "registry/authorization.h"
#include "registry/route.h"
#include "registry/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void header(const char *text)
{
	struct authorization authorization _cleanup_(authorization_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	if (authorization_parse(text, &authorization, &err) < 0) {
		if (authorization.scheme || authorization.name || authorization.secret || !err.message)
			abort();
		return;
	}
	if ((authorization.scheme == AUTHORIZATION_NONE) != !authorization.secret || (authorization.scheme == AUTHORIZATION_BASIC) != !!authorization.name)
		abort();
	for (const char *at = authorization.name; at && *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f || *at == ':')
			abort();
}

static void form(const char *text)
{
	struct strlist fields _cleanup_(strlist_free) = { 0 };
	struct grants grants _cleanup_(grants_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	if (form_parse(text, &fields, &err) < 0)
		return;
	for (size_t i = 0; i < fields.len; i++)
		if (str_starts(fields.items[i], "scope=") && grants_add_scope(&grants, fields.items[i] + 6, &err) < 0)
			break;
	if (fields.len > TARGET_QUERY_MAX || grants.len > GRANTS_MAX)
		abort();
	for (size_t i = 0; i < grants.len; i++)
		if (!grants.items[i].actions || grants.items[i].actions & ~ACTIONS_ALL)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xstrndup((const char *)data, size);
	char *line = strchr(text, '\n');

	if (line)
		*line = '\0';
	header(text);
	if (line)
		form(line + 1);
	return 0;
}
