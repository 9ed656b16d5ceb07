/* References: see reference.h.
 *
 * The text is cut from behind: what follows '@' is the digest, what follows the last ':' behind the last '/' the tag. What
 * is left is a name, whose first component is a registry or not. Each part is then checked against its own grammar
 * (distribution/reference: reference.go, regexp.go), so that an error can say which part is wrong. */
#include "oci/reference.h"

#include <string.h>

#include "base/str.h"

enum { REGISTRY_MAX = 262 }; /* a DNS name, ':' and a port; [IPv6] is shorter */

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Between two runs of letters and digits: '.', '_', '__' or any number of '-'. Returns its length, 0 if it is none of these. */
static size_t separator_len(const char *at)
{
	if (*at == '.')
		return 1;
	if (*at == '_')
		return at[1] == '_' ? 2 : 1;
	return strspn(at, "-");
}

/* One path component; returns its length, 0 if there is none. */
static size_t component_len(const char *text)
{
	const char *at = text;

	for (;;) {
		const char *run = at;
		while (is_lower(*at) || is_digit(*at))
			at++;
		if (at == run)
			return 0;
		size_t gap = separator_len(at);
		if (!gap)
			return (size_t)(at - text);
		at += gap;
	}
}

bool repository_name_valid(const char *name)
{
	if (!name || strnlen(name, REFERENCE_NAME_MAX + 1) > REFERENCE_NAME_MAX)
		return false;
	for (;;) {
		size_t len = component_len(name);
		if (!len)
			return false;
		name += len;
		if (!*name)
			return true;
		if (*name++ != '/')
			return false;
	}
}

bool tag_valid(const char *tag)
{
	if (str_empty(tag) || *tag == '.' || *tag == '-')
		return false;
	for (size_t i = 0; tag[i]; i++)
		if (i >= REFERENCE_TAG_MAX || !(is_lower(tag[i]) || is_upper(tag[i]) || is_digit(tag[i]) || strchr("_.-", tag[i])))
			return false;
	return true;
}

/* Labels of letters, digits and inner dashes, with dots between. Returns the length of what is a host name at the start, or 0. */
static size_t host_len(const char *text)
{
	const char *at = text;

	if (*text == '[') {
		size_t n = 1;
		while (is_hex(text[n]) || text[n] == ':')
			n++;
		return n > 3 && text[n] == ']' ? n + 1 : 0;
	}
	for (;;) {
		const char *label = at;
		while (is_lower(*at) || is_upper(*at) || is_digit(*at) || *at == '-')
			at++;
		if (at == label || *label == '-' || at[-1] == '-')
			return 0;
		if (*at != '.')
			return (size_t)(at - text);
		at++;
	}
}

static bool registry_valid(const char *registry)
{
	size_t len = host_len(registry);
	int64_t port;

	if (!len || strnlen(registry, REGISTRY_MAX + 1) > REGISTRY_MAX)
		return false;
	if (!registry[len])
		return true;
	return registry[len] == ':' && is_digit(registry[len + 1]) && str_to_int(registry + len + 1, 1, 65535, &port, NULL) == 0;
}

/* docker's rule: the first component is a registry if it can't be the first part of a name on docker.io. */
static bool is_registry(const char *name, const char *slash)
{
	size_t len = (size_t)(slash - name);

	if (len == strlen("localhost") && !memcmp(name, "localhost", len))
		return true;
	for (const char *at = name; at < slash; at++)
		if (*at == '.' || *at == ':' || is_upper(*at))
			return true;
	return false;
}

/* Takes "@digest" and ":tag" off the end of text. */
static int cut_tail(char *text, struct reference *ref, struct error *err)
{
	char *at = strchr(text, '@');

	if (at) {
		if (digest_parse(at + 1, &ref->digest, err) < 0)
			return -1;
		ref->has_digest = true;
		*at = '\0';
	}
	char *slash = strrchr(text, '/'), *colon = strrchr(text, ':');
	if (!colon || (slash && colon < slash))
		return 0;
	*colon = '\0';
	if (!tag_valid(colon + 1)) {
		error_set(err, ERROR_INVALID, "the tag '%.140s' is not valid", colon + 1);
		return error_hint(err, "a tag has at most 128 letters, digits, '_', '.' and '-', and begins with neither '.' nor '-'");
	}
	ref->tag = xstrdup(colon + 1);
	return 0;
}

