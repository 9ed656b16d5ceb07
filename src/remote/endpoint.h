/* A registry as a client sees it: which of HTTP and HTTPS it speaks, who may see our credentials, redirects, retries.
 *
 * Credentials go to the registry's own origin (scheme, host, port) alone, and to the token server that it names if that is on the
 * same host, or over HTTPS on the same domain or in `token-hosts` of sampan.json (see auth.c). Redirects are followed for reading only, from HTTPS only to
 * HTTPS, and carry no Authorization elsewhere. */
#ifndef REMOTE_ENDPOINT_H
#define REMOTE_ENDPOINT_H
#include "remote/answer.h"
#include "remote/remote.h"

enum { ENDPOINT_TRIES = 5 };

struct endpoint;
/* Finds out how the registry is spoken to (one GET /v2/). `repository` chooses among several credentials; may be NULL. */
int endpoint_open(const char *registry, const char *repository, const struct remote_options *options, struct endpoint **ret, struct error *err);
void endpoint_close(struct endpoint **at);
const char *endpoint_registry(const struct endpoint *endpoint); /* as in references; borrowed */
const char *endpoint_store(const struct endpoint *endpoint);	/* the header Sampan-Store, or NULL; borrowed */
/* Ends what other threads have under way: one of them has failed. */
void endpoint_stop(struct endpoint *endpoint);

struct request {
	const char *method;
	const char *url;	    /* "/v2/…", or a whole URL: an upload's Location */
	const char *scope;	    /* "repository:a/b:pull", or NULL */
	const struct strlist *headers; /* or NULL */
	/* as in struct exchange */
	const void *body;
	int64_t body_size;
	int body_fd;
	void (*sent)(void *data, int64_t done);
	int (*sink)(void *data, const struct answer *head, const void *bytes, size_t len, struct error *err);
	void *data;
	size_t limit;
	bool once; /* don't try again: the caller does, since a sink has state */
};
/* 0 for any status. With `once`, *ret_again says whether trying again may help (also with a status like 503); else it may be NULL. */
int endpoint_request(struct endpoint *endpoint, const struct request *request, struct answer *ret, bool *ret_again, struct error *err);
/* Waits before try number `attempt` (from 1), as long as Retry-After of the last answer says (at most 60 s; NULL: unknown). Ends early with an error when
 * interrupted or stopped. */
int endpoint_wait(struct endpoint *endpoint, int attempt, const struct answer *last, struct error *err);
/* The error that a status means, with what the registry said: "manifest unknown". -1. */
int endpoint_failed(const struct endpoint *endpoint, const struct answer *answer, struct error *err);
/* A request that needs valid credentials: for login. */
int endpoint_login(struct endpoint *endpoint, struct error *err);
#endif
