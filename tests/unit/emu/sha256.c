/* The dispatcher's own SHA-256 against nettle's, at every length around the blocks; and the dispatcher's size. */
#include "emu/dispatch/sha256.h"

#include "emu/debs.h"
#include "emu/twin.h"
#include "emu/twin_list.h"
#include "oci/digest.h"
#include "tests/unit/tap.h"

static void check_digests(void)
{
	static uint8_t bytes[70000];
	bool same = true;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i >> 3);
	for (size_t len = 0; len < sizeof bytes; len += len < 300 ? 1 : 9973) {
		struct digest digest;
		uint8_t mine[32];
		digest_of(DIGEST_SHA256, bytes, len, &digest);
		sha256(bytes, len, mine);
		same &= !memcmp(mine, digest.bytes, 32);
	}
	ok(same, "the same digests as nettle's");
}

static void check_versions(void)
{
	static const char *const versions[][2] = {
		{ "14.2.0-19", "14.2.0-19" }, { "14.2.0-19cross1", "14.2.0-19" }, { "14.2.0-19+b2", "14.2.0-19" }, { "1.0+b", "1.0+b" },
		{ "1.0+b2a", "1.0+b2a" }, { "5.8.1-1+deb13u1", "5.8.1-1+deb13u1" }, { "5.8.1-1+deb13u1+b3", "5.8.1-1+deb13u1" }, { "", "" },
	};

	for (size_t i = 0; i < array_len(versions); i++) {
		_cleanup_(freep) char *got = deb_source_version(versions[i][0]);
		is_str(got, versions[i][1], versions[i][0]);
	}
}

static void check_depends(void)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	deb_depends("libc6 (>= 2.38), libgmp10:any (>= 2:6) | libgmp9,zlib1g ,, libc6", &names);
	_cleanup_(freep) char *text = strlist_join(&names, " ");
	is_str(text, "libc6 libgmp10 zlib1g", "names of a Depends field, each once, first alternatives");
}

int main(void)
{
	check_digests();
	check_versions();
	check_depends();
	ok(dispatcher_file->len > 4096 && dispatcher_file->len <= 100 * 1024, "the dispatcher has %zu bytes, at most 100 KB", dispatcher_file->len);
	ok(twin_list_has("uname arch nproc", "arch") && !twin_list_has("uname arch nproc", "arc") && !twin_list_has("uname arch", "name") && !twin_list_has(NULL, "x"),
	   "whole words of a list");
	ok(twin_special_find("bash") && !twin_special_find("bas") && !twin_special_find("cat"), "programs that need more");
	return done();
}
