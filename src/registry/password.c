/* Passwords and secrets: see password.h. */
#include "registry/password.h"

#include <crypt.h>
#include <nettle/memops.h>
#include <string.h>
#include <sys/random.h>

#include "base/str.h"
#include "oci/digest.h"

#define SECRET_BEGIN "sampan_"
enum { SECRET_LETTERS = 32, PASSWORD_LETTERS = 20, BCRYPT_LEN = 60 };

static void random_bytes(void *bytes, size_t len)
{
	if (getrandom(bytes, len, 0) != (ssize_t)len)
		abort();
}

/* ---- bcrypt ---- */

/* The library's work area is 32 KiB, too much for a thread's stack. Owned by the caller; NULL if it refuses the setting or the password. */
static char *bcrypt(const char *password, const char *setting)
{
	struct crypt_data *area = xnew(struct crypt_data);
	const char *out = crypt_r(password, setting, area);
	char *result = out && *out == '$' ? xstrdup(out) : NULL;

	explicit_bzero(area, sizeof *area);
	free(area);
	return result;
}

bool password_matches(const char *hash, const char *model, const char *password, sem_t *turns)
{
	while (sem_wait(turns) < 0)
		;
	_cleanup_(freep) char *made = bcrypt(password, hash ? hash : model);
	sem_post(turns);
	return hash && made && strlen(made) == strlen(hash) && memeql_sec(made, hash, strlen(hash));
}

int password_hash_check(const char *hash, struct error *err)
{
	int64_t cost;

	if (hash[0] != '$' || hash[1] != '2' || !hash[2] || !strchr("aby", hash[2]) || hash[3] != '$' || strlen(hash) != BCRYPT_LEN || hash[6] != '$') {
		error_set(err, ERROR_UNSUPPORTED, "the password is not kept as bcrypt");
		return error_hint(err, "make it with 'htpasswd -B', or with 'sampan user add'");
	}
	char text[3] = { hash[4], hash[5] };
	if (str_to_int(text, 4, PASSWORD_COST_MAX, &cost, NULL) < 0)
		return error_set(err, ERROR_UNSUPPORTED, "the bcrypt cost is not within 4 and %d", PASSWORD_COST_MAX);
	return 0;
}

int password_hash(const char *password, char **ret, struct error *err)
{
	char salt[16], setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (!*password)
		return error_set(err, ERROR_USAGE, "the password must not be empty");
	if (strlen(password) > PASSWORD_BYTES_MAX)
		return error_set(err, ERROR_USAGE, "the password is longer than %d bytes, of which bcrypt would not see the rest", PASSWORD_BYTES_MAX);
	if (secret_has_form(password))
		return error_set(err, ERROR_USAGE, "a password must not begin with '" SECRET_BEGIN "', as tokens do");
	random_bytes(salt, sizeof salt);
	if (!crypt_gensalt_rn("$2b$", PASSWORD_COST, salt, sizeof salt, setting, sizeof setting))
		return error_set(err, ERROR_FAILED, "this system's libcrypt has no bcrypt");
	*ret = bcrypt(password, setting);
	return *ret ? 0 : error_set(err, ERROR_INVALID, "the password can't be hashed");
}

/* ---- made by us ---- */

/* Of an alphabet of 64 or less, each with the same chance. */
static char *letters_make(const char *begin, size_t count)
{
	static const char alphabet[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	size_t len = strlen(begin), at = len;
	char *text = xcalloc(len + count + 1, 1);

	memcpy(text, begin, len);
	while (at < len + count) {
		unsigned char byte;
		random_bytes(&byte, 1);
		if ((byte & 63) < strlen(alphabet))
			text[at++] = alphabet[byte & 63];
	}
	return text;
}

char *password_make(void)
{
	return letters_make("", PASSWORD_LETTERS);
}

char *secret_make(void)
{
	return letters_make(SECRET_BEGIN, SECRET_LETTERS);
}

bool secret_has_form(const char *text)
{
	return str_starts(text, SECRET_BEGIN);
}

char *secret_hash(const char *secret)
{
	char text[DIGEST_TEXT_SIZE];
	struct digest digest;

	digest_of(DIGEST_SHA256, secret, strlen(secret), &digest);
	return xstrdup(digest_print(&digest, text));
}

bool secret_matches(const char *hash, const char *secret)
{
	struct digest wanted, got;

	if (digest_parse(hash, &wanted, NULL) < 0)
		return false;
	digest_of(DIGEST_SHA256, secret, strlen(secret), &got);
	return wanted.algorithm == DIGEST_SHA256 && memeql_sec(wanted.bytes, got.bytes, digest_size(DIGEST_SHA256));
}
