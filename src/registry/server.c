/* The server: listeners, limits, the end.
 *
 * The library (libmicrohttpd) gives each connection a thread; this file bounds how many there are and how long they may do nothing. Its
 * own time-out only sees silence, so one that sends a byte now and then is ended here: who has not completed the headers of a
 * request in HEADERS_SECONDS, or sends a body slower than BODY_RATE, is shut down by the watch. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "registry/internal.h"
#include "registry/listen.h"

enum {
	CONNECTIONS_MAX = 1024,
	CONNECTION_MEMORY = 64 << 10, /* headers and the buffer of bodies: less makes uploads slower; a connection kept alive holds all of it */
	THREAD_STACK = 1 << 20,	       /* address space; jansson recurses up to 2048 levels */
	SILENCE_SECONDS = 60,
	HEADERS_SECONDS = 60,
	BODY_RATE = 256, /* bytes a second, after BODY_GRACE seconds */
	BODY_GRACE = 60,
	WATCH_MS = 5000,
	STOP_SECONDS = 10,
};

struct listener {
	struct MHD_Daemon *daemon;
	int fd;
};

/* ---- connections ---- */

static int64_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

static void connection_add(struct server *server, struct MHD_Connection *handle, void **at)
{
	struct connection *connection = xnew(struct connection);

	connection->fd = fcntl(MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, F_DUPFD_CLOEXEC, 0);
	connection->since = now_seconds();
	pthread_mutex_lock(&server->lock);
	connection->next = server->connections;
	connection->at = &server->connections;
	if (connection->next)
		connection->next->at = &connection->next;
	server->connections = connection;
	pthread_mutex_unlock(&server->lock);
	*at = connection;
}

static void connection_remove(struct server *server, struct connection *connection)
{
	pthread_mutex_lock(&server->lock);
	*connection->at = connection->next;
	if (connection->next)
		connection->next->at = connection->at;
	pthread_mutex_unlock(&server->lock);
	fd_close(&connection->fd);
	free(connection);
}

static void connection_notify(void *data, struct MHD_Connection *handle, void **at, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_add(data, handle, at);
	} else if (*at) {
		connection_remove(data, *at);
		*at = NULL;
	}
}

static bool connection_dawdles(const struct connection *connection, int64_t now)
{
	int64_t age = now - connection->since;

	if (!connection->running)
		return age > HEADERS_SECONDS;
	if (!__atomic_load_n(&connection->receiving, __ATOMIC_RELAXED))
		return false;
	return age > BODY_GRACE && __atomic_load_n(&connection->received, __ATOMIC_RELAXED) < age * BODY_RATE;
}

/* Ends those that dawdle, or all that wait for a next request. */
static void connections_sweep(struct server *server, bool idle)
{
	int64_t now = now_seconds();

	pthread_mutex_lock(&server->lock);
	for (struct connection *connection = server->connections; connection; connection = connection->next)
		if (connection->fd >= 0 && (idle ? !connection->running : connection_dawdles(connection, now)))
			shutdown(connection->fd, SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
}

/* ---- starting ---- */

static void log_library(void *data, const char *format, va_list args) _printf_(2, 0);
static void log_library(void *data, const char *format, va_list args)
{
	char line[512];

	(void)data;
	int len = vsnprintf(line, sizeof line, format, args);
	while (len > 0 && len < (int)sizeof line && line[len - 1] == '\n')
		line[--len] = '\0';
	log_debug("http: %s", line);
}

static int listener_start(struct listener *listener, struct server *server, int connections, struct error *err)
{
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_library, NULL },
		{ MHD_OPTION_LISTEN_SOCKET, listener->fd, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, connections, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_SECONDS, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_INCREMENT, CONNECTION_MEMORY / 4, NULL },
		{ MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_completed, server },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_notify, server },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_created, server },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG;

	listener->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_handle, server, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	if (!listener->daemon)
		return error_set(err, ERROR_FAILED, "the HTTP server could not be started");
	return 0;
}

/* Each connection has two descriptors, and a file while it reads or writes a blob. */
static void raise_limits(int connections)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)connections * 4 + 64;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int listeners_start(struct server *server, struct listener *listeners, size_t len, int connections, struct error *err)
{
	sigset_t stop, old;
	int result = 0;

	/* The threads that the library makes inherit it: signals come to the thread that waits for them. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &stop, &old);
	for (size_t i = 0; i < len && result == 0; i++)
		result = listener_start(&listeners[i], server, connections, err);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return result;
}

/* ---- running and stopping ---- */

static void watch(struct server *server)
{
	struct pollfd wake = { .fd = interrupt_fd(), .events = POLLIN };
	uint64_t returned = 0, before = 0;

	memory_return();
	while (!interrupt_pending()) {
		if (poll(&wake, 1, WATCH_MS) != 0)
			continue;
		connections_sweep(server, false);
		uint64_t served = __atomic_load_n(&server->served, __ATOMIC_RELAXED);
		if (served == before && served != returned) {
			memory_return();
			returned = served;
		}
		before = served;
	}
}

static void wait_calm(struct server *server)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_SECONDS;
	pthread_mutex_lock(&server->lock);
	while (server->running && pthread_cond_timedwait(&server->calm, &server->lock, &until) == 0)
		;
	if (server->running)
		log_warn("%zu requests did not end within %d seconds and are cut off", server->running, STOP_SECONDS);
	pthread_mutex_unlock(&server->lock);
}

/* No new connection, none that only waits, then what runs may end. */
static void listeners_stop(struct server *server, struct listener *listeners, size_t len)
{
	__atomic_store_n(&server->stopping, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < len; i++)
		if (listeners[i].daemon)
			MHD_quiesce_daemon(listeners[i].daemon);
	connections_sweep(server, true);
	wait_calm(server);
	for (size_t i = 0; i < len; i++) {
		if (listeners[i].daemon)
			MHD_stop_daemon(listeners[i].daemon);
		fd_close(&listeners[i].fd);
	}
}

static int serve(struct server *server, struct listener *listeners, const struct registry_options *options, struct error *err)
{
	int connections = options->connections_max ? options->connections_max : CONNECTIONS_MAX;
	char address[LISTEN_TEXT_SIZE];

	raise_limits(connections);
	for (size_t i = 0; i < options->listen.len; i++)
		if ((listeners[i].fd = listen_open(options->listen.items[i], err)) < 0)
			return -1;
	if (listeners_start(server, listeners, options->listen.len, connections, err) < 0)
		return -1;
	for (size_t i = 0; i < options->listen.len; i++)
		log_info("sampan: serving %s on http://%s", store_path(server->store), listen_print(listeners[i].fd, address));
	watch(server);
	return 0;
}

int registry_serve(struct store *store, const struct registry_options *options, struct error *err)
{
	struct server server = { .store = store, .lock = PTHREAD_MUTEX_INITIALIZER, .calm = PTHREAD_COND_INITIALIZER };
	_cleanup_(freep) struct listener *listeners = xcalloc(options->listen.len + 1, sizeof *listeners);

	for (size_t i = 0; i < options->listen.len; i++)
		listeners[i].fd = -1;
	memory_bound();
	interrupt_install();
	int result = serve(&server, listeners, options, err);
	listeners_stop(&server, listeners, options->listen.len);
	return result;
}
