/* Trees and archives for the tests of layers: a temporary folder, a tar writer that writes what it is told, however wrong, and a
 * picture of a tree as text. */
#ifndef TESTS_STORE_TREE_H
#define TESTS_STORE_TREE_H
#include <dirent.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/userns.h"
#include "store/layer.h"
#include "store/overlay.h"
#include "tap.h"

/* A new temporary folder, opened; its path in `path`. Removed by tree_remove. */
static inline int tree_make(char path[64])
{
	snprintf(path, 64, "%s/sampan-test-XXXXXX", getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 32 ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static inline void tree_remove(const char *path)
{
	struct error err _cleanup_(error_clear) = { 0 };

	if (dir_remove(AT_FDCWD, path, &err) < 0)
		printf("# cannot remove %s: %s\n", path, err.message);
}

/* As the commands that unpack do: a user becomes root of a namespace. Says how many ids there are to be used; 0: it is no root at all. */
static inline long tree_become_root(void)
{
	struct error err _cleanup_(error_clear) = { 0 };
	unsigned long count, sum = 0;

	if (userns_enter_rootless(&err) < 0)
		printf("# no namespace: %s\n", err.message);
	FILE *map = geteuid() ? NULL : fopen("/proc/self/uid_map", "re");
	while (map && fscanf(map, "%*u %*u %lu", &count) == 1)
		sum += count;
	if (map)
		fclose(map);
	return (long)sum;
}

/* ---- archives ---- */

struct tar_fields {
	char type;
	const char *path, *target, *data;
	size_t len; /* of data; 0: strlen */
	unsigned mode, uid, gid, major, minor;
	long long mtime, claimed_size; /* claimed_size: instead of len, if it isn't 0 */
};

static inline void tar_block(struct buf *tar, const struct tar_fields *f, size_t len)
{
	char block[513] = { 0 };
	unsigned sum = 0;

	memcpy(block, f->path, strnlen(f->path, 100));
	snprintf(block + 100, 8, "%07o", f->mode);
	snprintf(block + 108, 8, "%07o", f->uid);
	snprintf(block + 116, 8, "%07o", f->gid);
	snprintf(block + 124, 12, "%011llo", f->claimed_size ? (unsigned long long)f->claimed_size : (unsigned long long)len);
	snprintf(block + 136, 12, "%011llo", (unsigned long long)f->mtime);
	memset(block + 148, ' ', 8);
	block[156] = f->type;
	if (f->target)
		memcpy(block + 157, f->target, strnlen(f->target, 100));
	memcpy(block + 257, "ustar\00000", 8);
	snprintf(block + 329, 8, "%07o", f->major);
	snprintf(block + 337, 8, "%07o", f->minor);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
	buf_add(tar, block, 512);
}

static inline void tar_pad(struct buf *tar)
{
	static const char zero[512];

	buf_add(tar, zero, -tar->len & 511);
}

static inline void tar_put(struct buf *tar, struct tar_fields f)
{
	size_t len = f.data ? (f.len ? f.len : strlen(f.data)) : 0;

	if (strlen(f.path) > 100) {
		tar_block(tar, &(struct tar_fields){ .type = 'L', .path = "././@LongLink" }, strlen(f.path) + 1);
		buf_add(tar, f.path, strlen(f.path) + 1);
		tar_pad(tar);
	}
	if (f.target && strlen(f.target) > 100) {
		tar_block(tar, &(struct tar_fields){ .type = 'K', .path = "././@LongLink" }, strlen(f.target) + 1);
		buf_add(tar, f.target, strlen(f.target) + 1);
		tar_pad(tar);
	}
	tar_block(tar, &f, len);
	if (len)
		buf_add(tar, f.data, len);
	tar_pad(tar);
}

/* A pax header of one record. */
static inline void tar_pax(struct buf *tar, const char *key, const void *value, size_t len)
{
	struct buf record = { 0 };
	size_t size = strlen(key) + len + 3;

	size += size + 1 > 9 ? size + 2 > 99 ? size + 3 > 999 ? size + 4 > 9999 ? size + 5 > 99999 ? 6 : 5 : 4 : 3 : 2 : 1;
	buf_printf(&record, "%zu %s=", size, key);
	buf_add(&record, value, len);
	buf_add_char(&record, '\n');
	tar_put(tar, (struct tar_fields){ .type = 'x', .path = "pax", .data = record.data, .len = record.len });
	buf_free(&record);
}

static inline void tar_end(struct buf *tar)
{
	static const char zero[1024];

	buf_add(tar, zero, sizeof zero);
}

/* A memory file at its start. */
static inline int tar_file(const void *bytes, size_t len)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, bytes, len, "tar", NULL) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

/* ---- pictures ---- */

static inline int tree_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void tree_add_xattrs(struct buf *out, int dir, const char *name)
{
	char names[4096], value[4096];
	_cleanup_(fd_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct strlist list _cleanup_(strlist_free) = { 0 };

	ssize_t len = fd < 0 ? 0 : flistxattr(fd, names, sizeof names);
	for (const char *at = names; len > 0 && at < names + len; at += strlen(at) + 1)
		if (!str_equal(at, "security.selinux"))
			strlist_add(&list, at);
	if (list.len)
		qsort(list.items, list.len, sizeof *list.items, tree_compare);
	for (size_t i = 0; i < list.len; i++) {
		ssize_t n = fgetxattr(fd, list.items[i], value, sizeof value);
		buf_printf(out, " %s=", list.items[i]);
		for (ssize_t j = 0; j < n; j++)
			if (value[j] > ' ' && value[j] < 127)
				buf_add_char(out, value[j]);
			else
				buf_printf(out, "\\%02x", (unsigned char)value[j]);
	}
}

/* A line an entry: "d dir", "f file content", "l link -> target", "w whiteout", "c device 1:3", "p fifo"; with `all` mode, owner, time, links and extended
 * attributes as well, without them only "opaque". */
static inline void tree_print(int dir, const char *above, bool all, struct buf *out)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	DIR *list = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	for (struct dirent *entry; list && (entry = readdir(list));)
		if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
			strlist_add(&names, entry->d_name);
	if (list)
		closedir(list);
	if (names.len)
		qsort(names.items, names.len, sizeof *names.items, tree_compare);
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];
		struct stat st;
		char target[4096];
		fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW);
		char type = S_ISDIR(st.st_mode) ? 'd' : S_ISREG(st.st_mode) ? 'f' : S_ISLNK(st.st_mode) ? 'l' : S_ISFIFO(st.st_mode) ? 'p' :
			    S_ISSOCK(st.st_mode) ? 's' : overlay_is_whiteout(&st) ? 'w' : S_ISCHR(st.st_mode) ? 'c' : 'b';
		buf_printf(out, "%c %s%s", type, above, name);
		if (all)
			buf_printf(out, " %04o %u:%u %lld.%09ld", st.st_mode & 07777, st.st_uid, st.st_gid,
				   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		if (all && !S_ISDIR(st.st_mode))
			buf_printf(out, " links=%d", (int)st.st_nlink);
		if (type == 'c' || type == 'b')
			buf_printf(out, " %u:%u", major(st.st_rdev), minor(st.st_rdev));
		_cleanup_(fd_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (type == 'c' || type == 'b' || type == 'w' ? O_PATH : 0));
		if (type == 'f') {
			struct buf text _cleanup_(buf_free) = { 0 };
			fd_read_all(fd, 1 << 26, &text, name, NULL);
			if (text.len > 64) {
				struct digest digest;
				char hex[DIGEST_TEXT_SIZE];
				digest_of(DIGEST_SHA256, text.data, text.len, &digest);
				buf_printf(out, " %zu bytes %.16s", text.len, digest_hex(&digest, hex));
			} else {
				buf_printf(out, "%s%s", text.len ? " " : "", text.data ? text.data : "");
			}
		}
		if (type == 'l') {
			ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
			buf_printf(out, " -> %.*s", (int)n, target);
		}
		if (type == 'd' && !all && overlay_is_opaque(fd))
			buf_add_str(out, " opaque");
		if (all && (type == 'd' || type == 'f'))
			tree_add_xattrs(out, dir, name);
		buf_add_char(out, '\n');
		if (type == 'd') {
			_cleanup_(freep) char *path = xprintf("%s%s/", above, name);
			tree_print(fd, path, all, out);
		}
	}
}

static inline char *tree_text(int dir, bool all)
{
	struct buf out = { 0 };

	tree_print(dir, "", all, &out);
	return buf_steal(&out);
}

/* ---- layers ---- */

static inline int tree_write_buf(void *data, const void *bytes, size_t len, struct error *err)
{
	(void)err;
	buf_add(data, bytes, len);
	return 0;
}
#endif
