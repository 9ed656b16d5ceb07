/* Asking an upstream: see upstream.h. */
#include "remote/upstream.h"

#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "remote/fetch.h"
#include "remote/transport.h"

enum {
	REST_FIRST = 5,	  /* seconds after which a place that can't be reached is asked again, doubled each time */
	REST_MAX = 60,
	REST_BUSY = 30,	  /* after a 429 that names no time */
	REST_ASKED_MAX = 3600,
	ERRORS_ALLOWED = 3, /* answers of 500 and more in a row: one repository that is broken there is no outage */
	ASKS_MAX = 16,	  /* small requests at once */
	BLOBS_MAX = 6,
	DOCUMENT_MAX = 4 << 20,
};

/* At most so many at once; the others wait. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t open;
	int room;
};

struct place {
	char *url, *registry, *folder; /* "https://h:1/a"; "h:1"; "a/" */
	bool plain, main;
	pthread_mutex_t lock; /* held while it is opened: of endpoint */
	struct endpoint *endpoint;
	/* health, under the upstream's lock */
	int64_t rest_until; /* seconds, monotonic; 0: it is well */
	int failures, errors;
	char *why;
};

struct upstream {
	char *name, *username, *password, *auth_file, *ca_file, *proxy;
	struct remote_options options; /* strings point to those above */
	struct place *places;
	size_t places_len;
	pthread_mutex_t lock;
	struct gate asks, blobs;
};

static int64_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* ---- gates ---- */

static void gate_init(struct gate *gate, int room)
{
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->open, NULL);
	gate->room = room;
}

static void gate_enter(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	while (!gate->room)
		pthread_cond_wait(&gate->open, &gate->lock);
	gate->room--;
	pthread_mutex_unlock(&gate->lock);
}

static void gate_leave(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->room++;
	pthread_cond_signal(&gate->open);
	pthread_mutex_unlock(&gate->lock);
}

/* ---- making ---- */

/* The hub's API has another host than its images' names. */
static char *registry_name(const char *authority)
{
	return str_equal(authority, "registry-1.docker.io") || str_equal(authority, "index.docker.io") ? xstrdup("docker.io") : xstrdup(authority);
}

static int place_parse(const char *url, struct place *ret, struct error *err)
{
	_cleanup_(freep) char *origin = url_origin(url);
	const char *rest = strstr(url, "://");

	if (!origin || !rest || strpbrk(url, "?#")) {
		error_set(err, ERROR_INVALID, "'%s' is no upstream", url);
		return error_hint(err, "write https://HOST[:PORT], without user name; credentials have keys of their own");
	}
	rest += 3;
	size_t authority = strcspn(rest, "/");
	_cleanup_(freep) char *host = xstrndup(rest, authority), *folder = xstrdup(rest + authority + strspn(rest + authority, "/"));
	while (*folder && folder[strlen(folder) - 1] == '/')
		folder[strlen(folder) - 1] = '\0';
	if (*folder && !repository_name_valid(folder)) {
		error_set(err, ERROR_INVALID, "'%s' is no upstream: '%s' can't begin the name of a repository", url, folder);
		return error_hint(err, "leave out /v2/");
	}
	ret->url = xstrdup(url);
	ret->registry = registry_name(host);
	ret->folder = *folder ? xprintf("%s/", folder) : xstrdup("");
	ret->plain = str_starts(origin, "http://");
	return 0;
}

static void options_copy(struct upstream *upstream, const struct upstream_options *options)
{
	upstream->name = xstrdup(options->name);
	upstream->username = xstrdup(options->remote.username);
	upstream->password = xstrdup(options->remote.password);
	upstream->auth_file = xstrdup(options->remote.auth_file);
	upstream->ca_file = xstrdup(options->remote.ca_file);
	upstream->proxy = xstrdup(options->remote.proxy);
	upstream->options = options->remote;
	upstream->options.ca_file = upstream->ca_file;
	upstream->options.proxy = upstream->proxy;
	upstream->options.anonymous = true;
	upstream->options.username = upstream->options.password = upstream->options.auth_file = NULL;
}

int upstream_new(const struct upstream_options *options, struct upstream **ret, struct error *err)
{
	_cleanup_(upstream_free) struct upstream *upstream = xnew(struct upstream);

	options_copy(upstream, options);
	pthread_mutex_init(&upstream->lock, NULL);
	gate_init(&upstream->asks, ASKS_MAX);
	gate_init(&upstream->blobs, BLOBS_MAX);
	upstream->places = xcalloc(options->urls->len, sizeof *upstream->places);
	for (size_t i = 0; i < options->urls->len; i++) {
		struct place *place = &upstream->places[upstream->places_len++];
		pthread_mutex_init(&place->lock, NULL);
		place->main = i + 1 == options->urls->len;
		if (place_parse(options->urls->items[i], place, err) < 0)
			return -1;
	}
	*ret = steal(upstream);
	return 0;
}

