/* Where the client sees us: see origin.h.
 *
 * --external-url says it for all requests. Else a proxy says it in headers (forwarded.h), which are believed from loopback, from a Unix
 * socket, and from the addresses of the setting "trusted-proxies": from anybody else they are no more than a client's wish. */
#include "registry/origin.h"

#include <stdio.h>

#include "base/json.h"
#include "registry/config.h"
#include "registry/internal.h"
#include "registry/tls.h"

/* ---- settings ---- */

static int external_parse(const char *url, struct origin *ret, struct error *err)
{
	const char *host = str_starts(url, "https://") ? url + 8 : str_starts(url, "http://") ? url + 7 : NULL;

	if (!host)
		return error_set(err, ERROR_USAGE, "--external-url %s: it starts with https:// or http://", url);
	size_t len = strcspn(host, "/");
	_cleanup_(freep) char *name = xstrndup(host, len);
	if (!forwarded_host_valid(name))
		return error_set(err, ERROR_USAGE, "--external-url %s: '%s' is no host", url, name);
	if (!forwarded_prefix_parse(host + len, ret->prefix))
		return error_set(err, ERROR_USAGE, "--external-url %s: the path may have letters, digits and -._~ between slashes", url);
	ret->base = xstrndup(url, (size_t)(host - url) + len);
	return 0;
}

int origin_open(const struct registry_options *options, struct origin *ret, struct error *err)
{
	const struct strlist *proxies = &options->trusted_proxies;

	ret->trusted = xcalloc(proxies->len + 1, sizeof *ret->trusted);
	for (; ret->trusted_len < proxies->len; ret->trusted_len++)
		if (address_block_parse(proxies->items[ret->trusted_len], &ret->trusted[ret->trusted_len], err) < 0)
			return error_wrap(err, "'trusted-proxies'");
	return options->external_url ? external_parse(options->external_url, ret, err) : 0;
}

void origin_clear(struct origin *origin)
{
	free(origin->base);
	free(origin->trusted);
	*origin = (struct origin){ 0 };
}

int origin_config_url(struct registry_options *options, const json_t *section, struct error *err)
{
	if (!json_is_string(section))
		return error_set(err, ERROR_INVALID, "it must be a string");
	if (!options->external_url)
		options->external_url = xstrdup(json_string_value(section));
	return 0;
}

int origin_config_proxies(struct registry_options *options, const json_t *section, struct error *err)
{
	json_t *whole _cleanup_(json_release) = json_pack("{s:O}", "trusted-proxies", section);

	return json_get_strlist(whole, "trusted-proxies", &options->trusted_proxies, err) < 0 ? -1 : 0;
}

const char *origin_strip(const struct origin *origin, const char *target)
{
	size_t len = strlen(origin->prefix);

	return len && str_starts(target, origin->prefix) && target[len] == '/' ? target + len : target;
}

/* ---- one request ---- */

/* All lines of a header as one, which is what they mean (RFC 9110, 5.3). */
struct joined {
	const char *name;
	struct buf value;
};

static enum MHD_Result join(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct joined *joined = data;

	(void)kind;
	if (strcasecmp(name, joined->name) != 0)
		return MHD_YES;
	if (joined->value.data)
		buf_add_str(&joined->value, ", ");
	buf_add_str(&joined->value, value ? value : "");
	return MHD_YES;
}

/* Their sizes are bounded by the connection's memory. */
static void headers_read(struct request *request, const struct origin *origin, struct forwarded *ret)
{
	struct joined all[] = { { "Forwarded" }, { "X-Forwarded-For" }, { "X-Forwarded-Proto" }, { "X-Forwarded-Host" }, { "X-Forwarded-Prefix" } };

	for (size_t i = 0; i < array_len(all); i++)
		MHD_get_connection_values(request->connection, MHD_HEADER_KIND, join, &all[i]);
	struct forwarded_headers headers = { all[0].value.data, all[1].value.data, all[2].value.data, all[3].value.data, all[4].value.data };
	forwarded_read(&headers, origin->trusted, origin->trusted_len, ret);
	for (size_t i = 0; i < array_len(all); i++)
		buf_free(&all[i].value);
}

static const struct sockaddr *peer(struct request *request)
{
	if (request->plain)
		return request->peer;
	return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

static bool peer_is_trusted(const struct origin *origin, const struct address *address)
{
	bool trusted = address_is_loopback(address);

	for (size_t i = 0; i < origin->trusted_len && !trusted; i++)
		trusted = address_block_has(&origin->trusted[i], address);
	return trusted;
}

/* Once a request, when it is first asked for: few answers need it. */
static const struct forwarded *request_forwarded(struct request *request)
{
	const struct origin *origin = &request->settings->origin;
	struct address address;

	if (request->forwarded)
		return request->forwarded;
	request->forwarded = xnew(struct forwarded);
	bool local = address_from_socket(peer(request), &address) < 0;
	if (!request->plain && (local || peer_is_trusted(origin, &address))) /* a plain request has no such headers */
		headers_read(request, origin, request->forwarded);
	if (!local && !request->forwarded->has_client) {
		request->forwarded->has_client = true;
		request->forwarded->client = address;
	}
	return request->forwarded;
}

const char *request_prefix(struct request *request)
{
	const struct forwarded *forwarded = request_forwarded(request);

	return *forwarded->prefix ? forwarded->prefix : request->settings->origin.prefix;
}

static bool request_is_secure(struct request *request)
{
	return request->about && request->about->identity;
}

char *request_url(struct request *request, const char *path)
{
	const struct forwarded *forwarded = request_forwarded(request);
	const char *base = request->settings->origin.base, *host = request_header(request, "Host");

	if (base)
		return xprintf("%s%s%s", base, request_prefix(request), path);
	const char *proto = *forwarded->proto ? forwarded->proto : request_is_secure(request) ? "https" : "http";
	if (*forwarded->host)
		host = forwarded->host;
	return xprintf("%s://%s%s%s", proto, host && forwarded_host_valid(host) ? host : "localhost", request_prefix(request), path);
}

const char *request_client_address(struct request *request)
{
	const struct forwarded *forwarded = request_forwarded(request);

	if (!forwarded->has_client)
		return "unix";
	return address_print(&forwarded->client, request->client_text);
}

const char *request_client_name(struct request *request)
{
	return request->about ? request->about->client_name : NULL;
}
