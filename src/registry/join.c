/* GET /join: a script that makes a node use this registry, for nodes without sampan (join.sh). What the client says of itself, its Host and the fingerprint,
 * goes into a script that will be run by root: so both are taken only in forms that mean nothing to a shell. */
#include "registry/join.h"

#include "base/embedded.h"
#include "oci/reference.h"
#include "registry/internal.h"

extern const struct embedded_file join_script[]; /* join.sh */

/* Letters, digits, dots, dashes, a port, an IPv6 address in brackets; and what references call a registry. */
static bool host_valid(const char *host)
{
	struct reference reference = { 0 };

	if (strlen(host) > 255 || strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") != strlen(host) || *host == '-')
		return false;
	_cleanup_(freep) char *text = xprintf("%s/x", host);
	bool valid = reference_parse(text, &reference, NULL) == 0 && str_equal(reference.registry, host);
	reference_clear(&reference);
	return valid;
}

static bool fingerprint_valid(const char *hex)
{
	return strlen(hex) == 64 && strspn(hex, "0123456789abcdef") == 64;
}

static void add_value(struct buf *ret, const char *name, size_t len, const char *scheme, const char *host, const char *fingerprint)
{
	static const char *const names[] = { "@REGISTRY@", "@SCHEME@", "@FINGERPRINT@" };
	const char *values[] = { host, scheme, fingerprint };

	for (size_t i = 0; i < array_len(names); i++)
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			buf_add_str(ret, values[i]);
}

int join_print(const char *host, bool tls, const char *fingerprint, struct buf *ret, struct error *err)
{
	const char *hex = fingerprint && str_starts(fingerprint, "sha256:") ? fingerprint + 7 : fingerprint;

	if (!host || !host_valid(host))
		return error_set(err, ERROR_INVALID, "ask by the name by which the nodes reach this registry: HOST:PORT, an address or a name with a dot");
	if (hex && !fingerprint_valid(hex))
		return error_set(err, ERROR_INVALID, "a fingerprint is sha256: and 64 lower-case hex digits");
	for (const char *at = (const char *)join_script->bytes; *at;) {
		size_t len = strcspn(at, "@"), word = at[len] ? strspn(at + len + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") : 0;
		bool name = word && at[len + 1 + word] == '@';
		buf_add(ret, at, len + (at[len] && !name));
		if (name)
			add_value(ret, at + len, word + 2, tls ? "https" : "http", host, hex ? hex : "");
		at += len + (name ? word + 2 : at[len] != '\0');
	}
	return 0;
}

/* The registry goes by the name and scheme under which the client sees it, which a proxy may have changed. Docker and its kin know registries at the top of a host only. */
void join_get(struct request *request)
{
	struct buf script _cleanup_(buf_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	_cleanup_(freep) char *url = request_url(request, "");
	const char *said = request_header(request, "Host"), *host = said && forwarded_host_valid(said) ? strstr(url, "://") + 3 : NULL;

	if (host && strchr(host, '/'))
		request_fail(request, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED", "this registry is seen below a path, %s, where container clients look for none", url);
	else if (join_print(host, str_starts(url, "https:"), target_query(&request->target, "fingerprint"), &script, &err) < 0)
		request_fail(request, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED", "%s", err.message);
	else
		request_answer(request, MHD_HTTP_OK, "text/x-shellscript", script.data, script.len);
}
