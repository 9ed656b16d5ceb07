/* Webhooks: what happened to manifests, and to blobs for who wants that, is POSTed to endpoints, in the envelope of Docker's registry (its
 * 'Notifications' documentation).
 *
 * Each endpoint has a queue and a thread of its own, so that one that hangs holds up nobody. A request only ever puts its event into
 * the queue: bounded, the oldest gives way. Events go out one by one, in order; one that fails is tried again with growing pauses, one that
 * the endpoint refuses (4xx) is dropped. At the end of the server what is left is written to a file in the store's folder, from which the next
 * one goes on; a server that is killed loses what waited, which is why an endpoint that must miss nothing has to look itself now and then.
 *
 * New settings make new webhooks, which take over what waits; the old ones end when what they are sending has been answered. */
#include <errno.h>
#include <fnmatch.h>
#include <nettle/hmac.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/uuid.h"
#include "registry/config.h"
#include "registry/internal.h"
#include "remote/publish.h"
#include "remote/transport.h"

#define LEFT_FILE "webhooks.left"

enum { QUEUE_MAX = 1000, LEFT_MAX = 16 << 20, SECRET_MAX = 4096, TRIES_MAX = 100, PAUSE_MAX = 60, WEBHOOKS_MAX = 16 };

struct webhook {
	const struct webhook_options *options;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	struct strlist queue; /* bodies, the oldest first; the first may be under way */
	uint64_t generation;  /* of queue.items[0]: how many went before */
	bool stopping, ended; /* ended: the thread has; atomic */
	uint64_t delivered, dropped;
};

struct webhooks {
	struct store *store; /* borrowed */
	struct webhook *items;
	size_t len;
	bool retired; /* others have taken over */
};

/* ---- settings ---- */

/* Of a file, without the line's end; or of the environment, so that it is in no file at all. */
static int read_secret(const json_t *object, char **ret, struct error *err)
{
	const char *file, *env;
	struct buf text _cleanup_(buf_free) = { 0 };

	if (json_get_string(object, "secret_file", &file, err) < 0 || json_get_string(object, "secret_env", &env, err) < 0)
		return -1;
	if (file && env)
		return error_set(err, ERROR_INVALID, "'secret_file' and 'secret_env' are two secrets; give one");
	if (env && str_empty(getenv(env)))
		return error_set(err, ERROR_INVALID, "the variable %s, which 'secret_env' names, is not set", env);
	if (env)
		buf_add_str(&text, getenv(env));
	if (file && file_read(AT_FDCWD, file, SECRET_MAX, &text, err) < 0)
		return error_wrap(err, "'secret_file'");
	if (!file && !env)
		return 0;
	while (text.len && strchr("\r\n", text.data[text.len - 1]))
		text.data[--text.len] = '\0';
	if (!text.len)
		return error_set(err, ERROR_INVALID, "the secret is empty");
	*ret = buf_steal(&text);
	return 0;
}

static int check_events(const struct strlist *events, struct error *err)
{
	static const char *const known[] = { "push", "pull", "delete", "mount", NULL };

	for (size_t i = 0; i < events->len; i++) {
		size_t at = 0;
		while (known[at] && !str_equal(known[at], events->items[i]))
			at++;
		if (!known[at])
			return error_set(err, ERROR_INVALID, "there is no event '%s'; there are push, pull, delete and mount", events->items[i]);
	}
	return 0;
}

static int read_webhook(const json_t *object, struct webhook_options *ret, struct error *err)
{
	static const char *const known[] = { "url", "events", "blobs", "repositories", "headers", "secret_file", "secret_env", NULL };
	const char *url;

	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "it must be an object like {\"url\": \"https://…\"}");
	if (config_check_keys(object, known, err) < 0 || json_get_string(object, "url", &url, err) < 0 ||
	    json_get_strlist(object, "events", &ret->events, err) < 0 || json_get_strlist(object, "repositories", &ret->repositories, err) < 0 ||
	    json_get_bool(object, "blobs", &ret->blobs, err) < 0 || json_get_strlist(object, "headers", &ret->headers, err) < 0 || check_events(&ret->events, err) < 0)
		return -1;
	_cleanup_(freep) char *origin = url ? url_origin(url) : NULL;
	if (!origin)
		return error_set(err, ERROR_INVALID, "'url' must be an http or https address");
	for (size_t i = 0; i < ret->headers.len; i++)
		if (!strchr(ret->headers.items[i], ':') || strpbrk(ret->headers.items[i], "\r\n"))
			return error_set(err, ERROR_INVALID, "'headers' are texts like \"Name: value\"");
	ret->url = xstrdup(url);
	return read_secret(object, &ret->secret, err);
}

