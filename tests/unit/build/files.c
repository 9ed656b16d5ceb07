/* COPY without an image: trees in a folder of our own, copied into another; owners and modes; the digest of what is read. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/copy.h"
#include "build/owner.h"
#include "tap.h"

static char *top; /* the test's folder: from/ is the context, to/ the image */

static char *at(const char *path)
{
	static char *last[8];
	static unsigned turn;

	free(last[++turn % 8]);
	return last[turn % 8] = xprintf("%s/%s", top, path);
}

static void put(const char *path, const char *text, mode_t mode)
{
	struct error err = { 0 };
	_cleanup_(freep) char *above = xstrdup(at(path));

	*strrchr(above, '/') = '\0';
	dir_make(AT_FDCWD, above, 0755, &err);
	file_replace(AT_FDCWD, at(path), text, strlen(text), mode, &err);
	if (err.code)
		printf("# %s\n", err.message);
	error_clear(&err);
	chmod(at(path), mode);
}

static const char *get(const char *path)
{
	static struct buf text;

	buf_clear(&text);
	buf_reserve(&text, 0);
	return file_read(AT_FDCWD, at(path), 1 << 16, &text, NULL) < 0 ? NULL : text.data;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(at(path), &st) < 0 ? 0 : st.st_mode & 07777;
}

static bool is_link(const char *path)
{
	struct stat st;

	return lstat(at(path), &st) == 0 && S_ISLNK(st.st_mode);
}

/* Begins anew, with an empty from/ and to/. */
static void fresh(void)
{
	struct error err = { 0 };

	if (top) {
		dir_remove(AT_FDCWD, top, &err);
		free(top);
	}
	top = xstrdup("/tmp/sampan-test-XXXXXX");
	if (!mkdtemp(top) || mkdir(at("from"), 0755) < 0 || mkdir(at("to"), 0755) < 0)
		abort();
}

static int copy(const char *source, const char *dest, const struct ignore *ignore, const struct copy_options *more, struct error *err)
{
	_cleanup_(fd_close) int from = open(at("from"), O_RDONLY | O_DIRECTORY), to = open(at("to"), O_RDONLY | O_DIRECTORY);
	const struct tree tree = { .root = from, .ignore = ignore, .is_context = true };
	struct copy_options options = { .uid = -1, .gid = -1, .epoch = -1 };
	struct strlist paths _cleanup_(strlist_free) = { 0 };
	bool wild;

	if (more)
		options = *more;
	options.root = to;
	options.dest = dest;
	options.scratch = top;
	if (tree_match(&tree, source, &paths, &wild, err) < 0)
		return -1;
	options.many = paths.len > 1;
	for (size_t i = 0; i < paths.len; i++)
		if (copy_path(&tree, paths.items[i], &options, err) < 0)
			return -1;
	return (int)paths.len;
}

static void test_names(struct error *err)
{
	fresh();
	put("from/a", "1", 0640);
	put("from/dir/b", "2", 0755);
	put("from/dir/sub/c", "3", 0600);
	mkdir(at("to/there"), 0755);
	works(copy("a", "/x", NULL, NULL, err), err, "a file gets the destination's name");
	is_str(get("to/x"), "1", "its bytes");
	is_int(mode_of("to/x"), 0640, "its mode");
	works(copy("a", "/new/folder/", NULL, NULL, err), err, "a destination with a slash is a folder");
	is_str(get("to/new/folder/a"), "1", "and is made");
	is_int(mode_of("to/new"), 0755, "with mode 0755");
	works(copy("a", "/there", NULL, NULL, err), err, "a folder that is there");
	is_str(get("to/there/a"), "1", "takes the file");
	works(copy("dir", "/d", NULL, NULL, err), err, "a folder");
	is_str(get("to/d/sub/c"), "3", "gives what it holds");
	works(copy("/dir/", "/", NULL, NULL, err), err, "into the root");
	is_str(get("to/b"), "2", "too");
	is_int(copy("*/b", "/w/", NULL, NULL, err), 1, "a wildcard");
	is_str(get("to/w/b"), "2", "matches");
	is_int(copy("[xyz]*", "/none/", NULL, NULL, err), 0, "one that matches nothing copies nothing");
	is_int(copy("**/c", "/deep/", NULL, NULL, err), 1, "two stars go down");
	is_int(copy(".", "/all", NULL, NULL, err), 1, "everything");
	is_str(get("to/all/dir/sub/c"), "3", "is everything");
	fails(copy("missing", "/x", NULL, NULL, err), err, ERROR_NOT_FOUND, "/missing: not found", "what isn't there fails");
	fails(copy("dir", "/x", NULL, NULL, err), err, ERROR_EXISTS, "", "a folder doesn't replace a file");
	mkdir(at("to/all/a2"), 0755);
	put("from/a2", "x", 0644);
	fails(copy(".", "/all", NULL, NULL, err), err, ERROR_EXISTS, "over the directory", "nor a file a folder");
}

