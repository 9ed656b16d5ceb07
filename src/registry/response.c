/* Answers: headers that all have, and errors as the specification writes them. */
#include <stdarg.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "registry/internal.h"
#include "registry/overview.h"
#include "registry/proxy.h"

enum { STREAM_BLOCK = 64 << 10 };

static void answer(struct request *request, unsigned status, const char *content_type, struct MHD_Response *response)
{
	if (request->response)
		MHD_destroy_response(request->response);
	request->response = response;
	request->status = status;
	request_set(request, "Docker-Distribution-API-Version", "registry/2.0");
	request_set(request, "Sampan-Store", "%s", store_id(request->server->store));
	request_set(request, "X-Content-Type-Options", "nosniff");
	if (content_type)
		request_set(request, "Content-Type", "%s", content_type);
	proxy_name(request);
}

static struct MHD_Response *response_of(const void *bytes, size_t len)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len, (void *)(len ? bytes : ""), MHD_RESPMEM_MUST_COPY);

	if (!response)
		abort();
	return response;
}

void request_answer(struct request *request, unsigned status, const char *content_type, const void *bytes, size_t len)
{
	answer(request, status, content_type, response_of(bytes, len));
	request->trace.sent = request->head ? 0 : (int64_t)len;
}

void request_answer_file(struct request *request, unsigned status, const char *content_type, int fd, int64_t start, int64_t len)
{
	struct MHD_Response *response = len ? MHD_create_response_from_fd_at_offset64((uint64_t)len, fd, (uint64_t)start) : response_of(NULL, 0);

	if (!response)
		abort();
	if (!len)
		fd_close(&fd);
	answer(request, status, content_type, response);
	request->trace.sent = request->head ? 0 : len;
	if (!request->head)
		transfer_begin(request, false, len);
}

void request_answer_stream(struct request *request, unsigned status, const char *content_type, int64_t size,
			   ssize_t (*read)(void *data, uint64_t at, char *bytes, size_t len), void *data, void (*release)(void *data))
{
	struct MHD_Response *response = MHD_create_response_from_callback(size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)size, STREAM_BLOCK, read, data, release);

	if (!response)
		abort();
	answer(request, status, content_type, response);
	if (!request->head)
		transfer_begin(request, false, size);
}

/* Values come from what was parsed and checked; the library refuses line ends besides. */
void request_set(struct request *request, const char *name, const char *format, ...)
{
	_cleanup_(freep) char *value = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&value, format, args) < 0)
		abort();
	va_end(args);
	MHD_add_response_header(request->response, name, value);
}

static void fail(struct request *request, unsigned status, const char *code, const char *message)
{
	_cleanup_(json_release) json_t *object =
		json_pack("{s:[{s:s, s:s?}]}", "errors", "code", code, "message", message);
	_cleanup_(freep) char *text = object ? json_text(object) : xprintf("{\"errors\":[{\"code\":\"%s\"}]}", code);

	request_answer(request, status, "application/json", text, strlen(text));
}

void request_fail(struct request *request, unsigned status, const char *code, const char *format, ...)
{
	_cleanup_(freep) char *message = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		abort();
	va_end(args);
	fail(request, status, code, message);
}

bool request_condemn(struct request *request, const struct digest *digest, struct error *err)
{
	struct error why _cleanup_(error_clear) = { 0 };

	if (err->code != ERROR_CORRUPT)
		return false;
	log_error("%s: %s", request->target.repository, err->message);
	int condemned = store_blob_condemn(request->server->store, digest, &why);
	if (condemned < 0)
		log_error("%s", why.message);
	if (condemned <= 0)
		return false;
	error_clear(err);
	return true;
}

/* What went wrong on our side is told in the log, since the client can't do anything about it. */
void request_fail_error(struct request *request, struct error *err, const char *unknown, const char *invalid)
{
	switch (err->code) {
	case ERROR_NOT_FOUND:
		fail(request, MHD_HTTP_NOT_FOUND, unknown, err->message);
		break;
	case ERROR_INVALID:
	case ERROR_UNSUPPORTED:
	case ERROR_EXISTS:
		request_fail(request, MHD_HTTP_BAD_REQUEST, invalid, "%s%s%s", err->message, err->hint ? "; " : "", err->hint ? err->hint : "");
		break;
	case ERROR_TOO_LARGE:
		fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "SIZE_INVALID", err->message);
		break;
	case ERROR_NO_SPACE:
		log_error("%s", err->message);
		request_fail(request, MHD_HTTP_INSUFFICIENT_STORAGE, "UNKNOWN", "the registry's disk is full: %s", err->message);
		break;
	case ERROR_BUSY:
		fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "UNAVAILABLE", err->message);
		request_set(request, "Retry-After", "1");
		break;
	default:
		log_error("%s %s: %s", request->method, request->target.repository ? request->target.repository : "", err->message);
		fail(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "UNKNOWN", "the registry failed; its log says why");
	}
	error_clear(err);
}
