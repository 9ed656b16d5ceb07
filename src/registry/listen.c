/* Listening sockets from addresses as people write them. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
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

int listen_open(const char *address, struct error *err)
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

char *listen_print(int fd, char out[LISTEN_TEXT_SIZE])
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof address;
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(out, LISTEN_TEXT_SIZE, "?");
	else
		snprintf(out, LISTEN_TEXT_SIZE, address.ss_family == AF_INET6 ? "[%.100s]:%.8s" : "%.100s:%.8s", host, port);
	return out;
}
