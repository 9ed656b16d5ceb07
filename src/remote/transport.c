/* One exchange over libcurl: see transport.h. */
#include "remote/transport.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/log.h"

enum { IDLE_MAX = 16, HEADERS_MAX = 200, HEADERS_BYTES_MAX = 64 << 10, BODY_DEFAULT = 64 << 10, BUFFER = 256 << 10 };

struct transport {
	pthread_mutex_t lock; /* guards idle */
	CURL *idle[IDLE_MAX];
	size_t idle_len;
	atomic_bool stopped;
	bool skip_verify, direct;
	long patience;
	char *ca_file, *proxy;
};

/* What the callbacks of one exchange share. */
struct running {
	struct transport *transport;
	const struct exchange *exchange;
	struct answer *answer;
	size_t header_bytes;
	int64_t sent;
	struct error *err; /* set by a callback that failed */
	bool failed;
};

static void start_curl(void)
{
	curl_global_init(CURL_GLOBAL_ALL);
}

struct transport *transport_new(const struct transport_options *options)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct transport *transport = xnew(struct transport);

	pthread_once(&once, start_curl);
	pthread_mutex_init(&transport->lock, NULL);
	transport->skip_verify = options->skip_verify;
	transport->direct = options->direct;
	transport->ca_file = xstrdup(options->ca_file);
	transport->proxy = xstrdup(options->proxy);
	transport->patience = options->patience;
	return transport;
}

void transport_free(struct transport **at)
{
	struct transport *transport = steal(*at);

	if (!transport)
		return;
	for (size_t i = 0; i < transport->idle_len; i++)
		curl_easy_cleanup(transport->idle[i]);
	pthread_mutex_destroy(&transport->lock);
	free(transport->ca_file);
	free(transport->proxy);
	free(transport);
}

void transport_stop(struct transport *transport)
{
	atomic_store(&transport->stopped, true);
}

static CURL *handle_take(struct transport *transport)
{
	CURL *handle = NULL;

	pthread_mutex_lock(&transport->lock);
	if (transport->idle_len)
		handle = transport->idle[--transport->idle_len];
	pthread_mutex_unlock(&transport->lock);
	if (!handle)
		handle = curl_easy_init();
	if (!handle)
		abort();
	return handle;
}

static void handle_return(struct transport *transport, CURL *handle)
{
	curl_easy_reset(handle); /* options go, connections stay */
	pthread_mutex_lock(&transport->lock);
	if (transport->idle_len < IDLE_MAX) {
		transport->idle[transport->idle_len++] = handle;
		handle = NULL;
	}
	pthread_mutex_unlock(&transport->lock);
	if (handle)
		curl_easy_cleanup(handle);
}

static size_t callback_failed(struct running *running)
{
	running->failed = true;
	return 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
	struct running *running = data;
	size_t len = size * count, text = len;

	while (text && strchr("\r\n \t", line[text - 1]))
		text--;
	if (len > 5 && !strncasecmp(line, "HTTP/", 5)) { /* a new head: after 100 Continue, say */
		strlist_free(&running->answer->headers);
		running->header_bytes = 0;
		return len;
	}
	running->header_bytes += len;
	if (running->header_bytes > HEADERS_BYTES_MAX || running->answer->headers.len >= HEADERS_MAX) {
		error_set(running->err, ERROR_TOO_LARGE, "the answer has too many headers");
		return callback_failed(running);
	}
	if (text)
		strlist_take(&running->answer->headers, xstrndup(line, text));
	return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct running *running = data;
	const struct exchange *exchange = running->exchange;
	struct answer *answer = running->answer;
	size_t len = size * count, limit = exchange->limit ? exchange->limit : BODY_DEFAULT;
	bool good = answer->status == 200 || answer->status == 206;

	if (good && exchange->sink)
		return exchange->sink(exchange->data, answer, bytes, len, running->err) < 0 ? callback_failed(running) : len;
	if (answer->body.len + len > limit) {
		if (answer->status < 200 || answer->status > 299)
			return len; /* an error page: its head is enough */
		error_set(running->err, ERROR_TOO_LARGE, "the answer is larger than %zu bytes", limit);
		return callback_failed(running);
	}
	buf_add(&answer->body, bytes, len);
	return len;
}

/* The status must be known before the body comes. */
static size_t on_body_first(char *bytes, size_t size, size_t count, void *data)
{
	void **both = data;
	struct running *running = both[0];

	curl_easy_getinfo(both[1], CURLINFO_RESPONSE_CODE, &running->answer->status);
	return on_body(bytes, size, count, running);
}

static size_t on_send(char *to, size_t size, size_t count, void *data)
{
	struct running *running = data;
	const struct exchange *exchange = running->exchange;
	int64_t left = exchange->body_size - running->sent, want = (int64_t)(size * count);
	ssize_t n = want < left ? want : left;

	if (n <= 0)
		return 0;
	if (exchange->body_fd > 0)
		n = pread(exchange->body_fd, to, (size_t)n, running->sent);
	else
		memcpy(to, (const char *)exchange->body + running->sent, (size_t)n);
	if (n <= 0) {
		error_errno(running->err, n < 0 ? errno : EIO, "cannot read what is to be sent");
		callback_failed(running);
		return CURL_READFUNC_ABORT;
	}
	running->sent += n;
	if (exchange->sent)
		exchange->sent(exchange->data, running->sent);
	return (size_t)n;
}

