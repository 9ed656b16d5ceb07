/* The certificate authority of `serve --tls auto`.
 *
 * Two files in the store's tls/ hold a key and its certificate each, so that the pair is replaced in one rename: ca.pem for good, server.pem for
 * LEAF_DAYS. ca.crt is the public half of the first, for people to copy.
 *
 * Clocks. A board without one starts in 1970, or at the time of its image, until it has asked the network. As a client it must not find our
 * certificates to be of the future, so both are valid from 1970 on; and as a server it must not make an authority that ended in 1990, so
 * no certificate is made for a time before CLOCK_FLOOR. A leaf that turns out to be old once the clock is right is renewed at the next look. */
#include "registry/authority.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

#define FOLDER	"tls"
#define CA_FILE FOLDER "/ca.pem"
#define FILE_OF_LEAF FOLDER "/server.pem"

enum {
	DAY = 24 * 60 * 60,
	CA_DAYS = 20 * 365,
	LEAF_DAYS = 30,
	LEAF_RENEW_DAYS = 10, /* left: renew */
	PEM_MAX = 64 << 10,
	SERIAL_SIZE = 16,
};
static const time_t CLOCK_FLOOR = 1767225600; /* 2026-01-01, when this was written */
static const time_t VALID_FROM = 1;

/* A key and its certificate, either NULL. */
struct pair {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t certificate;
};

static void pair_free(struct pair *pair)
{
	if (pair->key)
		gnutls_x509_privkey_deinit(pair->key);
	if (pair->certificate)
		gnutls_x509_crt_deinit(pair->certificate);
	*pair = (struct pair){ 0 };
}

static int failed(int code, const char *what, struct error *err)
{
	return error_set(err, ERROR_FAILED, "%s: %s", what, gnutls_strerror(code));
}

static time_t now_plausible(void)
{
	time_t now = time(NULL);

	return now < CLOCK_FLOOR ? CLOCK_FLOOR : now;
}

/* ---- files ---- */

static int pair_parse(const struct buf *text, struct pair *ret, struct error *err)
{
	gnutls_datum_t pem = { (unsigned char *)text->data, (unsigned)text->len };
	struct pair pair _cleanup_(pair_free) = { 0 };

	int result = gnutls_x509_privkey_init(&pair.key);
	if (result >= 0)
		result = gnutls_x509_crt_init(&pair.certificate);
	if (result >= 0)
		result = gnutls_x509_privkey_import(pair.key, &pem, GNUTLS_X509_FMT_PEM);
	if (result >= 0)
		result = gnutls_x509_crt_import(pair.certificate, &pem, GNUTLS_X509_FMT_PEM);
	if (result < 0)
		return failed(result, "it holds no key and certificate", err);
	*ret = pair;
	pair = (struct pair){ 0 };
	return 0;
}

static int pair_load(int store, const char *path, struct pair *ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	int result = file_read(store, path, PEM_MAX, &text, err) < 0 || pair_parse(&text, ret, err) < 0 ? -1 : 0;

	if (text.data)
		explicit_bzero(text.data, text.cap);
	return result < 0 && err && err->code != ERROR_NOT_FOUND ? error_wrap(err, "cannot use %s in the store", path) : result;
}

static int certificate_print(gnutls_x509_crt_t certificate, struct buf *ret, struct error *err)
{
	gnutls_datum_t pem = { 0 };
	int result = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem);

	if (result < 0)
		return failed(result, "cannot write a certificate", err);
	buf_add(ret, pem.data, pem.size);
	gnutls_free(pem.data);
	return 0;
}