int webhooks_config(struct registry_options *options, const json_t *section, struct error *err)
{
	struct observe_options *observe = &options->observe;
	json_t *item;
	size_t i;

	if (!json_is_array(section) || json_array_size(section) > WEBHOOKS_MAX)
		return error_set(err, ERROR_INVALID, "it must be a list of at most %d", WEBHOOKS_MAX);
	if (json_array_size(section) && config_connects(options, err) < 0)
		return -1;
	observe->webhooks = xcalloc(json_array_size(section) + 1, sizeof *observe->webhooks);
	json_array_foreach((json_t *)section, i, item) {
		observe->webhooks_len = i + 1;
		if (read_webhook(item, &observe->webhooks[i], err) < 0)
			return error_wrap(err, "number %zu", i + 1);
		const char *file = json_string_value(json_object_get(item, "secret_file"));
		if (file) /* is read again with the settings */
			strlist_add(&options->readable, file);
	}
	return 0;
}

/* ---- the envelope ---- */

static void target_describe(json_t *target, const char *media_type, int64_t size)
{
	json_set_text(target, "mediaType", media_type);
	if (!media_type || size < 0)
		return;
	json_object_set_new(target, "size", json_integer(size));
	json_object_set_new(target, "length", json_integer(size));
}

static json_t *event_target(struct request *request)
{
	const struct event *event = &request->trace.event;
	const char *repository = request->target.repository;
	char digest[DIGEST_TEXT_SIZE];

	digest_print(&event->digest, digest);
	json_t *target = json_pack("{s:s, s:s}", "digest", digest, "repository", repository);
	_cleanup_(freep) char *path = xprintf("/v2/%s/%s/%s", repository, event->blob ? "blobs" : "manifests", digest);
	_cleanup_(freep) char *url = request_url(request, path);
	json_set_text(target, "url", url);
	json_set_text(target, "tag", event->tag);
	json_set_text(target, "fromRepository", event->from);
	target_describe(target, event->blob ? "application/octet-stream" : event->media_type, event->size);
	return target;
}

static json_t *event_request(struct request *request)
{
	char id[UUID_TEXT_SIZE];

	uuid_make(id);
	json_t *object = json_pack("{s:s, s:s, s:s}", "id", id, "addr", request_client_address(request), "method", request->method);
	json_set_text(object, "host", request_header(request, "Host"));
	json_set_text(object, "useragent", request_header(request, "User-Agent"));
	return object;
}

/* Who did it, as far as it is known. */
static json_t *event_actor(const struct request *request)
{
	json_t *object = json_object();

	json_set_text(object, "name", request->caller.name);
	return object;
}

/* Takes the three parts. */
static char *envelope(struct store *store, const char *action, time_t at, json_t *target, json_t *request, json_t *actor)
{
	char id[UUID_TEXT_SIZE], when[32], host[256] = "";

	uuid_make(id);
	gethostname(host, sizeof host - 1);
	_cleanup_(json_release) json_t *root =
		json_pack("{s:[{s:s, s:s, s:s, s:o, s:o, s:o, s:{s:s, s:s}}]}", "events", "id", id, "timestamp", time_print(at, when), "action", action,
			  "target", target, "request", request, "actor", actor, "source", "addr", host, "instanceID", store_id(store));
	return root ? json_text(root) : NULL;
}

static char *request_envelope(struct request *request)
{
	return envelope(request->server->store, request->trace.event.action, time(NULL), event_target(request), event_request(request), event_actor(request));
}

