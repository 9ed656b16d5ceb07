/* GET /metrics: what Prometheus scrapes (text format 0.0.4).
 *
 * Counters are plain numbers that are added to without a lock. Those of requests are a table over method, route and status; only what
 * happened is printed. What the store holds is asked when it is scraped. */
#include <assert.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "registry/internal.h"

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other" };
static const unsigned statuses[] = { 200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 409, 413, 414, 416, 429, 500, 502, 503, 504, 507, 0 };
static const double bounds[] = { 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60 }; /* seconds */

struct metrics {
	uint64_t requests[array_len(methods)][ROUTE_COUNT][array_len(statuses)];
	uint64_t received[array_len(methods)], sent[array_len(methods)];
	struct histogram {
		uint64_t buckets[array_len(bounds) + 1];
		uint64_t microseconds;
	} durations[ROUTE_COUNT];
	uint64_t gc_runs, gc_failures, gc_blobs, gc_bytes, gc_uploads, gc_microseconds, gc_ended;
	time_t started;
};

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

static uint64_t get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

struct metrics *metrics_new(void)
{
	struct metrics *metrics = xnew(struct metrics);

	metrics->started = time(NULL);
	return metrics;
}

void metrics_request(struct metrics *metrics, const struct request *request, double seconds)
{
	enum route route = request->target.route;
	size_t method = 0, status = 0, bucket = 0;

	while (method < array_len(methods) - 1 && !str_equal(request->method, methods[method]))
		method++;
	while (statuses[status] && statuses[status] != request->status)
		status++;
	while (bucket < array_len(bounds) && seconds > bounds[bucket])
		bucket++;
	add(&metrics->requests[method][route][status], 1);
	add(&metrics->received[method], (uint64_t)request->trace.received);
	add(&metrics->sent[method], (uint64_t)request->trace.sent);
	add(&metrics->durations[route].buckets[bucket], 1);
	add(&metrics->durations[route].microseconds, (uint64_t)(seconds * 1e6));
}

void metrics_gc(struct metrics *metrics, const struct store_usage *freed, double seconds)
{
	add(freed ? &metrics->gc_runs : &metrics->gc_failures, 1);
	__atomic_store_n(&metrics->gc_microseconds, (uint64_t)(seconds * 1e6), __ATOMIC_RELAXED);
	__atomic_store_n(&metrics->gc_ended, (uint64_t)time(NULL), __ATOMIC_RELAXED);
	if (!freed)
		return;
	add(&metrics->gc_blobs, (uint64_t)freed->blobs);
	add(&metrics->gc_bytes, (uint64_t)freed->blobs_bytes);
	add(&metrics->gc_uploads, (uint64_t)freed->uploads);
}

/* ---- printing ---- */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	head(out, name, type, help);
	buf_printf(out, "%s %.17g\n", name, value);
}

static void add_statuses(struct buf *out, const struct metrics *metrics, size_t method, size_t route)
{
	for (size_t i = 0; i < array_len(statuses); i++) {
		uint64_t n = get(&metrics->requests[method][route][i]);
		char status[12] = "other";
		if (statuses[i])
			snprintf(status, sizeof status, "%u", statuses[i]);
		if (n)
			buf_printf(out, "sampan_http_requests_total{method=\"%s\",route=\"%s\",status=\"%s\"} %llu\n", methods[method],
				   route_name((enum route)route), status, (unsigned long long)n);
	}
}

static void add_requests(struct buf *out, const struct metrics *metrics)
{
	head(out, "sampan_http_requests_total", "counter", "Requests that were answered.");
	for (size_t method = 0; method < array_len(methods); method++)
		for (size_t route = 0; route < ROUTE_COUNT; route++)
			add_statuses(out, metrics, method, route);
}

static void add_bytes(struct buf *out, const char *name, const char *help, const uint64_t counters[array_len(methods)])
{
	head(out, name, "counter", help);
	for (size_t method = 0; method < array_len(methods); method++)
		if (get(&counters[method]))
			buf_printf(out, "%s{method=\"%s\"} %llu\n", name, methods[method], (unsigned long long)get(&counters[method]));
}

static void add_durations(struct buf *out, const struct metrics *metrics)
{
	static const char name[] = "sampan_http_request_duration_seconds";

	head(out, name, "histogram", "From a request's headers to the end of its answer.");
	for (size_t route = 0; route < ROUTE_COUNT; route++) {
		const struct histogram *histogram = &metrics->durations[route];
		const char *label = route_name((enum route)route);
		uint64_t sum = 0;
		for (size_t i = 0; i < array_len(histogram->buckets); i++)
			sum += get(&histogram->buckets[i]);
		if (!sum)
			continue;
		sum = 0;
		for (size_t i = 0; i < array_len(bounds); i++)
			buf_printf(out, "%s_bucket{route=\"%s\",le=\"%g\"} %llu\n", name, label, bounds[i],
				   (unsigned long long)(sum += get(&histogram->buckets[i])));
		sum += get(&histogram->buckets[array_len(bounds)]);
		buf_printf(out, "%s_bucket{route=\"%s\",le=\"+Inf\"} %llu\n", name, label, (unsigned long long)sum);
		buf_printf(out, "%s_sum{route=\"%s\"} %g\n%s_count{route=\"%s\"} %llu\n", name, label, (double)get(&histogram->microseconds) / 1e6,
			   name, label, (unsigned long long)sum);
	}
}

