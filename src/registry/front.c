/* The front of plain HTTP: a connection costs no thread as long as it asks for small things that are at hand.
 *
 * The library gives each connection a thread, so that each small answer has to wake one, which costs more than all the rest of it. So
 * connections come here first. One thread waits for all of them; it looks at what one asks without taking it from the socket (MSG_PEEK). If
 * that is a plain GET of a manifest or a blob (plain.h) which anybody may have, and its answer is remembered (recent.c), the thread sends it,
 * and blocks on nothing. If it isn't remembered, one of a few other threads looks it up. Everything else (a body, a password, a range, a large
 * blob, a failure, a cache of another registry) goes to the library, with the connection and for good; as its bytes are still in the socket,
 * nothing needs to be told twice.
 *
 * A connection that is here is a visitor. The thread that waits owns those that are in its epoll set; whoever takes one out of the set owns it
 * until it is added again. Each has its entry in the server's list (connection.c), which bounds how many there are and ends those that dawdle:
 * by shutdown(), so that they are noticed here like any that their client has closed. */
#include "registry/front.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "oci/reference.h"
#include "registry/internal.h"
#include "registry/plain.h"

enum {
	LOOKERS = 2,
	STACK_SIZE = 1 << 20, /* address space */
	EVENTS = 64,
	ACCEPTS = 32, /* at once, before others are looked at again */
	DATE_SIZE = 40,
};

/* What an event is of. */
struct source {
	enum { SOURCE_END, SOURCE_DOOR, SOURCE_VISITOR } kind;
};

/* A listening socket. */
struct door {
	struct source source;
	struct door *next;
	int fd;
	struct MHD_Daemon *daemon;
};

/* A request while it is served. */
struct ask {
	struct plain plain;
	size_t len; /* of the head */
	struct request *request;
	char opening[DATE_SIZE + 64]; /* of the answer */
	size_t opening_len, sent;     /* sent: of the whole answer */
	char bytes[PLAIN_SIZE];
};

struct visitor {
	struct source source;
	struct visitor *next, **at; /* of all */
	struct visitor *behind;	    /* in the queue */
	struct connection *about;
	struct door *door;
	struct sockaddr_storage peer;
	socklen_t peer_len;
	struct ask *ask; /* NULL: it waits for one */
};

struct front {
	struct server *server;
	struct door *doors;
	int epoll, end; /* end: an eventfd */
	struct source end_source;
	pthread_t threads[1 + LOOKERS]; /* the first waits for all */
	size_t threads_len;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t queued;
	bool ended;
	struct visitor *visitors, *queue, **queue_end;
};

/* ---- visitors come and go ---- */

static int visitor_watch(struct front *front, struct visitor *visitor, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = visitor };

	return epoll_ctl(front->epoll, operation, visitor->about->fd, &event);
}

static void ask_end(struct visitor *visitor, bool complete)
{
	struct ask *ask = steal(visitor->ask);

	if (ask && ask->request)
		request_end(ask->request, complete);
	free(ask);
}

/* Gives the connection back, which is in the server's list no more. */
static int visitor_leave(struct front *front, struct visitor *visitor)
{
	ask_end(visitor, false);
	int fd = connection_remove(front->server, visitor->about);
	pthread_mutex_lock(&front->lock);
	*visitor->at = visitor->next;
	if (visitor->next)
		visitor->next->at = visitor->at;
	pthread_mutex_unlock(&front->lock);
	free(visitor);
	return fd;
}

static void visitor_close(struct front *front, struct visitor *visitor)
{
	int fd = visitor_leave(front, visitor);

	fd_close(&fd);
}

static void visitor_pass_on(struct front *front, struct visitor *visitor)
{
	struct MHD_Daemon *daemon = visitor->door->daemon;
	struct sockaddr_storage peer = visitor->peer;
	socklen_t len = visitor->peer_len;

	MHD_add_connection(daemon, visitor_leave(front, visitor), (struct sockaddr *)&peer, len); /* closes it, if it fails */
}

