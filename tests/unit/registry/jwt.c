/* JSON Web Tokens, from tests/corpus/registry/jwt.txt with the keys of jwt.jwks; and our own. */
#include "registry/jwt.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "tap.h"

static const struct jwt_terms terms = { .issuer = "https://ci.example", .audience = "sampan", .now = 1000, .leeway = 60 };

static char *judge(const char *text, const struct jwks *keys)
{
	struct jwt jwt _cleanup_(jwt_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	if (jwt_parse(text, &jwt, &err) < 0)
		return xstrdup("parse");
	if (!jwt_verify(&jwt, keys))
		return xstrdup("signature");
	if (jwt_check(&jwt, &terms, &err) < 0)
		return xstrdup(err.message);
	return xstrdup("good");
}

static void corpus(const char *path, const struct jwks *keys)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	int count = 0;

	ok(file_read(AT_FDCWD, path, 1 << 20, &text, NULL) == 0, "the corpus");
	strlist_split(&lines, text.data ? text.data : "", '\n');
	for (size_t i = 0; i < lines.len; i++) {
		char *line = lines.items[i], *want = strstr(line, " | "), *token = want ? strstr(want + 3, " | ") : NULL;
		if (*line == '#' || !token)
			continue;
		*want = *token = '\0';
		_cleanup_(freep) char *got = judge(token + 3, keys);
		if (!ok(strstr(got, want + 3) != NULL, "%s", line))
			printf("#      got: %s\n# expected: %s\n", got, want + 3);
		count++;
	}
	ok(count > 60, "%d tokens", count);
}

static void own(void)
{
	unsigned char secret[ED25519_KEY_SIZE] = { 1, 2, 3 };
	struct jwt_signer signer, other;
	json_t *claims _cleanup_(json_release) = json_pack("{s:s, s:s, s:i}", "iss", "https://ci.example", "aud", "sampan", "exp", 1001);
	struct jwt jwt _cleanup_(jwt_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	jwt_signer_init(&signer, secret);
	secret[0]++;
	jwt_signer_init(&other, secret);
	_cleanup_(freep) char *text = jwt_sign(&signer, claims);
	works(jwt_parse(text, &jwt, &err), &err, "a token of ours");
	ok(jwt_verify_own(&jwt, &signer) && !jwt_verify_own(&jwt, &other), "is signed with our key and no other");
	works(jwt_check(&jwt, &terms, &err), &err, "and is valid");
	jwt.algorithm = JWT_RS256;
	ok(!jwt_verify_own(&jwt, &signer), "but not as another algorithm's");
}

static void long_text(void)
{
	struct jwt jwt _cleanup_(jwt_clear) = { 0 };
	_cleanup_(freep) char *text = xcalloc(JWT_TEXT_MAX + 2, 1);
	struct error err = { 0 };

	memset(text, 'e', JWT_TEXT_MAX + 1);
	fails(jwt_parse(text, &jwt, &err), &err, ERROR_TOO_LARGE, "longer than", "a token that is too long");
}

static void bad_keys(void)
{
	static const char *const texts[] = { "", "[]", "{}", "{\"keys\":[]}", "{\"keys\":{}}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}",
					     "{\"keys\":[1]}", "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\"}]}",
					     "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}",
					     "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}" };
	struct jwks keys = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	for (size_t i = 0; i < array_len(texts); i++) {
		ok(jwks_parse(texts[i], strlen(texts[i]), &keys, &err) < 0 && !keys.len, "no keys: %s", texts[i]);
		error_clear(&err);
	}
}

int main(int argc, char **argv)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct jwks keys _cleanup_(jwks_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	if (argc < 2)
		return 2;
	_cleanup_(freep) char *path = xprintf("%.*s.jwks", (int)(strlen(argv[1]) - 4), argv[1]);
	works(file_read(AT_FDCWD, path, 1 << 20, &text, &err), &err, "the file of keys");
	works(jwks_parse(text.data, text.len, &keys, &err), &err, "the keys");
	is_int((long long)keys.len, 3, "the usable ones");
	corpus(argv[1], &keys);
	own();
	long_text();
	bad_keys();
	return done();
}
