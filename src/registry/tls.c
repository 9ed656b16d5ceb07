/* TLS of the listeners.
 *
 * The HTTP library makes a session for each connection, and lets us see it before the handshake: there we give it the certificate that is
 * the newest at that moment. A certificate with what belongs to it is an `identity`, counted by the connections that use it, so
 * that a new one takes nothing from those that are under way.
 *
 * What is on disk is looked at every WATCH_SECONDS by stat alone (which also sees a symlink that points elsewhere, as certbot and K3s renew),
 * and read when that changed or SIGHUP came. A failure is said once for each change, and the old certificate stays. */
#include "registry/tls.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "registry/authority.h"
#include "registry/config.h"
#include "registry/hostnames.h"

enum {
	PEM_MAX = 1 << 20,
	FILES_MAX = 3,
	AUTHORITY_SECONDS = 60, /* between two looks at our own names and dates */
	CLIENT_NAME_SIZE = 256,
	EXPIRY_WARN_SECONDS = 7 * 24 * 60 * 60,
};

struct identity {
	int users;
	gnutls_certificate_credentials_t credentials;
	gnutls_certificate_request_t request; /* what is asked of clients */
};

struct tls {
	struct store *store;
	const struct registry_tls *options; /* borrowed */
	struct strlist names;		    /* to certify beside those that this host has by itself */
	pthread_mutex_t lock;		    /* of the identity and all users' counts */
	struct identity *identity;
	struct stat seen[FILES_MAX]; /* the files as they were when they were last read */
	time_t looked;		     /* at names and dates, by the clock that only runs */
	struct buf authority;
	char fingerprint[AUTHORITY_FINGERPRINT_SIZE];
};

static int failed(int code, const char *what, struct error *err)
{
	return error_set(err, ERROR_INVALID, "%s: %s", what, gnutls_strerror(code));
}

/* ---- identities ---- */

/* Called under the lock, or by the only owner. */
static void identity_release(struct identity *identity)
{
	if (!identity || --identity->users)
		return;
	gnutls_certificate_free_credentials(identity->credentials);
	free(identity);
}

/* A certificate must be for what it is used for; without one, whether it is needed was decided by the request. */
static int verify_client(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = { GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, 0 };
	unsigned status = 0, count = 0;

	if (!gnutls_certificate_get_peers(session, &count) || !count)
		return 0;
	if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status) {
		log_debug("tls: a client's certificate was refused (%#x)", status);
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	return 0;
}

static int pem_read(const char *path, struct buf *ret, struct error *err)
{
	if (file_read(AT_FDCWD, path, PEM_MAX, ret, err) < 0)
		return -1;
	return ret->len ? 0 : error_set(err, ERROR_INVALID, "%s is empty", path);
}

static int add_client_authority(struct identity *identity, const struct registry_tls *options, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	if (!options->client_ca)
		return 0;
	if (pem_read(options->client_ca, &text, err) < 0)
		return -1;
	gnutls_datum_t pem = { (unsigned char *)text.data, (unsigned)text.len };
	int count = gnutls_certificate_set_x509_trust_mem(identity->credentials, &pem, GNUTLS_X509_FMT_PEM);
	if (count <= 0)
		return error_set(err, ERROR_INVALID, "%s holds no certificate in PEM", options->client_ca);
	gnutls_certificate_set_verify_function(identity->credentials, verify_client);
	identity->request = options->client_optional ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_REQUIRE;
	return 0;
}

static int read_pair(struct tls *tls, struct buf *certificate, struct buf *key, struct error *err)
{
	if (!tls->options->automatic)
		return pem_read(tls->options->certificate, certificate, err) < 0 ? -1 : pem_read(tls->options->key, key, err);
	if (authority_identity(store_dir(tls->store), certificate, err) < 0)
		return -1;
	buf_add(key, certificate->data, certificate->len);
	return 0;
}

