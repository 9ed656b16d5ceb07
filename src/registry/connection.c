/* Connections: how many there are, and how long they may do nothing.
 *
 * The library gives each a thread, or the front has it; the library's time-out only sees silence, so one that sends a byte now and then is ended here: who has not
 * completed the headers of a request in HEADERS_SECONDS (a TLS handshake included), or sends a body, or takes an answer, slower than RATE, is
 * shut down.
 * When there are too many, a new one takes the place of the one that has been idle for longest: a crowd that only waits keeps nobody out. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"
#include "registry/internal.h"
#include "registry/overview.h"
#include "registry/tls.h"

enum {
	CONNECTIONS_MAX = 2048,
	FILES_EACH = 4,
	OTHER_FILES = 64,
	HEADERS_SECONDS = 60,
	RATE = 256, /* bytes a second, over TRANSFER_SECONDS */
	TRANSFER_SECONDS = 60,
};

int64_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

/* Each connection has two descriptors, and files while it reads or writes a blob. */
void connections_prepare(struct server *server, size_t listeners)
{
	struct rlimit limit;
	size_t others = OTHER_FILES + listeners * CONNECTIONS_SPARE * FILES_EACH;

	server->places = (size_t)(server->options->connections_max ? server->options->connections_max : CONNECTIONS_MAX);
	rlim_t wanted = server->places * FILES_EACH + others;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= wanted)
		return;
	server->places = limit.rlim_cur > others + FILES_EACH ? (limit.rlim_cur - others) / FILES_EACH : 1;
	log_warn("only %zu connections at once: the limit of open files is %llu, and %llu would be needed", server->places,
		 (unsigned long long)limit.rlim_max, (unsigned long long)wanted);
}

static bool connection_runs(const struct connection *connection)
{
	return __atomic_load_n(&connection->running, __ATOMIC_ACQUIRE);
}

static int64_t connection_since(const struct connection *connection)
{
	return __atomic_load_n(&connection->since, __ATOMIC_RELAXED);
}

/* Under the lock, as all that touches `leaving`. The thread of the connection ends it in its own time. */
static void connection_end(struct server *server, struct connection *connection)
{
	if (connection->fd < 0 || connection->leaving)
		return;
	shutdown(connection->fd, SHUT_RDWR);
	connection->leaving = true;
	server->leaving++;
}

/* Before a new one is in the list. */
static void connections_make_room(struct server *server)
{
	struct connection *oldest = NULL;

	if (server->connected - server->leaving < server->places)
		return;
	for (struct connection *connection = server->connections; connection; connection = connection->next)
		if (!connection_runs(connection) && !connection->leaving && (!oldest || connection_since(connection) <= connection_since(oldest)))
			oldest = connection;
	if (oldest)
		connection_end(server, oldest);
}

/* docker and containerd try HTTPS first where they were told that a registry may lack it, and try plain HTTP only if HTTP answers them. The library says
 * nothing to what is no request at all, so a TLS hello is answered here. Plain listeners hand out connections that have bytes (see listener_start). */
