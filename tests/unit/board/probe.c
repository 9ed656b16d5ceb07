/* Fingerprints and the choice of the pinned certificate. */
#include "board/probe.h"

#include "tap.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define PEM(body) "-----BEGIN CERTIFICATE-----\n" body "\n-----END CERTIFICATE-----\n"

int main(void)
{
	struct error err = { 0 };
	_cleanup_(freep) char *a = fingerprint_parse("sha256:" HEX, &err), *b = fingerprint_parse("E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55", &err);

	is_str(a, HEX, "sha256:hex");
	is_str(b, HEX, "as openssl prints it");
	fails(fingerprint_parse("sha256:12", &err) ? 0 : -1, &err, ERROR_USAGE, "is no fingerprint", "too short");
	fails(fingerprint_parse("sha256:" HEX "00", &err) ? 0 : -1, &err, ERROR_USAGE, "is no fingerprint", "too long");
	fails(fingerprint_parse("sha1:" HEX, &err) ? 0 : -1, &err, ERROR_USAGE, "is no fingerprint", "another digest");
	/* sha256 of "first" and of "second"; base64 of them between the lines */
	const char *two = "Subject: x\n" PEM("Zmly\nc3Q=") PEM("c2Vjb25k");
	_cleanup_(freep) char *second = pem_choose(two, "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4", &err);
	is_str(second, PEM("c2Vjb25k"), "the second of two");
	fails(pem_choose(two, HEX, &err) ? 0 : -1, &err, ERROR_DENIED, "its fingerprint is sha256:16367aac", "none of them");
	fails(pem_choose("<html>", HEX, &err) ? 0 : -1, &err, ERROR_INVALID, "no certificate", "no PEM");
	fails(pem_choose("-----BEGIN CERTIFICATE-----\n!!!", HEX, &err) ? 0 : -1, &err, ERROR_INVALID, "no certificate", "cut off");
	return done();
}
