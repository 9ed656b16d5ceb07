/* The observer: one place that a finished request passes. */
#include <time.h>

#include "registry/internal.h"

struct observer {
	struct metrics *metrics;
	struct access_log *log;	   /* NULL: off */
	struct webhooks *webhooks; /* NULL: none */
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
	*trace = (struct trace){ 0 };
}

void event_note(struct request *request, const char *action, const struct digest *digest, const char *tag, const char *media_type, int64_t size)
{
	struct event *event = &request->trace.event;

	if (!request->server->observer || !request->server->observer->webhooks)
		return;
	*event = (struct event){ action, *digest, xstrdup(tag), xstrdup(media_type), size };
}

int observer_start(struct server *server, const struct observe_options *options, struct observer **ret, struct error *err)
{
	struct observer *observer = xnew(struct observer);

	observer->metrics = metrics_new();
	if (access_log_open(options, &observer->log, err) < 0) {
		observer_stop(&observer);
		return -1;
	}
	if (options->webhooks_len)
		observer->webhooks = webhooks_start(store_dir(server->store), options->webhooks, options->webhooks_len);
	*ret = observer;
	return 0;
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
		webhooks_send(observer->webhooks, request);
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

const struct webhooks *observer_webhooks(const struct observer *observer)
{
	return observer->webhooks;
}

void observer_stop(struct observer **at)
{
	struct observer *observer = steal(*at);

	if (!observer)
		return;
	webhooks_stop(&observer->webhooks);
	access_log_close(&observer->log);
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
