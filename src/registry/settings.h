/* The settings in force, and what is made of them: see settings.c. */
#ifndef REGISTRY_SETTINGS_H
#define REGISTRY_SETTINGS_H
#include "registry/origin.h"
#include "registry/registry.h"

struct connection;
struct server;

struct settings {
	struct settings *next; /* an older one that somebody still uses */
	size_t holders;	       /* connections, and the server for the newest; under the server's lock */
	const struct registry_options *options;
	struct registry_options own; /* where they were read again; else the options are the caller's */
	struct origin origin;
	struct access *access;
	struct proxy *proxy;   /* NULL: no upstreams; of the options */
	struct quotas *quotas; /* NULL: none */
	struct webhooks *webhooks; /* NULL: none; requests reach them through the observer */
};

/* The first ones. origin_open's part is done early, since certificates need it. */
int settings_start(struct server *server, struct error *err);
/* What runs only once all is well: fetching, webhooks, what commands beside the server are told of quotas. */
void settings_run(struct server *server);
/* Reads them again. What is wrong with the new ones is logged, and the old ones stay. */
void settings_reload(struct server *server);
/* Frees older ones that nobody uses any more. Called now and then by the thread that reloads. */
void settings_sweep(struct server *server);
/* At the end, without connections, once interrupt_pending(). */
void settings_stop(struct server *server);

/* The settings for a request that begins on this connection: good until the next one begins there. */
struct settings *settings_take(struct server *server, struct connection *connection);
/* The connection ends. The server's lock is held. */
void settings_release(struct connection *connection);
#endif
