/* A disk that fails when it is told to, for a real `sampan serve` (LD_PRELOAD; see reliable.py, which holds the other end).
 *
 * Every call of the server, and of the libraries that it uses, that changes the disk or answers a client passes here, one at a time. They are
 * counted in a page that is shared with the test, through the file $DISK_CONTROL; at the call that the test chose the process is killed before the
 * call is made, or the call fails, or it and all behind it do. Calls that only read change no state that a crash could leave, so a crash at one of them
 * is the same as at the next that is counted here.
 *
 * With $DISK_JOURNAL each change that was made is written there, too, so that the test can tell what a power cut at any moment would have left:
 * what was synced, and of the rest nothing or some. A line a record, a write's bytes behind it:
 *   W inode offset length, T inode length, C inode path, M inode path, R path path, U path, S inode (synced), X (a client was answered) */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum mode { MODE_COUNT, MODE_KILL, MODE_FAIL_ONE, MODE_FAIL_ALL };

/* As reliable.py reads and writes it. */
struct control {
	int32_t mode, number; /* of errno */
	int64_t at;	      /* the call that is met, the first being 1 */
	int64_t calls;
	int64_t failed;
	int64_t records;
};

static struct control nothing, *control = &nothing;
static int journal = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("DISK_CONTROL"), *log = getenv("DISK_JOURNAL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *page = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		abort();
	control = page;
	if (log)
		journal = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* An answer may be killed, but doesn't fail: it is not the disk. */
static bool trips(bool disk)
{
	int64_t call = ++control->calls;

	if (control->mode == MODE_KILL && call == control->at)
		syscall(SYS_exit_group, 137); /* as SIGKILL, which the server's filter of calls keeps it from: nothing of it runs any more */
	if (!disk || !((control->mode == MODE_FAIL_ONE && call == control->at) || (control->mode == MODE_FAIL_ALL && call >= control->at)))
		return false;
	control->failed++;
	errno = control->number;
	return true;
}

static void note(const void *bytes, size_t len, const char *format, ...)
{
	char line[9000];
	va_list args;

	if (journal < 0)
		return;
	va_start(args, format);
	int n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (syscall(SYS_write, journal, line, (size_t)n) != n || (len && syscall(SYS_write, journal, bytes, len) != (long)len))
		abort();
	control->records++;
}

static bool is_file(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
}

static char *path_at(int dir, const char *name, char out[4200])
{
	char link[64];

	out[0] = '\0';
	if (*name != '/' && dir != AT_FDCWD) {
		snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
		ssize_t len = readlinkat(AT_FDCWD, link, out, 4096);
		snprintf(out + (len > 0 ? len : 0), 2, "/");
	}
	strncat(out, name, 4199 - strlen(out));
	return out;
}

/* ---- contents ---- */

static ssize_t write_at(int fd, const void *bytes, size_t len, int64_t at)
{
	struct stat st;

	if (!is_file(fd, &st))
		return syscall(SYS_write, fd, bytes, len);
	pthread_mutex_lock(&lock);
	ssize_t n = -1;
	if (!trips(true)) {
		fstat(fd, &st);
		int64_t place = at >= 0 ? at : (fcntl(fd, F_GETFL) & O_APPEND) ? st.st_size : lseek(fd, 0, SEEK_CUR);
		n = at >= 0 ? syscall(SYS_pwrite64, fd, bytes, len, at) : syscall(SYS_write, fd, bytes, len);
		if (n > 0)
			note(bytes, (size_t)n, "W %lu %lld %zd\n", (unsigned long)st.st_ino, (long long)place, n);
	}
	pthread_mutex_unlock(&lock);
	return n;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	return write_at(fd, bytes, len, -1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
	return write_at(fd, bytes, len, at);
}

int ftruncate64(int fd, off_t size)
{
	struct stat st;

	pthread_mutex_lock(&lock);
	int result = trips(true) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
	if (result == 0 && is_file(fd, &st))
		note(NULL, 0, "T %lu %lld\n", (unsigned long)st.st_ino, (long long)size);
	pthread_mutex_unlock(&lock);
	return result;
}

/* Nothing is really synced: what counts is what would have been. */
static int sync_file(int fd)
{
	struct stat st;

	pthread_mutex_lock(&lock);
	int result = trips(true) ? -1 : 0;
	if (result == 0 && is_file(fd, &st))
		note(NULL, 0, "S %lu\n", (unsigned long)st.st_ino);
	pthread_mutex_unlock(&lock);
	return result;
}

int fsync(int fd)
{
	return sync_file(fd);
}

int fdatasync(int fd)
{
	return sync_file(fd);
}

/* ---- names ---- */

static int open_at(int dir, const char *name, int flags, mode_t mode)
{
	char path[4200];
	struct stat st;

	if (!(flags & O_CREAT))
		return (int)syscall(SYS_openat, dir, name, flags, mode);
	pthread_mutex_lock(&lock);
	bool is_new = syscall(SYS_newfstatat, dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0;
	int fd = is_new && trips(true) ? -1 : (int)syscall(SYS_openat, dir, name, flags, mode);
	if (fd >= 0 && is_new && is_file(fd, &st))
		note(NULL, 0, "C %lu %s\n", (unsigned long)st.st_ino, path_at(dir, name, path));
	pthread_mutex_unlock(&lock);
	return fd;
}

#define MODE_OF(last, mode) \
	mode_t mode = 0; \
	if (last & O_CREAT) { \
		va_list args; \
		va_start(args, last); \
		mode = va_arg(args, mode_t); \
		va_end(args); \
	}

int open64(const char *name, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_at(AT_FDCWD, name, flags, mode);
}

int openat64(int dir, const char *name, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_at(dir, name, flags, mode);
}

int mkdirat(int dir, const char *name, mode_t mode)
{
	char path[4200];
	struct stat st;

	pthread_mutex_lock(&lock);
	int result = trips(true) ? -1 : (int)syscall(SYS_mkdirat, dir, name, mode);
	if (result == 0 && syscall(SYS_newfstatat, dir, name, &st, 0) == 0)
		note(NULL, 0, "M %lu %s\n", (unsigned long)st.st_ino, path_at(dir, name, path));
	pthread_mutex_unlock(&lock);
	return result;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	char old[4200], new[4200];

	pthread_mutex_lock(&lock);
	int result = trips(true) ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (result == 0)
		note(NULL, 0, "R %s %s\n", path_at(from_dir, from, old), path_at(to_dir, to, new));
	pthread_mutex_unlock(&lock);
	return result;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return renameat2(from_dir, from, to_dir, to, 0);
}

int unlinkat(int dir, const char *name, int flags)
{
	char path[4200];

	pthread_mutex_lock(&lock);
	int result = trips(true) ? -1 : (int)syscall(SYS_unlinkat, dir, name, flags);
	if (result == 0)
		note(NULL, 0, "U %s\n", path_at(dir, name, path));
	pthread_mutex_unlock(&lock);
	return result;
}

int unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

/* ---- answers ---- */

static void answered(void)
{
	pthread_mutex_lock(&lock);
	trips(false);
	note(NULL, 0, "X\n");
	pthread_mutex_unlock(&lock);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	answered();
	return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	answered();
	return syscall(SYS_sendmsg, fd, message, flags);
}
