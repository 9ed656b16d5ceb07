/* Which archive this machine's packages come from, and apt's sources in which each archive is asked for what it has. */
#include <stdlib.h>

#include "emu/twin_mirror.h"
#include "tests/unit/tap.h"

static void check_addresses(void)
{
	static const struct {
		const char *distribution, *host, *foreign, *mirror, *uri, *expected;
	} cases[] = {
		{ "ubuntu", "amd64", "riscv64", NULL, "http://ports.example/ubuntu-ports", "http://archive.example/ubuntu" },
		{ "ubuntu", "amd64", "arm64", NULL, "https://mirror.example/pub/ubuntu-ports/", "https://mirror.example/pub/ubuntu" },
		{ "ubuntu", "amd64", "riscv64", NULL, "http://127.0.0.1:81/ubuntu-ports", "http://127.0.0.1:81/ubuntu" },
		{ "ubuntu", "amd64", "riscv64", NULL, "http://mirror.example/ubuntu", NULL },
		{ "ubuntu", "amd64", "riscv64", NULL, "http://ppa.example/owner/name/ubuntu", NULL },
		{ "ubuntu", "arm64", "riscv64", NULL, "http://ports.example/ubuntu-ports", NULL },
		{ "ubuntu", "arm64", "amd64", NULL, "http://archive.example/ubuntu/", "http://ports.example/ubuntu-ports" },
		{ "ubuntu", "arm64", "amd64", NULL, "http://security.example/ubuntu", "http://ports.example/ubuntu-ports" },
		{ "ubuntu", "riscv64", "amd64", NULL, "http://mirror.example/ubuntu", "http://mirror.example/ubuntu-ports" },
		{ "ubuntu", "riscv64", "amd64", NULL, "http://ppa.example/owner/name/ubuntu", NULL },
		{ "debian", "amd64", "riscv64", NULL, "http://ports.example/debian-ports", NULL },
		{ "debian", "amd64", "riscv64", "http://other.example/debian", "http://ports.example/debian-ports", "http://other.example/debian" },
		{ "ubuntu", "amd64", "riscv64", "http://other.example/u", "http://odd.example/ubuntu-ports", "http://other.example/u" },
		{ "ubuntu", "amd64", "riscv64", "http://other.example/u", "http://odd.example/first", "http://other.example/u" },
		{ "ubuntu", "amd64", "riscv64", NULL, "http://odd.example/first", NULL },
		{ "ubuntu", "amd64", "riscv64", "http://other.example/u", "http://ppa.example/owner/name/ubuntu", NULL },
		{ "ubuntu", "amd64", "riscv64", NULL, "nonsense", NULL },
		{ "ubuntu", "amd64", "riscv64", NULL, "http://ports.example", NULL },
		{ "ubuntu", "amd64", "riscv64", NULL, "http://ports.example///", NULL },
	};

	for (size_t i = 0; i < array_len(cases); i++) {
		struct twin_source source = { .distribution = (char *)cases[i].distribution, .host = cases[i].host, .foreign = cases[i].foreign,
					      .mirror = cases[i].mirror, .archive = (char *)"http://odd.example/first" };
		_cleanup_(freep) char *mirror = twin_mirror_of(&source, cases[i].uri);
		ok(str_equal(mirror, cases[i].expected), "%s on %s for %s", cases[i].uri, cases[i].host, cases[i].foreign);
	}
}

static void check_rewritten(const char *text, bool stanzas, const char *expected, const char *name)
{
	struct twin_source source = { .distribution = (char *)"ubuntu", .host = "amd64", .foreign = "riscv64" };
	struct buf out _cleanup_(buf_free) = { 0 };

	twin_mirror_rewrite(&source, text, stanzas, &out);
	buf_reserve(&out, 0);
	is_str(out.data, expected, name);
}

static void check_files(void)
{
	check_rewritten("# a remark\ndeb http://ports.example/ubuntu-ports noble main universe\ndeb [signed-by=/k arch=riscv64] http://ports.example/ubuntu-ports/ noble-updates main\n"
			"deb http://ppa.example/a/b/ubuntu noble main",
			false,
			"# a remark\ndeb [arch=riscv64] http://ports.example/ubuntu-ports noble main universe\ndeb [arch=amd64] http://archive.example/ubuntu noble main universe\n"
			"deb [arch=riscv64 signed-by=/k] http://ports.example/ubuntu-ports/ noble-updates main\n"
			"deb [arch=amd64 signed-by=/k] http://archive.example/ubuntu noble-updates main\ndeb http://ppa.example/a/b/ubuntu noble main\n",
			"sources.list");
	check_rewritten("# about\n#\n\nTypes: deb\nURIs: http://ports.example/ubuntu-ports\nSuites: noble noble-updates\n# a word\nComponents: main\n\n"
			"types: deb\nuris:\n http://a.example/x\n http://ports.example/ubuntu-ports/\nArchitectures:\n riscv64\nSigned-By:\n -----BEGIN\n .\n\n"
			"Types: deb\nURIs: http://ppa.example/a/b/ubuntu\nSuites: noble\n",
			true,
			"# about\n#\n\nTypes: deb\nArchitectures: riscv64\nURIs: http://ports.example/ubuntu-ports\nSuites: noble noble-updates\nComponents: main\n\n"
			"Types: deb\nArchitectures: amd64\nURIs: http://archive.example/ubuntu\nSuites: noble noble-updates\nComponents: main\n\n"
			"types: deb\nArchitectures: riscv64\nURIs:\n http://a.example/x\n http://ports.example/ubuntu-ports/\nSigned-By:\n -----BEGIN\n .\n\n"
			"types: deb\nArchitectures: amd64\nURIs:\n http://a.example/x\n http://archive.example/ubuntu\nSigned-By:\n -----BEGIN\n .\n\n"
			"Types: deb\nURIs: http://ppa.example/a/b/ubuntu\nSuites: noble\n\n",
			"a .sources file");
	check_rewritten("", false, "", "nothing");
	check_rewritten("deb", false, "deb\n", "half a line");
	check_rewritten("deb [arch=x", false, "deb [arch=x\n", "half an option");
	check_rewritten("URIs:", true, "URIs:\n\n", "half a stanza");
}

static void check_first(void)
{
	static const struct {
		const char *text;
		bool stanzas;
		const char *expected;
	} cases[] = {
		{ "# deb http://a/\ndeb-src http://b/ x\n deb\t[a=b c]  http://c/d suite main\ndeb http://e/", false, "http://c/d" },
		{ "Types: deb\nuris:  http://c/d http://e/\n", true, "http://c/d" },
		{ "deb", false, NULL },
		{ "Types: deb\n", true, NULL },
	};

	for (size_t i = 0; i < array_len(cases); i++) {
		_cleanup_(freep) char *first = twin_mirror_first(cases[i].text, cases[i].stanzas);
		is_str(first, cases[i].expected, "the first address");
	}
}

static void check_option(void)
{
	struct error err _cleanup_(error_clear) = { 0 };

	works(twin_mirror_check("https://mirror.example:8443/ubuntu", &err), &err, "an address");
	fails(twin_mirror_check("file:/etc", &err), &err, ERROR_USAGE, "address of an archive", "a file");
	fails(twin_mirror_check("http://x/ [trusted=yes]", &err), &err, ERROR_USAGE, "address of an archive", "an option within");
	fails(twin_mirror_check("http://x/\ndeb http://y/", &err), &err, ERROR_USAGE, "address of an archive", "a second line");
}

int main(void)
{
	check_addresses();
	check_files();
	check_first();
	check_option();
	return done();
}
