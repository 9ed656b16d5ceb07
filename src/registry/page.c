/* The web page: a few files that are part of the program, compressed. Browsers take them as they are; for others they are unpacked.
 *
 * The page has no rights: it is the same for everybody, and asks for all that it shows at /v2/, as who is logged in there. What it shows was
 * written by whoever may push, so it is told to run nothing but its own files, to be in nobody's frame, and to send nothing elsewhere. */
#include "registry/page.h"

#include <zlib.h>

#include "base/json.h"
#include "registry/config.h"
#include "registry/internal.h"

static const char INDEX[] = "index.html";
static const char POLICY[] = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

int page_config(struct registry_options *options, const json_t *section, struct error *err)
{
	if (!json_is_boolean(section))
		return error_set(err, ERROR_INVALID, "it must be true or false");
	options->no_page = json_is_false(section);
	return 0;
}

bool page_guards(struct request *request)
{
	bool reads = request->head || str_equal(request->method, "GET");

	if (reads || request_header(request, "Sampan-Page"))
		return true;
	if (!request_header(request, "Origin") && !request_header(request, "Sec-Fetch-Site"))
		return true;
	request_fail(request, MHD_HTTP_FORBIDDEN, "DENIED", "a web page asked for a change here; only the registry's own may");
	return false;
}

static const char *content_type(const char *name)
{
	static const struct {
		const char *end, *type;
	} types[] = { { ".html", "text/html; charset=utf-8" }, { ".css", "text/css; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
		      { ".svg", "image/svg+xml" } };

	for (size_t i = 0; i < array_len(types); i++)
		if (str_ends(name, types[i].end))
			return types[i].type;
	return "application/octet-stream";
}

/* The index is asked for as /, and only by who reads HTML: to registry clients there is nothing. */
static const struct embedded_file *file_find(struct request *request)
{
	const char *item = request->target.item, *accept = request_header(request, "Accept");

	if (request->settings->options->no_page || (!item && (!accept || !strcasestr(accept, "text/html"))))
		return NULL;
	if (str_equal(item, INDEX))
		return NULL;
	for (const struct embedded_file *file = page_files; file->name; file++)
		if (str_equal(file->name, item ? item : INDEX))
			return file;
	return NULL;
}

static bool takes_gzip(struct request *request)
{
	const char *accept = request_header(request, "Accept-Encoding"), *gzip = accept ? strcasestr(accept, "gzip") : NULL;

	return gzip && !str_starts(gzip, "gzip;q=0");
}

static void answer_file(struct request *request, const struct embedded_file *file)
{
	if (takes_gzip(request)) {
		request_answer(request, MHD_HTTP_OK, content_type(file->name), file->bytes, file->len);
		request_set(request, "Content-Encoding", "gzip");
		return;
	}
	z_stream stream = { .next_in = (unsigned char *)file->bytes, .avail_in = (unsigned)file->len, .avail_out = (unsigned)file->size };
	_cleanup_(freep) unsigned char *plain = stream.next_out = xcalloc(file->size, 1);
	int result = inflateInit2(&stream, MAX_WBITS + 16);
	result = result == Z_OK ? inflate(&stream, Z_FINISH) : result;
	inflateEnd(&stream);
	if (result == Z_STREAM_END)
		request_answer(request, MHD_HTTP_OK, content_type(file->name), plain, file->size);
	else
		request_fail(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "UNKNOWN", "the page can't be unpacked");
}

/* Asked for again each time, and mostly answered with 304: so a new program never meets an old page. */
void page_get(struct request *request)
{
	const struct embedded_file *file = file_find(request);

	if (!file) {
		request_nothing(request);
		return;
	}
	const char *known = request_header(request, "If-None-Match");
	if (known && strstr(known, file->tag))
		request_answer(request, MHD_HTTP_NOT_MODIFIED, NULL, NULL, 0);
	else
		answer_file(request, file);
	request_set(request, "ETag", "W/\"%s\"", file->tag);
	request_set(request, "Cache-Control", "no-cache");
	request_set(request, "Vary", "Accept, Accept-Encoding");
	request_set(request, "Content-Security-Policy", "%s", POLICY);
	request_set(request, "X-Frame-Options", "DENY");
	request_set(request, "Referrer-Policy", "no-referrer");
	request_set(request, "Cross-Origin-Opener-Policy", "same-origin");
	request_set(request, "Cross-Origin-Resource-Policy", "same-origin");
}
