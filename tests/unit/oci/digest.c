/* Digests: the case file, known values, streaming in odd pieces. */
#include "oci/digest.h"

#include "cases.h"
#include "oci/sha256.h"

/* text, then "ok" or the code and a part of the message */
static void run(const struct strlist *f)
{
	struct digest digest;
	struct error err = { 0 };
	char text[DIGEST_TEXT_SIZE];
	int result = digest_parse(f->items[0], &digest, &err);

	if (str_equal(f->items[1], "ok")) {
		if (works(result, &err, f->items[0]))
			is_str(digest_print(&digest, text), f->items[0], "and it is printed the same");
		return;
	}
	fails(result, &err, str_equal(f->items[1], "unsupported") ? ERROR_UNSUPPORTED : ERROR_INVALID, f->items[2], f->items[0]);
}

static void known_values(void)
{
	struct digest digest;
	char text[DIGEST_TEXT_SIZE];

	digest_of(DIGEST_SHA256, "foo", 3, &digest);
	is_str(digest_print(&digest, text), DIGEST_B, "sha256 of foo");
	digest_of(DIGEST_SHA256, NULL, 0, &digest);
	is_str(digest_hex(&digest, text), HEX_A, "sha256 of nothing, its hex alone");
	digest_of(DIGEST_SHA512, "", 0, &digest);
	is_str(digest_print(&digest, text), DIGEST_512, "sha512 of nothing");
}

static void pieces(void)
{
	unsigned char bytes[1000];
	struct digest whole, parts, fork;
	struct digester digester, copy;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7);
	for (enum digest_algorithm a = DIGEST_SHA256; a <= DIGEST_SHA512; a++) {
		digest_of(a, bytes, sizeof bytes, &whole);
		digester_init(&digester, a);
		for (size_t at = 0, n = 1; at < sizeof bytes; at += n, n = n * 3 % 71 + 1) {
			n = n < sizeof bytes - at ? n : sizeof bytes - at;
			digester_add(&digester, bytes + at, n);
		}
		copy = digester;
		digester_finish(&digester, &parts);
		digester_add(&copy, "x", 1);
		digester_finish(&copy, &fork);
		ok(digest_equal(&whole, &parts), "%s in pieces is the same", digest_algorithm_name(a));
		ok(!digest_equal(&whole, &fork), "and a forked state goes its own way");
	}
}

/* Each way that this processor has gives nettle's state, from any address; and the digester takes the first of them, in pieces of any length. Of a
 * riscv64 processor that has none, or of another, only the last is to be tested. */
static void ways(void)
{
	static unsigned char bytes[64 * 40 + 8];
	struct sha256_way list[SHA256_WAYS];
	size_t len = sha256_ways(list);

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * i >> 3);
	for (size_t i = 0; i < len; i++) {
		bool same = true;
		for (size_t blocks = 0; blocks <= 40; blocks++) {
			struct sha256_ctx nettle, ours;
			sha256_init(&nettle);
			ours = nettle;
			sha256_update(&nettle, blocks * 64, bytes + blocks % 8);
			list[i].blocks(ours.state, bytes + blocks % 8, blocks);
			same = same && !memcmp(nettle.state, ours.state, sizeof ours.state);
		}
		ok(same, "%s computes what nettle computes", list[i].name);
	}
	is_str(digest_sha256_way(), len ? list[0].name : "nettle", "the fastest way is taken");
	bool same = true;
	for (size_t first = 0; first < 200; first++)
		for (size_t second = 0; second < 200; second += 7) {
			unsigned char want[SHA256_DIGEST_SIZE];
			struct sha256_ctx nettle;
			struct digester digester;
			struct digest got;
			sha256_init(&nettle);
			sha256_update(&nettle, first + second + 65, bytes + 1);
			sha256_digest(&nettle, sizeof want, want);
			digester_init(&digester, DIGEST_SHA256);
			digester_add(&digester, bytes + 1, first);
			digester_add(&digester, bytes + 1 + first, second);
			digester_add(&digester, bytes + 1 + first + second, 65);
			digester_finish(&digester, &got);
			same = same && !memcmp(got.bytes, want, sizeof want);
		}
	ok(same, "pieces of all lengths give nettle's digest");
}

int main(int argc, char **argv)
{
	struct digest digest = { .algorithm = DIGEST_SHA512 };
	struct error err = { 0 };

	case_file(argc > 1 ? argv[1] : "tests/corpus/oci/digest.txt", run);
	known_values();
	pieces();
	ways();
	fails(digest_parse(NULL, &digest, &err), &err, ERROR_INVALID, "not a digest", "NULL is no digest");
	is_int(digest.algorithm, DIGEST_SHA512, "a failure leaves the output alone");
	return done();
}
