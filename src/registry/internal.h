/* Inside the registry: the life of a request.
 *
 * Every connection has a thread of its own, so whatever a handler does (hashing, a sync that takes seconds) stalls nobody else. Idle, a
 * connection costs a few pages of stack; the number of connections is bounded. Only those of plain HTTP that ask for nothing but small things have none
 * (front.c).
 *
 * A request is served in up to three calls of the operation that its method and route choose: `begin` when the headers are there, `data`
 * for each piece of a body, `end` when the body is complete. Whichever calls request_answer first decides the answer; the rest of the
 * body is then read and dropped, because a client that is cut off while it sends rarely reads why. A request that breaks before its end gets `end` never. */
#ifndef REGISTRY_INTERNAL_H
#define REGISTRY_INTERNAL_H
#include <microhttpd.h>
#include <pthread.h>
#include <stdint.h>

#include "base/buf.h"
#include "registry/access.h"
#include "registry/origin.h"
#include "registry/registry.h"
#include "registry/route.h"
#include "registry/settings.h"
#include "store/store.h"

struct plain;
struct server {
	struct store *store;
	struct tls *tls; /* NULL: no certificate */
	const struct registry_options *options; /* of the start: what can't change later; borrowed */
	struct settings *settings; /* the newest, older ones behind it; only the main thread reads it without settings_take */
	bool local;		   /* only this machine reaches us */
	struct observer *observer;
	struct keeper *keeper;
	struct recent *recent;
	pthread_mutex_t lock; /* of the list of connections */
	pthread_cond_t calm;  /* signalled when `running` falls to 0 */
	struct connection *connections;
	size_t places;		   /* for connections; behind them the longest idle one is ended */
	size_t connected, leaving; /* how many there are; of these, how many were told to end */
	size_t running; /* requests that have begun and not ended; atomic */
	int64_t large_bytes; /* of large manifests that are on their way in; atomic */
	uint64_t served; /* requests that have ended, ever; atomic */
	bool stopping;	/* answers end their connections */
};

/* From accept to close. `fd` is a copy: the library closes its own at a time of its choice, and a number that was given to another file
 * meanwhile mustn't be shut down. */
struct connection {
	struct connection *next, **at;
	int fd;
	bool leaving;
	bool visits;	  /* the front has it (front.c), not the library */
	bool running;	  /* atomic, as the next three */
	int64_t since;	  /* seconds: accept, begin or end of the last request */
	int64_t received; /* bytes of the running request's body */
	bool receiving;	  /* the body of the running request isn't complete */
	int64_t acknowledged, acknowledged_at; /* bytes and seconds when an answer that waits for its reader was looked at; 0 seconds: none waits */
	struct settings *settings; /* of its last request */
	struct transfer *transfer; /* the blob that is on its way (overview.h), or NULL; owned */
	struct identity *identity; /* of TLS; NULL: plain HTTP */
	bool named;
	char *client_name;	   /* of its certificate, see request_client_name; known with its first request; owned */
};

struct request {
	struct server *server;
	struct settings *settings;	   /* while it lasts */
	struct connection *about;	   /* its connection's entry */
	struct MHD_Connection *connection; /* NULL: it came to front.c, and `plain` and `peer` are what is known of it; both borrowed */
	const struct plain *plain;
	const struct sockaddr *peer;
	const char *method;
	const struct operation *operation; /* NULL once it failed before it began */
	struct target target;
	struct error target_error;	   /* why the target could not be parsed */
	struct mirror *mirror;		   /* the upstream whose cache the repository is in, or NULL; borrowed */
	bool mirror_guessed;		   /* nobody named it: it is the default, which may fail without harm */
	char *mirror_name;		   /* how the upstream names it; owned */
	bool stale;			   /* what is answered could not be checked with the upstream */
	int64_t stale_age;		   /* seconds since it was; -1: unknown */
	bool begun, close;		   /* close: the connection can't be used again */
	bool endless;			   /* nobody knows where the body ends */
	bool head;
	struct forwarded *forwarded;	   /* see origin.c; NULL until it is asked for; owned */
	char client_text[ADDRESS_TEXT_SIZE];
	struct caller caller;

	struct MHD_Response *response;	   /* the answer, owned; by `recent` if that is set, and others send it, too, so that it mustn't change any more */
	struct recent_answer *recent;
	struct store_version version;	   /* before anything was asked of the store; if `versioned` */
	bool versioned;
	unsigned status;
	bool queued;

	int64_t content_length;		   /* -1: chunked */
	struct buf body;		   /* of manifests */
	int64_t body_counted;		   /* as much of it as is in large_bytes */
	struct upload *upload;		   /* of uploads, locked while the request lasts */
	bool upload_known;		   /* a client knows its id: keep it if the connection breaks */
	int64_t received;
	struct error error;		   /* the first failure while the body came */
	struct trace trace;
};

struct operation {
	enum route route;
	const char *method;
	enum action action; /* what it is for access */
	void (*begin)(struct request *request);
	void (*data)(struct request *request, const void *bytes, size_t len); /* NULL: bodies are dropped */
	void (*end)(struct request *request);
};

/* ---- request.c ---- */
extern const struct operation operations[]; /* ends with a NULL method */
const char *request_header(struct request *request, const char *name); /* borrowed, or NULL */
/* The answer to an address that is nothing of ours. */
void request_nothing(struct request *request);
/* Checks the name in the target, or answers. */
bool request_repository(struct request *request);
/* The digest `text`, or answers 400. */
bool request_digest(struct request *request, const char *text, struct digest *ret);