static void test_escapes(struct error *err)
{
	fresh();
	put("secret", "secret", 0644);
	put("from/x", "x", 0644);
	if (symlink(at("secret"), at("from/absolute")) < 0 || symlink("../secret", at("from/relative")) < 0 || symlink("/", at("from/root")) < 0)
		abort();
	static const char *const sources[] = { "absolute", "relative", "../secret", "root/../../secret", "root/etc/passwd", "x/../../secret" };
	for (size_t i = 0; i < array_len(sources); i++)
		fails(copy(sources[i], "/stolen", NULL, NULL, err), err, ERROR_NOT_FOUND, "not found", sources[i]);
	is_str(get("to/stolen"), NULL, "nothing came out");
	if (symlink(at("outside"), at("to/link")) < 0 || symlink("../../outside", at("to/up")) < 0)
		abort();
	mkdir(at("outside"), 0755);
	copy("x", "/link/x", NULL, NULL, err);
	error_clear(err);
	copy("x", "/up/x", NULL, NULL, err);
	error_clear(err);
	copy("x", "/up", NULL, NULL, err);
	error_clear(err);
	works(copy("x", "/../../out/side/y", NULL, NULL, err), err, "a destination with ..");
	is_str(get("outside/x"), NULL, "nothing is written out of the image through a link");
	is_str(get("../out/side/y"), NULL, "nor by ..");
	is_str(get("to/out/side/y"), "x", "but inside");
	works(copy(".", "/copy", NULL, NULL, err), err, "links in a folder");
	ok(is_link("to/copy/absolute"), "stay links");
}

static void test_ignore(struct error *err)
{
	struct ignore *ignore _cleanup_(ignore_free) = NULL;
	const char *text = "secret\nd/*\n!d/kept\n";

	fresh();
	put("from/secret", "s", 0644);
	put("from/d/gone", "g", 0644);
	put("from/d/kept", "k", 0644);
	put("from/e/only", "e", 0644);
	if (symlink("secret", at("from/link")) < 0)
		abort();
	works(ignore_parse(text, strlen(text), ".dockerignore", &ignore, err), err, "patterns");
	works(copy(".", "/all", ignore, NULL, err), err, "a copy of everything");
	is_str(get("to/all/secret"), NULL, "lacks what is ignored");
	is_str(get("to/all/d/gone"), NULL, "in folders too");
	is_str(get("to/all/d/kept"), "k", "and has what was taken back");
	fails(copy("secret", "/x", ignore, NULL, err), err, ERROR_NOT_FOUND, "not found", "an ignored file isn't there");
	fails(copy("link", "/x", ignore, NULL, err), err, ERROR_NOT_FOUND, "not found", "nor behind a link");
	is_int(copy("sec*", "/x/", ignore, NULL, err), 0, "nor for a wildcard");
}

static void test_options(struct error *err)
{
	struct copy_options options = { .uid = 55, .gid = 66, .chmod = "u=rwX,go=rX", .epoch = 1000000000 };
	struct stat st = { 0 };

	fresh();
	put("from/d/f", "f", 0600);
	put("from/d/run", "r", 0700);
	works(copy("d", "/made/d", NULL, &options, err), err, "with owner, mode and time");
	is_int(mode_of("to/made/d/f"), 0644, "symbolic mode of a file");
	is_int(mode_of("to/made/d/run"), 0755, "of a program");
	lstat(at("to/made/d/f"), &st);
	is_int(st.st_mtime, 1000000000, "time");
	if (geteuid() == 0) {
		is_int(st.st_uid, 55, "user");
		is_int(st.st_gid, 66, "group");
		lstat(at("to/made"), &st);
		is_int(st.st_uid, 55, "of folders that were made");
	}
}

