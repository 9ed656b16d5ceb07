/* Base64: what is right comes back, what is nearly right does not. */
#include "base/base64.h"

#include "base/str.h"
#include "tap.h"

static void round_trip(enum base64_kind kind, const char *bytes, size_t len, const char *text)
{
	struct buf out _cleanup_(buf_free) = { 0 }, back _cleanup_(buf_free) = { 0 };

	base64_write(kind, bytes, len, &out);
	is_str(len ? out.data : "", text, text);
	ok(base64_read(kind, text, strlen(text), &back) && back.len == len && !memcmp(back.data, bytes, len), "and back");
}

static void refused(enum base64_kind kind, const char *text)
{
	struct buf out _cleanup_(buf_free) = { 0 };

	buf_add_str(&out, "kept");
	ok(!base64_read(kind, text, strlen(text), &out), "'%.*s' is not base64", (int)strcspn(text, "\n"), text);
	is_str(out.data, "kept", "and nothing of it is added");
}

int main(void)
{
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zg==Zg==", "Zm-_", "Zm9\x80" };
	static const char *const bad_url[] = { "Z", "Zg==", "Zh", "Zm9", "Zm+/", "Zm9v ", "Zm9v." };

	round_trip(BASE64, "", 0, "");
	round_trip(BASE64, "f", 1, "Zg==");
	round_trip(BASE64, "fo", 2, "Zm8=");
	round_trip(BASE64, "foo", 3, "Zm9v");
	round_trip(BASE64, "foob", 4, "Zm9vYg==");
	round_trip(BASE64, "\xfb\xff\0", 3, "+/8A");
	round_trip(BASE64_URL, "", 0, "");
	round_trip(BASE64_URL, "f", 1, "Zg");
	round_trip(BASE64_URL, "fo", 2, "Zm8");
	round_trip(BASE64_URL, "foobar", 6, "Zm9vYmFy");
	round_trip(BASE64_URL, "\xfb\xff\0", 3, "-_8A");
	for (size_t i = 0; i < array_len(bad); i++)
		refused(BASE64, bad[i]);
	for (size_t i = 0; i < array_len(bad_url); i++)
		refused(BASE64_URL, bad_url[i]);
	return done();
}