/* In a folder that may not be there yet; `mode` 0600 for keys. */
static int pem_save(int store, const char *path, const struct buf *text, mode_t mode, struct error *err)
{
	_cleanup_(fd_close) int folder = -1;

	if (dir_make(store, FOLDER, 0700, err) < 0)
		return -1;
	folder = openat(store, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return error_errno(err, errno, "cannot open the store's %s", FOLDER);
	return file_replace(folder, strrchr(path, '/') + 1, text->data, text->len, mode, err);
}

static int pair_save(int store, const char *path, const struct pair *pair, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	gnutls_datum_t key = { 0 };
	int result = gnutls_x509_privkey_export2_pkcs8(pair->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key);

	if (result < 0)
		return failed(result, "cannot write a key", err);
	buf_reserve(&text, PEM_MAX);
	buf_add(&text, key.data, key.size);
	gnutls_memset(key.data, 0, key.size);
	gnutls_free(key.data);
	result = certificate_print(pair->certificate, &text, err) < 0 ? -1 : pem_save(store, path, &text, 0600, err);
	explicit_bzero(text.data, text.cap);
	return result;
}

/* ---- making certificates ---- */

static int pair_begin(struct pair *pair, const char *name, time_t days, bool authority)
{
	unsigned char serial[SERIAL_SIZE];
	gnutls_x509_crt_t certificate;

	if (getrandom(serial, sizeof serial, 0) != sizeof serial)
		abort();
	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and always as long */
	if (gnutls_x509_privkey_init(&pair->key) < 0 || gnutls_x509_crt_init(&pair->certificate) < 0)
		abort();
	certificate = pair->certificate;
	int result = gnutls_x509_privkey_generate(pair->key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (result < 0 || (result = gnutls_x509_crt_set_version(certificate, 3)) < 0 ||
	    (result = gnutls_x509_crt_set_key(certificate, pair->key)) < 0 ||
	    (result = gnutls_x509_crt_set_serial(certificate, serial, sizeof serial)) < 0 ||
	    (result = gnutls_x509_crt_set_activation_time(certificate, VALID_FROM)) < 0 ||
	    (result = gnutls_x509_crt_set_expiration_time(certificate, now_plausible() + days * DAY)) < 0 ||
	    (result = gnutls_x509_crt_set_basic_constraints(certificate, authority, authority ? 0 : -1)) < 0)
		return result;
	return gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name));
}

/* RFC 5280, 4.2.1.1: who signed, and by which key. */
static int pair_sign(struct pair *pair, const struct pair *by, unsigned usage)
{
	unsigned char id[64];
	size_t len = sizeof id;
	int result = gnutls_x509_crt_get_key_id(pair->certificate, GNUTLS_KEYID_USE_SHA1, id, &len);

	if (result < 0 || (result = gnutls_x509_crt_set_subject_key_id(pair->certificate, id, len)) < 0)
		return result;
	len = sizeof id;
	result = gnutls_x509_crt_get_key_id(by->certificate, GNUTLS_KEYID_USE_SHA1, id, &len);
	if (result < 0 || (result = gnutls_x509_crt_set_authority_key_id(pair->certificate, id, len)) < 0 ||
	    (result = gnutls_x509_crt_set_key_usage(pair->certificate, usage)) < 0)
		return result;
	return gnutls_x509_crt_sign2(pair->certificate, by->certificate, by->key, GNUTLS_DIG_SHA256, 0);
}

static int authority_make(int store, struct pair *ret, struct error *err)
{
	struct pair pair _cleanup_(pair_free) = { 0 };
	unsigned char bytes[4];
	char name[64];

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		abort();
	snprintf(name, sizeof name, "sampan registry %02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3]);
	int result = pair_begin(&pair, name, CA_DAYS, true);
	if (result >= 0)
		result = pair_sign(&pair, &pair, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	if (result < 0)
		return failed(result, "cannot make a certificate authority", err);
	if (pair_save(store, CA_FILE, &pair, err) < 0)
		return -1;
	*ret = pair;
	pair = (struct pair){ 0 };
	return 0;
}

static int name_add(gnutls_x509_crt_t certificate, const char *name)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, name, address) == 1)
		return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address, 4, GNUTLS_FSAN_APPEND);
	if (inet_pton(AF_INET6, name, address) == 1)
		return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address, 16, GNUTLS_FSAN_APPEND);
	return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

