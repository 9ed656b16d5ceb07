/* Two trees, entry by entry: see verify.h. */
#include "build/verify.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

enum { DEPTH_MAX = 256, LINK_MAX_BYTES = 4096 };

/* A pair of directories that stand at the same path of the two trees. */
struct pair {
	int one, other;
	const char *path; /* with a slash at the end */
	int depth;
};

static int differs(const char *path, const char *how, struct error *err)
{
	error_set(err, ERROR_CORRUPT, "%s differs between twins and emulation: %s", path, how);
	return error_hint(err, "does the step ask for the time or a random number? If it comes out alike twice with --twins=off, this is a bug of sampan's: please report it; until then: "
			       "--twins=off");
}

static bool left_out(const char *path)
{
	return str_equal(path, "/var/log") || str_equal(path, "/var/cache");
}

static int compare_links(const struct pair *pair, const char *name, const char *path, struct error *err)
{
	char one[LINK_MAX_BYTES], other[LINK_MAX_BYTES];
	ssize_t n = readlinkat(pair->one, name, one, sizeof one), m = readlinkat(pair->other, name, other, sizeof other);

	return n < 0 || n != m || memcmp(one, other, (size_t)n) != 0 ? differs(path, "the links lead elsewhere", err) : 0;
}

static int compare_bytes(const struct pair *pair, const char *name, const char *path, size_t size, struct error *err)
{
	_cleanup_(fd_close) int one = openat(pair->one, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(fd_close) int other = openat(pair->other, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t at = 0;

	if (one < 0 || other < 0)
		return error_errno(err, errno, "cannot open %s", path);
	const char *a = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, one, 0) : NULL, *b = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, other, 0) : NULL;
	if (size && (a == MAP_FAILED || b == MAP_FAILED))
		return error_errno(err, errno, "cannot read %s", path);
	if (size && memcmp(a, b, size) != 0)
		while (a[at] == b[at])
			at++;
	else
		at = size;
	if (size) {
		munmap((void *)a, size);
		munmap((void *)b, size);
	}
	_cleanup_(freep) char *how = xprintf("the first byte that is another is number %zu of %zu", at + 1, size);
	return at < size ? differs(path, how, err) : 0;
}

static int compare_folders(const struct pair *pair, struct error *err);

static int compare_entries(const struct pair *pair, const char *name, const char *path, struct error *err)
{
	struct stat one, other;

	if (fstatat(pair->one, name, &one, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(pair->other, name, &other, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, errno, "cannot look at %s", path);
	if (one.st_mode != other.st_mode)
		return differs(path, (one.st_mode ^ other.st_mode) & S_IFMT ? "its type" : "its mode", err);
	if (one.st_uid != other.st_uid || one.st_gid != other.st_gid)
		return differs(path, "its owner", err);
	if (S_ISLNK(one.st_mode))
		return compare_links(pair, name, path, err);
	if (S_ISCHR(one.st_mode) || S_ISBLK(one.st_mode))
		return one.st_rdev == other.st_rdev ? 0 : differs(path, "its device number", err);
	if (S_ISREG(one.st_mode) && one.st_size != other.st_size)
		return differs(path, "its size", err);
	if (S_ISREG(one.st_mode))
		return compare_bytes(pair, name, path, (size_t)one.st_size, err);
	if (!S_ISDIR(one.st_mode))
		return 0;
	_cleanup_(fd_close) int a = openat(pair->one, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(fd_close) int b = openat(pair->other, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(freep) char *below = xprintf("%s/", path);
	const struct pair inner = { a, b, below, pair->depth + 1 };
	return a < 0 || b < 0 ? error_errno(err, errno, "cannot open %s", path) : compare_folders(&inner, err);
}

static int compare_folders(const struct pair *pair, struct error *err)
{
	struct strlist one _cleanup_(strlist_free) = { 0 }, other _cleanup_(strlist_free) = { 0 };

	if (pair->depth > DEPTH_MAX)
		return error_set(err, ERROR_TOO_LARGE, "%s is too deep to be compared", pair->path);
	if (dir_names(pair->one, ".", &one, err) < 0 || dir_names(pair->other, ".", &other, err) < 0)
		return -1;
	for (size_t i = 0, j = 0; i < one.len || j < other.len;) {
		int order = i == one.len ? 1 : j == other.len ? -1 : strcmp(one.items[i], other.items[j]);
		const char *name = order <= 0 ? one.items[i] : other.items[j];
		_cleanup_(freep) char *path = xprintf("%s%s", pair->path, name);
		i += order <= 0;
		j += order >= 0;
		if (left_out(path))
			continue;
		if (order)
			return differs(path, order < 0 ? "only twins made it" : "only emulation made it", err);
		if (compare_entries(pair, name, path, err) < 0)
			return -1;
	}
	return 0;
}

int verify_same(const char *one, const char *other, struct error *err)
{
	_cleanup_(fd_close) int a = open(one, O_RDONLY | O_DIRECTORY | O_CLOEXEC), b = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct pair pair = { a, b, "/", 0 };

	if (a < 0 || b < 0)
		return error_errno(err, errno, "cannot open %s", a < 0 ? one : other);
	return compare_folders(&pair, err);
}