static void answer_tls_hello(int fd)
{
	static const char answer[] = "HTTP/1.0 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nthis registry speaks HTTP, not HTTPS\n";
	enum { TLS_HANDSHAKE = 0x16 };
	unsigned char first = 0;

	if (recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first == TLS_HANDSHAKE)
		send(fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

struct connection *connection_add(struct server *server, int fd, struct identity *identity, bool visits)
{
	struct connection *connection = xnew(struct connection);

	*connection = (struct connection){ .fd = fd, .since = now_seconds(), .identity = identity, .visits = visits };
	pthread_mutex_lock(&server->lock);
	connections_make_room(server);
	connection->next = server->connections;
	connection->at = &server->connections;
	if (connection->next)
		connection->next->at = &connection->next;
	server->connections = connection;
	server->connected++;
	pthread_mutex_unlock(&server->lock);
	return connection;
}

int connection_remove(struct server *server, struct connection *connection)
{
	pthread_mutex_lock(&server->lock);
	*connection->at = connection->next;
	if (connection->next)
		connection->next->at = connection->at;
	server->connected--;
	server->leaving -= connection->leaving;
	transfer_end(connection);
	settings_release(connection);
	pthread_mutex_unlock(&server->lock);
	int fd = connection->fd;
	if (connection->identity)
		tls_end(server->tls, &connection->identity);
	free(connection->client_name);
	free(connection);
	return fd;
}

static struct connection *connection_begin(struct server *server, struct MHD_Connection *handle)
{
	int fd = fcntl(MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, F_DUPFD_CLOEXEC, 0);
	const union MHD_ConnectionInfo *tls = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_GNUTLS_SESSION); /* NULL: plain HTTP */
	struct identity *identity = tls && tls->tls_session ? tls_begin(server->tls, tls->tls_session) : NULL;

	if (!tls || !tls->tls_session)
		answer_tls_hello(fd);
	return connection_add(server, fd, identity, false);
}

void connection_notify(void *data, struct MHD_Connection *handle, void **at, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*at = connection_begin(data, handle);
	} else if (*at) {
		int fd = connection_remove(data, *at);
		fd_close(&fd);
		*at = NULL;
	}
}

/* The kernel knows what the client has not taken yet: what is in flight, and what waits because the client's window is full. The answer may
 * come from a file without passing through us, so nobody else does. A Unix socket says nothing. */
static bool tcp_read(const struct connection *connection, struct tcp_info *ret)
{
	socklen_t len = sizeof *ret;

	*ret = (struct tcp_info){ 0 };
	return getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, ret, &len) == 0;
}

int64_t connection_acknowledged(const struct connection *connection)
{
	struct tcp_info info;

	return tcp_read(connection, &info) ? (int64_t)info.tcpi_bytes_acked : -1;
}

static bool answer_waits(const struct connection *connection, int64_t *ret_acknowledged)
{
	struct tcp_info info;

	if (!tcp_read(connection, &info))
		return false;
	*ret_acknowledged = (int64_t)info.tcpi_bytes_acked;
	return info.tcpi_unacked || info.tcpi_notsent_bytes;
}

static bool answer_dawdles(struct connection *connection, int64_t now, int seconds)
{
	int64_t acknowledged, since = connection->acknowledged_at;

	if (!answer_waits(connection, &acknowledged)) {
		connection->acknowledged_at = 0;
		return false;
	}
	if (since && now - since < seconds)
		return false;
	bool slow = since && acknowledged - connection->acknowledged < (now - since) * RATE;
	connection->acknowledged = acknowledged;
	connection->acknowledged_at = now;
	return slow;
}

static bool connection_dawdles(const struct server *server, struct connection *connection, int64_t now)
{
	const struct registry_options *options = server->settings->options; /* we are who changes it */
	int headers = options->headers_seconds ? options->headers_seconds : HEADERS_SECONDS;
	int silence = options->silence_seconds ? options->silence_seconds : SILENCE_SECONDS;
	int transfer = options->transfer_seconds ? options->transfer_seconds : TRANSFER_SECONDS;
	bool running = connection_runs(connection);
	int64_t age = now - connection_since(connection);

	if (!running)
		return age > headers || (connection->visits && age > silence);
	if (!__atomic_load_n(&connection->receiving, __ATOMIC_RELAXED))
		return answer_dawdles(connection, now, transfer);
	return age > transfer && __atomic_load_n(&connection->received, __ATOMIC_RELAXED) < age * RATE;
}

void connections_sweep(struct server *server, bool idle)
{
	int64_t now = now_seconds();

	pthread_mutex_lock(&server->lock);
	for (struct connection *connection = server->connections; connection; connection = connection->next)
		if (idle ? !connection_runs(connection) : connection_dawdles(server, connection, now))
			connection_end(server, connection);
	pthread_mutex_unlock(&server->lock);
}