static void visitor_add(struct front *front, struct door *door, int fd, const struct sockaddr_storage *peer, socklen_t peer_len)
{
	struct visitor *visitor = xnew(struct visitor);
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	*visitor = (struct visitor){ .source = { SOURCE_VISITOR }, .door = door, .peer = *peer, .peer_len = peer_len };
	visitor->about = connection_add(front->server, fd, NULL, true);
	pthread_mutex_lock(&front->lock);
	visitor->next = front->visitors;
	visitor->at = &front->visitors;
	if (visitor->next)
		visitor->next->at = &visitor->next;
	front->visitors = visitor;
	pthread_mutex_unlock(&front->lock);
	if (visitor_watch(front, visitor, EPOLL_CTL_ADD, EPOLLIN) < 0)
		visitor_close(front, visitor);
}

/* Where descriptors or memory are short, the socket stays ready: a moment's rest, in which others may end. */
static void door_open(struct front *front, struct door *door)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t len = sizeof peer;
		int fd = accept4(door->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			visitor_add(front, door, fd, &peer, len);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			poll(NULL, 0, 10);
		if (fd < 0)
			return;
	}
}

/* ---- requests ---- */

/* What may come of looking at a visitor. */
enum outcome {
	OUTCOME_NOTHING, /* it says nothing yet */
	OUTCOME_ANSWER,	 /* its answer is there */
	OUTCOME_LOOK_UP, /* its answer has to be looked up */
	OUTCOME_PASS_ON,
	OUTCOME_CLOSE,
};

/* A small thing that anybody may have. A cache has its own idea of what it has. */
static bool request_is_ours(const struct request *request)
{
	const struct target *target = &request->target;

	if (request->target_error.code || target->query.len || request->settings->proxy)
		return false;
	if (target->route != ROUTE_MANIFEST && (target->route != ROUTE_BLOB || request->head))
		return false;
	return repository_name_valid(target->repository) && access_allows(request, ACTION_PULL, target->repository);
}

static bool ask_begin(struct front *front, struct visitor *visitor, struct ask *ask)
{
	struct request *request = ask->request = request_new(front->server, visitor->about, ask->plain.target);

	request->plain = &ask->plain;
	request->peer = (struct sockaddr *)&visitor->peer;
	request->method = ask->plain.method;
	request->head = str_equal(request->method, "HEAD");
	if (!request_is_ours(request))
		return false;
	request->begun = true;
	request_mark(request, true);
	__atomic_store_n(&visitor->about->receiving, false, __ATOMIC_RELAXED);
	return true;
}

static enum outcome visitor_look(struct front *front, struct visitor *visitor)
{
	struct ask *ask = xrealloc(NULL, 1, sizeof *ask);

	ask->request = NULL;
	ask->sent = 0;
	visitor->ask = ask;
	ssize_t len = recv(visitor->about->fd, ask->bytes, sizeof ask->bytes, MSG_PEEK | MSG_DONTWAIT);
	if (len <= 0)
		return len < 0 && (errno == EAGAIN || errno == EINTR) ? OUTCOME_NOTHING : OUTCOME_CLOSE;
	ask->len = plain_parse(ask->bytes, (size_t)len, &ask->plain);
	if (!ask->len || !ask_begin(front, visitor, ask))
		return OUTCOME_PASS_ON;
	return recent_find(ask->request) ? OUTCOME_ANSWER : OUTCOME_LOOK_UP;
}

/* As the library would, but only to learn whether it is small and there: what isn't, others have to say. */
static enum outcome visitor_look_up(struct visitor *visitor)
{
	struct request *request = visitor->ask->request;

	if (request->target.route == ROUTE_MANIFEST)
		manifest_get(request);
	else
		blob_get(request);
	return request->recent ? OUTCOME_ANSWER : OUTCOME_PASS_ON;
}

/* ---- answers ---- */

