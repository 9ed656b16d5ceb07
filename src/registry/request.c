/* From the library's callbacks to operations and back. */
#include "base/log.h"
#include "registry/internal.h"
#include "registry/overview.h"
#include "registry/page.h"
#include "registry/plain.h"
#include "registry/proxy.h"
#include "registry/tls.h"

enum { EARLY_ANSWER_BYTES = 64 << 20 }; /* a refused body longer than that is not waited for */

static void nothing(struct request *request)
{
	(void)request;
}

/* GET stands for HEAD as well: the library leaves the body out. */
const struct operation operations[] = {
	{ ROUTE_BASE, "GET", ACTION_ENTER, nothing, NULL, base_get },
	{ ROUTE_CATALOG, "GET", ACTION_CATALOG, nothing, NULL, catalog_get },
	{ ROUTE_TAGS, "GET", ACTION_PULL, nothing, NULL, tags_get },
	{ ROUTE_MANIFEST, "GET", ACTION_PULL, nothing, NULL, manifest_get },
	{ ROUTE_MANIFEST, "PUT", ACTION_PUSH, manifest_put_begin, manifest_put_data, manifest_put_end },
	{ ROUTE_MANIFEST, "DELETE", ACTION_DELETE, nothing, NULL, manifest_delete },
	{ ROUTE_BLOB, "GET", ACTION_PULL, nothing, NULL, blob_get },
	{ ROUTE_BLOB, "DELETE", ACTION_DELETE, nothing, NULL, blob_delete },
	{ ROUTE_UPLOADS, "POST", ACTION_PUSH, upload_post_begin, upload_body_data, upload_post_end },
	{ ROUTE_UPLOAD, "GET", ACTION_PUSH, nothing, NULL, upload_get },
	{ ROUTE_UPLOAD, "PATCH", ACTION_PUSH, upload_patch_begin, upload_body_data, upload_patch_end },
	{ ROUTE_UPLOAD, "PUT", ACTION_PUSH, upload_put_begin, upload_body_data, upload_put_end },
	{ ROUTE_UPLOAD, "DELETE", ACTION_PUSH, nothing, NULL, upload_delete },
	{ ROUTE_REFERRERS, "GET", ACTION_PULL, nothing, NULL, referrers_get },
	{ ROUTE_TOKEN, "GET", ACTION_OPEN, nothing, NULL, token_get },
	{ ROUTE_TOKEN, "POST", ACTION_OPEN, nothing, token_post_data, token_post_end },
	{ ROUTE_AUTHORITY, "GET", ACTION_OPEN, nothing, NULL, authority_get },
	{ ROUTE_JOIN, "GET", ACTION_OPEN, nothing, NULL, join_get },
	{ ROUTE_PING, "GET", ACTION_OPEN, nothing, NULL, ping_get },
	{ ROUTE_SEARCH, "GET", ACTION_CATALOG, nothing, NULL, search_get },
	{ ROUTE_METRICS, "GET", ACTION_CATALOG, nothing, NULL, metrics_get },
	{ ROUTE_HEALTH, "GET", ACTION_OPEN, nothing, NULL, health_get },
	{ ROUTE_READY, "GET", ACTION_OPEN, nothing, NULL, ready_get },
	{ ROUTE_PAGE, "GET", ACTION_OPEN, nothing, NULL, page_get },
	{ ROUTE_REPOSITORY_ROWS, "GET", ACTION_CATALOG, nothing, NULL, overview_repositories_get },
	{ ROUTE_TAG_ROWS, "GET", ACTION_PULL, nothing, NULL, overview_tags_get },
	{ ROUTE_TRANSFERS, "GET", ACTION_CATALOG, nothing, NULL, overview_transfers_get },
	{ ROUTE_NONE },
};

