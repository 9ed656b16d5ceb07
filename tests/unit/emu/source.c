/* What is taken of an image's apt configuration: sources on the network and keys, nothing that could run or read something here. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "emu/debs.h"
#include "tests/unit/tap.h"

static char root[] = "/tmp/sampan-source.XXXXXX";

static void put(const char *path, const char *text)
{
	_cleanup_(freep) char *whole = path_join(root, path), *folder = xstrndup(whole, (size_t)(strrchr(whole, '/') - whole));

	dir_make(AT_FDCWD, folder, 0755, NULL);
	file_replace(AT_FDCWD, whole, text, strlen(text), 0644, NULL);
}

static int read_source(struct twin_source *ret, struct error *err)
{
	static int tree = -1;
	struct platform platform = { 0 };

	if (tree < 0)
		tree = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return platform_parse("linux/riscv64", &platform, err) < 0 ? -1 : twin_source_read(tree, &platform, ret, err);
}

static char *reference(void)
{
	struct twin_source source _cleanup_(twin_source_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	return read_source(&source, &err) < 0 ? NULL : xstrdup(source.reference);
}

static void check_sources(void)
{
	static const char *const refused[] = { "deb file:/srv sid main", "deb copy:/srv sid main", "URIs: http://x/ cdrom:x",
					       "deb mirror+file:/etc/shadow sid main", "deb [trusted=yes] ssh://x/ sid main" };
	struct twin_source source _cleanup_(twin_source_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	fails(read_source(&source, &err), &err, ERROR_UNSUPPORTED, "unknown distribution", "no os-release");
	put("etc/os-release", "NAME=x\nID=fedora\n");
	fails(read_source(&source, &err), &err, ERROR_UNSUPPORTED, "fedora", "another distribution");
	put("etc/os-release", "VERSION_ID=\"13\"\nVERSION_CODENAME='tri/xie'\nID=debian\n");
	fails(read_source(&source, &err), &err, ERROR_UNSUPPORTED, "debian", "a suite that is no word");
	put("etc/os-release", "VERSION_ID=\"13\"\nVERSION_CODENAME=\"trixie\"\nID=debian\n");
	fails(read_source(&source, &err), &err, ERROR_UNSUPPORTED, "no apt sources", "no sources");
	for (size_t i = 0; i < array_len(refused); i++) {
		put("etc/apt/sources.list", refused[i]);
		fails(read_source(&source, &err), &err, ERROR_UNSUPPORTED, "not on the network", refused[i]);
	}
	put("etc/apt/sources.list", "# deb file:/srv sid main\ndeb http://mirror.test/ trixie main\n");
	works(read_source(&source, &err), &err, "a source on the network");
	is_str(source.suite, "trixie", "the suite");
}

static void check_names(void)
{
	_cleanup_(freep) char *before = reference(), *again = reference();

	is_str(again, before, "the name of a set is always the same");
	put("usr/share/keyrings/own.gpg", "key");
	_cleanup_(freep) char *keyed = reference();
	ok(keyed && before && strcmp(keyed, before) != 0, "another key, another set");
}

/* Alpine's set goes by branch, repositories and keys. */
static void check_alpine(void)
{
	struct twin_source source _cleanup_(twin_source_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	struct buf list _cleanup_(buf_free) = { 0 };

	put("etc/os-release", "ID=alpine\nVERSION_ID=3.20.3\n");
	fails(read_source(&source, &err), &err, ERROR_UNSUPPORTED, "no repository", "no repositories");
	put("etc/apk/repositories", "/media/cdrom\n@edge http://mirror.test/edge\n");
	fails(read_source(&source, &err), &err, ERROR_UNSUPPORTED, "no repository", "none that counts");
	put("etc/apk/repositories", "http://mirror.test/v3.20/main/\n");
	works(read_source(&source, &err), &err, "one on the network");
	is_str(source.suite, "3.20", "the branch");
	is_str(source.foreign, "riscv64", "Alpine's name of the architecture");
	is_str(source.archive, "http://mirror.test/v3.20/main", "the repository");
	ok(str_starts(source.reference, "localhost/twin/alpine:3.20-riscv64-"), "%s", source.reference);
	_cleanup_(freep) char *before = xstrdup(source.reference);
	put("usr/share/apk/keys/other.rsa.pub", "key");
	_cleanup_(freep) char *keyed = reference();
	ok(keyed && strcmp(keyed, before) != 0, "another key, another set");
	put("etc/os-release", "ID=alpine\nVERSION_ID=3.23_alpha20250612\n");
	_cleanup_(freep) char *edge = reference();
	ok(edge && str_starts(edge, "localhost/twin/alpine:edge-riscv64-"), "the rolling branch");
	put("lib/apk/db/installed", "P:musl\nV:1-r0\n\nP:zlib\nV:2-r0\n\nP:own\nV:1\n\n");
	struct twin_set set = { .list = json_pack("{s{ss ss ss}}", "versions", "musl", "1-r1", "zlib", "2-r0", "bash", "5-r0") };
	struct strlist others _cleanup_(strlist_free) = { 0 };
	works(twin_set_compare(&set, &source, &others, &err), &err, "what is installed is compared");
	ok(others.len == 1 && str_equal(others.items[0], "musl 1-r0 (1-r1)"), "one is behind");
	put("lib/apk/db/installed", "P:musl\nversion\n");
	fails(twin_set_compare(&set, &source, &others, &err), &err, ERROR_INVALID, "line 2", "a damaged list");
	twin_set_clear(&set);
	put("etc/os-release", "VERSION_CODENAME=trixie\nID=debian\n");
}

/* apt runs what its configuration names; the image's must not count. */
static void check_copy(void)
{
	struct twin_source source _cleanup_(twin_source_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *ran = path_join(root, "ran"), *work = path_join(root, "work"), *list = path_join(root, "work/apt/etc/sources.list.d/x.sources");
	_cleanup_(freep) char *conf = xprintf("APT::Update::Pre-Invoke { \"touch %s\"; };\nAcquire::http::Proxy-Auto-Detect \"touch %s\";\n"
					      "Acquire::Check-Valid-Until \"false\";\n", ran, ran);
	_cleanup_(freep) char *want = xprintf("Signed-By: %s/work/apt/etc/keyrings/own.gpg %s/work/apt/etc/keyrings-local/b.gpg\n\n", root, root);
	struct debs debs _cleanup_(debs_close) = { 0 };

	put("etc/apt/sources.list", "deb http://127.0.0.1:1/ trixie main\n");
	put("etc/apt/sources.list.d/x.sources", "Signed-By: /usr/share/keyrings/own.gpg /etc/apt/keyrings/b.gpg\n");
	put("etc/apt/apt.conf", conf);
	put("etc/apt/apt.conf.d/99mmdebstrap", conf);
	put("etc/apt/keyrings/b.gpg", "key");
	if (!works(read_source(&source, &err), &err, "read"))
		return;
	ok(debs_open(&source, work, &debs, &err) < 0, "nothing listens there");
	error_clear(&err);
	ok(access(ran, F_OK) < 0, "the image's apt.conf ran nothing here");
	works(file_read(AT_FDCWD, list, 1 << 16, &text, &err), &err, "its sources were copied");
	buf_reserve(&text, 0);
	is_str(text.data, want, "keys are the copied ones");
}

int main(void)
{
	if (!mkdtemp(root))
		return 1;
	check_sources();
	check_names();
	check_alpine();
	check_copy();
	dir_remove(AT_FDCWD, root, NULL);
	return done();
}