/* The library's callbacks; server.c passes them on. */
void *request_created(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result request_handle(void *server, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
			       const char *bytes, size_t *bytes_len, void **at);
void request_completed(void *server, struct MHD_Connection *connection, void **at, enum MHD_RequestTerminationCode why);
/* What they do, for front.c. A request runs from one mark to the other; request_end sets the second itself. */
struct request *request_new(struct server *server, struct connection *about, const char *target);
void request_mark(struct request *request, bool running);
void request_log(struct request *request); /* when it is answered */
void request_end(struct request *request, bool complete); /* frees it */

/* ---- connection.c ---- */
enum {
	CONNECTIONS_SPARE = 64, /* of each listener, for new ones while old ones leave */
	SILENCE_SECONDS = 60,	/* the library sees to it, and connections_sweep for visitors */
};
int64_t now_seconds(void); /* of a clock that only runs */
/* Raises the limit of descriptors, and takes as many places as it allows, at most those of the settings. */
void connections_prepare(struct server *server, size_t listeners);
/* The library's callback; `server` is ours. */
void connection_notify(void *server, struct MHD_Connection *handle, void **at, enum MHD_ConnectionNotificationCode code);
/* Takes the identity, and keeps `fd` until connection_remove, which gives it back. */
struct connection *connection_add(struct server *server, int fd, struct identity *identity, bool visits);
int connection_remove(struct server *server, struct connection *connection);
/* How many bytes the client has taken since it came; -1 if nobody knows (a Unix socket). */
int64_t connection_acknowledged(const struct connection *connection);
/* Ends those that dawdle, or all that wait for a next request. */
void connections_sweep(struct server *server, bool idle);

/* ---- memory.c ---- */
void memory_bound(void);
void memory_return(void); /* for a moment when nothing runs; costs the next request a few page faults */

/* ---- recent.c ---- */
enum { RECENT_BYTES_MAX = 8 << 10 };
struct recent *recent_new(void);
void recent_free(struct recent **recent);
void recent_clear(struct recent *recent);
/* For an operation that gives a manifest or a blob: answers, if the answer is known; notes the event of a manifest. Mustn't be asked before the
 * caller's rights were. */
bool recent_find(struct request *request);
/* Keeps the answer that the request has now, with all its headers and `body`, if it is small and general enough. media_type: NULL for a blob. */
void recent_keep(struct request *request, const struct digest *digest, const char *media_type, const struct buf *body);
/* A kept answer as it is sent behind its first line and Date; of the bytes, the first `ret_head` are for a HEAD. Borrowed. */
const struct buf *recent_text(const struct recent_answer *answer, size_t *ret_head);
void recent_release(struct recent_answer **answer);

/* ---- response.c ---- */
/* Makes an answer from bytes that are copied (NULL: empty); headers may be added until the request's step returns. */
void request_answer(struct request *request, unsigned status, const char *content_type, const void *bytes, size_t len);
/* An answer from a part of a file; takes the descriptor. */
void request_answer_file(struct request *request, unsigned status, const char *content_type, int fd, int64_t start, int64_t len);
/* An answer that is made while it is sent; size -1 is unknown. Takes `data`, which `release` frees. */
void request_answer_stream(struct request *request, unsigned status, const char *content_type, int64_t size,
			   ssize_t (*read)(void *data, uint64_t at, char *bytes, size_t len), void *data, void (*release)(void *data));
void request_set(struct request *request, const char *name, const char *format, ...) _printf_(3, 4);
/* An error body as the specification has it. `code` is one of its codes. */
void request_fail(struct request *request, unsigned status, const char *code, const char *format, ...) _printf_(4, 5);
/* The answer to a failure of the store: codes that all requests share; NOT_FOUND becomes 404 with `unknown`, and what the client did wrong
 * 400 with `invalid`. Clears the error. */
void request_fail_error(struct request *request, struct error *err, const char *unknown, const char *invalid);

/* Where reading a blob failed: if that is because it is damaged, it moves to quarantine and counts as absent from now on, so that a cache
 * fetches it again, and a client that asks whether it is there pushes it again. True then; the error is cleared. */
bool request_condemn(struct request *request, const struct digest *digest, struct error *err);

/* ---- blob.c ---- */
/* What a request wants of a blob: all, or a range. */
struct blob_part {
	int64_t size, start, len; /* size and len -1: unknown */
	bool is_part;
};
/* False if it answered: 304, 416. */
bool blob_part_choose(struct request *request, const char *digest, int64_t size, struct blob_part *ret);
unsigned blob_part_status(const struct blob_part *part);
void blob_part_describe(struct request *request, const char *digest, const struct blob_part *part); /* headers of the answer */

/* ---- the operations ---- */
void base_get(struct request *request);
void authority_get(struct request *request);
void manifest_get(struct request *request);
void manifest_put_begin(struct request *request);
void manifest_put_data(struct request *request, const void *bytes, size_t len);
void manifest_put_end(struct request *request);
void manifest_body_forget(struct request *request); /* the body is freed */
void manifest_delete(struct request *request);
void blob_get(struct request *request);
void blob_delete(struct request *request);
void upload_post_begin(struct request *request);
void upload_patch_begin(struct request *request);
void upload_put_begin(struct request *request);
void upload_body_data(struct request *request, const void *bytes, size_t len);
void upload_post_end(struct request *request);
void upload_patch_end(struct request *request);
void upload_put_end(struct request *request);
void upload_get(struct request *request);
void upload_delete(struct request *request);
void tags_get(struct request *request);
void catalog_get(struct request *request);
void referrers_get(struct request *request);
void join_get(struct request *request);
void ping_get(struct request *request);
void search_get(struct request *request);
void metrics_get(struct request *request);
void health_get(struct request *request);
void ready_get(struct request *request);
void token_get(struct request *request);
void token_post_data(struct request *request, const void *bytes, size_t len);
void token_post_end(struct request *request);
void page_get(struct request *request);
#endif
