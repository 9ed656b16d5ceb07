/* The server: listeners, rights, reloading, the end.
 *
 * The order of the start matters: ports are opened and the user's keys are read by root, who then becomes another and gives up what the server
 * won't need (confine.h); only then come threads, which keep whatever they were born with. */
#include <errno.h>
#include <gnutls/abstract.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "registry/activation.h"
#include "registry/confine.h"
#include "registry/front.h"
#include "registry/internal.h"
#include "registry/listen.h"
#include "registry/privilege.h"
#include "registry/tls.h"

static const char DEFAULT_ADDRESS[] = "127.0.0.1:5000";

enum {
	CONNECTION_MEMORY = 32 << 10, /* headers and the buffer of bodies; a connection kept alive holds all of it, and the library clears it for each request */
	THREAD_STACK = 1 << 20,	       /* address space; jansson recurses up to 2048 levels */
	WATCH_MS = 5000,
	STOP_SECONDS = 10,
};

struct listener {
	struct MHD_Daemon *daemon;
	int fd;
	enum listen_scheme scheme;
};

/* What the main thread has. */
struct running {
	struct server server;
	struct listener *listeners;
	size_t listeners_len;
	struct front *front; /* of the listeners without TLS */
	int notify; /* of activation.h */
	int hangup; /* a signalfd of SIGHUP */
};

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

/* The library wants a certificate to be named; each connection is given its own in connection_add. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int authorities_len, const gnutls_pk_algorithm_t *algorithms,
			  int algorithms_len, gnutls_pcert_st **ret, unsigned *ret_len, gnutls_privkey_t *ret_key)
{
	(void)session, (void)authorities, (void)authorities_len, (void)algorithms, (void)algorithms_len, (void)ret, (void)ret_len, (void)ret_key;
	return -1;
}

/* A daemon of plain HTTP has its connections from the front. */
static int listener_start(struct listener *listener, struct server *server, struct front *front, struct error *err)
{
	const struct registry_options *options = server->options;
	bool secure = listener->scheme == LISTEN_HTTPS;
	struct MHD_OptionItem items[] = {
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_library, NULL },
		{ MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)(server->places + CONNECTIONS_SPARE), NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, options->silence_seconds ? options->silence_seconds : SILENCE_SECONDS, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_INCREMENT, CONNECTION_MEMORY / 4, NULL },
		{ MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_completed, server },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_notify, server },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_created, server },
		{ secure ? MHD_OPTION_LISTEN_SOCKET : MHD_OPTION_END, listener->fd, NULL },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITIES },
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)no_certificate },
		{ MHD_OPTION_END, 0, NULL },
	};
	int defer = 1; /* seconds until one that says nothing is accepted all the same; no matter where it can't be set */
	unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
			 (secure ? MHD_USE_TLS : MHD_USE_NO_LISTEN_SOCKET);

	if (!secure)
		setsockopt(listener->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof defer);
	listener->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_handle, server, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
	if (!listener->daemon)
		return error_set(err, ERROR_FAILED, "the HTTP server could not be started");
	return secure ? 0 : front_add(front, listener->fd, listener->daemon, err);
}

/* The threads that the library makes inherit the mask: signals come to the thread that waits for them. */
static int listeners_start(struct running *running, struct error *err)
{
	sigset_t stop, old;
	int result = 0;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, &old);
	for (size_t i = 0; i < running->listeners_len && result == 0; i++)
		result = listener_start(&running->listeners[i], &running->server, running->front, err);
	if (result == 0)
		result = front_start(running->front, err);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return result;
}

/* Sockets that were handed to us come first; the default address is only for who names no other. */
static int listeners_open(struct running *running, const struct registry_options *options, struct error *err)
{
	size_t given = activation_count();

	running->listeners = xcalloc(given + options->listen.len + 1, sizeof *running->listeners);
	for (size_t i = 0; i < given + options->listen.len; i++) {
		struct listener *listener = &running->listeners[i];
		listener->fd = i < given ? activation_take(i, &listener->scheme, err) :
					   listen_open(options->listen.items[i - given], &listener->scheme, err);
		if (listener->fd < 0)
			return -1;
		running->listeners_len++;
	}
	if (running->listeners_len)
		return 0;
	running->listeners[0].fd = listen_open(DEFAULT_ADDRESS, &running->listeners[0].scheme, err);
	running->listeners_len = running->listeners[0].fd >= 0;
	return running->listeners_len ? 0 : -1;
}