const char *request_header(struct request *request, const char *name)
{
	if (request->plain)
		return plain_header(request->plain, name);
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

void request_nothing(struct request *request)
{
	request_fail(request, MHD_HTTP_NOT_FOUND, "NAME_UNKNOWN", "there is nothing here; the registry is at /v2/");
}

bool request_digest(struct request *request, const char *text, struct digest *ret)
{
	struct error err _cleanup_(error_clear) = { 0 };

	if (digest_parse(text, ret, &err) == 0)
		return true;
	request_fail(request, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID", "%s", err.message);
	return false;
}

bool request_repository(struct request *request)
{
	if (!request->target.repository || repository_name_valid(request->target.repository))
		return true;
	request_fail(request, MHD_HTTP_BAD_REQUEST, "NAME_INVALID", "the repository name is invalid");
	return false;
}

/* ---- framing ---- */

struct framing {
	int lengths, codings, hosts;
	const char *length, *coding;
	bool broken; /* a bare line end in a value: another reader may begin a header there */
	bool blank; /* in a name: another reader may take "Content-Length :" for a length */
};

static enum MHD_Result framing_count(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct framing *framing = data;

	(void)kind;
	framing->blank |= strpbrk(name, " \t") != NULL;
	framing->broken |= value && strpbrk(value, "\r\n");
	framing->hosts += !strcasecmp(name, "Host");
	if (!strcasecmp(name, "Content-Length")) {
		framing->lengths++;
		framing->length = value;
	} else if (!strcasecmp(name, "Transfer-Encoding")) {
		framing->codings++;
		framing->coding = value;
	}
	return MHD_YES;
}

/* Where two readers of a request could see its end in two places, a request may be smuggled past a proxy in front of us: refuse it, and
 * read nothing more from the connection (RFC 9112, 6.1 and 6.3). */
static bool framing_check(struct request *request, const char *version)
{
	struct framing framing = { 0 };
	const char *wrong = NULL;

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, framing_count, &framing);
	if (framing.blank)
		wrong = "the name of a header has a blank";
	else if (framing.broken)
		wrong = "a header has a line end in its value";
	else if (framing.hosts > 1)
		wrong = "the request has more than one Host";
	else if (framing.lengths + framing.codings > 1)
		wrong = "the request has more than one Content-Length or Transfer-Encoding";
	else if (framing.coding && strcasecmp(framing.coding, "chunked") != 0)
		wrong = "the request has a Transfer-Encoding other than chunked";
	else if (framing.coding && !str_equal(version, MHD_HTTP_VERSION_1_1))
		wrong = "Transfer-Encoding needs HTTP/1.1";
	else if (framing.length && str_to_int(framing.length, 0, INT64_MAX, &request->content_length, NULL) < 0)
		wrong = "the Content-Length is not a number";
	else if (framing.coding)
		request->content_length = -1;
	if (!wrong)
		return true;
	request->close = true;
	request->endless = framing.coding && strcasecmp(framing.coding, "chunked") != 0;
	request_fail(request, MHD_HTTP_BAD_REQUEST, "SIZE_INVALID", "%s", wrong);
	return false;
}

/* ---- choosing the operation ---- */

static void allow(struct request *request)
{
	struct strlist methods _cleanup_(strlist_free) = { 0 };

	for (const struct operation *operation = operations; operation->method; operation++)
		if (operation->route == request->target.route) {
			strlist_add(&methods, operation->method);
			if (str_equal(operation->method, "GET"))
				strlist_add(&methods, "HEAD");
		}
	_cleanup_(freep) char *list = strlist_join(&methods, ", ");
	request_fail(request, MHD_HTTP_METHOD_NOT_ALLOWED, "UNSUPPORTED", "this address takes %s", list);
	request_set(request, "Allow", "%s", list);
}

static void choose(struct request *request, const char *version)
{
	const char *method = request->head ? "GET" : request->method;
	struct error *error = &request->target_error;

	if (!framing_check(request, version))
		return;
	if (error->code) {
		bool large = error->code == ERROR_TOO_LARGE;
		request_fail(request, large ? MHD_HTTP_URI_TOO_LONG : MHD_HTTP_BAD_REQUEST, "NAME_INVALID", "%s", error->message);
		return;
	}
	if (request->target.route == ROUTE_NONE) {
		request_nothing(request);
		return;
	}
	if (!page_guards(request))
		return;
	for (const struct operation *operation = operations; operation->method; operation++)
		if (operation->route == request->target.route && str_equal(operation->method, method)) {
			if (request_repository(request) && proxy_choose(request) && access_permits(request, operation->action))
				request->operation = operation;
			return;
		}
	allow(request);
}

/* ---- callbacks ---- */

struct request *request_new(struct server *server, struct connection *about, const char *target)
{
	struct request *request = xnew(struct request);

	request->server = server;
	request->about = about;
	request->settings = settings_take(server, about);
	trace_begin(request, target);
	target_parse(origin_strip(&request->settings->origin, target), &request->target, &request->target_error);
	return request;
}

void *request_created(void *server, const char *target, struct MHD_Connection *connection)
{
	struct request *request =
		request_new(server, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context, target);

	request->connection = connection;
	return request;
}

static void calm_signal(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	pthread_cond_signal(&server->calm);
	pthread_mutex_unlock(&server->lock);
}

/* Only this connection's thread makes it one; others read it under the lock. */
static void forget_transfer(struct server *server, struct connection *about)
{
	if (!about->transfer)
		return;
	pthread_mutex_lock(&server->lock);
	transfer_end(about);
	pthread_mutex_unlock(&server->lock);
}

/* Without the lock, which all connections would queue up for; only who waits for the end needs to be woken under it. */
void request_mark(struct request *request, bool running)
{
	struct server *server = request->server;
	struct connection *about = request->about;

	if (about) {
		__atomic_store_n(&about->received, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&about->since, now_seconds(), __ATOMIC_RELAXED);
		__atomic_store_n(&about->receiving, running, __ATOMIC_RELAXED);
		__atomic_store_n(&about->running, running, __ATOMIC_RELEASE); /* last: `since` is of this request then */
		forget_transfer(server, about);
	}
	if (!running)
		__atomic_add_fetch(&server->served, 1, __ATOMIC_RELAXED);
	if (!__atomic_add_fetch(&server->running, running ? 1 : -1, __ATOMIC_SEQ_CST) && __atomic_load_n(&server->stopping, __ATOMIC_SEQ_CST))
		calm_signal(server);
}

/* Before the answer is sent, since a client's next request for the upload may come before we are called again. */
static void release_upload(struct request *request)
{
	if (request->upload_known)
		upload_suspend(&request->upload);
	else
		upload_cancel(&request->upload);
}

/* With where the client is, and where it sees us: what one wants to know behind proxies. */
void request_log(struct request *request)
{
	if (log_level() < LOG_LEVEL_DEBUG)
		return;
	_cleanup_(freep) char *url = request_url(request, "/");
	log_debug("%s %s %s: %u (%s at %s)", request->method, request->target.repository ? request->target.repository : "",
		  request->target.item ? request->target.item : "", request->status, request_client_address(request), url);
}

static enum MHD_Result queue(struct request *request)
{
	if (!request->recent && (request->close || __atomic_load_n(&request->server->stopping, __ATOMIC_RELAXED)))
		request_set(request, "Connection", "close");
	request_log(request);
	request->queued = true;
	release_upload(request);
	if (request->about)
		__atomic_store_n(&request->about->receiving, false, __ATOMIC_RELAXED);
	return MHD_queue_response(request->connection, request->status, request->response);
}

/* The library stops reading after an early answer, but only for these two methods. */
static bool answer_early(struct request *request)
{
	if (!request->response || (!str_equal(request->method, "PUT") && !str_equal(request->method, "POST")))
		return false;
	return request->close || request_header(request, "Expect") || request->content_length > EARLY_ANSWER_BYTES;
}

/* Once a connection: its handshake has ended now. */
static void name_client(struct request *request)
{
	struct connection *about = request->about;

	if (about && about->identity && !about->named) {
		about->named = true;
		about->client_name = tls_client_name(MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
		log_debug("tls: the client's name is %s", about->client_name ? about->client_name : "unknown");
	}
}

static enum MHD_Result request_begin(struct request *request, const char *method, const char *version)
{
	request->method = method;
	request->head = str_equal(method, "HEAD");
	request->begun = true;
	request_mark(request, true);
	name_client(request);
	choose(request, version);
	if (request->operation)
		request->operation->begin(request);
	if (request->upload && !request->response)
		transfer_begin(request, true, request->content_length);
	if (answer_early(request))
		return queue(request);
	return request->endless ? MHD_NO : MHD_YES; /* the library would read to the end of the connection before it answers */
}

enum MHD_Result request_handle(void *server, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
			       const char *bytes, size_t *bytes_len, void **at)
{
	struct request *request = *at;

	(void)server, (void)connection, (void)url;
	if (!request->begun)
		return request_begin(request, method, version);
	if (request->queued)
		return MHD_NO;
	if (*bytes_len) {
		if (request->about)
			__atomic_add_fetch(&request->about->received, (int64_t)*bytes_len, __ATOMIC_RELAXED);
		request->trace.received += (int64_t)*bytes_len;
		if (!request->response && request->operation->data)
			request->operation->data(request, bytes, *bytes_len);
		*bytes_len = 0;
		return MHD_YES;
	}
	if (!request->response)
		request->operation->end(request);
	return queue(request);
}

/* An upload whose connection broke keeps what came, in order, if the client knows its id; it is never committed here. */
void request_end(struct request *request, bool complete)
{
	release_upload(request);
	observer_request(request->server->observer, request, complete);
	if (request->response && !request->recent)
		MHD_destroy_response(request->response);
	recent_release(&request->recent);
	if (request->begun)
		request_mark(request, false);
	free(request->forwarded);
	target_clear(&request->target);
	free(request->mirror_name);
	error_clear(&request->target_error);
	error_clear(&request->error);
	caller_clear(&request->caller);
	buf_free(&request->body);
	manifest_body_forget(request);
	trace_clear(&request->trace);
	free(request);
}

void request_completed(void *server, struct MHD_Connection *connection, void **at, enum MHD_RequestTerminationCode why)
{
	(void)server, (void)connection;
	if (*at)
		request_end(*at, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	*at = NULL;
}