/* Of a change that a command made beside the server, see publish.h: who has no address, and used no URL. */
static char *notice_envelope(struct store *store, const struct publish_notice *notice)
{
	char id[UUID_TEXT_SIZE];
	json_t *target = json_pack("{s:s, s:s}", "digest", notice->digest, "repository", notice->repository), *actor = json_object();

	uuid_make(id);
	json_set_text(target, "tag", notice->tag);
	target_describe(target, notice->media_type, notice->size);
	json_set_text(actor, "name", notice->user);
	return envelope(store, notice->action, (time_t)notice->at, target,
			json_pack("{s:s, s:s}", "id", id, "method", str_equal(notice->action, "delete") ? "DELETE" : "PUT"), actor);
}

/* ---- the queue ---- */

static bool wants(const struct webhook_options *options, const char *action, bool blob, const char *repository)
{
	bool named = options->repositories.len == 0;

	for (size_t i = 0; i < options->repositories.len && !named; i++)
		named = fnmatch(options->repositories.items[i], repository, 0) == 0;
	return named && (options->blobs || !blob) && (options->events.len ? strlist_has(&options->events, action) : !str_equal(action, "pull"));
}

/* Called with the lock held. */
static void queue_drop_first(struct webhook *webhook)
{
	free(webhook->queue.items[0]);
	memmove(webhook->queue.items, webhook->queue.items + 1, webhook->queue.len * sizeof *webhook->queue.items);
	webhook->queue.len--;
	webhook->generation++;
}

static void queue_add(struct webhook *webhook, const char *body)
{
	pthread_mutex_lock(&webhook->lock);
	if (webhook->queue.len == QUEUE_MAX) {
		queue_drop_first(webhook);
		webhook->dropped++;
		log_warn_once("webhook %s: more than %d events wait; the oldest are dropped", webhook->options->url, QUEUE_MAX);
	}
	strlist_add(&webhook->queue, body);
	pthread_cond_signal(&webhook->wake);
	pthread_mutex_unlock(&webhook->lock);
}

void webhooks_send(struct webhooks *webhooks, struct request *request)
{
	_cleanup_(freep) char *body = NULL;

	for (size_t i = 0; i < webhooks->len; i++) {
		if (!wants(webhooks->items[i].options, request->trace.event.action, request->trace.event.blob, request->target.repository))
			continue;
		if (!body && !(body = request_envelope(request)))
			return;
		queue_add(&webhooks->items[i], body);
	}
}

void webhooks_send_notice(struct webhooks *webhooks, const struct publish_notice *notice)
{
	_cleanup_(freep) char *body = NULL;

	for (size_t i = 0; i < webhooks->len; i++) {
		if (!wants(webhooks->items[i].options, notice->action, false, notice->repository))
			continue;
		if (!body && !(body = notice_envelope(webhooks->store, notice)))
			return;
		queue_add(&webhooks->items[i], body);
	}
}

void webhooks_state(const struct webhooks *webhooks, struct webhooks_state *ret)
{
	*ret = (struct webhooks_state){ 0 };
	for (size_t i = 0; i < webhooks->len; i++) {
		struct webhook *webhook = &webhooks->items[i];
		pthread_mutex_lock(&webhook->lock);
		ret->delivered += webhook->delivered;
		ret->dropped += webhook->dropped;
		ret->queued += webhook->queue.len;
		pthread_mutex_unlock(&webhook->lock);
	}
}

/* ---- delivery ---- */

/* X-Sampan-Signature: sha256=<hex of HMAC-SHA256 over the body>. */
static void add_signature(struct strlist *headers, const char *secret, const char *body)
{
	unsigned char mac[SHA256_DIGEST_SIZE];
	struct hmac_sha256_ctx hmac;
	char hex[2 * sizeof mac + 1];

	hmac_sha256_set_key(&hmac, strlen(secret), (const uint8_t *)secret);
	hmac_sha256_update(&hmac, strlen(body), (const uint8_t *)body);
	hmac_sha256_digest(&hmac, sizeof mac, mac);
	for (size_t i = 0; i < sizeof mac; i++)
		sprintf(hex + 2 * i, "%02x", mac[i]);
	strlist_printf(headers, "X-Sampan-Signature: sha256=%s", hex);
}

enum outcome { OUTCOME_TAKEN, OUTCOME_REFUSED, OUTCOME_AGAIN };

