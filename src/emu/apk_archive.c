/* Packages from an Alpine image's repositories: see apk_archive.h.
 *
 * Trust goes down a chain, as in apk: a key of the image's signs the index, and each package's control segment; the index names the control segment by its SHA-1; the control
 * segment names the data by their SHA-256. Each architecture is signed with keys of its own: those of others come in the image's package alpine-keys. The SHA-1 is Alpine's
 * choice, not ours. */
#include "emu/apk_archive.h"

#include <gnutls/abstract.h>
#include <nettle/sha1.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "remote/transport.h"
#include "store/layer.h"

enum { INDEX_MAX = 64 << 20, PACKAGE_MAX = 256 << 20, REDIRECTS_MAX = 5, KEY_MAX = 16 << 10 };
static const struct layer_limits unpacked = { .bytes_max = 1LL << 30, .entries_max = 100000 };

/* ---- HTTP ---- */

static int cannot_fetch(const char *url, long status, struct error *err)
{
	error_set(err, status == 404 ? ERROR_NOT_FOUND : ERROR_NETWORK, "cannot fetch %s: the server answered %ld", url, status);
	return error_hint(err, "the image's repositories must be reachable from this machine; without twins: --twins=off");
}

/* Redirects are followed, from HTTPS only to HTTPS. */
static int fetch(struct transport *transport, const char *address, size_t limit, struct buf *ret, struct error *err)
{
	_cleanup_(freep) char *url = xstrdup(address);

	for (int i = 0; i < REDIRECTS_MAX; i++) {
		const struct exchange exchange = { .method = "GET", .url = url, .limit = limit };
		struct answer answer _cleanup_(answer_clear) = { 0 };
		if (transport_exchange(transport, &exchange, &answer, NULL, err) < 0)
			return error_wrap(err, "cannot fetch %s", url);
		if (answer.status == 200) {
			buf_free(ret);
			*ret = answer.body;
			answer.body = (struct buf){ 0 };
			return 0;
		}
		const char *location = answer.status >= 300 && answer.status < 400 ? answer_header(&answer, "Location") : NULL;
		_cleanup_(freep) char *next = location ? url_resolve(url, location) : NULL;
		if (!next || (str_starts(url, "https:") && !str_starts(next, "https:")))
			return cannot_fetch(url, answer.status, err);
		free(url);
		url = steal(next);
	}
	return error_set(err, ERROR_NETWORK, "cannot fetch %s: it leads from one address to the next", address);
}

/* ---- signatures ---- */

static int read_key(const struct twin_source *source, const char *name, struct buf *ret, struct error *err)
{
	static const char *const folders[] = { "etc/apk/keys", "usr/share/apk/keys" };

	for (size_t i = 0; i < array_len(folders) && !ret->len; i++) {
		_cleanup_(freep) char *path = path_join(folders[i], name);
		if (twin_source_file(source, path, ret, err) < 0)
			return -1;
	}
	if (ret->len && ret->len < KEY_MAX)
		return 0;
	return error_set(err, ERROR_DENIED, "it is signed with the key %s, which the image does not have", name);
}

static bool signature_is_right(const struct buf *key_text, gnutls_sign_algorithm_t algorithm, const struct apk_segment *segment, const struct buf *signature)
{
	const gnutls_datum_t pem = { (unsigned char *)key_text->data, (unsigned)key_text->len };
	const gnutls_datum_t data = { (unsigned char *)segment->bytes, (unsigned)segment->len }, sign = { (unsigned char *)signature->data, (unsigned)signature->len };
	gnutls_pubkey_t key;

	if (gnutls_pubkey_init(&key) < 0)
		return false;
	bool right = gnutls_pubkey_import(key, &pem, GNUTLS_X509_FMT_PEM) >= 0 &&
		     gnutls_pubkey_verify_data2(key, algorithm, GNUTLS_VERIFY_ALLOW_SIGN_WITH_SHA1, &data, &sign) >= 0;
	gnutls_pubkey_deinit(key);
	return right;
}