/* An address that doesn't say which protocol it speaks speaks the safe one, if there is a certificate. */
static int listeners_choose(struct running *running, struct error *err)
{
	for (size_t i = 0; i < running->listeners_len; i++) {
		struct listener *listener = &running->listeners[i];
		if (listener->scheme == LISTEN_ANY)
			listener->scheme = running->server.tls ? LISTEN_HTTPS : LISTEN_HTTP;
		if (listener->scheme == LISTEN_HTTP || running->server.tls)
			continue;
		error_set(err, ERROR_USAGE, "an address with https:// needs a certificate");
		return error_hint(err, "add --tls auto, or --tls-cert FILE --tls-key FILE");
	}
	return 0;
}

static void listeners_say(const struct running *running)
{
	static const char *const schemes[] = { [LISTEN_HTTP] = "http://", [LISTEN_HTTPS] = "https://" };
	const struct server *server = &running->server;
	char address[LISTEN_TEXT_SIZE];

	for (size_t i = 0; i < running->listeners_len; i++) {
		const struct listener *listener = &running->listeners[i];
		listen_print(listener->fd, address);
		const char *scheme = str_starts(address, "unix:") ? "" : schemes[listener->scheme];
		log_info("sampan: serving %s on %s%s", store_path(server->store), scheme, address);
	}
	if (tls_authority(server->tls))
		log_info("sampan: its certificate authority is at /ca.crt, with the SHA-256 fingerprint %s", tls_authority_fingerprint(server->tls));
}

/* ---- privileges ---- */

static int open_tls(struct server *server, struct error *err)
{
	const struct registry_options *options = server->options;
	struct strlist names _cleanup_(strlist_free) = { 0 };

	for (size_t i = 0; i < options->listen.len; i++) {
		_cleanup_(freep) char *host = listen_host(options->listen.items[i]);
		if (host)
			strlist_add(&names, host);
	}
	if (server->settings->origin.base) {
		_cleanup_(freep) char *with_port = xprintf("%s:443", server->settings->origin.base), *host = listen_host(server->settings->origin.base);
		strlist_take(&names, host ? steal(host) : listen_host(with_port));
	}
	return tls_open(server->store, &options->tls, &names, &server->tls, err);
}

/* A folder itself. Of a file its folder, so that one that is put in its place can be read, and that of what a symlink leads to. */
static void add_folder(struct strlist *list, const char *path)
{
	_cleanup_(freep) char *real = path ? realpath(path, NULL) : NULL;
	const char *both[] = { path, real };
	struct stat st;

	if (path && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		strlist_add(list, path);
		return;
	}
	for (size_t i = 0; i < array_len(both); i++) {
		const char *slash = both[i] ? strrchr(both[i], '/') : NULL;
		if (both[i])
			strlist_take(list, slash ? xstrndup(both[i], (size_t)(slash - both[i]) + 1) : xstrdup("."));
	}
}

/* A key that only root may read can't be read again: better to know now than at the next renewal. */
static void warn_unreadable(const struct registry_tls *tls)
{
	if (tls->key && access(tls->key, R_OK) < 0)
		log_warn("%s can be read no more (uid %u): a new certificate needs a restart", tls->key, (unsigned)getuid());
}

static int give_up_rights(const struct server *server, const struct privilege *privilege, struct error *err)
{
	const struct registry_options *options = server->options;
	struct strlist readable _cleanup_(strlist_free) = { 0 }, writable _cleanup_(strlist_free) = { 0 };

	if (privilege_drop(privilege, err) < 0)
		return -1;
	warn_unreadable(&options->tls);
	if (options->no_sandbox) {
		log_warn("--no-sandbox: whoever takes over the registry can do all that uid %u can: read its files, run programs, open connections",
			 (unsigned)getuid());
		return 0;
	}
	if (getuid() == 0)
		log_info("sampan: the registry runs as root, without capabilities (a store of another user is served as that user)");
	const char *own[] = { options->tls.certificate, options->tls.key, options->tls.client_ca };
	for (size_t i = 0; i < array_len(own); i++)
		add_folder(&readable, own[i]);
	for (size_t i = 0; i < options->readable.len; i++)
		add_folder(&readable, options->readable.items[i]);
	for (size_t i = 0; i < options->writable.len; i++)
		add_folder(&writable, options->writable.items[i]);
	return confine(&(struct confinement){ store_path(server->store), &readable, &writable, options->outgoing }, err);
}

/* ---- running and stopping ---- */

static void reload(struct running *running)
{
	struct signalfd_siginfo ignored;

	while (read(running->hangup, &ignored, sizeof ignored) > 0)
		;
	notify_reloading(running->notify);
	if (running->server.tls)
		tls_refresh(running->server.tls, true);
	observer_hangup(running->server.observer);
	settings_reload(&running->server);
	notify_send(running->notify, "READY=1");
}