/* The secret and the body are in no log; of an endpoint that does not answer the log says it once an event. */
static enum outcome deliver(const struct webhook_options *options, struct transport *transport, const char *body, bool first)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };
	struct strlist headers _cleanup_(strlist_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	strlist_add(&headers, "Content-Type: application/vnd.docker.distribution.events.v1+json");
	strlist_add_all(&headers, &options->headers);
	if (options->secret)
		add_signature(&headers, options->secret, body);
	struct exchange exchange = { .method = "POST", .url = options->url, .headers = &headers, .body = body, .body_size = (int64_t)strlen(body) };
	if (transport_exchange(transport, &exchange, &answer, NULL, &err) < 0) {
		if (first && err.code != ERROR_INTERRUPTED)
			log_warn("webhook %s: %s; it is tried again", options->url, err.message);
		return OUTCOME_AGAIN;
	}
	if (answer.status >= 200 && answer.status < 300)
		return OUTCOME_TAKEN;
	bool again = answer.status >= 500 || answer.status == 408 || answer.status == 429;
	if (first || !again)
		log_warn("webhook %s: the endpoint answered %ld%s", options->url, answer.status, again ? "; it is tried again" : "; the event is dropped");
	return again ? OUTCOME_AGAIN : OUTCOME_REFUSED;
}

/* Waits for an event, or for a pause to end. Returns a copy of the first event, or NULL when the server ends. */
static char *next_event(struct webhook *webhook, int pause, uint64_t *ret_generation)
{
	struct timespec until;
	char *body = NULL;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += pause;
	pthread_mutex_lock(&webhook->lock);
	while (pause && !webhook->stopping && pthread_cond_timedwait(&webhook->wake, &webhook->lock, &until) != ETIMEDOUT)
		;
	while (!webhook->stopping && !webhook->queue.len)
		pthread_cond_wait(&webhook->wake, &webhook->lock);
	if (!webhook->stopping) {
		body = xstrdup(webhook->queue.items[0]);
		*ret_generation = webhook->generation;
	}
	pthread_mutex_unlock(&webhook->lock);
	return body;
}

/* It may have given way to newer ones meanwhile. */
static void event_done(struct webhook *webhook, uint64_t generation, bool taken)
{
	pthread_mutex_lock(&webhook->lock);
	if (webhook->generation == generation && webhook->queue.len)
		queue_drop_first(webhook);
	webhook->delivered += taken;
	webhook->dropped += !taken;
	pthread_mutex_unlock(&webhook->lock);
}

static void *webhook_main(void *data)
{
	struct webhook *webhook = data;
	_cleanup_(freep) char *host = url_host(webhook->options->url);
	struct transport *transport _cleanup_(transport_free) = transport_new(&(struct transport_options){ .direct = host && host_is_loopback(host) });
	uint64_t generation = 0, tried = UINT64_MAX;
	int tries = 0, pause = 0;

	for (char *body; (body = next_event(webhook, pause, &generation)); free(body)) {
		tries = generation == tried ? tries + 1 : 1;
		tried = generation;
		enum outcome outcome = deliver(webhook->options, transport, body, tries == 1);
		bool again = outcome == OUTCOME_AGAIN && tries < TRIES_MAX;
		if (!again)
			event_done(webhook, generation, outcome == OUTCOME_TAKEN);
		pause = !again ? 0 : tries > 6 ? PAUSE_MAX : 1 << (tries - 1);
	}
	__atomic_store_n(&webhook->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

/* ---- from one server to the next ---- */

static void left_read(struct webhooks *webhooks)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	if (file_read(store_dir(webhooks->store), LEFT_FILE, LEFT_MAX, &text, NULL) < 0)
		return;
	unlinkat(store_dir(webhooks->store), LEFT_FILE, 0);
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		_cleanup_(json_release) json_t *entry = json_parse(lines.items[i], strlen(lines.items[i]), "event", NULL);
		const char *url = json_string_value(json_object_get(entry, "url")), *body = json_string_value(json_object_get(entry, "body"));
		for (size_t at = 0; url && body && at < webhooks->len; at++)
			if (str_equal(url, webhooks->items[at].options->url))
				strlist_add(&webhooks->items[at].queue, body);
	}
}

