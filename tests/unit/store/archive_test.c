/* A tree goes into an archive and comes out of it the same, the same tree gives the same bytes, and other programs read them. */
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/process.h"
#include "tree.h"

static void put_file(int dir, const char *name, const char *text, mode_t mode)
{
	_cleanup_(fd_close) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || fd_write_all(fd, text, strlen(text), name, NULL) < 0 || fchmod(fd, mode) < 0)
		printf("# cannot make %s\n", name);
}

static void made(int result, const char *what)
{
	if (result < 0)
		printf("# cannot make %s\n", what);
}

static void put_time(int dir, const char *name, time_t seconds, long nanoseconds)
{
	struct timespec times[2] = { { .tv_sec = seconds, .tv_nsec = nanoseconds }, { .tv_sec = seconds, .tv_nsec = nanoseconds } };

	utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

static void put_sparse(int dir, const char *name)
{
	_cleanup_(fd_close) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (ftruncate(fd, 40 << 20) < 0 || pwrite(fd, "begin", 5, 0) != 5 || pwrite(fd, "middle", 6, 9999999) != 6 || pwrite(fd, "end", 3, (40 << 20) - 3) != 3)
		printf("# cannot make %s\n", name);
}

/* Directories below each other until the path has about 4000 bytes. */
static void put_long_path(int root)
{
	_cleanup_(fd_close) int dir = dup(root);
	char name[201];

	memset(name, 'n', 200);
	name[200] = '\0';
	for (int i = 0; i < 19; i++) {
		mkdirat(dir, name, 0755);
		int next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_close(&dir);
		dir = next;
	}
	put_file(dir, name, "far down", 0644);
	made(linkat(dir, name, root, "near", 0), "near");
}

static long ids; /* that this user may use */

static void make_tree(int dir)
{
	static const char *const names[] = { "caf\xc3\xa9", "cafe\xcc\x81", "caf\xe9", "new\nline", "-dash", "sp ace", "\xff\xfe", "back\\slash", "*" };

	mkdirat(dir, "d", 0750);
	put_file(dir, "d/one", "1", 0644);
	put_file(dir, "d/suid", "2", 04711);
	put_file(dir, "d/none", "", ids ? 0 : 0400);
	made(linkat(dir, "d/one", dir, "a-link", 0), "a-link");
	made(linkat(dir, "d/one", dir, "z-link", 0), "z-link");
	made(symlinkat("../outside", dir, "sym"), "sym");
	made(linkat(dir, "sym", dir, "sym2", 0), "sym2");
	mkfifoat(dir, "fifo", 0622);
	for (size_t i = 0; i < array_len(names); i++)
		put_file(dir, names[i], names[i], 0644);
	put_sparse(dir, "sparse");
	put_long_path(dir);
	_cleanup_(fd_close) int fd = openat(dir, "a-link", O_RDONLY | O_CLOEXEC);
	fsetxattr(fd, "user.raw", "a\0b=\n", 5, 0);
	put_time(dir, "fifo", 1234567890, 987654321);
	put_time(dir, "sym", -5, 250000000);
	put_time(dir, "sparse", 1, 1);
	if (ids && !overlay_is_user()) {
		mknodat(dir, "null", S_IFCHR | 0666, makedev(1, 3));
		mknodat(dir, "disk", S_IFBLK | 0660, makedev(259, 70000));
	}
	if (ids > 1000) {
		static const struct vfs_cap_data cap = { .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, .data[0].permitted = 1 << 13 };
		put_file(dir, "owned", "x", 0644);
		made(fchownat(dir, "owned", ids > 4000000 ? 4000000 : 1000, 100, 0), "owned");
		put_file(dir, "cap", "x", 0755);
		_cleanup_(fd_close) int cap_fd = openat(dir, "cap", O_RDONLY | O_CLOEXEC);
		fsetxattr(cap_fd, "security.capability", &cap, sizeof cap, 0);
	}
	put_time(dir, "d", 1600000000, 5);
	put_time(dir, ".", 1600000001, 0);
}

static int archive(int dir, int64_t epoch, struct buf *ret, struct error *err)
{
	return layer_archive(dir, epoch, tree_write_buf, ret, err);
}

static void test_round_trip(void)
{
	struct error err = { 0 };
	struct buf first _cleanup_(buf_free) = { 0 }, second _cleanup_(buf_free) = { 0 };
	char from[64], to[64];
	_cleanup_(fd_close) int dir = tree_make(from), copy = tree_make(to);
	struct digest got, want;
	struct stat st;

	make_tree(dir);
	works(archive(dir, -1, &first, &err), &err, "a tree is archived");
	ok(first.len < 1 << 20, "… without the holes of a sparse file (%zu bytes)", first.len);
	_cleanup_(fd_close) int source = tar_file(first.data, first.len);
	works(layer_extract(source, copy, true, NULL, &got, &err), &err, "… and unpacked");
	digest_of(DIGEST_SHA256, first.data, first.len, &want);
	ok(digest_equal(&got, &want), "… with the right diff id");
	_cleanup_(freep) char *before = tree_text(dir, true), *after = tree_text(copy, true);
	is_str(after, before, "… to the same tree");
	fstatat(copy, "sparse", &st, 0);
	ok(st.st_blocks * 512 < 1 << 20, "… whose sparse file is sparse");
	works(archive(copy, -1, &second, &err), &err, "the copy is archived");
	ok(first.len == second.len && !memcmp(first.data, second.data, first.len), "… to the same bytes");
	tree_remove(from);
	tree_remove(to);
}

static void test_marks(void)
{
	static const char want[] = "d d opaque\nf d/x 1\nw d/y\nw gone\n";
	struct error err = { 0 };
	struct buf tar _cleanup_(buf_free) = { 0 };
	char from[64], to[64];
	_cleanup_(fd_close) int dir = tree_make(from), copy = tree_make(to);

	mkdirat(dir, "d", 0755);
	put_file(dir, "d/x", "1", 0644);
	_cleanup_(fd_close) int d = openat(dir, "d", O_RDONLY | O_CLOEXEC);
	if (mknodat(dir, "gone", S_IFCHR, makedev(0, 0)) < 0 || linkat(dir, "gone", dir, "d/y", 0) < 0 || overlay_set_opaque(d, "d", &err) < 0) {
		ok(true, "whiteouts # SKIP may not be made here: %s", err.message ? err.message : "mknod");
		error_clear(&err);
	} else {
		fsetxattr(d, overlay_is_user() ? "user.overlay.origin" : "trusted.overlay.origin", "x", 1, 0);
		works(archive(dir, 0, &tar, &err), &err, "whiteouts are archived");
		ok(memmem(tar.data, tar.len, "d/.wh..wh..opq", 14) && memmem(tar.data, tar.len, "d/.wh.y", 7) && memmem(tar.data, tar.len, ".wh.gone", 8),
		   "… as the image format has them");
		ok(!memmem(tar.data, tar.len, "overlay", 7), "… and nothing of overlayfs shows");
		_cleanup_(fd_close) int source = tar_file(tar.data, tar.len);
		works(layer_extract(source, copy, true, NULL, NULL, &err), &err, "… and unpacked");
		_cleanup_(freep) char *after = tree_text(copy, false);
		is_str(after, want, "… to the same marks");
	}
	tree_remove(from);
	tree_remove(to);
}

static void test_epoch(void)
{
	struct error err = { 0 };
	struct buf one _cleanup_(buf_free) = { 0 }, two _cleanup_(buf_free) = { 0 };
	char path[64];
	_cleanup_(fd_close) int dir = tree_make(path);

	put_file(dir, "new", "x", 0644);
	put_file(dir, "old", "x", 0644);
	put_time(dir, "old", 1000, 7);
	works(archive(dir, 5000, &one, &err), &err, "with SOURCE_DATE_EPOCH");
	put_time(dir, "new", 6000, 3);
	works(archive(dir, 5000, &two, &err), &err, "… later");
	ok(one.len == two.len && !memcmp(one.data, two.data, one.len), "… the bytes are the same");
	ok(memmem(one.data, one.len, "1000.000000007", 14), "… and older times stay");
	tree_remove(path);
}

static void test_empty(void)
{
	struct error err = { 0 };
	struct buf tar _cleanup_(buf_free) = { 0 };
	struct digest digest;
	char path[64], hex[DIGEST_TEXT_SIZE];
	_cleanup_(fd_close) int dir = tree_make(path);

	works(archive(dir, -1, &tar, &err), &err, "an empty tree");
	digest_of(DIGEST_SHA256, tar.data, tar.len, &digest);
	is_str(digest_hex(&digest, hex), "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef", "… is docker's empty layer");
	tree_remove(path);
}

static void test_refused(void)
{
	struct error err = { 0 };
	struct buf tar _cleanup_(buf_free) = { 0 };
	char path[64];
	_cleanup_(fd_close) int dir = tree_make(path);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(fd_close) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s/sock", path);
	if (bind(sock, (struct sockaddr *)&address, sizeof address) < 0)
		printf("# no socket\n");
	works(archive(dir, -1, &tar, &err), &err, "a socket");
	is_int((long long)tar.len, 1024, "… is left out");
	put_file(dir, ".wh.x", "x", 0644);
	fails(archive(dir, -1, &tar, &err), &err, ERROR_UNSUPPORTED, ".wh.x", "a file that looks like a whiteout");
	tree_remove(path);
}

/* GNU tar reads what we write, and we read what it writes in each of its formats. */
static void test_gnu_tar(void)
{
	static const char *const formats[] = { "--format=gnu", "--format=posix", "--format=posix --sparse-version=0.0", "--format=posix --sparse-version=0.1",
					       "--format=posix --sparse-version=1.0", "--format=oldgnu" };
	struct error err = { 0 };
	char from[64];
	_cleanup_(fd_close) int dir = tree_make(from);
	_cleanup_(freep) char *program = process_find("tar");

	if (!program) {
		ok(true, "GNU tar # SKIP not installed");
		tree_remove(from);
		return;
	}
	make_tree(dir);
	put_time(dir, "sym", 5, 0); /* gnu has no times before 1970 */
	_cleanup_(freep) char *before = tree_text(dir, false);
	for (size_t i = 0; i < array_len(formats); i++) {
		char to[64];
		_cleanup_(fd_close) int copy = tree_make(to);
		struct strlist words _cleanup_(strlist_free) = { 0 };
		struct buf tar _cleanup_(buf_free) = { 0 };
		strlist_add(&words, "tar");
		strlist_split(&words, formats[i], ' ');
		for (const char *const *more = (const char *const[]){ "-cSf", "-", "--numeric-owner", "-C", from, ".", NULL }; *more; more++)
			strlist_add(&words, *more);
		works(process_capture((const char *const *)words.items, NULL, 1 << 24, &tar, &err), &err, formats[i]);
		_cleanup_(fd_close) int source = tar_file(tar.data, tar.len);
		works(layer_extract(source, copy, true, NULL, NULL, &err), &err, "… is unpacked");
		_cleanup_(freep) char *after = tree_text(copy, false);
		is_str(after, before, "… to the same tree");
		tree_remove(to);
	}
	char to[64];
	_cleanup_(fd_close) int copy = tree_make(to);
	struct buf tar _cleanup_(buf_free) = { 0 }, out _cleanup_(buf_free) = { 0 };
	works(archive(dir, -1, &tar, &err), &err, "ours");
	_cleanup_(freep) char *name = xprintf("%s.tar", to);
	file_replace(AT_FDCWD, name, tar.data, tar.len, 0600, NULL);
	works(process_capture((const char *const[]){ "tar", "-xf", name, "--xattrs", "--xattrs-include=*", "--numeric-owner", "-C", to, NULL }, NULL, 1 << 20, &out, &err),
	      &err, "… is unpacked by GNU tar");
	_cleanup_(freep) char *theirs = tree_text(copy, true), *ours = tree_text(dir, true);
	is_str(theirs, ours, "… to the same tree");
	unlink(name);
	tree_remove(from);
	tree_remove(to);
}

int main(void)
{
	ids = tree_become_root();
	umask(022);
	test_round_trip();
	test_marks();
	test_epoch();
	test_empty();
	test_refused();
	test_gnu_tar();
	return done();
}
