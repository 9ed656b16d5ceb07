/* What -p, -v and --network say: see run.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/fd.h"
#include "run/volume.h"

int network_mode_parse(const char *text, enum network_mode *ret, struct error *err)
{
	static const char *const words[] = { "default", "host", "none", "bridge", "pasta", NULL };
	static const enum network_mode modes[] = { NETWORK_DEFAULT, NETWORK_HOST, NETWORK_NONE, NETWORK_DEFAULT, NETWORK_DEFAULT };

	for (size_t i = 0; words[i]; i++)
		if (str_equal(text, words[i])) {
			*ret = modes[i];
			return 0;
		}
	const char *near = str_nearest(text, words);
	error_set(err, ERROR_USAGE, "'%s' is no network: use default, host or none", text);
	return near ? error_hint(err, "did you mean %s?", near) : -1;
}

static int bad_port(const char *text, const char *why, struct error *err)
{
	return error_set(err, ERROR_USAGE, "'%s' is no port to publish: %s; write [IP:][HOST:]CONTAINER[/udp], like 8080:80", text, why);
}

/* Cuts off what stands before the last ':' of `text`; brackets of an IPv6 address are skipped. Returns the part behind it. */
static char *cut_last(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon || (strchr(colon, ']') && text[0] == '['))
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static bool parse_ip(char *text, char ret[64])
{
	unsigned char bytes[16];
	size_t len = strlen(text);

	if (text[0] == '[' && len > 2 && text[len - 1] == ']') {
		text[len - 1] = '\0';
		text++;
		if (inet_pton(AF_INET6, text, bytes) != 1)
			return false;
	} else if (inet_pton(AF_INET, text, bytes) != 1) {
		return false;
	}
	snprintf(ret, 64, "%s", text);
	return true;
}

int port_parse(const char *text, struct port_spec *ret, struct error *err)
{
	_cleanup_(freep) char *copy = xstrdup(text);
	struct port_spec port = { 0 };
	int64_t number;

	char *slash = strchr(copy, '/');
	if (slash) {
		*slash++ = '\0';
		port.udp = str_equal(slash, "udp");
		if (!port.udp && !str_equal(slash, "tcp"))
			return bad_port(text, "the protocol is tcp or udp", err);
	}
	char *container = cut_last(copy), *host = container ? cut_last(copy) : NULL;
	char *ip = host ? copy : NULL;
	if (!container)
		container = copy;
	else if (!host)
		host = copy;
	if (str_to_int(container, 1, 65535, &number, NULL) < 0)
		return bad_port(text, "the container's port is a number from 1 to 65535", err);
	port.container_port = (int)number;
	if (!str_empty(host)) {
		if (str_to_int(host, 1, 65535, &number, NULL) < 0)
			return bad_port(text, "the host's port is a number from 1 to 65535", err);
		port.host_port = (int)number;
	} else if (host && !ip) {
		return bad_port(text, "a number is missing before ':'", err);
	}
	if (ip && !parse_ip(ip, port.host_ip))
		return bad_port(text, "the address is no IP address", err);
	*ret = port;
	return 0;
}

static int host_folder(const char *source, char **ret, struct error *err)
{
	char *real = realpath(source, NULL);

	if (!real && errno == ENOENT) {
		if (dir_make(AT_FDCWD, source, 0755, err) < 0)
			return -1;
		real = realpath(source, NULL);
	}
	if (!real)
		return error_errno(err, errno, "cannot find %s", source);
	*ret = real;
	return 0;
}

int mount_parse(struct store *store, const char *text, struct mount_spec *ret, struct error *err)
{
	struct strlist parts _cleanup_(strlist_free) = { 0 };
	struct mount_spec mount = { 0 };

	strlist_split(&parts, text, ':');
	if (parts.len < 2 || parts.len > 3 || str_empty(parts.items[0]) || parts.items[1][0] != '/')
		return error_set(err, ERROR_USAGE, "'%s' is no mount: write SOURCE:/TARGET[:ro], both absolute or the source a volume's name", text);
	for (char *rest = parts.len == 3 ? parts.items[2] : NULL, *option; (option = strsep(&rest, ","));) {
		if (str_equal(option, "ro"))
			mount.read_only = true;
		else if (!str_equal(option, "rw") && !str_equal(option, "z") && !str_equal(option, "Z"))
			return error_set(err, ERROR_USAGE, "'%s' is no option of a mount: use ro or rw", option);
	}
	_cleanup_(freep) char *target = path_clean(parts.items[1]);
	if (str_equal(target, "/"))
		return error_set(err, ERROR_USAGE, "'%s' would hide the whole image", text);
	if ((strchr(parts.items[0], '/') ? host_folder(parts.items[0], &mount.source, err) :
					   volume_make(store, parts.items[0], &mount.source, err)) < 0)
		return -1;
	mount.target = steal(target);
	*ret = mount;
	return 0;
}