static void left_write(struct webhooks *webhooks)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };

	for (size_t i = 0; i < webhooks->len; i++)
		for (size_t at = 0; at < webhooks->items[i].queue.len && text.len < LEFT_MAX / 2; at++) {
			_cleanup_(json_release) json_t *entry =
				json_pack("{s:s, s:s}", "url", webhooks->items[i].options->url, "body", webhooks->items[i].queue.items[at]);
			_cleanup_(freep) char *line = json_text(entry);
			buf_printf(&text, "%s\n", line);
		}
	if (text.len && file_replace(store_dir(webhooks->store), LEFT_FILE, text.data, text.len, 0600, &err) < 0)
		log_error("webhook events that could not be delivered are lost: %s", err.message);
}

/* ---- starting and stopping ---- */

struct webhooks *webhooks_start(struct store *store, const struct webhook_options *options, size_t len)
{
	struct webhooks *webhooks = xnew(struct webhooks);
	sigset_t all, old;

	webhooks->store = store;
	webhooks->items = xcalloc(len, sizeof *webhooks->items);
	webhooks->len = len;
	for (size_t i = 0; i < len; i++)
		webhooks->items[i] = (struct webhook){ .options = &options[i], .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };
	left_read(webhooks);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (size_t i = 0; i < len; i++)
		if (pthread_create(&webhooks->items[i].thread, NULL, webhook_main, &webhooks->items[i]) != 0)
			abort();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return webhooks;
}

/* Threads end after the exchange that is under way. */
static void tell_to_stop(struct webhook *webhook)
{
	pthread_mutex_lock(&webhook->lock);
	webhook->stopping = true;
	pthread_cond_signal(&webhook->wake);
	pthread_mutex_unlock(&webhook->lock);
}

static struct webhook *webhook_of_url(struct webhooks *webhooks, const char *url)
{
	for (size_t i = 0; webhooks && i < webhooks->len; i++)
		if (str_equal(webhooks->items[i].options->url, url))
			return &webhooks->items[i];
	return NULL;
}

/* What is under way is taken over, too: an event that comes twice is better than none. */
static void inherit(struct webhook *heir, struct webhook *old)
{
	struct strlist queue _cleanup_(strlist_free) = { 0 };
	uint64_t delivered, dropped;

	pthread_mutex_lock(&old->lock);
	queue = old->queue;
	old->queue = (struct strlist){ 0 };
	delivered = old->delivered;
	dropped = old->dropped;
	pthread_mutex_unlock(&old->lock);
	for (size_t i = 0; i < queue.len; i++)
		queue_add(heir, queue.items[i]);
	pthread_mutex_lock(&heir->lock);
	heir->delivered += delivered;
	heir->dropped += dropped;
	pthread_mutex_unlock(&heir->lock);
}

void webhooks_inherit(struct webhooks *webhooks, struct webhooks *older)
{
	for (size_t i = 0; older && i < older->len; i++) {
		struct webhook *old = &older->items[i], *heir = webhook_of_url(webhooks, old->options->url);
		tell_to_stop(old);
		if (heir)
			inherit(heir, old);
		else if (old->queue.len)
			log_warn("webhook %s is no more in the settings: the events that wait for it are dropped", old->options->url);
	}
	if (older)
		older->retired = true;
}

bool webhooks_ended(const struct webhooks *webhooks)
{
	bool ended = true;

	for (size_t i = 0; webhooks && i < webhooks->len; i++)
		ended = ended && __atomic_load_n(&webhooks->items[i].ended, __ATOMIC_ACQUIRE);
	return ended;
}

/* At the end of the server an exchange under way ends by itself: the transport looks at interrupt_pending. */
void webhooks_stop(struct webhooks **at)
{
	struct webhooks *webhooks = steal(*at);

	if (!webhooks)
		return;
	for (size_t i = 0; i < webhooks->len; i++)
		tell_to_stop(&webhooks->items[i]);
	for (size_t i = 0; i < webhooks->len; i++)
		pthread_join(webhooks->items[i].thread, NULL);
	if (!webhooks->retired)
		left_write(webhooks);
	for (size_t i = 0; i < webhooks->len; i++)
		strlist_free(&webhooks->items[i].queue);
	free(webhooks->items);
	free(webhooks);
}