static int set_pair(struct tls *tls, struct identity *identity, struct error *err)
{
	struct buf certificate _cleanup_(buf_free) = { 0 }, key _cleanup_(buf_free) = { 0 };

	if (read_pair(tls, &certificate, &key, err) < 0)
		return -1;
	gnutls_datum_t certificate_pem = { (unsigned char *)certificate.data, (unsigned)certificate.len };
	gnutls_datum_t key_pem = { (unsigned char *)key.data, (unsigned)key.len };
	int result = gnutls_certificate_set_x509_key_mem2(identity->credentials, &certificate_pem, &key_pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	explicit_bzero(key.data, key.len);
	if (result == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return error_set(err, ERROR_INVALID, "the key does not belong to the certificate");
	return result < 0 ? failed(result, "the certificate and its key", err) : 0;
}

static int identity_load(struct tls *tls, struct identity **ret, struct error *err)
{
	struct identity *identity = xnew(struct identity);

	identity->users = 1;
	identity->request = GNUTLS_CERT_IGNORE;
	if (gnutls_certificate_allocate_credentials(&identity->credentials) < 0)
		abort();
	if (set_pair(tls, identity, err) < 0 || add_client_authority(identity, tls->options, err) < 0) {
		identity_release(identity);
		return -1;
	}
	*ret = identity;
	return 0;
}

/* ---- noticing change ---- */

static void look(const struct tls *tls, struct stat found[FILES_MAX])
{
	const char *paths[FILES_MAX] = { tls->options->certificate, tls->options->key, tls->options->client_ca };

	memset(found, 0, FILES_MAX * sizeof *found);
	for (size_t i = 0; i < FILES_MAX; i++)
		if (paths[i] && stat(paths[i], &found[i]) < 0)
			memset(&found[i], 0, sizeof found[i]);
}

static bool differs(const struct stat *a, const struct stat *b)
{
	return a->st_ino != b->st_ino || a->st_dev != b->st_dev || a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
	       a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

/* True if a file changed since the last call. */
static bool files_changed(struct tls *tls)
{
	struct stat found[FILES_MAX];
	bool changed = false;

	look(tls, found);
	for (size_t i = 0; i < FILES_MAX; i++)
		changed = changed || differs(&found[i], &tls->seen[i]);
	memcpy(tls->seen, found, sizeof found);
	return changed;
}

static time_t now_running(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* Returns 1 if our own authority made a new certificate. */
static int authority_look(struct tls *tls, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	tls->looked = now_running();
	for (size_t i = 0; i < tls->names.len; i++)
		hostnames_add(&names, tls->names.items[i]);
	hostnames_find(&names);
	return authority_refresh(store_dir(tls->store), &names, err);
}

static void warn_expiry(const struct identity *identity, const char *path)
{
	gnutls_x509_crt_t *list = NULL;
	unsigned len = 0;
	char when[32];

	if (gnutls_certificate_get_x509_crt(identity->credentials, 0, &list, &len) < 0)
		return;
	time_t end = len ? gnutls_x509_crt_get_expiration_time(list[0]) : 0;
	if (len && end < time(NULL) + EXPIRY_WARN_SECONDS)
		log_warn("the certificate %s %s on %s", path, end < time(NULL) ? "expired" : "expires", time_print(end, when));
	for (unsigned i = 0; i < len; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
}

static int load(struct tls *tls, struct error *err)
{
	struct identity *identity;

	if (identity_load(tls, &identity, err) < 0)
		return -1;
	if (!tls->options->automatic)
		warn_expiry(identity, tls->options->certificate);
	pthread_mutex_lock(&tls->lock);
	struct identity *old = tls->identity;
	tls->identity = identity;
	identity_release(old);
	pthread_mutex_unlock(&tls->lock);
	return 0;
}

void tls_refresh(struct tls *tls, bool now)
{
	struct error err _cleanup_(error_clear) = { 0 };
	int renewed = 0;
	bool changed = files_changed(tls);

	if (tls->options->automatic && (now || now_running() - tls->looked >= AUTHORITY_SECONDS))
		renewed = authority_look(tls, &err);
	if (renewed == 0 && !changed && !now)
		return;
	if (renewed < 0 || load(tls, &err) < 0)
		log_error("the certificate stays as it was: %s", err.message);
	else
		log_info("sampan: new connections use the %s certificate", renewed ? "renewed" : "reloaded");
}

/* ---- opening ---- */

static int open_authority(struct tls *tls, struct error *err)
{
	for (size_t i = 0; i < tls->options->names.len; i++) {
		const char *name = tls->options->names.items[i];
		if (!hostnames_add(&tls->names, name))
			return error_set(err, ERROR_USAGE, "--tls-name %s: this is no host name or address", name);
	}
	if (authority_look(tls, err) < 0)
		return -1;
	return authority_certificate(store_dir(tls->store), &tls->authority, tls->fingerprint, err);
}

static int check_options(const struct registry_tls *options, struct error *err)
{
	if (options->automatic && (options->certificate || options->key)) {
		error_set(err, ERROR_USAGE, "--tls auto makes a certificate, and --tls-cert names one");
		return error_hint(err, "leave one of them out");
	}
	if (!options->certificate != !options->key)
		return error_set(err, ERROR_USAGE, "--tls-cert and --tls-key go together: %s is missing", options->key ? "--tls-cert" : "--tls-key");
	if (options->client_ca && !options->certificate && !options->automatic)
		return error_set(err, ERROR_USAGE, "clients show certificates only to a server that has one: add --tls auto, or --tls-cert");
	return 0;
}

int tls_open(struct store *store, const struct registry_tls *options, const struct strlist *names, struct tls **ret, struct error *err)
{
	*ret = NULL;
	if (check_options(options, err) < 0)
		return -1;
	if (!options->automatic && !options->certificate)
		return 0;
	_cleanup_(tls_close) struct tls *tls = xnew(struct tls);
	tls->store = store;
	tls->options = options;
	pthread_mutex_init(&tls->lock, NULL);
	for (size_t i = 0; i < names->len; i++)
		hostnames_add(&tls->names, names->items[i]);
	files_changed(tls);
	if ((options->automatic && open_authority(tls, err) < 0) || load(tls, err) < 0)
		return error_wrap(err, "cannot speak TLS");
	*ret = steal(tls);
	return 0;
}

void tls_close(struct tls **at)
{
	struct tls *tls = *at;

	if (!tls)
		return;
	identity_release(tls->identity);
	strlist_free(&tls->names);
	buf_free(&tls->authority);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
	*at = NULL;
}

const char *tls_authority(const struct tls *tls)
{
	return tls ? tls->authority.data : NULL;
}

const char *tls_authority_fingerprint(const struct tls *tls)
{
	return tls->fingerprint;
}

/* ---- connections ---- */

struct identity *tls_begin(struct tls *tls, gnutls_session_t session)
{
	pthread_mutex_lock(&tls->lock);
	struct identity *identity = tls->identity;
	identity->users++;
	pthread_mutex_unlock(&tls->lock);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, identity->credentials);
	gnutls_certificate_server_set_request(session, identity->request);
	return identity;
}

void tls_end(struct tls *tls, struct identity **at)
{
	if (!*at)
		return;
	pthread_mutex_lock(&tls->lock);
	identity_release(*at);
	pthread_mutex_unlock(&tls->lock);
	*at = NULL;
}

/* Rules compare names byte by byte, so one with a NUL or another control character is none. */
char *tls_client_name(gnutls_session_t session)
{
	unsigned count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
	char name[CLIENT_NAME_SIZE] = "";
	size_t len = sizeof name;
	gnutls_x509_crt_t certificate;
	bool good = false;

	if (!chain || !count || gnutls_x509_crt_init(&certificate) < 0)
		return NULL;
	if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) >= 0 &&
	    gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) >= 0)
		good = len && strlen(name) == len;
	gnutls_x509_crt_deinit(certificate);
	for (const char *at = name; *at; at++)
		good = good && (unsigned char)*at >= 0x20 && *at != 0x7f;
	return good ? xstrdup(name) : NULL;
}

/* ---- settings ---- */

static int read_client(struct registry_tls *tls, const json_t *section, struct error *err)
{
	const char *client_ca, *client_auth;

	if (json_get_string(section, "client-ca", &client_ca, err) < 0 || json_get_string(section, "client-certificate", &client_auth, err) < 0)
		return -1;
	if (client_auth && !str_equal(client_auth, "required") && !str_equal(client_auth, "optional"))
		return error_set(err, ERROR_INVALID, "'client-certificate' is \"required\" or \"optional\"");
	if (client_auth && !client_ca)
		return error_set(err, ERROR_INVALID, "'client-certificate' needs 'client-ca', the file of those who sign them");
	tls->client_ca = xstrdup(client_ca);
	tls->client_optional = str_equal(client_auth, "optional");
	return 0;
}

int tls_config(struct registry_options *options, const json_t *section, struct error *err)
{
	static const char *const known[] = { "auto", "names", "certificate", "key", "client-ca", "client-certificate", NULL };
	struct registry_tls *tls = &options->tls;
	bool automatic, told = tls->automatic || tls->certificate || tls->key;
	const char *certificate, *key;

	if (!json_is_object(section))
		return error_set(err, ERROR_INVALID, "it must be an object");
	if (config_check_keys(section, known, err) < 0 || json_get_bool(section, "auto", &automatic, err) < 0 ||
	    json_get_string(section, "certificate", &certificate, err) < 0 || json_get_string(section, "key", &key, err) < 0 ||
	    json_get_strlist(section, "names", &tls->names, err) < 0)
		return -1;
	if (!told) {
		tls->automatic = automatic;
		tls->certificate = xstrdup(certificate);
		tls->key = xstrdup(key);
	}
	return read_client(tls, section, err);
}

void registry_tls_clear(struct registry_tls *tls)
{
	free(tls->certificate);
	free(tls->key);
	free(tls->client_ca);
	strlist_free(&tls->names);
	*tls = (struct registry_tls){ 0 };
}
