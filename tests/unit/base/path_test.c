/* Paths beneath a root: each attack as a row, by openat2 and by our own walk. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "tap.h"

static char top[] = "/tmp/sampan-path.XXXXXX";

static void make_file(int dir, const char *name, const char *text)
{
	_cleanup_(fd_close) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	fd_write_all(fd, text, strlen(text), name, NULL);
}

static void make_link(const char *target, int dir, const char *name)
{
	if (symlinkat(target, dir, name) < 0)
		ok(false, "symlink %s", name);
}

/* top/secret is outside; top/root is the root. */
static int make_tree(void)
{
	if (!mkdtemp(top))
		return -1;
	int dir = open(top, O_RDONLY | O_DIRECTORY);
	make_file(dir, "secret", "outside");
	mkdirat(dir, "root", 0755);
	int root = openat(dir, "root", O_RDONLY | O_DIRECTORY);
	close(dir);
	dir_make(root, "a/b", 0755, NULL);
	make_file(root, "secret", "inside");
	make_file(root, "a/file", "a");
	make_link("../../../../secret", root, "a/up");
	make_link("/secret", root, "a/abs");
	make_link("abs", root, "a/chain");
	make_link("loop2", root, "loop1");
	make_link("loop1", root, "loop2");
	make_link("/a", root, "dir");
	make_link("b/../file", root, "a/dots");
	return root;
}

static const struct row {
	const char *path, *want; /* the file's text, or NULL with this errno */
	int number;
} rows[] = {
	{ "secret", "inside", 0 },	   { "/secret", "inside", 0 },	    { "../secret", "inside", 0 },
	{ "a/../../../secret", "inside", 0 }, { "a/up", "inside", 0 },	    { "a/abs", "inside", 0 },
	{ "a/chain", "inside", 0 },	   { "dir/file", "a", 0 },	    { "dir/../a/file", "a", 0 },
	{ "a/dots", "a", 0 },		   { "a//./file", "a", 0 },	    { "dir/b/../file", "a", 0 },
	{ "loop1", NULL, ELOOP },	   { "nothing", NULL, ENOENT },	    { "secret/x", NULL, ENOTDIR },
	{ "a/nothing/../file", NULL, ENOENT },
};

static void check(int root, const struct row *row, bool by_kernel)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	errno = 0;
	_cleanup_(fd_close) int fd = by_kernel ? path_open_in_root(root, row->path, O_RDONLY, 0, NULL) :
						 path_walk_in_root(root, row->path, O_RDONLY, 0);
	int number = errno;

	if (fd < 0) {
		ok(!row->want && number == row->number, "%s %s: %s", by_kernel ? "kernel" : "walk", row->path, strerror(number));
		return;
	}
	fd_read_all(fd, 100, &text, row->path, NULL);
	is_str(text.data, row->want, row->path);
}

static void test_parents(int root)
{
	struct error err = { 0 };
	const char *name;
	int dir;

	if (works(path_parent_in_root(root, "new/deep/x", true, &dir, &name, &err), &err, "missing folders are made")) {
		is_str(name, "x", "the last component");
		close(dir);
	}
	ok(faccessat(root, "new/deep", F_OK, 0) == 0, "they are in the root");
	if (works(path_parent_in_root(root, "dir/made/y", true, &dir, &name, &err), &err, "through a symlink"))
		close(dir);
	ok(faccessat(root, "a/made", F_OK, 0) == 0, "beneath its target in the root");
	fails(path_parent_in_root(root, "a/..", false, &dir, &name, &err), &err, ERROR_INVALID, "does not name a file", "dots name no file");
}

static void test_text(void)
{
	static const struct { const char *path, *want; } cleans[] = {
		{ "/a/./b//c/", "/a/b/c" }, { "a/../b", "b" }, { "../a", "../a" }, { "/../a", "/a" }, { "", "." }, { "/", "/" }, { "a/../..", ".." },
	};

	for (size_t i = 0; i < array_len(cleans); i++) {
		_cleanup_(freep) char *got = path_clean(cleans[i].path);
		is_str(got, cleans[i].want, cleans[i].path);
	}
	_cleanup_(freep) char *joined = path_join("/a/", "b"), *absolute = path_join("/a", "/b");
	is_str(joined, "/a/b", "one slash");
	is_str(absolute, "/b", "an absolute name wins");
}

int main(void)
{
	int root = make_tree();

	for (size_t i = 0; i < array_len(rows); i++) {
		check(root, &rows[i], true);
		check(root, &rows[i], false);
	}
	test_parents(root);
	test_text();
	close(root);
	ok(dir_remove(AT_FDCWD, top, NULL) == 0 && access(top, F_OK) < 0, "removed again");
	return done();
}
