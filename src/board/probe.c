/* Asking a registry how it is spoken to: see probe.h.
 *
 * HTTPS is asked first, with the certificates that this machine trusts or the CA that was named. Only a peer that speaks no TLS at all is asked
 * over HTTP; one with a certificate that isn't trusted is an error, never a reason to fall back. A pinned CA is fetched over an
 * unverified connection, compared with the fingerprint, and from then on the only one that is trusted. */
#include "board/probe.h"

#include <ctype.h>
#include <errno.h>
#include <nettle/base64.h>
#include <unistd.h>

#include "base/fd.h"
#include "remote/endpoint.h"
#include "remote/transport.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"
enum { CA_MAX = 64 << 10 };

void probe_clear(struct probe *probe)
{
	free(probe->ca);
	*probe = (struct probe){ 0 };
}

/* ---- certificates ---- */

char *fingerprint_parse(const char *text, struct error *err)
{
	const char *at = str_starts(text, "sha256:") || str_starts(text, "SHA256:") ? text + 7 : text;
	struct buf hex _cleanup_(buf_free) = { 0 };

	for (; *at; at++) {
		if (*at == ':' && hex.len && hex.len % 2 == 0)
			continue;
		buf_add_char(&hex, (char)tolower((unsigned char)*at));
	}
	buf_reserve(&hex, 0);
	if (hex.len == 64 && strspn(hex.data, "0123456789abcdef") == 64)
		return buf_steal(&hex);
	error_set(err, ERROR_USAGE, "'%s' is no fingerprint", text);
	error_hint(err, "it is sha256: and 64 hex digits: what 'openssl x509 -in ca.crt -noout -fingerprint -sha256' prints");
	return NULL;
}

/* SHA-256 of the DER bytes, as hex. False if what is between the lines is no base64. */
static bool certificate_digest(const char *begin, const char *end, char hex[DIGEST_TEXT_SIZE])
{
	size_t len = (size_t)(end - begin), out_len = BASE64_DECODE_LENGTH(len);
	_cleanup_(freep) uint8_t *der = xcalloc(out_len + 1, 1);
	struct base64_decode_ctx context;
	struct digest digest;

	base64_decode_init(&context);
	if (!base64_decode_update(&context, &out_len, der, len, begin) || !base64_decode_final(&context))
		return false;
	digest_of(DIGEST_SHA256, der, out_len, &digest);
	digest_hex(&digest, hex);
	return true;
}

char *pem_choose(const char *pem, const char *fingerprint, struct error *err)
{
	char hex[DIGEST_TEXT_SIZE] = "";

	for (const char *at = pem; (at = strstr(at, PEM_BEGIN));) {
		const char *begin = at + strlen(PEM_BEGIN), *end = strstr(begin, PEM_END);
		if (!end)
			break;
		if (certificate_digest(begin, end, hex) && str_equal(hex, fingerprint))
			return xprintf("%.*s\n", (int)(end + strlen(PEM_END) - at), at);
		at = end;
	}
	if (!*hex) {
		error_set(err, ERROR_INVALID, "there is no certificate in it");
		return NULL;
	}
	error_set(err, ERROR_DENIED, "its fingerprint is sha256:%s, not sha256:%s", hex, fingerprint);
	error_hint(err, "nothing was trusted; look the fingerprint up again where the registry runs");
	return NULL;
}

/* ---- questions ---- */

static int get(const char *registry, const char *path, bool tls, const char *ca_file, bool verify, struct answer *ret, enum transport_failure *ret_failure,
	       struct error *err)
{
	struct transport *transport _cleanup_(transport_free) =
		transport_new(&(struct transport_options){ .skip_verify = !verify, .ca_file = ca_file, .direct = host_is_loopback(registry) });
	_cleanup_(freep) char *url = xprintf("%s://%s%s", tls ? "https" : "http", registry, path);
	struct exchange exchange = { .method = "GET", .url = url, .limit = CA_MAX };

	return transport_exchange(transport, &exchange, ret, ret_failure, err);
}

static int check_answer(const char *registry, const struct answer *answer, struct error *err)
{
	if (answer->status == 200 || answer->status == 401)
		return 0;
	return error_set(err, ERROR_NOT_FOUND, "%s is no registry: it answers %ld to /v2/", registry, answer->status);
}