static int check_repository(const char *name, struct error *err)
{
	if (repository_name_valid(name))
		return 0;
	if (!*name)
		return error_set(err, ERROR_INVALID, "the repository name is missing");
	if (strlen(name) > REFERENCE_NAME_MAX)
		return error_set(err, ERROR_INVALID, "the repository name is longer than %d characters", REFERENCE_NAME_MAX);
	for (const char *at = name; *at; at++)
		if (is_upper(*at))
			return error_set(err, ERROR_INVALID, "the repository name '%s' must be lower case", name);
	error_set(err, ERROR_INVALID, "the repository name '%s' is not valid", name);
	return error_hint(err, "its parts are lower-case letters and digits with single '.', '_', '__' or dashes between");
}

static bool is_image_id(const char *name)
{
	return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

/* The name without tag and digest. */
static int take_name(const char *name, struct reference *ref, struct error *err)
{
	const char *slash = strchr(name, '/');

	if (!slash || !is_registry(name, slash)) {
		if (is_image_id(name))
			return error_set(err, ERROR_INVALID, "64 hexadecimal digits are an image id, not a repository name");
		ref->registry = xstrdup("docker.io");
	} else {
		ref->registry = xstrndup(name, (size_t)(slash - name));
		name = slash + 1;
	}
	if (!registry_valid(ref->registry))
		return error_set(err, ERROR_INVALID, "'%.270s' is not a registry's host[:port]", ref->registry);
	if (check_repository(name, err) < 0)
		return -1;
	if (str_equal(ref->registry, "index.docker.io")) {
		free(ref->registry);
		ref->registry = xstrdup("docker.io");
	}
	bool official = str_equal(ref->registry, "docker.io") && !strchr(name, '/');
	ref->repository = official ? xprintf("library/%s", name) : xstrdup(name);
	return check_repository(ref->repository, err); /* "library/" may have made it too long */
}

static int parse(const char *text, struct reference *ref, struct error *err)
{
	/* The longest that can be right; what is longer needn't be looked at. */
	static const size_t max = REGISTRY_MAX + 1 + REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX + 1 + DIGEST_TEXT_SIZE;

	if (str_empty(text))
		return error_set(err, ERROR_INVALID, "it is empty");
	if (strnlen(text, max + 1) > max)
		return error_set(err, ERROR_INVALID, "it is too long");
	if (strstr(text, "://")) {
		error_set(err, ERROR_INVALID, "a reference has no scheme");
		return error_hint(err, "write it as docker does, without http:// or https://");
	}
	_cleanup_(freep) char *name = xstrdup(text);
	if (cut_tail(name, ref, err) < 0 || take_name(name, ref, err) < 0)
		return -1;
	if (!ref->tag && !ref->has_digest)
		ref->tag = xstrdup("latest");
	return 0;
}

int reference_parse(const char *text, struct reference *ret, struct error *err)
{
	struct reference ref = { 0 };

	if (parse(text, &ref, err) < 0) {
		reference_clear(&ref);
		return error_wrap(err, "'%.300s' is not an image reference", text ? text : "");
	}
	*ret = ref;
	return 0;
}

void reference_clear(struct reference *reference)
{
	free(reference->registry);
	free(reference->repository);
	free(reference->tag);
	*reference = (struct reference){ 0 };
}

void reference_copy(const struct reference *from, struct reference *to)
{
	*to = (struct reference){
		.registry = xstrdup(from->registry),
		.repository = xstrdup(from->repository),
		.tag = xstrdup(from->tag),
		.has_digest = from->has_digest,
		.digest = from->digest,
	};
}

/* name[:tag][@digest] */
static char *add_tail(const struct reference *reference, const char *name)
{
	char digest[DIGEST_TEXT_SIZE] = "";

	if (reference->has_digest)
		digest_print(&reference->digest, digest);
	return xprintf("%s%s%s%s%s", name, reference->tag ? ":" : "", reference->tag ? reference->tag : "", *digest ? "@" : "", digest);
}

char *reference_print(const struct reference *reference)
{
	_cleanup_(freep) char *name = xprintf("%s/%s", reference->registry, reference->repository);

	return add_tail(reference, name);
}

/* Shortened only where the short form is read back as the same: docker.io/library/a/b and docker.io/localhost/x are not. */
char *reference_print_name(const struct reference *reference)
{
	const char *path = reference->repository, *slash;

	if (!str_equal(reference->registry, "docker.io"))
		return xprintf("%s/%s", reference->registry, path);
	if (str_starts(path, "library/") && !strchr(path + 8, '/') && !is_image_id(path + 8))
		return xstrdup(path + 8);
	slash = strchr(path, '/');
	if (!slash || is_registry(path, slash))
		return xprintf("docker.io/%s", path);
	return xstrdup(path);
}

char *reference_print_familiar(const struct reference *reference)
{
	_cleanup_(freep) char *name = reference_print_name(reference);

	return add_tail(reference, name);
}
