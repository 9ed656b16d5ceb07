/* What an archive may try, and what must come of it: the tree that is there afterwards, and that nothing outside of it changed. */
#include "tree.h"

/* Entries, one a line: a type as tree_print has them ('h' for hard links), a path, and content, target or device number. @OUT@ stands for the absolute
 * path of a folder outside the root, which is also ../outside. */
static const struct {
	const char *name, *entries;
	enum error_code code; /* NONE: it works */
	const char *part, *tree;
} cases[] = {
	{ "plain files", "d a\nf a/b one\nf c two", ERROR_NONE, NULL, "d a\nf a/b one\nf c two\n" },
	{ "dots and slashes are cleaned", "d ./a/\nf ./a//b one\nf a/./../c two", ERROR_NONE, NULL, "d a\nf a/b one\nf c two\n" },
	{ "an absolute name stays inside", "f /etc/passwd x\nd /@OUT@/new", ERROR_NONE, NULL, NULL },
	{ "a missing parent is made", "f a/b/c one", ERROR_NONE, NULL, "d a\nd a/b\nf a/b/c one\n" },
	{ "a later entry wins", "f a one\nf a two", ERROR_NONE, NULL, "f a two\n" },
	{ "no tar at all", NULL, ERROR_INVALID, "no tar archive", "" },

	{ "..", "f ../outside/new x", ERROR_INVALID, "leads out", "" },
	{ ".. behind a folder", "d a\nf a/../../outside/new x", ERROR_INVALID, "leads out", "d a\n" },
	{ ".. alone", "d ..", ERROR_INVALID, "leads out", "" },
	{ "the root as a file", "f . x", ERROR_INVALID, "root", "" },
	{ "a name of 256 bytes", "f %256 x", ERROR_INVALID, "too long", "" },
	{ "a path of 5000 bytes", "f %5000 x", ERROR_INVALID, "too long", "" },

	{ "through a symlink with ..", "l out ../outside\nf out/new x", ERROR_INVALID, "leads nowhere", "l out -> ../outside\n" },
	{ "through an absolute symlink", "l out @OUT@\nf out/new x", ERROR_INVALID, "out", NULL },
	{ "through a symlink of symlinks", "l a b\nl b ../../../../../..@OUT@\nf a/new x", ERROR_INVALID, "a", NULL },
	{ "an absolute symlink leads into the root", "d etc\nl x /etc\nf x/file 1", ERROR_NONE, NULL, "d etc\nf etc/file 1\nl x -> /etc\n" },
	{ "a file over a symlink", "l link ../outside/file\nf link mine", ERROR_NONE, NULL, "f link mine\n" },
	{ "a file over an absolute symlink", "l link @OUT@/file\nf link mine", ERROR_NONE, NULL, "f link mine\n" },
	{ "a folder over a symlink", "l link ../outside\nd link\nf link/new mine", ERROR_NONE, NULL, "d link opaque\nf link/new mine\n" },
	{ "a folder swapped for a symlink", "d a\nf a/x 1\nl a ../outside\nf a/new x", ERROR_INVALID, "leads nowhere", "l a -> ../outside\n" },
	{ "a fifo over a symlink", "l link ../outside/file\np link", ERROR_NONE, NULL, "p link\n" },
	{ "a symlink loop", "l a b\nl b a\nf a/c x", ERROR_IO, "symbolic links", "l a -> b\nl b -> a\n" },
	{ "a file as a parent", "f a x\nf a/b y", ERROR_IO, "Not a directory", "f a x\n" },

	{ "a hard link", "f a one\nh b a", ERROR_NONE, NULL, "f a one\nf b one\n" },
	{ "a hard link out with ..", "h new ../outside/file", ERROR_INVALID, "leads out", "" },
	{ "a hard link to an absolute path", "h new @OUT@/file", ERROR_INVALID, "does not hold", "" },
	{ "a hard link through a symlink", "l out ../outside\nh new out/file", ERROR_INVALID, "does not hold", "l out -> ../outside\n" },
	{ "a hard link to a symlink is one", "l link ../outside/file\nh new link\nf new mine", ERROR_NONE, NULL,
	  "l link -> ../outside/file\nf new mine\n" },
	{ "a hard link to a folder", "d a\nh b a", ERROR_INVALID, "folder", "d a\n" },
	{ "a hard link to itself", "f a one\nh a a", ERROR_NONE, NULL, "f a one\n" },
	{ "a hard link to what is not there", "h a b", ERROR_INVALID, "does not hold", "" },
	{ "a hard link to the root", "h a .", ERROR_INVALID, "does not hold", "" },
	{ "one name of two is replaced", "f a one\nh b a\nf b two", ERROR_NONE, NULL, "f a one\nf b two\n" },

	{ "a folder stays under a folder", "d a\nf a/b 1\nd a", ERROR_NONE, NULL, "d a\nf a/b 1\n" },
	{ "a file over a folder", "d a\nf a/b 1\nf a 2", ERROR_NONE, NULL, "f a 2\n" },
	{ "a symlink over a folder", "d a\nf a/b 1\nl a c", ERROR_NONE, NULL, "l a -> c\n" },
	{ "a folder over a file hides the folder beneath", "f a 1\nd a", ERROR_NONE, NULL, "d a opaque\n" },
	{ "an empty symlink", "l a ", ERROR_INVALID, "target", "" },

	{ "a whiteout", "f .wh.a ", ERROR_NONE, NULL, "w a\n" },
	{ "a whiteout in a folder", "d d\nf d/.wh.a ", ERROR_NONE, NULL, "d d\nw d/a\n" },
	{ "an opaque folder", "d d\nf d/.wh..wh..opq \nf d/x 1", ERROR_NONE, NULL, "d d opaque\nf d/x 1\n" },
	{ "an opaque folder, said last", "f d/x 1\nf d/.wh..wh..opq ", ERROR_NONE, NULL, "d d opaque\nf d/x 1\n" },
	{ "aufs' own marks", "f .wh..wh.aufs x\nd .wh..wh.plnk\nf .wh..wh.plnk/1.2 x", ERROR_NONE, NULL, "" },
	{ "a whiteout of nothing", "f .wh. ", ERROR_INVALID, "whiteout", "" },
	{ "a whiteout of .", "f .wh.. ", ERROR_INVALID, "whiteout", "" },
	{ "a whiteout of ..", "d a\nf a/.wh... ", ERROR_INVALID, "whiteout", "d a\n" },
	{ "a whiteout as a folder", "f .wh.a/b x", ERROR_INVALID, "whiteout", "" },
	{ "a whiteout with a slash", "f .wh.../../outside/file x", ERROR_INVALID, "whiteout", "" },
	{ "a whiteout through a symlink", "l out ../outside\nf out/.wh.file x", ERROR_INVALID, "leads nowhere", "l out -> ../outside\n" },
	{ "an opaque mark through a symlink", "l out ../outside\nf out/.wh..wh..opq x", ERROR_INVALID, "leads nowhere", "l out -> ../outside\n" },
	{ "whiteout and file of one layer", "f .wh.a \nf a 1", ERROR_NONE, NULL, "f a 1\n" },
	{ "file and whiteout of one layer", "f a 1\nf .wh.a ", ERROR_NONE, NULL, "f a 1\n" },
	{ "whiteout and folder of one layer", "f .wh.a \nf a/b 1", ERROR_IO, "Not a directory", "w a\n" },
	{ "whiteout, then folder of one layer", "f .wh.a \nd a\nf a/b 1", ERROR_NONE, NULL, "d a opaque\nf a/b 1\n" },
	{ "folder, then whiteout of one layer", "d a\nf a/b 1\nf .wh.a ", ERROR_NONE, NULL, "d a opaque\nf a/b 1\n" },
	{ "a hard link to a whiteout", "f .wh.a \nh b a", ERROR_INVALID, "does not hold", "w a\n" },
};

