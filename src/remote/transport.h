/* One HTTP exchange over libcurl, with connections that are kept.
 *
 * A transport belongs to one registry and its options. Threads use it at once: each exchange takes an easy handle from the pool, with
 * the connection that it kept, or makes one. Redirects are not followed and nothing is authenticated here: endpoint.c decides
 * who may see a credential. */
#ifndef REMOTE_TRANSPORT_H
#define REMOTE_TRANSPORT_H
#include <stdbool.h>
#include <stdint.h>

#include "remote/answer.h"

struct transport;
struct transport_options {
	bool skip_verify;
	const char *ca_file; /* or NULL */
	bool direct;	     /* no proxy, whatever the environment says: loopback */
	const char *proxy;   /* this one ("": none), whatever the environment says; or NULL */
	int patience;	     /* seconds without a byte after which a peer counts as gone; 0: 15 for a connection, 60 for the rest */
};
struct transport *transport_new(const struct transport_options *options);
void transport_free(struct transport **at);
/* Ends all exchanges, those under way and those to come, with ERROR_INTERRUPTED: another thread has failed. */
void transport_stop(struct transport *transport);

struct exchange {
	const char *method; /* "GET", "HEAD", "POST", "PUT", "DELETE" */
	const char *url;
	const struct strlist *headers; /* borrowed; NULL: none */
	const char *authorization;     /* the value of that header, or NULL */
	/* What is sent: bytes, or `body_size` bytes from the start of a file where body_fd > 0. */
	const void *body;
	int64_t body_size;
	int body_fd;
	/* Called as the bytes go out; may be NULL. */
	void (*sent)(void *data, int64_t done);
	/* Takes the bytes of a 200 or 206; NULL: they are collected in answer->body, at most `limit` (more is ERROR_TOO_LARGE). */
	int (*sink)(void *data, const struct answer *head, const void *bytes, size_t len, struct error *err);
	void *data;
	size_t limit; /* 0: 64 KiB */
};

enum transport_failure {
	FAILURE_NONE,
	FAILURE_FINAL,	/* trying again will not help */
	FAILURE_RETRY,	/* cut off, timed out */
	FAILURE_TLS,	/* the peer seems not to speak TLS at all */
	FAILURE_SPEECH, /* the peer seems not to speak HTTP */
	FAILURE_CONNECT, /* nobody listens, or no such host */
};
/* 0 for any status. Messages name the host only: queries of redirects hold signatures. `ret_failure` may be NULL. */
int transport_exchange(struct transport *transport, const struct exchange *exchange, struct answer *ret, enum transport_failure *ret_failure,
		       struct error *err);

/* "https://host:port" of a URL, lower case, with the port always. NULL if it is not an http or https URL, or holds a user name. Owned by the caller. */
char *url_origin(const char *url);
/* Its host alone. Owned by the caller; NULL if there is none. */
char *url_host(const char *url);
/* `location` as a browser would resolve it against `base`. Owned by the caller; NULL if it can't be. */
char *url_resolve(const char *base, const char *location);
/* 127.0.0.0/8, ::1, localhost; the host of "host", "host:port" or "[::1]:port". */
bool host_is_loopback(const char *host);
/* Percent-encoded for a query. Owned by the caller. */
char *url_escape(const char *text);
#endif
