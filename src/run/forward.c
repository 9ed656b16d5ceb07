/* Published TCP ports: we listen on the host, connect inside the container's network namespace, and carry the bytes.
 *
 * pasta could do it, but the one of Debian 12 stalls or spoils large transfers through its tap device with newer kernels, and no flag of it
 * helps. Two plain sockets with the kernel's TCP on both ends can't: a byte that was read is written or the connection is reset.
 *
 * One thread, epoll. All share one buffer to read into; only what the other end did not take is kept, at most CHUNK bytes in each direction,
 * and while it is there nothing more is read from that end, so that TCP slows its sender. An idle connection costs no buffer. At CLIENTS_MAX
 * we leave new ones in the listeners' queues. An end of file is passed on as such (half-close); an error is passed on as a reset,
 * so that nobody takes a part for the whole.
 * We connect to the container's own address, never to its loopback: programs trust that one (PostgreSQL's image asks it for no password). The
 * client's address is lost to the program inside.
 * Sockets belong to the namespace that their process was in when it made them: the listeners are made first, then we enter the container's. */
#include "run/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "run/network.h"
#include "run/own.h"
#include "run/supervise.h"

enum { CLIENTS_MAX = 2000, CHUNK = 32768, TURNS = 8, EVENTS = 64, BACKLOG = 1024, WORDS_A_PORT = 3 };

/* What epoll tells of begins with this. */
enum kind { PASTA, LISTENER, END };

struct listener {
	enum kind kind;
	int fd, port; /* the container's, where it leads */
};

struct end {
	enum kind kind;
	int fd;
	uint32_t asked; /* of epoll; 0: it isn't there */
	struct end *other;
	struct connection *connection;
	unsigned char *kept; /* for this end, not yet taken; owned */
	size_t kept_at, kept_len;
	bool ended;  /* all that comes from it was read */
	bool closed; /* we told it that no more comes */
};

struct connection {
	struct end ends[2]; /* client, container */
	bool connecting, dead;
	struct connection *next_dead; /* freed when no event of this round can name it */
};

struct forwarder {
	int epoll, pasta;
	enum kind pasta_kind;
	struct listener *listeners;
	size_t listeners_len, clients;
	bool deaf; /* the listeners are not in epoll */
	struct sockaddr_storage inside;
	socklen_t inside_len;
	struct connection *dead;
	unsigned char chunk[CHUNK];
};

/* ---- connections ---- */

static void end_ask(const struct forwarder *forwarder, struct end *end, uint32_t what)
{
	struct epoll_event event = { .events = what, .data.ptr = end };

	if (what == end->asked)
		return;
	/* Nothing asked means out of it: a hang-up is told again and again otherwise. */
	epoll_ctl(forwarder->epoll, !what ? EPOLL_CTL_DEL : end->asked ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, end->fd, &event);
	end->asked = what;
}

static uint32_t end_wants(const struct end *end)
{
	bool connecting = end->connection->connecting, container = end == &end->connection->ends[1];

	if (connecting)
		return container ? EPOLLOUT : 0;
	return (!end->ended && !end->other->kept_len ? (uint32_t)EPOLLIN : 0) | (end->kept_len ? (uint32_t)EPOLLOUT : 0);
}

static void listen_or_not(struct forwarder *forwarder, bool deaf)
{
	for (size_t i = 0; i < forwarder->listeners_len && deaf != forwarder->deaf; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &forwarder->listeners[i] };
		epoll_ctl(forwarder->epoll, deaf ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, forwarder->listeners[i].fd, &event);
	}
	forwarder->deaf = deaf;
}

static void connection_end(struct forwarder *forwarder, struct connection *connection, bool reset)
{
	struct linger now = { .l_onoff = 1 };

	for (int i = 0; i < 2; i++) {
		struct end *end = &connection->ends[i];
		if (reset && end->fd >= 0)
			setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		fd_close(&end->fd);
		free(end->kept);
		end->kept = NULL;
	}
	connection->dead = true;
	connection->next_dead = forwarder->dead;
	forwarder->dead = connection;
	forwarder->clients--;
}

static void free_dead(struct forwarder *forwarder)
{
	while (forwarder->dead) {
		struct connection *next = forwarder->dead->next_dead;
		free(forwarder->dead);
		forwarder->dead = next;
	}
}

