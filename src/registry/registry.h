/* The server: the repositories with registry "" of a store, over the OCI distribution protocol. */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H
#include "registry/keep.h"
#include "registry/observe.h"
#include "store/store.h"

struct access_settings;

/* TLS: a certificate of the user's, or one of our own making. All owned. */
struct registry_tls {
	bool automatic;		  /* a certificate authority of our own, in the store */
	char *certificate, *key;  /* or these files, PEM */
	struct strlist names;	  /* that an automatic certificate has beside those of this host */
	char *client_ca;	  /* PEM: who signs clients' certificates; NULL: none are asked for */
	bool client_optional;	  /* a client without one may come in */
};
void registry_tls_clear(struct registry_tls *tls);

/* All that is pointed to is owned. */
struct registry_options {
	struct strlist listen; /* see listen.h */
	int connections_max;   /* 0: 2048; those behind it take the places of idle ones */
	/* 0: 60. Within these a client must send its request's headers; do anything at all; move 256 bytes for each second of a body or an answer. */
	int headers_seconds, silence_seconds, transfer_seconds;
	struct registry_tls tls;
	struct access_settings *access; /* owned; NULL: open on loopback, else anonymous pull and a first user (access.h) */
	char *external_url;		/* "https://example.org/registry": where clients see us */
	struct strlist trusted_proxies; /* "10.0.0.0/8": whose X-Forwarded-… we believe, beside loopback */
	char *user;			/* whom root becomes; NULL: the store's owner */
	bool no_page; /* the web page at / is off */
	bool sparse;  /* an index may name manifests that are not here */
	bool no_sandbox;
	/* For the sandbox, from the sections of the settings: files and folders that parts of the server read, or write, while it runs, and whether one
	 * of them connects to others. Of a file the whole folder is meant, so that it can be replaced. */
	struct strlist readable, writable;
	bool outgoing;
	bool shut_in; /* read again by a server that gave up the right to connect to others: what would connect is refused */
	struct proxy *proxy; /* upstreams, or NULL */
	/* Makes the options again, of the command line and the settings file: for SIGHUP. `ret` is {0}; the caller's to clear. */
	int (*load)(struct registry_options *ret, struct error *err);
	struct keep_options keep;
	struct observe_options observe;
};
void registry_options_clear(struct registry_options *options);

struct privilege;
/* Serves until SIGTERM or SIGINT, then lets running requests end (at most 10 s). Opens ports and reads keys, drops privileges, and logs one line
 * per listener when it is ready: "sampan: serving /var/lib/sampan on http://127.0.0.1:6000". SIGHUP reloads settings and certificates and opens the access log
 * anew. Answers carry the
 * header Sampan-Store with store_id, by which a client that has the same store open knows that a push needs no upload. */
int registry_serve(struct store *store, const struct registry_options *options, const struct privilege *privilege, struct error *err);
#endif
