/* Started by systemd: see activation.h. */
#include "registry/activation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

enum { FIRST = 3, COUNT_MAX = 64 };

size_t activation_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	int64_t number;

	if (!pid || !count || str_to_int(pid, 1, INT32_MAX, &number, NULL) < 0 || number != getpid())
		return 0;
	return str_to_int(count, 0, COUNT_MAX, &number, NULL) < 0 ? 0 : (size_t)number;
}

static enum listen_scheme scheme_of(size_t i, int family)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	const char *list = getenv("LISTEN_FDNAMES");

	strlist_split(&names, list ? list : "", ':');
	const char *name = i < names.len ? names.items[i] : "";
	if (str_equal(name, "https"))
		return LISTEN_HTTPS;
	return str_equal(name, "http") || family == AF_UNIX ? LISTEN_HTTP : LISTEN_ANY;
}

int activation_take(size_t i, enum listen_scheme *ret_scheme, struct error *err)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof address, value_len = sizeof(int);
	int fd = FIRST + (int)i, type = 0, listens = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &value_len) < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &value_len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return error_errno(err, errno, "descriptor %d, which LISTEN_FDS promises, is no socket", fd);
	if (type != SOCK_STREAM || !listens) {
		error_set(err, ERROR_INVALID, "descriptor %d from the service manager is not a listening stream socket", fd);
		return error_hint(err, "in the .socket unit, use ListenStream= and leave Accept= off");
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return error_errno(err, errno, "cannot use descriptor %d", fd);
	*ret_scheme = scheme_of(i, address.ss_family);
	return fd;
}

int notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(fd_close) int fd = -1;
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof address.sun_path || (*path != '/' && *path != '@'))
		return -1;
	memcpy(address.sun_path, path, len);
	if (*path == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*path == '/'));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
		return -1;
	return fd_steal(&fd);
}

void notify_send(int fd, const char *text)
{
	if (fd < 0 || send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

void notify_reloading(int fd)
{
	struct timespec now;
	char text[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_send(fd, text);
}