/* Returns what the end took; -1 if it is broken. */
static ssize_t end_write(const struct end *end, const unsigned char *bytes, size_t len)
{
	ssize_t n = send(end->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

static void end_keep(struct end *end, const unsigned char *bytes, size_t len)
{
	end->kept = xcalloc(1, len);
	memcpy(end->kept, bytes, len);
	end->kept_at = 0;
	end->kept_len = len;
}

/* -1 if the connection is broken. */
static int end_flush(struct end *end)
{
	ssize_t n = end_write(end, end->kept + end->kept_at, end->kept_len);

	if (n < 0)
		return -1;
	end->kept_at += (size_t)n;
	end->kept_len -= (size_t)n;
	if (!end->kept_len) {
		free(end->kept);
		end->kept = NULL;
	}
	return 0;
}

/* From this end to the other, until one of them has enough; -1 if the connection is broken. */
static int end_read(struct forwarder *forwarder, struct end *end)
{
	for (int i = 0; i < TURNS && !end->ended && !end->other->kept_len; i++) {
		ssize_t len = recv(end->fd, forwarder->chunk, CHUNK, MSG_DONTWAIT);
		if (len < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		end->ended = len == 0;
		ssize_t n = len ? end_write(end->other, forwarder->chunk, (size_t)len) : 0;
		if (n < 0)
			return -1;
		if (n < len)
			end_keep(end->other, forwarder->chunk + n, (size_t)(len - n));
	}
	return 0;
}

static int finish_connecting(struct connection *connection)
{
	int number = 0;
	socklen_t len = sizeof number;

	connection->connecting = false;
	return getsockopt(connection->ends[1].fd, SOL_SOCKET, SO_ERROR, &number, &len) < 0 || number ? -1 : 0;
}

static void close_what_ended(struct connection *connection)
{
	for (int i = 0; i < 2; i++) {
		struct end *end = &connection->ends[i];
		if (!end->other->ended || end->kept_len || end->closed)
			continue;
		shutdown(end->fd, SHUT_WR);
		end->closed = true;
	}
}

static void end_event(struct forwarder *forwarder, struct end *end, uint32_t events)
{
	struct connection *connection = end->connection;
	int result = 0;

	if (connection->dead)
		return;
	if (connection->connecting)
		result = finish_connecting(connection);
	if (result == 0 && end->kept_len)
		result = end_flush(end);
	if (result == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		result = end_read(forwarder, end);
	if (result == 0)
		close_what_ended(connection);
	if (result < 0 || (connection->ends[0].closed && connection->ends[1].closed)) {
		connection_end(forwarder, connection, result < 0);
		return;
	}
	for (int i = 0; i < 2; i++)
		end_ask(forwarder, &connection->ends[i], end_wants(&connection->ends[i]));
}

/* ---- new ones ---- */

static int connect_inside(const struct forwarder *forwarder, int port)
{
	struct sockaddr_storage to = forwarder->inside;
	_cleanup_(fd_close) int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (to.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&to)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)&to)->sin_port = htons((uint16_t)port);
	if (fd < 0 || (connect(fd, (struct sockaddr *)&to, forwarder->inside_len) < 0 && errno != EINPROGRESS))
		return -1;
	return fd_steal(&fd);
}

static void connection_start(struct forwarder *forwarder, int client, int port)
{
	struct connection *connection = xnew(struct connection);
	int on = 1;

	*connection = (struct connection){ .connecting = true };
	connection->ends[0].fd = client;
	connection->ends[1].fd = connect_inside(forwarder, port);
	forwarder->clients++;
	for (int i = 0; i < 2; i++) {
		struct end *end = &connection->ends[i];
		end->kind = END;
		end->connection = connection;
		end->other = &connection->ends[!i];
		setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		setsockopt(end->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	}
	if (connection->ends[1].fd < 0)
		connection_end(forwarder, connection, true);
	else
		end_ask(forwarder, &connection->ends[1], end_wants(&connection->ends[1]));
}

static void listener_event(struct forwarder *forwarder, const struct listener *listener)
{
	while (forwarder->clients < CLIENTS_MAX) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) /* it stays readable: don't spin */
				nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
			return;
		}
		connection_start(forwarder, fd, listener->port);
	}
}

static void forward(struct forwarder *forwarder)
{
	struct epoll_event events[EVENTS];

	while (!interrupt_pending()) {
		int n = epoll_wait(forwarder->epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			enum kind kind = *(enum kind *)events[i].data.ptr;
			if (kind == PASTA)
				return;
			if (kind == LISTENER)
				listener_event(forwarder, events[i].data.ptr);
			else
				end_event(forwarder, events[i].data.ptr, events[i].events);
		}
		free_dead(forwarder);
		listen_or_not(forwarder, forwarder->clients >= CLIENTS_MAX);
	}
}

/* ---- setting up ---- */