static int on_seek(void *data, curl_off_t offset, int origin)
{
	struct running *running = data;

	if (origin != SEEK_SET || offset < 0 || offset > running->exchange->body_size)
		return CURL_SEEKFUNC_FAIL;
	running->sent = offset;
	return CURL_SEEKFUNC_OK;
}

static int on_tick(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct running *running = data;

	(void)a, (void)b, (void)c, (void)d;
	return interrupt_pending() || atomic_load(&running->transport->stopped);
}

static void set_method(CURL *handle, const struct exchange *exchange)
{
	if (str_equal(exchange->method, "HEAD")) {
		curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
	} else if (str_equal(exchange->method, "PUT")) {
		curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)exchange->body_size);
	} else if (str_equal(exchange->method, "POST")) {
		curl_easy_setopt(handle, CURLOPT_POST, 1L);
		curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body_size);
	} else if (!str_equal(exchange->method, "GET")) {
		curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, exchange->method);
	}
}

/* After a large PUT the registry syncs its disk before it answers: an SD card may take minutes. What is small must come at once where
 * somebody waits for it. */
static void set_patience(CURL *handle, const struct transport *transport, const struct exchange *exchange)
{
	long silence = str_equal(exchange->method, "PUT") ? 600L : 60L;

	curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, transport->patience ? transport->patience : 15L);
	curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, transport->patience ? transport->patience : silence);
	if (transport->patience && !exchange->sink)
		curl_easy_setopt(handle, CURLOPT_TIMEOUT, str_equal(exchange->method, "HEAD") ? transport->patience : transport->patience * 3);
}

/* A board without ca-certificates trusts nobody, which is no reason to fail before it is seen whether the other side speaks TLS at all. */
static void forget_missing_bundle(CURL *handle)
{
	const char *bundle = NULL;

	if (!curl_easy_getinfo(handle, CURLINFO_CAINFO, &bundle) && bundle && access(bundle, R_OK) != 0)
		curl_easy_setopt(handle, CURLOPT_CAINFO, NULL);
}

static void set_policy(CURL *handle, const struct transport *transport, const struct exchange *exchange)
{
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(handle, CURLOPT_USERAGENT, "sampan/" SAMPAN_VERSION);
	set_patience(handle, transport, exchange);
	curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, (long)BUFFER);
	curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
	if (transport->proxy) {
		curl_easy_setopt(handle, CURLOPT_NOPROXY, "");
		curl_easy_setopt(handle, CURLOPT_PROXY, transport->proxy);
	} else if (transport->direct) {
		curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
	}
	if (transport->skip_verify) {
		curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
	} else if (transport->ca_file) {
		curl_easy_setopt(handle, CURLOPT_CAINFO, transport->ca_file);
	} else {
		forget_missing_bundle(handle);
	}
}

static bool has_content_type(const struct exchange *exchange)
{
	for (size_t i = 0; exchange->headers && i < exchange->headers->len; i++)
		if (!strncasecmp(exchange->headers->items[i], "Content-Type:", strlen("Content-Type:")))
			return true;
	return false;
}

static struct curl_slist *make_headers(const struct exchange *exchange)
{
	/* No Expect: servers that wait for nothing would cost us a second each. */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	if (str_equal(exchange->method, "POST") && !has_content_type(exchange))
		list = curl_slist_append(list, exchange->body_size ? "Content-Type: application/x-www-form-urlencoded" : "Content-Type:");
	for (size_t i = 0; exchange->headers && i < exchange->headers->len; i++)
		list = curl_slist_append(list, exchange->headers->items[i]);
	if (exchange->authorization) {
		_cleanup_(freep) char *line = xprintf("Authorization: %s", exchange->authorization);
		list = curl_slist_append(list, line);
	}
	return list;
}

static enum transport_failure failure_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return FAILURE_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
		return FAILURE_TLS;
	case CURLE_UNSUPPORTED_PROTOCOL: /* "HTTP/0.9": bytes that are no HTTP */
	case CURLE_WEIRD_SERVER_REPLY:
		return FAILURE_SPEECH;
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_OPERATION_TIMEDOUT:
		return FAILURE_RETRY;
	default:
		return FAILURE_FINAL;
	}
}