static void add_server(struct buf *out, struct server *server)
{
	size_t connections = 0, running;

	pthread_mutex_lock(&server->lock);
	for (const struct connection *connection = server->connections; connection; connection = connection->next)
		connections++;
	running = __atomic_load_n(&server->running, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&server->lock);
	one(out, "sampan_http_connections", "gauge", "Connections that are open.", (double)connections);
	one(out, "sampan_http_requests_running", "gauge", "Requests under way, this one among them.", (double)running);
}

static int add_store(struct buf *out, struct store *store, struct error *err)
{
	struct store_totals totals;
	struct statvfs disk;

	if (store_totals(store, &totals, err) < 0)
		return -1;
	one(out, "sampan_blobs", "gauge", "Blobs in the store.", (double)totals.blobs);
	one(out, "sampan_blob_bytes", "gauge", "Their bytes.", (double)totals.bytes);
	one(out, "sampan_repositories", "gauge", "Repositories that are published.", (double)totals.repositories);
	one(out, "sampan_tags", "gauge", "Tags in these.", (double)totals.tags);
	one(out, "sampan_uploads", "gauge", "Uploads that were begun and not ended.", (double)totals.uploads);
	if (fstatvfs(store_dir(store), &disk) == 0) {
		one(out, "sampan_disk_free_bytes", "gauge", "Space left on the store's disk.", (double)disk.f_bavail * (double)disk.f_frsize);
		one(out, "sampan_disk_size_bytes", "gauge", "Size of the store's disk.", (double)disk.f_blocks * (double)disk.f_frsize);
	}
	return 0;
}

static void add_gc(struct buf *out, const struct metrics *metrics)
{
	one(out, "sampan_gc_runs_total", "counter", "Garbage collections of this server that ended well.", (double)get(&metrics->gc_runs));
	one(out, "sampan_gc_failures_total", "counter", "Those that failed.", (double)get(&metrics->gc_failures));
	one(out, "sampan_gc_freed_blobs_total", "counter", "Blobs that they removed.", (double)get(&metrics->gc_blobs));
	one(out, "sampan_gc_freed_bytes_total", "counter", "Bytes that they freed.", (double)get(&metrics->gc_bytes));
	one(out, "sampan_gc_swept_uploads_total", "counter", "Abandoned uploads that they removed.", (double)get(&metrics->gc_uploads));
	if (get(&metrics->gc_ended)) {
		one(out, "sampan_gc_last_duration_seconds", "gauge", "How long the last one took.", (double)get(&metrics->gc_microseconds) / 1e6);
		one(out, "sampan_gc_last_timestamp_seconds", "gauge", "When it ended.", (double)get(&metrics->gc_ended));
	}
}

static void add_webhooks(struct buf *out, struct observer *observer)
{
	struct webhooks_state state;

	if (!observer_webhooks(observer, &state))
		return;
	one(out, "sampan_webhook_delivered_total", "counter", "Events that an endpoint took.", (double)state.delivered);
	one(out, "sampan_webhook_dropped_total", "counter", "Events that were refused, or for which there was no room.", (double)state.dropped);
	one(out, "sampan_webhook_queued", "gauge", "Events that wait.", (double)state.queued);
}

static void add_process(struct buf *out, const struct metrics *metrics)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	long long size, resident;

	head(out, "sampan_build_info", "gauge", "The version that runs.");
	buf_printf(out, "sampan_build_info{version=\"%s\"} 1\n", SAMPAN_VERSION);
	one(out, "process_start_time_seconds", "gauge", "When the server started.", (double)metrics->started);
	if (file_read(AT_FDCWD, "/proc/self/statm", 256, &text, NULL) == 0 && sscanf(text.data, "%lld %lld", &size, &resident) == 2)
		one(out, "process_resident_memory_bytes", "gauge", "Resident memory.", (double)resident * (double)sysconf(_SC_PAGESIZE));
}

void metrics_get(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct buf out _cleanup_(buf_free) = { 0 };
	struct server *server = request->server;
	const struct metrics *metrics = observer_metrics(server->observer);

	add_requests(&out, metrics);
	add_bytes(&out, "sampan_http_received_bytes_total", "Bytes of requests' bodies.", metrics->received);
	add_bytes(&out, "sampan_http_sent_bytes_total", "Bytes of answers' bodies.", metrics->sent);
	add_durations(&out, metrics);
	add_server(&out, server);
	if (add_store(&out, server->store, &err) < 0) {
		request_fail_error(request, &err, "NAME_UNKNOWN", "NAME_INVALID");
		return;
	}
	add_gc(&out, metrics);
	add_webhooks(&out, server->observer);
	add_process(&out, metrics);
	request_answer(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", out.data, out.len);
}