void upstream_free(struct upstream **at)
{
	struct upstream *upstream = steal(*at);

	if (!upstream)
		return;
	for (size_t i = 0; i < upstream->places_len; i++) {
		struct place *place = &upstream->places[i];
		endpoint_close(&place->endpoint);
		pthread_mutex_destroy(&place->lock);
		free(place->url);
		free(place->registry);
		free(place->folder);
		free(place->why);
	}
	if (upstream->password)
		explicit_bzero(upstream->password, strlen(upstream->password));
	pthread_mutex_destroy(&upstream->lock);
	free(upstream->places);
	free(upstream->name);
	free(upstream->username);
	free(upstream->password);
	free(upstream->auth_file);
	free(upstream->ca_file);
	free(upstream->proxy);
	free(upstream);
}

const char *upstream_url(const struct upstream *upstream)
{
	return upstream->places[upstream->places_len - 1].url;
}

bool upstream_is_hub(const struct upstream *upstream)
{
	return str_equal(upstream->places[upstream->places_len - 1].registry, "docker.io");
}

/* ---- health ---- */

bool upstream_is_away(const struct error *err)
{
	return err->code == ERROR_NETWORK || err->code == ERROR_BUSY;
}

int upstream_rests(struct upstream *upstream)
{
	int64_t now = now_seconds(), least = INT32_MAX;

	pthread_mutex_lock(&upstream->lock);
	for (size_t i = 0; i < upstream->places_len; i++) {
		int64_t left = upstream->places[i].rest_until - now;
		least = left < least ? left : least;
	}
	pthread_mutex_unlock(&upstream->lock);
	return least > 0 ? (int)least : 0;
}

/* May it be asked? When its rest is over, the first who asks finds out for the others. */
static bool place_admits(struct upstream *upstream, struct place *place, struct error *err)
{
	int64_t now = now_seconds();

	pthread_mutex_lock(&upstream->lock);
	bool admits = now >= place->rest_until;
	if (!admits)
		error_set(err, ERROR_NETWORK, "%s", place->why);
	else if (place->rest_until)
		place->rest_until = now + (upstream->options.patience ? upstream->options.patience : REST_FIRST) + 1;
	pthread_mutex_unlock(&upstream->lock);
	return admits;
}

static void place_answered(struct upstream *upstream, struct place *place)
{
	pthread_mutex_lock(&upstream->lock);
	bool back = place->rest_until;
	place->rest_until = 0;
	place->failures = place->errors = 0;
	pthread_mutex_unlock(&upstream->lock);
	if (back)
		log_info("sampan: upstream %s: %s answers again", upstream->name, place->url);
}

/* What an answer told beside the error. */
struct outcome {
	long status;	 /* 0: none */
	int retry_after; /* -1: it did not say */
};

static int rest_seconds(struct place *place, const struct outcome *outcome)
{
	if (outcome->retry_after >= 0)
		return outcome->retry_after < 1 ? 1 : outcome->retry_after > REST_ASKED_MAX ? REST_ASKED_MAX : outcome->retry_after;
	if (outcome->status == 429)
		return REST_BUSY;
	int doubled = REST_FIRST << (place->failures < 4 ? place->failures : 4);
	return doubled > REST_MAX ? REST_MAX : doubled;
}

/* Lets it rest if that is how it failed. One line in the log for each outage. */
static void place_failed(struct upstream *upstream, struct place *place, const struct outcome *outcome, const struct error *err)
{
	pthread_mutex_lock(&upstream->lock);
	bool resting = place->rest_until, tell = false;
	int seconds = 0;
	if (outcome->status < 500 || resting || ++place->errors >= ERRORS_ALLOWED) {
		seconds = rest_seconds(place, outcome);
		tell = !resting;
		place->failures++;
		place->rest_until = now_seconds() + seconds;
		free(place->why);
		place->why = xstrdup(err->message);
	}
	pthread_mutex_unlock(&upstream->lock);
	if (tell)
		log_warn("upstream %s: %s; it is asked again in %d s, until then only what is cached is served", upstream->name, err->message,
			 seconds);
}

/* ---- asking ---- */

/* One question, put to one place after the other. */
struct question {
	const char *repository; /* as the upstream has it */
	char *there, *scope;	/* at the place that is asked */
	struct outcome outcome;
	int (*put)(struct question *question, struct endpoint *endpoint, struct error *err);

	/* of the several questions */
	const char *name;     /* tag or digest; path of a document */
	struct digest digest; /* asked for, or answered */
	bool has_digest;
	int64_t size;
	struct buf text;
	char *media_type;
	bool more;
	struct fetch fetch;
};