int apk_file_verify(const struct twin_source *source, const struct apk_file *file, struct error *err)
{
	static const struct {
		const char *start;
		gnutls_sign_algorithm_t algorithm;
	} kinds[] = { { ".SIGN.RSA.", GNUTLS_SIGN_RSA_SHA1 }, { ".SIGN.RSA256.", GNUTLS_SIGN_RSA_SHA256 } };
	struct buf signature _cleanup_(buf_free) = { 0 }, key _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *name = NULL;
	size_t kind = 0;

	int found = apk_tar_find(&file->signature_tar, ".SIGN.", &name, &signature, err);
	if (found < 0)
		return -1;
	while (found && kind < array_len(kinds) && !str_starts(name, kinds[kind].start))
		kind++;
	if (!found || kind == array_len(kinds) || strchr(name, '/'))
		return error_set(err, ERROR_DENIED, "it has no signature of a kind that is known");
	if (read_key(source, name + strlen(kinds[kind].start), &key, err) < 0)
		return -1;
	if (!signature_is_right(&key, kinds[kind].algorithm, file->control.len ? &file->control : &file->rest, &signature))
		return error_set(err, ERROR_DENIED, "its signature is wrong");
	return 0;
}

/* ---- indices ---- */

static int read_index(const struct twin_source *source, struct buf *bytes, struct apk_index *ret, struct error *err)
{
	struct apk_file file _cleanup_(apk_file_clear) = { 0 };
	struct buf tar _cleanup_(buf_free) = { 0 }, text _cleanup_(buf_free) = { 0 };

	if (apk_file_parse(bytes->data, bytes->len, false, &file, err) < 0 || apk_file_verify(source, &file, err) < 0 ||
	    apk_segment_read(&file.rest, INDEX_MAX, &tar, err) < 0)
		return -1;
	int found = apk_tar_find(&tar, "APKINDEX", NULL, &text, err);
	if (found < 1)
		return found < 0 ? -1 : error_set(err, ERROR_CORRUPT, "it lists no packages");
	return apk_index_parse(&text, ret, err);
}

/* A repository that has nothing for one of the architectures only gives no twins. */
static int open_index(const struct apk_archive *archive, const struct apk_repository *repository, const char *architecture, struct apk_index *ret, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("%s/%s/APKINDEX.tar.gz", repository->address, architecture);
	struct error failed _cleanup_(error_clear) = { 0 };
	struct buf bytes _cleanup_(buf_free) = { 0 };

	if (fetch(repository->transport, url, INDEX_MAX, &bytes, &failed) < 0) {
		if (failed.code == ERROR_NOT_FOUND)
			return 0;
		error_move(err, &failed);
		return -1;
	}
	return read_index(archive->source, &bytes, ret, err) < 0 ? error_wrap(err, "%s", url) : 0;
}

void apk_archive_close(struct apk_archive *archive)
{
	for (size_t i = 0; i < archive->len; i++) {
		free(archive->items[i].address);
		transport_free(&archive->items[i].transport);
		apk_index_clear(&archive->items[i].foreign);
		apk_index_clear(&archive->items[i].host);
	}
	free(archive->items);
	*archive = (struct apk_archive){ 0 };
}

static int open_repository(struct apk_archive *archive, const char *address, struct error *err)
{
	_cleanup_(freep) char *host = url_host(address);
	const struct transport_options options = { .direct = host && host_is_loopback(host) };

	xgrow(archive->items, archive->len);
	struct apk_repository *repository = &archive->items[archive->len++];
	*repository = (struct apk_repository){ .address = xstrdup(address), .transport = transport_new(&options) };
	return open_index(archive, repository, archive->source->foreign, &repository->foreign, err) < 0
		? -1 : open_index(archive, repository, archive->source->host, &repository->host, err);
}

int apk_archive_open(const struct twin_source *source, const char *folder, struct apk_archive *ret, struct error *err)
{
	struct apk_archive archive _cleanup_(apk_archive_close) = { .source = source, .folder = folder };
	struct strlist addresses _cleanup_(strlist_free) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	size_t packages = 0;

	if (twin_source_file(source, "etc/apk/repositories", &text, err) < 0)
		return -1;
	apk_repositories_parse(text.data, &addresses);
	for (size_t i = 0; i < addresses.len; i++) {
		if (open_repository(&archive, addresses.items[i], err) < 0)
			return error_wrap(err, "cannot read the package lists");
		packages += archive.items[i].host.len;
	}
	if (!packages)
		return error_set(err, ERROR_NOT_FOUND, "no repository of the image has packages for %s", source->host);
	*ret = archive;
	archive = (struct apk_archive){ 0 };
	return 0;
}