static int failure_text(CURLcode code, const char *said, const char *host, struct error *err)
{
	said = str_empty(said) ? curl_easy_strerror(code) : said;
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		error_set(err, ERROR_NETWORK, "the host %s is not known", host);
		return error_hint(err, "check the name, and that DNS works on this machine");
	case CURLE_COULDNT_CONNECT:
		error_set(err, ERROR_NETWORK, "cannot reach %s: %s", host, said);
		return error_hint(err, "check that the registry runs and that the port is right");
	case CURLE_PEER_FAILED_VERIFICATION:
		error_set(err, ERROR_NETWORK, "the TLS certificate of %s is not trusted: %s", host, said);
		return error_hint(err, "give its CA with --ca-file or in /etc/docker/certs.d/HOST:PORT/ca.crt, or do not check it with --tls-verify=false");
	case CURLE_SSL_CACERT_BADFILE:
		return error_set(err, ERROR_INVALID, "cannot use the CA file: %s", said);
	default:
		return error_set(err, ERROR_NETWORK, "the connection to %s failed: %s", host, said);
	}
}

static int exchange_failed(struct running *running, CURLcode code, const char *said, struct error *err)
{
	_cleanup_(freep) char *host = url_host(running->exchange->url);

	if (running->failed)
		return -1; /* the callback has said why */
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return error_set(err, ERROR_INTERRUPTED, "interrupted");
	return failure_text(code, said, host ? host : "the registry", err);
}

static void set_callbacks(CURL *handle, struct running *running, void **body_data)
{
	curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(handle, CURLOPT_HEADERDATA, running);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body_first);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, body_data);
	curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_send);
	curl_easy_setopt(handle, CURLOPT_READDATA, running);
	curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(handle, CURLOPT_SEEKDATA, running);
	curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_tick);
	curl_easy_setopt(handle, CURLOPT_XFERINFODATA, running);
	curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
}

int transport_exchange(struct transport *transport, const struct exchange *exchange, struct answer *ret, enum transport_failure *ret_failure,
		       struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };
	struct error failure _cleanup_(error_clear) = { 0 };
	struct running running = { .transport = transport, .exchange = exchange, .answer = &answer, .err = &failure };
	char said[CURL_ERROR_SIZE] = "";

	CURL *handle = handle_take(transport);
	struct curl_slist *headers = make_headers(exchange);
	set_policy(handle, transport, exchange);
	set_method(handle, exchange);
	set_callbacks(handle, &running, (void *[]){ &running, handle });
	curl_easy_setopt(handle, CURLOPT_URL, exchange->url);
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, said);
	CURLcode code = curl_easy_perform(handle);
	curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
	log_debug("%s %.*s: %ld%s%s", exchange->method, (int)strcspn(exchange->url, "?"), exchange->url, answer.status, code ? ", " : "",
		  code ? curl_easy_strerror(code) : "");
	curl_slist_free_all(headers);
	handle_return(transport, handle);
	if (ret_failure)
		*ret_failure = code == CURLE_OK ? FAILURE_NONE : running.failed ? FAILURE_FINAL : failure_of(code);
	if (code != CURLE_OK) {
		exchange_failed(&running, code, said, &failure);
		if (err)
			error_move(err, &failure);
		return -1;
	}
	answer.url = xstrdup(exchange->url);
	*ret = answer;
	answer = (struct answer){ 0 };
	return 0;
}

static char *url_part(const char *url, CURLUPart part, unsigned flags)
{
	CURLU *parsed = curl_url();
	char *text = NULL, *copy = NULL;

	if (parsed && !curl_url_set(parsed, CURLUPART_URL, url, 0) && !curl_url_get(parsed, part, &text, flags))
		copy = xstrdup(text);
	curl_free(text);
	curl_url_cleanup(parsed);
	return copy;
}

static void lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text += 'a' - 'A';
}

char *url_origin(const char *url)
{
	_cleanup_(freep) char *scheme = url_part(url, CURLUPART_SCHEME, 0), *host = url_part(url, CURLUPART_HOST, 0);
	_cleanup_(freep) char *port = url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT), *user = url_part(url, CURLUPART_USER, 0);

	if (!scheme || !host || !port || user)
		return NULL;
	lower(scheme), lower(host);
	if (!str_equal(scheme, "http") && !str_equal(scheme, "https"))
		return NULL;
	return xprintf("%s://%s:%s", scheme, host, port);
}

char *url_host(const char *url)
{
	char *host = url_part(url, CURLUPART_HOST, 0);

	if (host)
		lower(host);
	return host;
}

char *url_resolve(const char *base, const char *location)
{
	CURLU *parsed = curl_url();
	char *text = NULL, *copy = NULL;

	if (parsed && !curl_url_set(parsed, CURLUPART_URL, base, 0) && !curl_url_set(parsed, CURLUPART_URL, location, 0) &&
	    !curl_url_get(parsed, CURLUPART_URL, &text, 0))
		copy = xstrdup(text);
	curl_free(text);
	curl_url_cleanup(parsed);
	return copy;
}

bool host_is_loopback(const char *host)
{
	struct in_addr four;
	char name[256];
	size_t len;

	if (host[0] == '[')
		return str_starts(host, "[::1]") && (!host[5] || host[5] == ':');
	if (str_equal(host, "::1"))
		return true;
	len = strcspn(host, ":");
	if (len >= sizeof name)
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	if (!strcasecmp(name, "localhost"))
		return true;
	return inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

char *url_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0), *copy;

	if (!escaped)
		abort();
	copy = xstrdup(escaped);
	curl_free(escaped);
	return copy;
}