static int place_open(struct upstream *upstream, struct place *place, struct endpoint **ret, struct error *err)
{
	struct remote_options options = upstream->options;
	int result = 0;

	options.plain_http = place->plain;
	if (place->main) {
		options.username = upstream->username;
		options.password = upstream->password;
		options.auth_file = upstream->auth_file;
	}
	pthread_mutex_lock(&place->lock);
	if (!place->endpoint)
		result = endpoint_open(place->registry, NULL, &options, &place->endpoint, err);
	*ret = place->endpoint;
	pthread_mutex_unlock(&place->lock);
	/* Whatever keeps us from speaking to it says nothing about the image that was asked for. */
	if (result < 0 && err->code != ERROR_INTERRUPTED)
		err->code = ERROR_NETWORK;
	return result;
}

static int place_ask(struct upstream *upstream, struct place *place, struct question *question, struct error *err)
{
	struct endpoint *endpoint;

	if (!place_admits(upstream, place, err))
		return -1;
	question->outcome = (struct outcome){ .retry_after = -1 };
	free(question->there);
	free(question->scope);
	question->there = xprintf("%s%s", place->folder, question->repository);
	question->scope = xprintf("repository:%s:pull", question->there);
	if (place_open(upstream, place, &endpoint, err) == 0 && question->put(question, endpoint, err) == 0) {
		place_answered(upstream, place);
		return 0;
	}
	if (upstream_is_away(err))
		place_failed(upstream, place, &question->outcome, err);
	else if (question->outcome.status)
		place_answered(upstream, place);
	return -1;
}

/* The upstream itself has the last word; a mirror that is away, or lacks something, has none. */
static int ask(struct upstream *upstream, struct gate *gate, struct question *question, struct error *err)
{
	struct error failure _cleanup_(error_clear) = { 0 };
	int result = -1;

	gate_enter(gate);
	for (size_t i = 0; i < upstream->places_len && result < 0; i++) {
		error_clear(&failure);
		result = place_ask(upstream, &upstream->places[i], question, &failure);
		if (result < 0 && (failure.code == ERROR_INTERRUPTED || failure.code == ERROR_NO_SPACE))
			break;
	}
	gate_leave(gate);
	if (result < 0 && err)
		error_move(err, &failure);
	return result;
}

static void question_clear(struct question *question)
{
	free(question->there);
	free(question->scope);
	free(question->media_type);
	buf_free(&question->text);
}

static int put_request(struct question *question, struct endpoint *endpoint, struct request *request, struct answer *ret, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };

	request->scope = question->scope;
	request->once = true;
	if (endpoint_request(endpoint, request, &answer, NULL, err) < 0)
		return -1;
	const char *after = answer_header(&answer, "Retry-After");
	question->outcome = (struct outcome){ answer.status, after ? retry_after_parse(after, time(NULL)) : -1 };
	if (answer.status != 200 && answer.status != 405)
		return endpoint_failed(endpoint, &answer, err);
	*ret = answer;
	answer = (struct answer){ 0 };
	return 0;
}

/* ---- manifests ---- */

static const enum media_type accepted[] = { MEDIA_OCI_MANIFEST, MEDIA_OCI_INDEX, MEDIA_DOCKER_MANIFEST, MEDIA_DOCKER_LIST };

static int put_manifest(struct question *question, struct endpoint *endpoint, const char *method, struct answer *ret, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("/v2/%s/manifests/%s", question->there, question->name);
	struct strlist headers _cleanup_(strlist_free) = { 0 };
	struct request request = { .method = method, .url = url, .headers = &headers, .limit = MANIFEST_SIZE_MAX };

	for (size_t i = 0; i < array_len(accepted); i++)
		strlist_printf(&headers, "Accept: %s", media_type_text(accepted[i]));
	return put_request(question, endpoint, &request, ret, err);
}

static int put_tag(struct question *question, struct endpoint *endpoint, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };

	if (put_manifest(question, endpoint, "HEAD", &answer, err) < 0)
		return -1;
	const char *text = answer.status == 200 ? answer_header(&answer, "Docker-Content-Digest") : NULL;
	question->has_digest = text && digest_parse(text, &question->digest, NULL) == 0;
	return 0;
}

int upstream_tag(struct upstream *upstream, const char *repository, const char *tag, struct digest *ret, bool *ret_known, struct error *err)
{
	struct question question _cleanup_(question_clear) = { .repository = repository, .name = tag, .put = put_tag };

	if (ask(upstream, &upstream->asks, &question, err) < 0)
		return -1;
	*ret = question.digest;
	*ret_known = question.has_digest;
	return 0;
}