/* "%N": folders of 200 bytes up to N bytes, or one name of N bytes if that is less than 300. */
static char *long_name(const char *text)
{
	int len = atoi(text + 1);
	char *name = xcalloc(1, (size_t)len + 1);

	memset(name, 'n', (size_t)len);
	for (int i = 200; len >= 300 && i < len; i += 201)
		name[i] = '/';
	return name;
}

static void replace_out(char **text, const char *outside)
{
	char *at = strstr(*text, "@OUT@");

	if (!at)
		return;
	char *changed = xprintf("%.*s%s%s", (int)(at - *text), *text, outside, at + 5);
	free(*text);
	*text = changed;
}

static void make_tar(const char *entries, const char *outside, struct buf *tar)
{
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	strlist_split(&lines, entries, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		const char *space = strchr(lines.items[i] + 2, ' ');
		_cleanup_(freep) char *path = space ? xstrndup(lines.items[i] + 2, (size_t)(space - lines.items[i] - 2)) : xstrdup(lines.items[i] + 2);
		_cleanup_(freep) char *rest = xstrdup(space ? space + 1 : "");
		if (*path == '%') {
			char *longer = long_name(path);
			free(path);
			path = longer;
		}
		replace_out(&path, outside);
		replace_out(&rest, outside);
		struct tar_fields f = { .path = path, .mode = 0755, .uid = getuid(), .gid = getgid(), .mtime = 1000 };
		switch (*lines.items[i]) {
		case 'f': f.type = '0', f.data = rest; break;
		case 'd': f.type = '5'; break;
		case 'l': f.type = '2', f.target = rest; break;
		case 'h': f.type = '1', f.target = rest; break;
		case 'p': f.type = '6'; break;
		}
		tar_put(tar, f);
	}
	tar_end(tar);
}

