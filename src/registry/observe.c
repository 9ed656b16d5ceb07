/* The observer: one place that a finished request passes. */
#include <time.h>

#include "base/log.h"
#include "registry/internal.h"
#include "remote/publish.h"

struct observer {
	struct metrics *metrics;
	struct access_log *log;	   /* NULL: off */
	pthread_rwlock_t lock;	   /* of webhooks: held for reading by those who send */
	int64_t changes;	   /* store_changes when notices were looked for */
	struct webhooks *webhooks; /* NULL: none; borrowed from the settings */
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void trace_begin(struct request *request, const char *target)
{
	request->trace.started = now_ns();
	if (request->server->observer && request->server->observer->log)
		request->trace.target = xstrdup(target);
}

void trace_clear(struct trace *trace)
{
	free(trace->target);
	free(trace->event.tag);
	free(trace->event.media_type);
	free(trace->event.from);
	*trace = (struct trace){ 0 };
}

static bool is_observed(const struct request *request)
{
	return request->server->observer && __atomic_load_n(&request->server->observer->webhooks, __ATOMIC_RELAXED);
}

void event_note(struct request *request, const char *action, const struct digest *digest, const char *tag, const char *media_type, int64_t size)
{
	if (is_observed(request))
		request->trace.event = (struct event){ action, *digest, xstrdup(tag), xstrdup(media_type), size, false, NULL };
}

void event_note_blob(struct request *request, const char *action, const struct digest *digest, int64_t size, const char *from)
{
	if (is_observed(request))
		request->trace.event = (struct event){ action, *digest, NULL, NULL, size, true, xstrdup(from) };
}

int observer_start(const struct observe_options *options, struct observer **ret, struct error *err)
{
	struct observer *observer = xnew(struct observer);

	observer->metrics = metrics_new();
	pthread_rwlock_init(&observer->lock, NULL);
	if (access_log_open(options, &observer->log, err) < 0) {
		observer_stop(&observer);
		return -1;
	}
	*ret = observer;
	return 0;
}

void observer_set_webhooks(struct observer *observer, struct webhooks *webhooks)
{
	if (!observer)
		return;
	pthread_rwlock_wrlock(&observer->lock);
	__atomic_store_n(&observer->webhooks, webhooks, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&observer->lock);
}

static void send_event(struct observer *observer, struct request *request)
{
	pthread_rwlock_rdlock(&observer->lock);
	if (observer->webhooks)
		webhooks_send(observer->webhooks, request);
	pthread_rwlock_unlock(&observer->lock);
}

/* A pull that broke is none; what was pushed or deleted is so, whether the client read our answer or not. */
void observer_request(struct observer *observer, struct request *request, bool complete)
{
	double seconds = (double)(now_ns() - request->trace.started) / 1e9;
	const struct event *event = &request->trace.event;

	if (!observer || !request->queued)
		return;
	metrics_request(observer->metrics, request, seconds);
	if (observer->log)
		access_log_write(observer->log, request, seconds);
	if (event->action && request->status < 300 && (complete || !str_equal(event->action, "pull")))
		send_event(observer, request);
}

static void send_notice(void *data, const struct publish_notice *notice)
{
	webhooks_send_notice(data, notice);
}

/* Only the thread that calls this changes the webhooks. */
void observer_look(struct observer *observer, struct store *store)
{
	struct error err _cleanup_(error_clear) = { 0 };
	int64_t changes = store_changes(store);

	if (!observer->webhooks || (changes && changes == observer->changes))
		return;
	if (publish_notices_take(store, send_notice, observer->webhooks, &err) < 0)
		log_warn("what commands have pushed can't be told to webhooks: %s", err.message);
	else
		observer->changes = changes;
}

void observer_gc(struct observer *observer, const struct store_usage *freed, double seconds)
{
	metrics_gc(observer->metrics, freed, seconds);
}

void observer_hangup(struct observer *observer)
{
	if (observer && observer->log)
		access_log_reopen(observer->log);
}

struct metrics *observer_metrics(struct observer *observer)
{
	return observer->metrics;
}

bool observer_webhooks(struct observer *observer, struct webhooks_state *ret)
{
	pthread_rwlock_rdlock(&observer->lock);
	bool there = observer->webhooks;
	if (there)
		webhooks_state(observer->webhooks, ret);
	pthread_rwlock_unlock(&observer->lock);
	return there;
}

void observer_stop(struct observer **at)
{
	struct observer *observer = steal(*at);

	if (!observer)
		return;
	access_log_close(&observer->log);
	pthread_rwlock_destroy(&observer->lock);
	free(observer->metrics);
	free(observer);
}

void observe_options_clear(struct observe_options *options)
{
	for (size_t i = 0; i < options->webhooks_len; i++) {
		struct webhook_options *webhook = &options->webhooks[i];
		free(webhook->url);
		free(webhook->secret);
		strlist_free(&webhook->events);
		strlist_free(&webhook->repositories);
		strlist_free(&webhook->headers);
	}
	free(options->webhooks);
	free(options->log_file);
	*options = (struct observe_options){ 0 };
}
