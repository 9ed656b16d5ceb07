/* Unified diffs: what `patch` (here: a reader of hunks) makes of them is the new text; and their form. */
#include "board/diff.h"

#include "base/str.h"
#include "tap.h"

static void diff(const char *from, const char *to, const char *want)
{
	struct buf a _cleanup_(buf_free) = { 0 }, b _cleanup_(buf_free) = { 0 }, out _cleanup_(buf_free) = { 0 };

	buf_add_str(&a, from);
	buf_add_str(&b, to);
	diff_print(&a, &b, "a", "b", &out);
	buf_reserve(&out, 0);
	is_str(out.data, want, want);
}

int main(void)
{
	diff("", "", "");
	diff("a\n", "a\n", "");
	diff("", "a\nb\n", "--- a\n+++ b\n@@ -0,0 +1,2 @@\n+a\n+b\n");
	diff("a\n", "", "--- a\n+++ b\n@@ -1 +0,0 @@\n-a\n");
	diff("a", "a\n", "--- a\n+++ b\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
	diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n", "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
	diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "2\n3\n4\n5\n6\n7\n8\n9\nx\n", "--- a\n+++ b\n@@ -1,4 +1,3 @@\n-1\n 2\n 3\n 4\n@@ -7,3 +6,4 @@\n 7\n 8\n 9\n+x\n");
	diff("a\nb\nc\n", "b\na\nc\n", "--- a\n+++ b\n@@ -1,3 +1,3 @@\n-a\n b\n+a\n c\n");
	return done();
}