/* Without any root overlayfs' marks cannot be made. */
static bool has_marks(size_t i)
{
	return (cases[i].tree && strstr(cases[i].tree, "opaque")) || (cases[i].entries && strstr(cases[i].entries, ".wh."));
}

static void run_case(size_t i, bool marks)
{
	if (!marks && has_marks(i)) {
		ok(true, "%s # SKIP only root of a namespace makes whiteouts", cases[i].name);
		return;
	}
	struct buf tar _cleanup_(buf_free) = { 0 };
	struct error err = { 0 };
	char base[64], outside[80];
	_cleanup_(fd_close) int dir = tree_make(base);

	snprintf(outside, sizeof outside, "%s/outside", base);
	mkdirat(dir, "root", 0755);
	mkdirat(dir, "outside", 0755);
	file_replace(dir, "outside/file", "precious", 8, 0600, NULL);
	_cleanup_(fd_close) int root = openat(dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(fd_close) int out = openat(dir, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(freep) char *before = tree_text(out, true);
	if (cases[i].entries)
		make_tar(cases[i].entries, outside, &tar);
	else
		for (int j = 0; j < 2000; j++)
			buf_add_char(&tar, (char)(j * 7 + 1));
	_cleanup_(fd_close) int source = tar_file(tar.data, tar.len);
	int result = layer_extract(source, root, true, NULL, NULL, &err);
	if (cases[i].code)
		fails(result, &err, cases[i].code, cases[i].part, cases[i].name);
	else
		works(result, &err, cases[i].name);
	_cleanup_(freep) char *after = tree_text(out, true), *tree = tree_text(root, false);
	is_str(after, before, "… and nothing outside changed");
	if (cases[i].tree)
		is_str(tree, cases[i].tree, "… and the tree is right");
	tree_remove(base);
}

/* ---- what the table cannot say ---- */

static int extract_bytes(const void *bytes, size_t len, const struct layer_limits *limits, char **ret_tree, struct error *err)
{
	char base[64];
	_cleanup_(fd_close) int dir = tree_make(base), source = tar_file(bytes, len);
	int result = layer_extract(source, dir, true, limits, NULL, err);

	if (ret_tree)
		*ret_tree = tree_text(dir, true);
	tree_remove(base);
	return result;
}

static int extract_buf(struct buf *tar, const struct layer_limits *limits, char **ret_tree, struct error *err)
{
	tar_end(tar);
	int result = extract_bytes(tar->data, tar->len, limits, ret_tree, err);
	buf_free(tar);
	return result;
}

static void test_limits(void)
{
	struct error err = { 0 };
	struct buf tar = { 0 };
	struct layer_limits small = { .bytes_max = 100 }, few = { .entries_max = 3 };

	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a", .data = "0123456789", .mode = 0644, .claimed_size = 101 });
	fails(extract_buf(&tar, &small, NULL, &err), &err, ERROR_TOO_LARGE, "larger than", "a file over the limit");
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a", .claimed_size = 077777777777 });
	fails(extract_buf(&tar, &small, NULL, &err), &err, ERROR_TOO_LARGE, "larger than", "a file that says it is 8 GiB");
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a", .data = "xy", .claimed_size = 5000 });
	fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_INVALID, "breaks off", "a file that breaks off");
	for (int i = 0; i < 4; i++) {
		char name[16];
		snprintf(name, sizeof name, "f%d", i);
		tar_put(&tar, (struct tar_fields){ .type = '0', .path = name });
	}
	fails(extract_buf(&tar, &few, NULL, &err), &err, ERROR_TOO_LARGE, "entries", "too many entries");
	tar_pax(&tar, "GNU.sparse.map", "0,1", 3);
	tar_pax(&tar, "GNU.sparse.size", "9000000000000000000", 19);
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a", .data = "x" });
	fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_TOO_LARGE, "larger than", "an absurd sparse file");
	tar_put(&tar, (struct tar_fields){ .type = 'x', .path = "pax", .claimed_size = 2 << 20 });
	fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_TOO_LARGE, "header", "a pax header of 2 MiB");
	tar_put(&tar, (struct tar_fields){ .type = 'L', .path = "long", .claimed_size = 077777777777 });
	fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_TOO_LARGE, "header", "a long name of 8 GiB");
}

