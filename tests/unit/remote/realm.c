/* Who may be sent credentials as a token server: "yes" or "no", the registry's origin, the realm. tokens.other.org stands in token-hosts. */
#include "remote/auth.h"

#include "cases.h"

static void run(const struct strlist *f)
{
	struct strlist hosts _cleanup_(strlist_free) = { 0 };

	strlist_add(&hosts, "tokens.other.org");
	bool trusted = realm_is_trusted(f->items[1], f->items[2], &hosts);
	ok(trusted == str_equal(f->items[0], "yes"), "%s: %s as realm of %s", f->items[0], f->items[2], f->items[1]);
}

static void origin(const char *url, const char *want)
{
	_cleanup_(freep) char *got = url_origin(url);

	is_str(got, want, url);
}

static void urls(void)
{
	origin("https://Example.com/x", "https://example.com:443");
	origin("http://example.com:80", "http://example.com:80");
	origin("https://[::1]:5000/v2/", "https://[::1]:5000");
	origin("https://a@example.com/", NULL);
	origin("file:///etc/passwd", NULL);
	origin("nonsense", NULL);
	_cleanup_(freep) char *relative = url_resolve("http://a.b:5/v2/x/blobs/uploads/?a=b", "/v2/y?s=1");
	is_str(relative, "http://a.b:5/v2/y?s=1", "a Location without host");
	_cleanup_(freep) char *absolute = url_resolve("http://a.b:5/v2/", "https://c.d/e");
	is_str(absolute, "https://c.d/e", "a whole Location");
	_cleanup_(freep) char *escaped = url_escape("a b&c=d/é");
	is_str(escaped, "a%20b%26c%3Dd%2F%C3%A9", "a value in a query");
}

static void loopback(void)
{
	static const char *const yes[] = { "127.0.0.1", "127.0.0.1:5000", "127.1.2.3:1", "localhost", "localhost:5000", "LOCALHOST", "[::1]", "[::1]:5000", "::1" };
	static const char *const no[] = { "127.0.0.1.evil.org", "10.0.0.1", "localhost.evil.org:1", "[::2]:5000", "[::1]evil", "128.0.0.1", "", "127.0.0" };

	for (size_t i = 0; i < array_len(yes); i++)
		ok(host_is_loopback(yes[i]), "%s is loopback", yes[i]);
	for (size_t i = 0; i < array_len(no); i++)
		ok(!host_is_loopback(no[i]), "'%s' is not loopback", no[i]);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		case_file(argv[i], run);
	urls();
	loopback();
	return done();
}