static int leaf_make(int store, const struct pair *authority, const struct strlist *names, struct error *err)
{
	struct pair pair _cleanup_(pair_free) = { 0 };
	int result = pair_begin(&pair, "sampan", LEAF_DAYS, false);

	for (size_t i = 0; i < names->len && result >= 0; i++)
		result = name_add(pair.certificate, names->items[i]);
	if (result >= 0)
		result = gnutls_x509_crt_set_key_purpose_oid(pair.certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (result >= 0)
		result = pair_sign(&pair, authority, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (result < 0)
		return failed(result, "cannot make a certificate", err);
	return pair_save(store, FILE_OF_LEAF, &pair, err);
}

/* ---- keeping them ---- */

/* What can't be read is made anew: it is ours alone, and no client knows it. */
static bool leaf_serves(int store, const struct pair *authority, const struct strlist *names)
{
	struct pair leaf _cleanup_(pair_free) = { 0 };

	if (pair_load(store, FILE_OF_LEAF, &leaf, NULL) < 0)
		return false;
	if (!gnutls_x509_crt_check_issuer(leaf.certificate, authority->certificate) ||
	    gnutls_x509_crt_get_expiration_time(leaf.certificate) < now_plausible() + LEAF_RENEW_DAYS * DAY)
		return false;
	for (size_t i = 0; i < names->len; i++)
		if (!gnutls_x509_crt_check_hostname(leaf.certificate, names->items[i]))
			return false;
	return true;
}

static int authority_load(int store, struct pair *ret, struct error *err)
{
	struct error mine _cleanup_(error_clear) = { 0 };

	if (pair_load(store, CA_FILE, ret, &mine) == 0)
		return 0;
	if (mine.code == ERROR_NOT_FOUND)
		return authority_make(store, ret, err);
	error_move(err, &mine);
	return error_hint(err, "put it back from a copy, or remove it: then a new authority is made, which every client must be told of");
}

int authority_refresh(int store, const struct strlist *names, struct error *err)
{
	struct pair authority _cleanup_(pair_free) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	_cleanup_(fd_close) int folder = -1;

	if (dir_make(store, FOLDER, 0700, err) < 0)
		return -1;
	folder = openat(store, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return error_errno(err, errno, "cannot open the store's %s", FOLDER);
	if (file_lock(folder, true, true, FOLDER, err) < 0 || authority_load(store, &authority, err) < 0)
		return -1;
	if (faccessat(folder, "ca.crt", F_OK, 0) < 0 &&
	    (certificate_print(authority.certificate, &text, err) < 0 || pem_save(store, FOLDER "/ca.crt", &text, 0644, err) < 0))
		return -1;
	if (leaf_serves(store, &authority, names))
		return 0;
	return leaf_make(store, &authority, names, err) < 0 ? -1 : 1;
}

int authority_identity(int store, struct buf *ret, struct error *err)
{
	return file_read(store, FILE_OF_LEAF, PEM_MAX, ret, err);
}

int authority_certificate(int store, struct buf *ret, char fingerprint[AUTHORITY_FINGERPRINT_SIZE], struct error *err)
{
	struct pair authority _cleanup_(pair_free) = { 0 };
	unsigned char digest[32];
	size_t len = sizeof digest;

	if (pair_load(store, CA_FILE, &authority, err) < 0)
		return -1;
	int result = gnutls_x509_crt_get_fingerprint(authority.certificate, GNUTLS_DIG_SHA256, digest, &len);
	if (result < 0)
		return failed(result, "cannot hash the authority's certificate", err);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(fingerprint + i * 3, 4, i + 1 < sizeof digest ? "%02X:" : "%02X", digest[i]);
	return certificate_print(authority.certificate, ret, err);
}
