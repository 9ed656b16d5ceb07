/* Files that appear at once or not at all; removal that follows no symlink; locks. */
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static void test_replace(int dir)
{
	struct error err = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };

	works(file_replace(dir, "f", "one", 3, 0644, &err), &err, "made");
	works(file_replace(dir, "f", "two!", 4, 0644, &err), &err, "replaced");
	works(file_read(dir, "f", 100, &text, &err), &err, "read");
	is_str(text.data, "two!", "the new text");
	fails(file_read(dir, "f", 3, &text, &err), &err, ERROR_TOO_LARGE, "larger", "over the limit");
	fails(file_read(dir, "none", 3, &text, &err), &err, ERROR_NOT_FOUND, "none", "not there");
	fails(file_replace(dir, "no/f", "x", 1, 0644, &err), &err, ERROR_NOT_FOUND, "no/f", "no such folder");
}

static void test_remove(int dir)
{
	struct error err = { 0 };

	dir_make(dir, "tree/a/b/c", 0755, NULL);
	dir_make(dir, "keep", 0755, NULL);
	close(openat(dir, "keep/file", O_CREAT | O_WRONLY, 0644));
	ok(symlinkat("../keep", dir, "tree/link") == 0 && fchmodat(dir, "tree/a/b", 0, 0) == 0, "the tree is there");
	works(dir_remove(dir, "tree", &err), &err, "a tree with a symlink and a closed folder");
	ok(faccessat(dir, "keep/file", F_OK, 0) == 0, "what the symlink points to is still there");
	works(dir_remove(dir, "tree", &err), &err, "again: not there is fine");
}

static void test_lock(int dir)
{
	int a = openat(dir, "lock", O_CREAT | O_RDWR, 0644), b = openat(dir, "lock", O_RDWR);

	is_int(file_lock(a, true, false, "lock", NULL), 0, "taken");
	is_int(file_lock(b, true, false, "lock", NULL), 1, "another holds it");
	close(a);
	is_int(file_lock(b, true, false, "lock", NULL), 0, "free again");
	close(b);
}

int main(void)
{
	char top[] = "/tmp/sampan-fd.XXXXXX";

	if (!mkdtemp(top))
		return 1;
	int dir = open(top, O_RDONLY | O_DIRECTORY);
	test_replace(dir);
	test_remove(dir);
	test_lock(dir);
	close(dir);
	dir_remove(AT_FDCWD, top, NULL);
	return done();
}
