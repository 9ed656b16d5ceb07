/* The Authorization header: see authorization.h. */
#include "registry/authorization.h"

#include "base/base64.h"
#include "base/str.h"

void authorization_clear(struct authorization *authorization)
{
	free(authorization->name);
	if (authorization->secret)
		explicit_bzero(authorization->secret, strlen(authorization->secret));
	free(authorization->secret);
	*authorization = (struct authorization){ 0 };
}

/* What is decoded ends in a NUL; another one inside would make two readers see two passwords. */
static int basic_parse(const char *text, struct authorization *ret, struct error *err)
{
	struct buf both _cleanup_(buf_free) = { 0 };
	const char *colon;
	int result = -1;

	if (!base64_read(BASE64, text, strlen(text), &both) || !both.len || memchr(both.data, '\0', both.len) || !(colon = strchr(both.data, ':'))) {
		error_set(err, ERROR_INVALID, "the Authorization header holds no user:password in base64");
		goto out;
	}
	for (const char *at = both.data; at < colon; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f) {
			error_set(err, ERROR_INVALID, "the user name holds a control character");
			goto out;
		}
	if (both.len > 1) {
		ret->scheme = AUTHORIZATION_BASIC;
		ret->name = xstrndup(both.data, (size_t)(colon - both.data));
		ret->secret = xstrdup(colon + 1);
	}
	result = 0;
out:
	if (both.data)
		explicit_bzero(both.data, both.len);
	return result;
}

int authorization_parse(const char *header, struct authorization *ret, struct error *err)
{
	size_t len = header ? strcspn(header, " ") : 0;
	const char *value = header ? header + len + strspn(header + len, " ") : NULL;

	*ret = (struct authorization){ 0 };
	if (!header)
		return 0;
	if (len == 5 && !strncasecmp(header, "Basic", len))
		return basic_parse(value, ret, err);
	if (len == 6 && !strncasecmp(header, "Bearer", len) && *value && !strpbrk(value, " \t,")) {
		ret->scheme = AUTHORIZATION_BEARER;
		ret->secret = xstrdup(value);
		return 0;
	}
	return error_set(err, ERROR_INVALID, "the Authorization header is neither Basic nor Bearer");
}