static const char *date_now(void)
{
	static _Thread_local char text[DATE_SIZE];
	static _Thread_local time_t made;
	time_t now = time(NULL);
	struct tm parts;

	if (now != made)
		strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
	made = now;
	return text;
}

/* Takes the request from the socket. */
static void answer_begin(struct front *front, struct visitor *visitor)
{
	bool stopping = __atomic_load_n(&front->server->stopping, __ATOMIC_RELAXED);
	struct ask *ask = visitor->ask;
	char taken[PLAIN_SIZE];

	recv(visitor->about->fd, taken, ask->len, MSG_DONTWAIT);
	ask->opening_len = (size_t)snprintf(ask->opening, sizeof ask->opening, "HTTP/1.1 200 OK\r\nDate: %s\r\n%s", date_now(),
					    stopping ? "Connection: close\r\n" : "");
	ask->request->queued = true;
	request_log(ask->request);
}

/* 1: all is sent. 0: the client has to take some first. -1: it is gone. */
static int answer_send(struct visitor *visitor)
{
	struct ask *ask = visitor->ask;
	size_t head, skip = ask->sent;
	const struct buf *text = recent_text(ask->request->recent, &head);
	struct iovec parts[] = { { ask->opening, ask->opening_len }, { text->data, ask->request->head ? head : text->len } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = array_len(parts) };

	for (size_t i = 0; i < array_len(parts); i++) {
		size_t gone = skip < parts[i].iov_len ? skip : parts[i].iov_len;
		parts[i].iov_base = (char *)parts[i].iov_base + gone;
		parts[i].iov_len -= gone;
		skip -= gone;
	}
	ssize_t sent = sendmsg(visitor->about->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	ask->sent += (size_t)sent;
	return (size_t)sent == parts[0].iov_len + parts[1].iov_len;
}

/* Goes on with an answer, and watches the visitor for what comes next. `operation`: how it gets into the set, or that it waits for something
 * else there now; 0: it is there, and waits for requests. */
static void answer_go_on(struct front *front, struct visitor *visitor, int operation)
{
	int sent = answer_send(visitor);
	uint32_t events = sent ? EPOLLIN : EPOLLOUT;

	if (sent > 0) {
		ask_end(visitor, true);
		if (__atomic_load_n(&front->server->stopping, __ATOMIC_RELAXED))
			shutdown(visitor->about->fd, SHUT_WR);
	} else if (!operation) {
		operation = EPOLL_CTL_MOD;
	}
	if (sent < 0 || (operation && visitor_watch(front, visitor, operation, events) < 0))
		visitor_close(front, visitor);
}

/* ---- the threads ---- */

static void queue_add(struct front *front, struct visitor *visitor)
{
	visitor->behind = NULL;
	pthread_mutex_lock(&front->lock);
	*front->queue_end = visitor;
	front->queue_end = &visitor->behind;
	pthread_cond_signal(&front->queued);
	pthread_mutex_unlock(&front->lock);
}

static struct visitor *queue_take(struct front *front)
{
	struct visitor *visitor = NULL;

	pthread_mutex_lock(&front->lock);
	while (!front->queue && !front->ended)
		pthread_cond_wait(&front->queued, &front->lock);
	if (!front->ended) {
		visitor = front->queue;
		front->queue = visitor->behind;
		if (!front->queue)
			front->queue_end = &front->queue;
	}
	pthread_mutex_unlock(&front->lock);
	return visitor;
}

static void *look_up(void *data)
{
	struct front *front = data;
	struct visitor *visitor;

	while ((visitor = queue_take(front))) {
		if (visitor_look_up(visitor) == OUTCOME_PASS_ON) {
			visitor_pass_on(front, visitor);
			continue;
		}
		answer_begin(front, visitor);
		answer_go_on(front, visitor, EPOLL_CTL_ADD);
	}
	return NULL;
}

static void visitor_ready(struct front *front, struct visitor *visitor)
{
	if (visitor->ask) {
		answer_go_on(front, visitor, EPOLL_CTL_MOD);
		return;
	}
	switch (visitor_look(front, visitor)) {
	case OUTCOME_NOTHING:
		ask_end(visitor, false);
		break;
	case OUTCOME_ANSWER:
		answer_begin(front, visitor);
		answer_go_on(front, visitor, 0);
		break;
	case OUTCOME_LOOK_UP:
		visitor_watch(front, visitor, EPOLL_CTL_DEL, 0);
		queue_add(front, visitor);
		break;
	case OUTCOME_PASS_ON:
		visitor_watch(front, visitor, EPOLL_CTL_DEL, 0);
		visitor_pass_on(front, visitor);
		break;
	case OUTCOME_CLOSE:
		visitor_close(front, visitor);
	}
}

static void *wait_for_all(void *data)
{
	struct front *front = data;
	struct epoll_event events[EVENTS];

	for (;;) {
		int len = epoll_wait(front->epoll, events, EVENTS, -1);
		for (int i = 0; i < len; i++) {
			struct source *source = events[i].data.ptr;
			if (source->kind == SOURCE_END)
				return NULL;
			if (source->kind == SOURCE_DOOR)
				door_open(front, (struct door *)source);
			else
				visitor_ready(front, (struct visitor *)source);
		}
	}
}

/* ---- beginning and end ---- */

static int watch(struct front *front, int fd, struct source *source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(front->epoll, EPOLL_CTL_ADD, fd, &event);
}

struct front *front_new(struct server *server)
{
	struct front *front = xnew(struct front);

	front->server = server;
	front->epoll = epoll_create1(EPOLL_CLOEXEC);
	front->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	front->queue_end = &front->queue;
	pthread_mutex_init(&front->lock, NULL);
	pthread_cond_init(&front->queued, NULL);
	return front;
}

int front_add(struct front *front, int fd, struct MHD_Daemon *daemon, struct error *err)
{
	struct door *door = xnew(struct door);

	*door = (struct door){ { SOURCE_DOOR }, front->doors, fd, daemon };
	front->doors = door;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || watch(front, fd, &door->source) < 0)
		return error_errno(err, errno, "cannot listen");
	return 0;
}