static int put_get(struct question *question, struct endpoint *endpoint, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };
	struct digest said, got;
	char wanted[DIGEST_TEXT_SIZE];

	if (put_manifest(question, endpoint, "GET", &answer, err) < 0)
		return -1;
	if (answer.status != 200)
		return endpoint_failed(endpoint, &answer, err);
	const char *text = strchr(question->name, ':') ? question->name : answer_header(&answer, "Docker-Content-Digest");
	const char *bytes = answer.body.data ? answer.body.data : "";
	if (!text || digest_parse(text, &said, NULL) < 0)
		digest_of(DIGEST_SHA256, bytes, answer.body.len, &said);
	digest_of(said.algorithm, bytes, answer.body.len, &got);
	if (!digest_equal(&said, &got))
		return error_set(err, ERROR_CORRUPT, "the manifest %s was altered or cut off on its way", digest_print(&said, wanted));
	const char *type = answer_header(&answer, "Content-Type");
	question->digest = said;
	free(question->media_type);
	question->media_type = type && media_type_parse(type) != MEDIA_UNKNOWN ? xstrdup(type) : NULL;
	buf_free(&question->text);
	question->text = answer.body;
	answer.body = (struct buf){ 0 };
	return 0;
}

int upstream_manifest(struct upstream *upstream, const char *repository, const char *name, struct buf *ret, char **ret_media_type,
		      struct digest *ret_digest, struct error *err)
{
	struct question question _cleanup_(question_clear) = { .repository = repository, .name = name, .put = put_get };

	if (ask(upstream, &upstream->asks, &question, err) < 0)
		return -1;
	buf_add(ret, question.text.data ? question.text.data : "", question.text.len);
	*ret_media_type = steal(question.media_type);
	*ret_digest = question.digest;
	return 0;
}

/* ---- blobs ---- */

static int put_size(struct question *question, struct endpoint *endpoint, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *url = xprintf("/v2/%s/blobs/%s", question->there, digest_print(&question->digest, text));
	struct request request = { .method = "HEAD", .url = url };
	struct answer answer _cleanup_(answer_clear) = { 0 };

	if (put_request(question, endpoint, &request, &answer, err) < 0)
		return -1;
	if (answer.status != 200)
		return endpoint_failed(endpoint, &answer, err);
	const char *length = answer_header(&answer, "Content-Length");
	if (!length || str_to_int(length, 0, INT64_MAX, &question->size, NULL) < 0)
		question->size = -1;
	return 0;
}

int upstream_blob_size(struct upstream *upstream, const char *repository, const struct digest *digest, int64_t *ret_size, struct error *err)
{
	struct question question _cleanup_(question_clear) = { .repository = repository, .digest = *digest, .put = put_size };

	if (ask(upstream, &upstream->asks, &question, err) < 0)
		return -1;
	*ret_size = question.size;
	return 0;
}

static int put_blob(struct question *question, struct endpoint *endpoint, struct error *err)
{
	question->fetch.endpoint = endpoint;
	question->fetch.repository = question->there;
	question->fetch.scope = question->scope;
	int result = fetch_blob(&question->fetch, err);
	question->outcome = (struct outcome){ question->fetch.status, question->fetch.retry_after };
	return result;
}

int upstream_blob(struct upstream *upstream, const char *repository, const struct digest *digest, struct store *store, const char *link_to,
		  int (*moved)(void *data, struct upload *upload, int64_t have, int64_t size, struct error *err), void *data, struct error *err)
{
	struct question question _cleanup_(question_clear) = {
		.repository = repository,
		.put = put_blob,
		.fetch = { .store = store, .digest = *digest, .size = -1, .link_to = link_to, .moved = moved, .data = data },
	};

	return ask(upstream, &upstream->blobs, &question, err);
}

/* ---- documents ---- */

static int put_document(struct question *question, struct endpoint *endpoint, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("/v2/%s/%s", question->there, question->name);
	struct request request = { .method = "GET", .url = url, .limit = DOCUMENT_MAX };
	struct answer answer _cleanup_(answer_clear) = { 0 };

	if (put_request(question, endpoint, &request, &answer, err) < 0)
		return -1;
	if (answer.status != 200)
		return endpoint_failed(endpoint, &answer, err);
	buf_free(&question->text);
	question->text = answer.body;
	answer.body = (struct buf){ 0 };
	const char *link = answer_header(&answer, "Link");
	_cleanup_(freep) char *next = link ? link_next_parse(link) : NULL;
	question->more = next;
	return 0;
}

int upstream_document(struct upstream *upstream, const char *repository, const char *path, struct buf *ret, bool *ret_more, struct error *err)
{
	struct question question _cleanup_(question_clear) = { .repository = repository, .name = path, .put = put_document };

	if (ask(upstream, &upstream->asks, &question, err) < 0)
		return -1;
	buf_add(ret, question.text.data ? question.text.data : "", question.text.len);
	*ret_more = question.more;
	return 0;
}
