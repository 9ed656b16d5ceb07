/* A set of changes: made as a whole, taken back exactly, and never over what somebody else wrote. */
#include "board/change.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "tap.h"

#define JOURNAL "/var/lib/x/j.json"
static char root[] = "/tmp/sampan-change.XXXXXX";

static void write_file(const char *path, const char *text)
{
	_cleanup_(freep) char *whole = xprintf("%s%s", root, path);
	struct error err = { 0 };

	works(file_replace(AT_FDCWD, whole, text, strlen(text), 0640, &err), &err, path);
}

static void holds(const char *path, const char *text, const char *what)
{
	_cleanup_(freep) char *whole = xprintf("%s%s", root, path);
	struct buf now _cleanup_(buf_free) = { 0 };
	int result = file_read(AT_FDCWD, whole, 1 << 20, &now, NULL);

	is_str(result < 0 ? NULL : now.len ? now.data : "", text, what);
}

/* Applies new texts to a.conf and new/b.conf. */
static const char *in_the_way; /* a folder that appears between the plan and its execution */
static int apply(const char *a, const char *b, struct error *err)
{
	struct change_set set _cleanup_(change_set_clear) = { 0 };
	struct buf *text;

	if (change_set_open(root, &set, err) < 0 || change_set_file(&set, "/etc/a.conf", 0644, &text, err) < 0)
		return -1;
	buf_clear(text);
	buf_add_str(text, a);
	if (change_set_file(&set, "/etc/new/deep/b.conf", 0600, &text, err) < 0)
		return -1;
	buf_clear(text);
	buf_add_str(text, b);
	if (in_the_way && dir_make(AT_FDCWD, in_the_way, 0755, err) < 0)
		return -1;
	return change_set_apply(&set, JOURNAL, err);
}

static int reported[4];
static void report(const char *path, enum undo_state state, const struct buf *now, const struct buf *then, void *data)
{
	(void)path, (void)now, (void)then, (void)data;
	reported[state]++;
}

static int undo(bool dry, struct error *err)
{
	struct change_set set _cleanup_(change_set_clear) = { 0 };

	memset(reported, 0, sizeof reported);
	return change_set_open(root, &set, err) < 0 ? -1 : change_undo(&set, JOURNAL, dry, report, NULL, err);
}

static void back_and_forth(void)
{
	struct error err = { 0 };
	struct stat status;
	_cleanup_(freep) char *a = xprintf("%s/etc/a.conf", root), *folder = xprintf("%s/etc/new", root), *var = xprintf("%s/var", root);

	works(apply("one\n", "b\n", &err), &err, "applied");
	holds("/etc/a.conf", "one\n", "the new text");
	ok(stat(a, &status) == 0 && (status.st_mode & 07777) == 0640, "the old mode");
	works(apply("two\n", "b\n", &err), &err, "applied again");
	works(undo(true, &err), &err, "a dry undo");
	holds("/etc/a.conf", "two\n", "changes nothing");
	is_int(undo(false, &err), 0, "undone, both at once");
	holds("/etc/a.conf", "old\n", "the text from before");
	ok(access(folder, F_OK) < 0 && access(var, F_OK) < 0, "folders that were made are gone");
	fails(undo(false, &err), &err, ERROR_NOT_FOUND, "nothing to undo", "once");
}

static void changed_meanwhile(void)
{
	struct error err = { 0 };

	works(apply("one\n", "b\n", &err), &err, "applied");
	write_file("/etc/a.conf", "mine\n");
	is_int(undo(false, &err), 1, "not all is undone");
	ok(reported[UNDO_CHANGED] == 1 && reported[UNDO_REMOVED] == 1, "one left alone, one removed");
	holds("/etc/a.conf", "mine\n", "what somebody wrote stays");
	holds("/etc/new/deep/b.conf", NULL, "the other is gone");
	write_file("/etc/a.conf", "one\n");
	is_int(undo(false, &err), 0, "then the rest is undone");
	holds("/etc/a.conf", "old\n", "to the old text");
	works(apply("one\n", "b\n", &err), &err, "applied");
	write_file("/etc/a.conf", "mine\n");
	works(apply("mine, and one\n", "b\n", &err), &err, "applied over what somebody wrote");
	is_int(undo(false, &err), 1, "not all is undone");
	holds("/etc/a.conf", "mine\n", "back to what somebody wrote");
	write_file("/etc/a.conf", "old\n");
	is_int(undo(false, &err), 0, "by hand is as good");
	ok(reported[UNDO_ALREADY] == 1, "nothing was left to do");
}

static void all_or_nothing(void)
{
	struct error err = { 0 };
	_cleanup_(freep) char *block = xprintf("%s/etc/new/deep/b.conf.%d.tmp", root, (int)getpid()), *var = xprintf("%s/var", root);

	in_the_way = block;
	fails(apply("one\n", "b\n", &err), &err, ERROR_IO, "/etc/new/deep/b.conf", "the second file can't be written");
	in_the_way = NULL;
	holds("/etc/a.conf", "old\n", "the first is as it was");
	ok(access(var, F_OK) < 0, "no journal");
	ok(rmdir(block) == 0, "and what was in the way still is");
}

static void edited_while_asking(void)
{
	struct change_set set _cleanup_(change_set_clear) = { 0 };
	struct error err = { 0 };
	struct buf *text;

	works(change_set_open(root, &set, &err), &err, root);
	works(change_set_file(&set, "/etc/a.conf", 0644, &text, &err), &err, "planned");
	buf_add_str(text, "more\n");
	write_file("/etc/a.conf", "edited\n");
	fails(change_set_apply(&set, JOURNAL, &err), &err, ERROR_BUSY, "/etc/a.conf was changed", "an edit between plan and execution");
	holds("/etc/a.conf", "edited\n", "stays");
	write_file("/etc/a.conf", "old\n");
}

static void refused(void)
{
	struct change_set set _cleanup_(change_set_clear) = { 0 };
	struct error err = { 0 };
	struct buf *text;
	_cleanup_(freep) char *link = xprintf("%s/etc/link", root), *out = xprintf("%s/out", root);

	works(change_set_open(root, &set, &err), &err, root);
	ok(symlink("a.conf", link) == 0 && symlink("/etc", out) == 0, "symbolic links");
	fails(change_set_file(&set, "/etc/link", 0644, &text, &err), &err, ERROR_UNSUPPORTED, "symbolic link", "a link is not followed");
	works(change_set_file(&set, "/out/a.conf", 0644, &text, &err), &err, "a folder that is one leads no further than the root");
	is_str(text->data, "old\n", "  to the file within");
	fails(change_set_file(&set, "/etc", 0644, &text, &err), &err, ERROR_UNSUPPORTED, "no regular file", "a folder");
	write_file("/etc/latin", "\xe4\n");
	fails(change_set_file(&set, "/etc/latin", 0644, &text, &err), &err, ERROR_INVALID, "no UTF-8", "no text");
}

int main(void)
{
	struct error err = { 0 };

	if (!mkdtemp(root))
		return 1;
	_cleanup_(freep) char *etc = xprintf("%s/etc", root);
	works(dir_make(AT_FDCWD, etc, 0755, &err), &err, etc);
	write_file("/etc/a.conf", "old\n");
	back_and_forth();
	changed_meanwhile();
	all_or_nothing();
	edited_while_asking();
	refused();
	works(dir_remove(AT_FDCWD, root, &err), &err, "tidied up");
	return done();
}