static void test_headers(void)
{
	static const struct {
		const char *key, *value;
		size_t len;
		const char *part;
	} wrong[] = {
		{ "path", "a\0b", 3, "NUL" },	       { "linkpath", "a\0b", 3, "NUL" },       { "size", "-1", 2, "number" },
		{ "size", "99999999999999999999", 20, "number" }, { "uid", "x", 1, "number" }, { "mtime", "1.2.3", 5, "time" },
		{ "path", "../up", 5, "leads out" },   { "uid", "4294967295", 10, "out of range" }, { "GNU.sparse.map", "5,1,0,1", 7, "map" },
		{ "GNU.sparse.map", "0,5", 3, "map" }, { "GNU.sparse.numbytes", "5", 1, "map" },
	};
	struct error err = { 0 };
	struct buf tar = { 0 };

	for (size_t i = 0; i < array_len(wrong); i++) {
		tar_pax(&tar, wrong[i].key, wrong[i].value, wrong[i].len);
		tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a" });
		fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_INVALID, wrong[i].part, wrong[i].key);
	}
	tar_put(&tar, (struct tar_fields){ .type = 'x', .path = "pax", .data = "99 path=a\n" });
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a" });
	fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_INVALID, "pax header", "a pax record longer than its header");
	tar_put(&tar, (struct tar_fields){ .type = 'x', .path = "pax", .data = "10 path=a\n" });
	fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_INVALID, "breaks off", "a pax header without an entry");
	tar_put(&tar, (struct tar_fields){ .type = 'Z', .path = "a" });
	fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_UNSUPPORTED, "unknown type", "an unknown type of entry");
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "\033[31mred", .target = "" });
	tar_put(&tar, (struct tar_fields){ .type = '1', .path = "\033[31mred2", .target = "\033none" });
	fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_INVALID, "'?none'", "no control characters in messages");
}