bool apk_archive_find(const struct apk_archive *archive, const char *name, struct apk_pair *ret, char **ret_why)
{
	const struct apk_package *foreign = NULL, *host = NULL;

	for (size_t i = 0; i < archive->len; i++) {
		const struct apk_repository *repository = &archive->items[i];
		const struct apk_package *one = apk_index_find(&repository->foreign, name), *other = apk_index_find(&repository->host, name);
		foreign = one ? one : foreign;
		host = other ? other : host;
		if (one && other && apk_package_equal(one, other) && one->has_identity && other->has_identity) {
			*ret = (struct apk_pair){ repository, one, other };
			return true;
		}
	}
	if (foreign && host)
		*ret_why = xprintf("it is not the same for both machines: %s for %s, %s for %s%s", foreign->version, archive->source->foreign, host->version, archive->source->host,
				   str_equal(foreign->version, host->version) ? ", made of another commit" : "");
	else
		*ret_why = xprintf("no repository has it for %s", foreign ? archive->source->host : archive->source->foreign);
	return false;
}

/* ---- packages ---- */

/* The index goes by name; a package of another name or version that is signed as well must not come in its place. */
static int check_info(const struct apk_segment *data, const char *info, const struct apk_package *package, struct error *err)
{
	_cleanup_(freep) char *name = apk_info_value(info, "pkgname"), *version = apk_info_value(info, "pkgver"), *hash = apk_info_value(info, "datahash");
	char text[DIGEST_TEXT_SIZE];
	struct digest digest;

	if (!str_equal(name, package->name) || !str_equal(version, package->version))
		return error_set(err, ERROR_CORRUPT, "it is another package than the repository lists");
	digest_of(DIGEST_SHA256, data->bytes, data->len, &digest);
	if (!hash || strcasecmp(hash, digest_hex(&digest, text)) != 0)
		return error_set(err, ERROR_CORRUPT, "its data are not those of its datahash");
	return 0;
}

int apk_file_check(const struct apk_file *file, const struct apk_package *package, struct error *err)
{
	struct buf info _cleanup_(buf_free) = { 0 };
	unsigned char identity[APK_SHA1_SIZE];
	struct sha1_ctx sha1;

	sha1_init(&sha1);
	sha1_update(&sha1, file->control.len, (const unsigned char *)file->control.bytes);
	sha1_digest(&sha1, sizeof identity, identity);
	if (memcmp(identity, package->identity, sizeof identity) != 0)
		return error_set(err, ERROR_CORRUPT, "its checksum is not that of the repository's list");
	int found = apk_tar_find(&file->control_tar, ".PKGINFO", NULL, &info, err);
	if (found < 1)
		return found < 0 ? -1 : error_set(err, ERROR_CORRUPT, "it has no .PKGINFO");
	return check_info(&file->rest, info.data, package, err);
}

static int unpack(const struct apk_archive *archive, const struct apk_segment *data, const char *to, struct error *err)
{
	_cleanup_(fd_close) int from = open(archive->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (from < 0)
		return error_set(err, ERROR_IO, "cannot make a temporary file in %s", archive->folder);
	if (fd_write_all(from, data->bytes, data->len, "a package", err) < 0 || lseek(from, 0, SEEK_SET) < 0 || dir_make(AT_FDCWD, to, 0755, err) < 0)
		return -1;
	_cleanup_(fd_close) int dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return layer_extract(from, dir, false, &unpacked, NULL, err);
}

static int fetch_one(const struct apk_archive *archive, const struct apk_repository *repository, const struct apk_package *package, const char *architecture, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("%s/%s/%s-%s.apk", repository->address, architecture, package->name, package->version);
	_cleanup_(freep) char *to = xprintf("%s/%s/%s", archive->folder, architecture, package->name);
	struct apk_file file _cleanup_(apk_file_clear) = { 0 };
	struct buf bytes _cleanup_(buf_free) = { 0 };

	if (fetch(repository->transport, url, PACKAGE_MAX, &bytes, err) < 0)
		return -1;
	if (apk_file_parse(bytes.data, bytes.len, true, &file, err) < 0 || apk_file_verify(archive->source, &file, err) < 0 ||
	    apk_file_check(&file, package, err) < 0 || unpack(archive, &file.rest, to, err) < 0)
		return error_wrap(err, "%s", url);
	return 0;
}

int apk_archive_fetch(const struct apk_archive *archive, const struct apk_pair *pair, struct error *err)
{
	return fetch_one(archive, pair->repository, pair->foreign, archive->source->foreign, err) < 0
		? -1 : fetch_one(archive, pair->repository, pair->host, archive->source->host, err);
}