static void look_around(struct server *server, uint64_t *before, uint64_t *returned)
{
	connections_sweep(server, false);
	if (server->tls)
		tls_refresh(server->tls, false);
	keeper_tick(server->keeper);
	settings_sweep(server);
	observer_look(server->observer, server->store);
	uint64_t served = __atomic_load_n(&server->served, __ATOMIC_RELAXED);
	if (served == *before && served != *returned) {
		recent_clear(server->recent);
		memory_return();
		*returned = served;
	}
	*before = served;
}

static void watch(struct running *running)
{
	struct pollfd wake[] = { { .fd = interrupt_fd(), .events = POLLIN }, { .fd = running->hangup, .events = POLLIN } };
	uint64_t returned = 0, before = 0;
	int64_t looked = now_seconds();

	memory_return();
	while (!interrupt_pending()) {
		if (poll(wake, array_len(wake), WATCH_MS) > 0 && wake[1].revents)
			reload(running);
		if (now_seconds() - looked < WATCH_MS / 1000)
			continue;
		looked = now_seconds();
		look_around(&running->server, &before, &returned);
	}
}

static void wait_calm(struct server *server)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_SECONDS;
	pthread_mutex_lock(&server->lock);
	while (__atomic_load_n(&server->running, __ATOMIC_SEQ_CST) && pthread_cond_timedwait(&server->calm, &server->lock, &until) == 0)
		;
	size_t left = __atomic_load_n(&server->running, __ATOMIC_SEQ_CST);
	if (left)
		log_warn("%zu requests did not end within %d seconds and are cut off", left, STOP_SECONDS);
	pthread_mutex_unlock(&server->lock);
}

/* No new connection, none that only waits, then what runs may end. */
static void listeners_stop(struct running *running)
{
	struct server *server = &running->server;

	notify_send(running->notify, "STOPPING=1");
	__atomic_store_n(&server->stopping, true, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < running->listeners_len; i++)
		if (running->listeners[i].daemon && running->listeners[i].scheme == LISTEN_HTTPS)
			MHD_quiesce_daemon(running->listeners[i].daemon);
	front_quiesce(running->front);
	connections_sweep(server, true);
	wait_calm(server);
	front_free(&running->front);
	for (size_t i = 0; i < running->listeners_len; i++) {
		if (running->listeners[i].daemon)
			MHD_stop_daemon(running->listeners[i].daemon);
		fd_close(&running->listeners[i].fd);
	}
}

static int hangup_open(void)
{
	sigset_t hangup;

	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &hangup, NULL);
	return signalfd(-1, &hangup, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool all_local(const struct running *running)
{
	bool local = true;

	for (size_t i = 0; i < running->listeners_len; i++)
		local = local && listen_is_local(running->listeners[i].fd);
	return local;
}

/* Certificates of the user's are read before root is dropped, since they may be root's; our own belong to the store's user. */
static int start(struct running *running, const struct privilege *privilege, struct error *err)
{
	struct server *server = &running->server;
	const struct registry_options *options = server->options;

	server->settings->options = options;
	if (origin_open(options, &server->settings->origin, err) < 0 || listeners_open(running, options, err) < 0)
		return -1;
	connections_prepare(server, running->listeners_len);
	if (options->tls.automatic && privilege_lend(privilege, err) < 0)
		return -1;
	int result = open_tls(server, err);
	if (options->tls.automatic)
		privilege_return(privilege);
	if (result < 0 || listeners_choose(running, err) < 0 || give_up_rights(server, privilege, err) < 0 ||
	    observer_start(&options->observe, &server->observer, err) < 0)
		return -1;
	server->local = all_local(running);
	if (settings_start(server, err) < 0)
		return -1;
	settings_run(server);
	server->recent = recent_new();
	server->keeper = keeper_new(server, &options->keep);
	running->front = front_new(server);
	return listeners_start(running, err);
}

int registry_serve(struct store *store, const struct registry_options *options, const struct privilege *privilege, struct error *err)
{
	struct running running = { .server = { .store = store, .options = options } };

	pthread_mutex_init(&running.server.lock, NULL);
	pthread_cond_init(&running.server.calm, NULL);
	running.server.settings = xnew(struct settings);
	running.server.settings->holders = 1;
	memory_bound();
	interrupt_install();
	running.hangup = hangup_open();
	running.notify = notify_open();
	int result = start(&running, privilege, err);
	if (result == 0) {
		listeners_say(&running);
		notify_send(running.notify, "READY=1");
		watch(&running);
	}
	listeners_stop(&running);
	keeper_free(&running.server.keeper);
	settings_stop(&running.server);
	observer_stop(&running.server.observer);
	recent_free(&running.server.recent);
	tls_close(&running.server.tls);
	free(running.listeners);
	fd_close(&running.hangup);
	fd_close(&running.notify);
	return result;
}
