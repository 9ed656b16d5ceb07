/* Listening sockets from addresses as people write them: see listen.h. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "registry/listen.h"

enum { BACKLOG = 512 };

/* "HOST:PORT", "[HOST]:PORT", ":PORT"; the host NULL for all addresses. */
static int address_split(const char *text, char **ret_host, char **ret_port, struct error *err)
{
	const char *colon = strrchr(text, ':'), *end = colon;
	int64_t port;

	if (!colon || str_to_int(colon + 1, 0, 65535, &port, NULL) < 0)
		return error_set(err, ERROR_USAGE, "'%s' is no address: write HOST:PORT, [HOST]:PORT or :PORT", text);
	if (*text == '[' && colon > text + 1 && colon[-1] == ']')
		text++, end--;
	else if (memchr(text, ':', (size_t)(colon - text)))
		return error_set(err, ERROR_USAGE, "'%s' is no address: an IPv6 host is written as [HOST]:PORT", text);
	*ret_host = end > text ? xstrndup(text, (size_t)(end - text)) : NULL;
	*ret_port = xstrdup(colon + 1);
	return 0;
}

/* Returns the socket or -1 with errno. */
static int listen_at(const struct addrinfo *info)
{
	_cleanup_(fd_close) int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, off = 0;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (info->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -1;
	return fd_steal(&fd);
}

/* All addresses means ::, which takes IPv4 too; 0.0.0.0 where there is no IPv6. */
static int listen_any(struct addrinfo *list)
{
	int fd = -1;

	for (int pass = 0; pass < 2 && fd < 0; pass++)
		for (const struct addrinfo *info = list; info && fd < 0; info = info->ai_next)
			if ((info->ai_family == AF_INET6) == !pass)
				fd = listen_at(info);
	return fd;
}

static int listen_inet(const char *address, struct error *err)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *list = NULL;
	_cleanup_(freep) char *host = NULL, *port = NULL;

	if (address_split(address, &host, &port, err) < 0)
		return -1;
	int found = getaddrinfo(host, port, &hints, &list);
	if (found != 0)
		return error_set(err, ERROR_USAGE, "cannot listen on %s: %s", address, gai_strerror(found));
	int fd = host ? listen_at(list) : listen_any(list), saved = errno;
	freeaddrinfo(list);
	if (fd >= 0)
		return fd;
	error_errno(err, saved, "cannot listen on %s", address);
	if (saved == EADDRINUSE)
		return error_hint(err, "another program uses that port; choose one with --listen HOST:PORT");
	return -1;
}

/* ---- Unix sockets ---- */

/* A socket that a killed server left refuses connections: it may be replaced. One that is served, and a file of another kind, mustn't. */
static bool socket_is_stale(const struct sockaddr_un *address)
{
	struct stat st;
	_cleanup_(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode) || fd < 0)
		return false;
	return connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
}

/* As open as a port on loopback: who may do what is for the access rules to say, or the folder's permissions. */
static int listen_unix(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (*path != '/' || strlen(path) >= sizeof address.sun_path)
		return error_set(err, ERROR_USAGE, "'unix:%s' is no address: write unix:/PATH, of at most %zu characters", path, sizeof address.sun_path - 1);
	memcpy(address.sun_path, path, strlen(path));
	if (socket_is_stale(&address))
		unlink(path);
	mode_t mask = umask(0111);
	bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
	int saved = errno;
	umask(mask);
	if (bound && listen(fd, BACKLOG) == 0)
		return fd_steal(&fd);
	return error_errno(err, bound ? errno : saved, "cannot listen on unix:%s", path);
}

/* ---- all kinds ---- */

static const char *scheme_split(const char *address, enum listen_scheme *ret)
{
	bool http = str_starts(address, "http://"), https = str_starts(address, "https://");

	*ret = https ? LISTEN_HTTPS : http || str_starts(address, "unix:") ? LISTEN_HTTP : LISTEN_ANY;
	return address + (https ? strlen("https://") : http ? strlen("http://") : 0);
}

int listen_open(const char *address, enum listen_scheme *ret_scheme, struct error *err)
{
	const char *rest = scheme_split(address, ret_scheme);

	return str_starts(rest, "unix:") ? listen_unix(rest + strlen("unix:"), err) : listen_inet(rest, err);
}

char *listen_host(const char *address)
{
	enum listen_scheme scheme;
	char *host = NULL;
	_cleanup_(freep) char *port = NULL;

	if (!str_starts(address, "unix:"))
		address_split(scheme_split(address, &scheme), &host, &port, NULL);
	return host;
}

static char *print_unix(const struct sockaddr_un *address, char out[LISTEN_TEXT_SIZE])
{
	snprintf(out, LISTEN_TEXT_SIZE, "unix:%.*s", (int)sizeof address->sun_path, address->sun_path);
	return out;
}

char *listen_print(int fd, char out[LISTEN_TEXT_SIZE])
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof address;
	char host[NI_MAXHOST], port[NI_MAXSERV];

	bool known = getsockname(fd, (struct sockaddr *)&address, &len) == 0;
	if (known && address.ss_family == AF_UNIX)
		return print_unix((struct sockaddr_un *)&address, out);
	if (!known || getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(out, LISTEN_TEXT_SIZE, "?");
	else
		snprintf(out, LISTEN_TEXT_SIZE, address.ss_family == AF_INET6 ? "[%.100s]:%.8s" : "%.100s:%.8s", host, port);
	return out;
}

bool listen_is_local(int fd)
{
	struct sockaddr_storage address = { 0 };
	const struct sockaddr_in *four = (struct sockaddr_in *)&address;
	const struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
	socklen_t len = sizeof address;

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return false;
	if (address.ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (address.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) || (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && six->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
	return address.ss_family == AF_UNIX;
}