static char *digest(const char *path)
{
	_cleanup_(fd_close) int from = open(at("from"), O_RDONLY | O_DIRECTORY);
	const struct tree tree = { .root = from, .is_context = true };
	static char text[4][DIGEST_TEXT_SIZE];
	static unsigned turn;
	struct digester digester;
	struct digest result;

	digester_init(&digester, DIGEST_SHA256);
	if (tree_digest(&tree, path, NULL, &digester, NULL) < 0)
		return NULL;
	digester_finish(&digester, &result);
	return digest_print(&result, text[++turn % 4]);
}

static void test_digest(void)
{
	fresh();
	put("from/d/f", "f", 0644);
	put("from/d/g", "g", 0644);
	_cleanup_(freep) char *first = xstrdup(digest("d"));
	const struct timespec times[2] = { { 0 } };
	utimensat(AT_FDCWD, at("from/d/f"), times, 0);
	is_str(digest("d"), first, "a time is not part of it");
	chmod(at("from/d/f"), 0600);
	ok(!str_equal(digest("d"), first), "a mode is");
	chmod(at("from/d/f"), 0644);
	is_str(digest("d"), first, "and goes back");
	put("from/d/f", "F", 0644);
	ok(!str_equal(digest("d"), first), "content is");
	put("from/d/f", "f", 0644);
	if (rename(at("from/d/g"), at("from/d/h")) < 0)
		abort();
	ok(!str_equal(digest("d"), first), "a name is");
}

static void test_modes(struct error *err)
{
	static const struct {
		const char *text;
		mode_t from, to;
		bool is_directory;
	} cases[] = {
		{ "0644", 0777, 0644, false }, { "4755", 0600, 04755, false }, { "u=rwX,go=rX", 0600, 0644, false }, { "u=rwX,go=rX", 0700, 0755, false },
		{ "u=rwX,go=rX", 0600, 0755, true }, { "a+x", 0644, 0755, false }, { "+x", 0644, 0755, false }, { "go-rwx", 0777, 0700, false },
		{ "u+s", 0755, 04755, false }, { "g+s,o=", 0755, 02750, false }, { "+t", 0777, 01777, true }, { "u=rw,u+x", 0000, 0700, false },
	};
	static const char *const wrong[] = { "", "9", "0888", "u", "u=q", "u=r,", "rwx", "u=r;g=w", "123456" };

	for (size_t i = 0; i < array_len(cases); i++) {
		works(mode_check(cases[i].text, err), err, cases[i].text);
		is_int(mode_apply(cases[i].text, cases[i].from, cases[i].is_directory), cases[i].to, cases[i].text);
	}
	for (size_t i = 0; i < array_len(wrong); i++)
		fails(mode_check(wrong[i], err), err, ERROR_INVALID, "is not a mode", wrong[i]);
}

static void test_owners(struct error *err)
{
	int64_t uid, gid;

	fresh();
	put("to/etc/passwd", "root:x:0:0::/:/bin/sh\nbob:x:7:8::/:/bin/sh\n", 0644);
	put("to/etc/group", "root:x:0:\nstaff:x:50:\n", 0644);
	_cleanup_(fd_close) int root = open(at("to"), O_RDONLY | O_DIRECTORY);
	static const struct {
		const char *text;
		int uid, gid;
	} cases[] = { { "5", 5, 5 }, { "5:6", 5, 6 }, { "bob", 7, 8 }, { "bob:staff", 7, 50 }, { "5:staff", 5, 50 }, { "bob:9", 7, 9 } };
	for (size_t i = 0; i < array_len(cases); i++) {
		uid = gid = -1;
		works(owner_resolve(root, cases[i].text, &uid, &gid, err), err, cases[i].text);
		is_int(uid, cases[i].uid, "user");
		is_int(gid, cases[i].gid, "group");
	}
	fails(owner_resolve(root, "nobody", &uid, &gid, err), err, ERROR_NOT_FOUND, "nobody", "an unknown user");
	fails(owner_resolve(root, "bob:none", &uid, &gid, err), err, ERROR_NOT_FOUND, "none", "an unknown group");
}

int main(void)
{
	struct error err = { 0 };

	test_names(&err);
	test_escapes(&err);
	test_ignore(&err);
	test_options(&err);
	test_digest();
	test_modes(&err);
	test_owners(&err);
	dir_remove(AT_FDCWD, top, &err);
	error_clear(&err);
	free(top);
	return done();
}
