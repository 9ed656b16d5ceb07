/* --chown and --chmod: see owner.h. */
#include "build/owner.h"

#include <string.h>

#include "base/str.h"
#include "run/user.h"

/* "55" or "55:66": both numbers. */
static bool parse_numbers(const char *text, int64_t *ret_uid, int64_t *ret_gid)
{
	struct strlist parts _cleanup_(strlist_free) = { 0 };

	strlist_split(&parts, text, ':');
	if (parts.len > 2 || str_to_int(parts.items[0], 0, UINT32_MAX - 1, ret_uid, NULL) < 0)
		return false;
	*ret_gid = *ret_uid;
	return parts.len == 1 || str_to_int(parts.items[1], 0, UINT32_MAX - 1, ret_gid, NULL) == 0;
}

int owner_resolve(int root, const char *text, int64_t *ret_uid, int64_t *ret_gid, struct error *err)
{
	int64_t uid, gid;
	struct user user;

	if (!parse_numbers(text, &uid, &gid)) {
		if (user_find(root, text, &user, err) < 0)
			return -1;
		uid = user.uid;
		gid = user.gid;
	}
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

static bool is_octal(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= 5 && text[strspn(text, "01234567")] == '\0';
}

/* One clause "ug+rwX", up to a comma or the end. Returns what is behind it, NULL if it is none. `mode` is changed. */
static const char *clause(const char *at, mode_t *mode, bool is_directory)
{
	mode_t who = 0;
	bool any_x = is_directory || (*mode & 0111);

	for (; *at && strchr("ugoa", *at); at++)
		who |= *at == 'u' ? 04700 : *at == 'g' ? 02070 : *at == 'o' ? 01007 : 07777;
	if (!who)
		who = 07777;
	if (!*at || !strchr("+-=", *at))
		return NULL;
	while (*at && strchr("+-=", *at)) {
		char operation = *at++;
		mode_t bits = 0;
		for (; *at && strchr("rwxXst", *at); at++)
			bits |= *at == 'r' ? 0444 : *at == 'w' ? 0222 : *at == 'x' ? 0111 : *at == 'X' ? (any_x ? 0111 : 0) : *at == 's' ? 06000 : 01000;
		bits &= who;
		if (operation == '=')
			*mode &= ~(who & 0777);
		*mode = operation == '-' ? *mode & ~bits : *mode | bits;
	}
	return *at && *at != ',' ? NULL : at;
}

int mode_check(const char *text, struct error *err)
{
	mode_t mode = 0;
	const char *at = text;

	if (is_octal(text))
		return 0;
	while (at && *at) {
		at = clause(at, &mode, false);
		if (at && *at == ',' && !*++at)
			at = NULL;
	}
	if (at && *text)
		return 0;
	error_set(err, ERROR_INVALID, "--chmod=%s is not a mode", text);
	return error_hint(err, "write it in octal, as 0755, or as chmod takes it, as u=rwX,go=rX");
}

mode_t mode_apply(const char *text, mode_t mode, bool is_directory)
{
	if (!text)
		return mode & 07777;
	if (is_octal(text))
		return (mode_t)strtoul(text, NULL, 8) & 07777;
	mode_t result = mode & 07777;
	for (const char *at = text; at && *at;) {
		at = clause(at, &result, is_directory);
		if (at && *at == ',')
			at++;
	}
	return result;
}