/* The CA in a file that lives as long as the descriptor, for libcurl. Owned by the caller. */
static char *ca_path(const char *pem, int *ret_fd, struct error *err)
{
	_cleanup_(fd_close) int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) {
		error_errno(err, errno, "cannot make a temporary file");
		return NULL;
	}
	if (fd_write_all(fd, pem, strlen(pem), "a temporary file", err) < 0)
		return NULL;
	*ret_fd = fd_steal(&fd);
	return xprintf("/proc/self/fd/%d", *ret_fd);
}

static int read_ca(const char *path, char **ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	if (file_read(AT_FDCWD, path, CA_MAX, &text, err) < 0)
		return -1;
	buf_reserve(&text, 0);
	if (!strstr(text.data, PEM_BEGIN) || strlen(text.data) != text.len)
		return error_set(err, ERROR_INVALID, "%s holds no PEM certificate", path);
	*ret = buf_steal(&text);
	return 0;
}

/* The pinned CA: from the file if there is one, else from the registry. */
static int find_ca(const char *registry, const struct probe_options *options, char **ret, struct error *err)
{
	_cleanup_(freep) char *fingerprint = options->fingerprint ? fingerprint_parse(options->fingerprint, err) : NULL, *pem = NULL;
	struct answer answer _cleanup_(answer_clear) = { 0 };

	if (options->fingerprint && !fingerprint)
		return -1;
	if (options->ca_file) {
		if (read_ca(options->ca_file, &pem, err) < 0)
			return -1;
	} else if (fingerprint) {
		if (get(registry, "/ca.crt", true, NULL, false, &answer, NULL, err) < 0)
			return error_wrap(err, "cannot fetch the CA");
		if (answer.status != 200)
			return error_set(err, ERROR_NOT_FOUND, "the registry shows no CA: it answers %ld to /ca.crt", answer.status),
			       error_hint(err, "copy the CA's certificate here, and give --ca FILE");
		buf_reserve(&answer.body, 0);
		pem = buf_steal(&answer.body);
	}
	*ret = pem && fingerprint ? pem_choose(pem, fingerprint, err) : steal(pem);
	return *ret || !fingerprint ? 0 : error_wrap(err, "the CA of %s is not the one that you named", registry);
}

static int check_login(const char *registry, const struct probe_options *options, bool tls, const char *ca_file, struct error *err)
{
	struct remote_options remote = { .plain_http = !tls, .ca_file = ca_file, .username = options->username, .password = options->password };
	struct endpoint *endpoint _cleanup_(endpoint_close) = NULL;

	if (!options->username)
		return 0;
	if (endpoint_open(registry, NULL, &remote, &endpoint, err) < 0 || endpoint_login(endpoint, err) < 0)
		return error_wrap(err, "cannot log in to %s as %s", registry, options->username);
	return 0;
}

/* HTTPS did not work: is it because there is none? */
static int ask_plain(const char *registry, const struct error *first, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };

	if (get(registry, "/v2/", false, NULL, true, &answer, NULL, NULL) == 0)
		return check_answer(registry, &answer, err);
	return error_set(err, first->code, "%s", first->message);
}

int registry_probe(const char *registry, const struct probe_options *options, struct probe *ret, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };
	struct probe probe _cleanup_(probe_clear) = { .tls = true };
	struct error failure _cleanup_(error_clear) = { 0 };
	_cleanup_(fd_close) int fd = -1;
	enum transport_failure why;

	if (find_ca(registry, options, &probe.ca, err) < 0)
		return -1;
	_cleanup_(freep) char *ca_file = probe.ca ? ca_path(probe.ca, &fd, err) : NULL;
	if (probe.ca && !ca_file)
		return -1;
	if (get(registry, "/v2/", true, ca_file, true, &answer, &why, &failure) == 0) {
		if (check_answer(registry, &answer, err) < 0)
			return -1;
	} else if (probe.ca || why == FAILURE_FINAL || why == FAILURE_CONNECT) {
		error_move(err, &failure);
		if (!probe.ca && why == FAILURE_FINAL)
			free(steal(err->hint)), error_hint(err, "give its CA with --ca FILE, or pin it with --fingerprint sha256:…");
		return error_wrap(err, "cannot reach %s", registry);
	} else {
		probe.tls = false;
		if (ask_plain(registry, &failure, err) < 0)
			return error_wrap(err, "cannot reach %s", registry);
	}
	if (check_login(registry, options, probe.tls, ca_file, err) < 0)
		return -1;
	*ret = probe;
	probe = (struct probe){ 0 };
	return 0;
}