/* The size in a pax header counts for where the next header is, and links have no data (CVE-2025-62518 and its kin). */
static void test_parser_differences(void)
{
	struct error err = { 0 };
	struct buf tar = { 0 }, inner = { 0 };
	_cleanup_(freep) char *tree = NULL;
	unsigned uid = getuid(), gid = getgid();
	char want[256];

	tar_put(&inner, (struct tar_fields){ .type = '0', .path = "smuggled", .data = "x" });
	tar_pax(&tar, "size", "1024", 4);
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a", .mode = 0644, .uid = uid, .gid = gid });
	buf_add(&tar, inner.data, inner.len);
	tar_put(&tar, (struct tar_fields){ .type = '1', .path = "b", .target = "a", .claimed_size = 1024 });
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "c", .mode = 0644, .uid = uid, .gid = gid });
	works(extract_buf(&tar, NULL, &tree, &err), &err, "sizes that speak against each other");
	struct digest digest;
	char hex[DIGEST_TEXT_SIZE];
	digest_of(DIGEST_SHA256, inner.data, inner.len, &digest);
	digest_hex(&digest, hex);
	snprintf(want, sizeof want,
		 "f a 0644 %u:%u 0.000000000 links=2 1024 bytes %.16s\nf b 0644 %u:%u 0.000000000 links=2 1024 bytes %.16s\n"
		 "f c 0644 %u:%u 0.000000000 links=1\n",
		 uid, gid, hex, uid, gid, hex, uid, gid);
	is_str(tree, want, "… are read as Go reads them");
	buf_free(&inner);
}

static void test_xattrs(void)
{
	static const char *const refused[] = { "trusted.overlay.opaque", "user.overlay.opaque", "user.overlay.redirect", "trusted.overlay.metacopy",
					       "trusted.other", "security.selinux", "security.ima", "system.other", "" };
	struct error err = { 0 };
	struct buf tar = { 0 };
	_cleanup_(freep) char *tree = NULL;
	char want[200];

	for (size_t i = 0; i < array_len(refused); i++) {
		_cleanup_(freep) char *schily = xprintf("SCHILY.xattr.%s", refused[i]), *other = xprintf("LIBARCHIVE.xattr.%s", refused[i]);
		tar_pax(&tar, schily, "y", 1);
		tar_pax(&tar, other, "eQ", 2);
	}
	tar_pax(&tar, "LIBARCHIVE.xattr.user.%66oo", "YmFy", 4);
	tar_pax(&tar, "SCHILY.xattr.user.raw", "a\0=\n", 4);
	tar_put(&tar, (struct tar_fields){ .type = '5', .path = "d", .mode = 0755, .uid = getuid(), .gid = getgid(), .mtime = 5 });
	works(extract_buf(&tar, NULL, &tree, &err), &err, "extended attributes");
	snprintf(want, sizeof want, "d d 0755 %u:%u 5.000000000 user.foo=bar user.raw=a\\00=\\0a\n", getuid(), getgid());
	is_str(tree, want, "… of overlayfs and of the machine are not taken from an archive");
}

/* Symlinks make a tree far deeper than a path is long, and than a process may open files; it must still be possible to remove it. */
static void test_deep(void)
{
	struct error err = { 0 };
	struct buf tar _cleanup_(buf_free) = { 0 }, path = { 0 };
	unsigned uid = getuid(), gid = getgid();
	char base[64];

	for (int i = 0; i < 1500; i++)
		buf_add_str(&path, "d/");
	for (int i = 0; i < 4; i++) {
		_cleanup_(freep) char *link = xprintf("s%d", i), *deep = i ? xprintf("s%d/%s", i - 1, path.data) : xstrdup(path.data), *target = NULL;
		tar_put(&tar, (struct tar_fields){ .type = '5', .path = deep, .mode = 0755, .uid = uid, .gid = gid });
		target = xprintf("%s.", deep);
		tar_put(&tar, (struct tar_fields){ .type = '2', .path = link, .target = target, .mode = 0777, .uid = uid, .gid = gid });
	}
	tar_end(&tar);
	_cleanup_(fd_close) int dir = tree_make(base), source = tar_file(tar.data, tar.len);
	works(layer_extract(source, dir, true, NULL, NULL, &err), &err, "a tree of 6000 folders below each other");
	works(dir_remove(AT_FDCWD, base, &err), &err, "… can be removed");
	ok(access(base, F_OK) < 0, "… wholly");
	buf_free(&path);
}