static int listen_at(const char *ip, int port)
{
	struct sockaddr_storage address;
	socklen_t len = port_address(ip, port, &address);
	_cleanup_(fd_close) int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, both = str_equal(ip, "::") ? 0 : 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both);
	return bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, BACKLOG) < 0 ? -1 : fd_steal(&fd);
}

static int listen_all(struct forwarder *forwarder, char *const *words, size_t len, struct error *err)
{
	int64_t port, inside;

	forwarder->listeners = xcalloc(len / WORDS_A_PORT + 1, sizeof *forwarder->listeners);
	for (size_t i = 0; i + WORDS_A_PORT <= len; i += WORDS_A_PORT) {
		if (str_to_int(words[i + 1], 1, 65535, &port, err) < 0 || str_to_int(words[i + 2], 1, 65535, &inside, err) < 0)
			return -1;
		int fd = listen_at(*words[i] ? words[i] : "::", (int)port);
		if (fd < 0 && !*words[i] && errno != EADDRINUSE) /* a kernel without IPv6 */
			fd = listen_at("0.0.0.0", (int)port);
		if (fd < 0)
			return error_errno(err, errno, "cannot publish port %s:%d", words[i], (int)port);
		forwarder->listeners[forwarder->listeners_len++] = (struct listener){ .kind = LISTENER, .fd = fd, .port = (int)inside };
	}
	return 0;
}

static bool is_usable(const struct ifaddrs *at, int family)
{
	if (!at->ifa_addr || at->ifa_addr->sa_family != family || (at->ifa_flags & IFF_LOOPBACK))
		return false;
	return family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)at->ifa_addr)->sin6_addr);
}

/* The container's first address, IPv4 if it has one. */
static int find_inside(struct forwarder *forwarder, struct error *err)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return error_errno(err, errno, "cannot read the container's addresses");
	for (int turn = 0; turn < 2 && !forwarder->inside_len; turn++)
		for (struct ifaddrs *at = all; at && !forwarder->inside_len; at = at->ifa_next) {
			if (!is_usable(at, turn ? AF_INET6 : AF_INET))
				continue;
			forwarder->inside_len = turn ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
			memcpy(&forwarder->inside, at->ifa_addr, forwarder->inside_len);
		}
	freeifaddrs(all);
	return forwarder->inside_len ? 0 : error_set(err, ERROR_FAILED, "the container has no address to which ports could lead");
}

/* Two descriptors a connection. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int set_up(struct forwarder *forwarder, const char *netns, int pasta, struct error *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &forwarder->pasta_kind };
	_cleanup_(fd_close) int namespace = open(netns, O_RDONLY | O_CLOEXEC);

	if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0)
		return error_errno(err, errno, "cannot enter the container's network");
	if (find_inside(forwarder, err) < 0)
		return -1;
	forwarder->pasta = (int)syscall(SYS_pidfd_open, pasta, 0);
	forwarder->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (forwarder->pasta < 0 || forwarder->epoll < 0 || epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, forwarder->pasta, &event) < 0)
		return error_errno(err, errno, "cannot wait for pasta's end");
	forwarder->deaf = true;
	listen_or_not(forwarder, false);
	return 0;
}

int forward_run(const char *netns, int pasta, char *const *words, size_t len, struct error *err)
{
	struct forwarder *forwarder = xnew(struct forwarder); /* as long as this process */

	*forwarder = (struct forwarder){ .pasta_kind = PASTA };
	raise_limit();
	int result = listen_all(forwarder, words, len, err) < 0 ? -1 : set_up(forwarder, netns, pasta, err);
	if (own_process_settle(result, err) < 0)
		return -1;
	forward(forwarder);
	return 0;
}

/* ---- starting ---- */

int forward_start(const char *netns, int pasta, const struct port_spec *ports, size_t len, struct error *err)
{
	struct strlist argv _cleanup_(strlist_free) = { 0 };
	_cleanup_(freep) char *self = program_path();
	bool any = false;

	strlist_add(&argv, self ? self : "");
	strlist_add(&argv, "forward");
	strlist_add(&argv, netns);
	strlist_printf(&argv, "%d", pasta);
	for (size_t i = 0; i < len; i++) {
		if (ports[i].udp)
			continue;
		any = true;
		strlist_add(&argv, ports[i].host_ip);
		strlist_printf(&argv, "%d", ports[i].host_port);
		strlist_printf(&argv, "%d", ports[i].container_port);
	}
	if (!any)
		return 0;
	return own_process_start((const char *const *)argv.items, "cannot publish the ports", err);
}
