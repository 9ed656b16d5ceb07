/* System calls and the few string functions that the dispatcher needs, without a C library: it is started for every single execve, so it must
 * be there at once, and a static libc alone would be ten times its size. Calls return -errno. */
#ifndef EMU_DISPATCH_SYSTEM_H
#define EMU_DISPATCH_SYSTEM_H
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <stddef.h>
#include <stdint.h>

#if defined __x86_64__
static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}
#define START "_start: xor %ebp, %ebp; mov %rsp, %rdi; and $-16, %rsp; call dispatch_start"
#elif defined __aarch64__
static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
#define START "_start: mov x29, #0; mov x0, sp; bl dispatch_start"
#elif defined __riscv && __riscv_xlen == 64
static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d, a4 __asm__("a4") = e, a5 __asm__("a5") = f;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
	return a0;
}
#define START "_start: mv a0, sp; andi sp, sp, -16; call dispatch_start"
#else
#error "the dispatcher has no start for this machine yet"
#endif

#define SYSTEM_CALL(name, ...) SYSTEM_CALL_(name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYSTEM_CALL_(name, a, b, c, d, e, f, ...) \
	system_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline long sys_open(const char *path, int flags) { return SYSTEM_CALL(openat, AT_FDCWD, path, flags, 0); }
static inline long sys_close(int fd) { return SYSTEM_CALL(close, fd); }
static inline long sys_readlink(const char *path, char *out, size_t len) { return SYSTEM_CALL(readlinkat, AT_FDCWD, path, out, len); }
static inline long sys_stat(int fd, const char *path, int flags, struct statx *ret)
{
	return SYSTEM_CALL(statx, fd, path, flags, STATX_BASIC_STATS, ret);
}
static inline void *sys_map(size_t len, int protection, int flags, int fd)
{
	return (void *)SYSTEM_CALL(mmap, 0, len, protection, flags, fd, 0);
}
static inline long sys_unmap(void *at, size_t len) { return SYSTEM_CALL(munmap, at, len); }
static inline long sys_execve(const char *path, char *const *argv, char *const *env) { return SYSTEM_CALL(execve, path, argv, env); }
static inline long sys_write(int fd, const void *bytes, size_t len) { return SYSTEM_CALL(write, fd, bytes, len); }
__attribute__((noreturn)) static inline void sys_exit(int code)
{
	for (;;)
		SYSTEM_CALL(exit_group, code);
}
static inline int map_failed(const void *at) { return (unsigned long)at > -4096UL; }

static inline size_t text_len(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	return len;
}

static inline int text_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static inline int text_starts(const char *text, const char *start)
{
	while (*start && *text == *start)
		text++, start++;
	return !*start;
}

/* Where `part` begins within the first `len` bytes, or NULL. */
static inline const char *bytes_find(const char *bytes, size_t len, const char *part)
{
	size_t part_len = text_len(part);

	for (const char *at = bytes; at + part_len <= bytes + len; at++) {
		size_t n = 0;
		while (n < part_len && at[n] == part[n])
			n++;
		if (n == part_len)
			return at;
	}
	return NULL;
}
#endif