/* The thread that reads ahead ends when the unpacker gives up, and its own failure arrives. */
static void test_ahead(void)
{
	_cleanup_(freep) char *data = xcalloc(1, 4 << 20);
	struct error err = { 0 };
	struct buf tar = { 0 };

	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "../up", .data = data, .len = 4 << 20 });
	fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_INVALID, "leads out", "the first of many bytes is refused");
	for (int i = 0; i < 3; i++)
		tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a", .data = data, .len = 4 << 20, .mode = 0644, .uid = getuid(), .gid = getgid() });
	tar.len -= 100;
	fails(extract_bytes(tar.data, tar.len, NULL, NULL, &err), &err, ERROR_INVALID, "breaks off", "the last of many bytes are missing");
	buf_free(&tar);
}

static void test_tail(void)
{
	struct error err = { 0 };
	struct buf tar _cleanup_(buf_free) = { 0 };
	struct digest got, want;
	char base[64];

	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a", .data = "x", .uid = getuid(), .gid = getgid() });
	tar_end(&tar);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&tar, (char)i);
	_cleanup_(fd_close) int dir = tree_make(base), source = tar_file(tar.data, tar.len);
	digest_of(DIGEST_SHA256, tar.data, tar.len, &want);
	works(layer_extract(source, dir, true, NULL, &got, &err), &err, "bytes behind the end of the archive");
	ok(digest_equal(&got, &want), "… belong to the diff id");
	tree_remove(base);
}

static void test_owners(long ids)
{
	struct error err = { 0 };
	struct buf tar = { 0 };
	_cleanup_(freep) char *tree = NULL;

	if (ids < 1 << 24) {
		tar_put(&tar, (struct tar_fields){ .type = '0', .path = "a", .uid = 1500000 });
		fails(extract_buf(&tar, NULL, NULL, &err), &err, ERROR_UNSUPPORTED, "1500000", "an owner that cannot be used");
	}
	if (ids < 65536)
		return;
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "su", .mode = 06755, .uid = 3, .gid = 4, .mtime = 8 });
	tar_put(&tar, (struct tar_fields){ .type = '2', .path = "sym", .target = "/nowhere", .mode = 0777, .uid = 5, .gid = 6, .mtime = 9 });
	tar_put(&tar, (struct tar_fields){ .type = '3', .path = "su", .mode = 0666, .major = 1, .minor = 3 });
	works(extract_buf(&tar, NULL, &tree, &err), &err, "owners; a device that may or may not be made");
	ok(strstr(tree, "l sym 0777 5:6 9.000000000 links=1 -> /nowhere"), "… are as the archive says");
	free(steal(tree));
	if (overlay_is_user())
		return;
	tar_put(&tar, (struct tar_fields){ .type = '3', .path = "null", .mode = 0666, .uid = 1, .gid = 2, .mtime = 7, .major = 1, .minor = 3 });
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "su", .mode = 06755, .uid = 3, .gid = 4, .mtime = 8 });
	tar_put(&tar, (struct tar_fields){ .type = '2', .path = "sym", .target = "/nowhere", .mode = 0777, .uid = 5, .gid = 6, .mtime = 9 });
	tar_pax(&tar, "mtime", "-1.25", 5);
	tar_pax(&tar, "uid", "3000000", 7);
	tar_put(&tar, (struct tar_fields){ .type = '5', .path = "d", .mode = 01777 });
	tar_pax(&tar, "mtime", "1700000000.123456789", 20);
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "d/f", .mode = 0 });
	works(extract_buf(&tar, NULL, &tree, &err), &err, "devices, owners, setuid, times");
	is_str(tree,
	       "d d 1777 3000000:0 -2.750000000\nf d/f 0000 0:0 1700000000.123456789 links=1\n"
	       "c null 0666 1:2 7.000000000 links=1 1:3\nf su 6755 3:4 8.000000000 links=1\nl sym 0777 5:6 9.000000000 links=1 -> /nowhere\n",
	       "… are as the archive says");
}

int main(void)
{
	long ids = tree_become_root();

	umask(077); /* mustn't matter */
	for (size_t i = 0; i < array_len(cases); i++)
		run_case(i, ids > 0);
	test_limits();
	test_headers();
	test_parser_differences();
	test_xattrs();
	test_deep();
	test_ahead();
	test_tail();
	test_owners(ids);
	return done();
}
