/* Seeing what the server does: metrics, the access log, webhooks.
 *
 * All three look at a request when it is over: the operations need not know of them, but for what webhooks tell (event_note). What is not
 * configured costs nothing but a few counters. */
#ifndef REGISTRY_OBSERVE_H
#define REGISTRY_OBSERVE_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "oci/digest.h"

struct registry_options;
struct request;
struct server;
struct store;
struct store_usage;
struct webhooks;

/* ---- settings ---- */
enum access_log_format { ACCESS_LOG_OFF, ACCESS_LOG_JSON, ACCESS_LOG_COMBINED };
struct webhook_options {
	char *url;
	struct strlist events;	     /* "push", "pull", "delete", "mount"; empty: all but pull */
	bool blobs;		     /* also those of blobs; mounts are of blobs alone */
	struct strlist repositories; /* shell patterns; empty: all */
	struct strlist headers;	     /* more of them: "Authorization: Bearer …" */
	char *secret;		     /* signs what is sent; or NULL */
};
struct observe_options {
	enum access_log_format log_format;
	char *log_file; /* NULL: stderr */
	struct webhook_options *webhooks;
	size_t webhooks_len;
};
void observe_options_clear(struct observe_options *options);
/* Sections of the settings file: see config.h. */
int access_log_config(struct registry_options *options, const json_t *section, struct error *err);
int webhooks_config(struct registry_options *options, const json_t *section, struct error *err);

/* ---- what a request leaves behind ---- */
/* What webhooks are told of it; `action` NULL: nothing. */
struct event {
	const char *action;
	struct digest digest;
	char *tag, *media_type; /* owned; tag may be NULL */
	int64_t size;
	bool blob;
	char *from; /* the repository that a blob was mounted from, or NULL: not named; owned */
};
struct trace {
	int64_t started; /* ns, of the monotonic clock */
	int64_t received, sent; /* bytes of the bodies */
	char *target;	 /* as it came; only where there is an access log; owned */
	struct event event;
};
void trace_begin(struct request *request, const char *target);
void trace_clear(struct trace *trace);
/* Something happened to a manifest: kept only where somebody wants to know. `tag` and `media_type` may be NULL. */
void event_note(struct request *request, const char *action, const struct digest *digest, const char *tag, const char *media_type, int64_t size);
void event_note_blob(struct request *request, const char *action, const struct digest *digest, int64_t size, const char *from); /* size -1: unknown */

/* ---- the whole ---- */
struct observer;
int observer_start(const struct observe_options *options, struct observer **ret, struct error *err);
/* `complete`: the answer was sent to its end. */
void observer_request(struct observer *observer, struct request *request, bool complete);
/* Tells webhooks what commands have changed beside the server since the last time. */
void observer_look(struct observer *observer, struct store *store);
void observer_gc(struct observer *observer, const struct store_usage *freed, double seconds); /* freed NULL: it failed */
/* Those that get events from now on; they must stay until others are set. */
void observer_set_webhooks(struct observer *observer, struct webhooks *webhooks);
void observer_hangup(struct observer *observer); /* opens the log's file anew: it was rotated */
void observer_stop(struct observer **at);

/* ---- the parts, for observe.c ---- */
struct metrics;
struct metrics *metrics_new(void);
void metrics_request(struct metrics *metrics, const struct request *request, double seconds);
void metrics_gc(struct metrics *metrics, const struct store_usage *freed, double seconds);
struct metrics *observer_metrics(struct observer *observer);

struct access_log;
int access_log_open(const struct observe_options *options, struct access_log **ret, struct error *err);
void access_log_write(struct access_log *log, struct request *request, double seconds);
void access_log_reopen(struct access_log *log);
void access_log_close(struct access_log **at);

struct webhooks_state {
	uint64_t delivered, dropped, queued;
};
/* Starts a thread for each; what an earlier process could not deliver is read from the store's folder. */
struct webhooks *webhooks_start(struct store *store, const struct webhook_options *options, size_t len);
void webhooks_send(struct webhooks *webhooks, struct request *request);
struct publish_notice;
void webhooks_send_notice(struct webhooks *webhooks, const struct publish_notice *notice);
void webhooks_state(const struct webhooks *webhooks, struct webhooks_state *ret);
/* Waits for none of what is queued: it is kept for the next process. */
void webhooks_stop(struct webhooks **at);
/* Older ones end, soon: what waits there goes on here, if the endpoint is still wanted. Both may be NULL. */
void webhooks_inherit(struct webhooks *webhooks, struct webhooks *older);
bool webhooks_ended(const struct webhooks *webhooks); /* have their threads? NULL: yes */
bool observer_webhooks(struct observer *observer, struct webhooks_state *ret); /* false: there are none */
#endif