int front_start(struct front *front, struct error *err)
{
	pthread_attr_t attributes;

	if (front->epoll < 0 || front->end < 0 || watch(front, front->end, &front->end_source) < 0)
		return error_errno(err, errno, "cannot wait for connections");
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	while (front->threads_len < array_len(front->threads) &&
	       pthread_create(&front->threads[front->threads_len], &attributes, front->threads_len ? look_up : wait_for_all, front) == 0)
		front->threads_len++;
	pthread_attr_destroy(&attributes);
	return front->threads_len == array_len(front->threads) ? 0 : error_set(err, ERROR_FAILED, "cannot start a thread");
}

void front_quiesce(struct front *front)
{
	for (struct door *door = front ? front->doors : NULL; door; door = door->next)
		epoll_ctl(front->epoll, EPOLL_CTL_DEL, door->fd, NULL);
}

static void threads_end(struct front *front)
{
	uint64_t one = 1;

	pthread_mutex_lock(&front->lock);
	front->ended = true;
	pthread_cond_broadcast(&front->queued);
	pthread_mutex_unlock(&front->lock);
	if (front->threads_len && write(front->end, &one, sizeof one) < 0)
		abort();
	while (front->threads_len)
		pthread_join(front->threads[--front->threads_len], NULL);
}

void front_free(struct front **at)
{
	struct front *front = steal(*at);

	if (!front)
		return;
	threads_end(front);
	while (front->visitors)
		visitor_close(front, front->visitors);
	while (front->doors) {
		struct door *door = front->doors;
		front->doors = door->next;
		free(door);
	}
	fd_close(&front->epoll);
	fd_close(&front->end);
	free(front);
}
