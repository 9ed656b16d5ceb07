/* The sandbox of the server.
 *
 * Somebody who makes the server run code of his own finds: no capabilities and no way to get some (no_new_privs); a file system that ends at the
 * store (Landlock); no new programs, no new kinds of sockets, no executable memory (seccomp). What the sets below leave out is answered with
 * ENOSYS, as an older kernel would, for which libraries have a fallback; what only an attacker calls ends the process.
 *
 * seccomp's program is made here, since it is one list of numbers: arch, then each call by its number. The kernel keeps the answers that
 * depend on the number alone in a bitmap (Linux 5.11), so its length costs nothing. */
#include "registry/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "registry/privilege.h"

/* ---- Landlock ---- */

/* Newer than the headers of Debian 12. */
struct ruleset {
	uint64_t fs, net, scope;
};
enum {
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15,
	NET_BIND = 1 << 0,
	NET_CONNECT = 1 << 1,
	SCOPE_ALL = 3, /* abstract Unix sockets and signals to others */
	ABI_RENAME = 2, /* before, a rename into another folder is refused to everybody: an upload becomes a blob by one */
	ABI_TRUNCATE = 3,
	ABI_NET = 4,
	ABI_IOCTL = 5,
	ABI_SCOPE = 6,
};
static const uint64_t FS_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t FS_OF_FILES = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
static const uint64_t FS_NEVER = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

/* Read by libraries when they please. */
static const char *const always_readable[] = { "/dev/urandom", "/etc/hosts", "/etc/localtime", "/usr/share/zoneinfo", "/proc/self" };
/* By the resolver, and by TLS as a client. */
static const char *const outgoing_readable[] = { "/etc", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share", "/usr/local/share/ca-certificates",
						 "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager" };

/* What isn't there needs no rule. */
static void allow(int ruleset, const char *path, uint64_t rights)
{
	_cleanup_(fd_close) int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		log_debug("landlock: %s: %m", path);
}

static struct ruleset handled(int abi, bool outgoing)
{
	struct ruleset all = { .fs = (LANDLOCK_ACCESS_FS_REFER << 1) - 1 };

	if (abi >= ABI_TRUNCATE)
		all.fs |= FS_TRUNCATE;
	if (abi >= ABI_IOCTL)
		all.fs |= FS_IOCTL_DEV;
	if (abi >= ABI_NET)
		all.net = outgoing ? NET_BIND : NET_BIND | NET_CONNECT;
	if (abi >= ABI_SCOPE)
		all.scope = SCOPE_ALL;
	return all;
}

static void allow_all(int ruleset, const char *const *paths, size_t len, uint64_t rights)
{
	for (size_t i = 0; i < len && paths[i]; i++)
		allow(ruleset, paths[i], rights);
}

static void confine_files(const struct confinement *confinement)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset all = handled(abi, confinement->outgoing);

	if (abi < ABI_RENAME) {
		log_warn("this kernel has no Landlock%s: the registry's code could reach files outside of the store", abi > 0 ? " of version 2" : "");
		return;
	}
	_cleanup_(fd_close) int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
	if (ruleset >= 0) {
		allow(ruleset, confinement->store, all.fs & ~FS_NEVER);
		allow(ruleset, "/dev/null", FS_OF_FILES);
		allow_all(ruleset, always_readable, array_len(always_readable), FS_READ);
		if (confinement->outgoing)
			allow_all(ruleset, outgoing_readable, array_len(outgoing_readable), FS_READ);
		allow_all(ruleset, (const char *const *)confinement->readable->items, confinement->readable->len, FS_READ);
		allow_all(ruleset, (const char *const *)confinement->writable->items, confinement->writable->len,
			  FS_READ | (all.fs & (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | FS_TRUNCATE)));
	}
	if (ruleset < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		log_warn("Landlock is not available here (%m): the registry's code could reach files outside of the store");
}

/* ---- seccomp ---- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

static const int allowed[] = {
	/* bytes */
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_lseek, SYS_sendfile, SYS_splice,
	SYS_copy_file_range,
	/* connections */
	SYS_accept, SYS_accept4, SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown, SYS_bind,
	SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt, SYS_socketpair,
	/* waiting */
	SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_pipe2, SYS_signalfd4, SYS_timerfd_create,
	SYS_timerfd_settime, SYS_nanosleep, SYS_clock_nanosleep, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
	/* files */
	SYS_openat, SYS_openat2, SYS_close, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64,
	SYS_renameat2, SYS_unlinkat, SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_ftruncate, SYS_truncate, SYS_fallocate, SYS_fadvise64, SYS_fsync,
	SYS_fdatasync, SYS_sync_file_range, SYS_syncfs, SYS_flock, SYS_fcntl, SYS_dup, SYS_dup3, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat,
	SYS_utimensat, SYS_statfs, SYS_fstatfs, SYS_umask, SYS_getcwd,
	/* memory, threads, signals */
	SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_msync, SYS_mincore, SYS_futex, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq,
	SYS_set_tid_address, SYS_membarrier, SYS_sched_yield, SYS_sched_getaffinity, SYS_exit, SYS_exit_group, SYS_rt_sigaction, SYS_rt_sigprocmask,
	SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_restart_syscall, SYS_tgkill,
	/* questions */
	SYS_getpid, SYS_getppid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getrusage, SYS_prlimit64, SYS_uname, SYS_sysinfo,
	SYS_times, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_getrandom,
	/* older names of the above, where there are any */
#ifdef SYS_open
	SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_rename, SYS_unlink, SYS_mkdir, SYS_rmdir, SYS_link, SYS_symlink, SYS_chmod,
	SYS_poll, SYS_select, SYS_epoll_wait, SYS_pipe, SYS_dup2, SYS_time,
#endif
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_riscv_flush_icache
	SYS_riscv_flush_icache,
	258, /* riscv_hwprobe, newer than Debian 12: libraries choose by it what they use of the processor */
#endif
};

/* Answered with the end of the process. */
static const int deadly[] = {
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
	SYS_unshare, SYS_setns, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_keyctl, SYS_add_key, SYS_request_key,
	SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff,
};

struct program {
	struct sock_filter code[640];
	size_t len;
};

#define ERRNO(number) (SECCOMP_RET_ERRNO | (number))

static void emit(struct program *program, struct sock_filter instruction)
{
	if (program->len == array_len(program->code))
		abort();
	program->code[program->len++] = instruction;
}

/* The call `number` is answered so. */
static void emit_answer(struct program *program, int number, uint32_t answer)
{
	emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1));
	emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer));
}

/* The call `number` is allowed if its argument compares so (BPF_JEQ with one of the values; BPF_JSET: has one of the bits), and answered else. */
static void emit_argument(struct program *program, int number, int argument, int compare, const uint32_t *values, size_t len, bool wanted,
			  uint32_t answer)
{
	uint32_t offset = (uint32_t)(offsetof(struct seccomp_data, args) + (size_t)argument * 8 + (__BYTE_ORDER == __BIG_ENDIAN ? 4 : 0));

	emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, (uint8_t)(2 * len + 2)));
	emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
	for (size_t i = 0; i < len; i++) {
		emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | compare | BPF_K, values[i], 0, 1));
		emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, wanted ? SECCOMP_RET_ALLOW : answer));
	}
	emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, wanted ? answer : SECCOMP_RET_ALLOW));
}

/* netlink tells our own addresses, for certificates. A Unix socket would reach daemons that trust whoever runs here: never. */
static void emit_arguments(struct program *program, bool outgoing)
{
	static const uint32_t domains[] = { AF_NETLINK, AF_INET, AF_INET6 }, thread = CLONE_THREAD, name = PR_SET_NAME, execute = PROT_EXEC;
	static const uint32_t requests[] = { FIONREAD, FIONBIO, TIOCGWINSZ, TCGETS };

	emit_argument(program, SYS_socket, 0, BPF_JEQ, domains, outgoing ? array_len(domains) : 1, true, ERRNO(EACCES));
	emit_argument(program, SYS_clone, 0, BPF_JSET, &thread, 1, true, ERRNO(EPERM));
	emit_argument(program, SYS_prctl, 0, BPF_JEQ, &name, 1, true, ERRNO(EPERM));
	emit_argument(program, SYS_ioctl, 1, BPF_JEQ, requests, array_len(requests), true, ERRNO(ENOTTY));
	if (outgoing) { /* the resolver loads its parts when it is first asked */
		emit_answer(program, SYS_mmap, SECCOMP_RET_ALLOW);
		emit_answer(program, SYS_mprotect, SECCOMP_RET_ALLOW);
		emit_answer(program, SYS_connect, SECCOMP_RET_ALLOW);
		return;
	}
	emit_argument(program, SYS_mmap, 2, BPF_JSET, &execute, 1, false, ERRNO(EPERM));
	emit_argument(program, SYS_mprotect, 2, BPF_JSET, &execute, 1, false, ERRNO(EPERM));
}

static void confine_calls(bool outgoing)
{
#ifdef ARCH
	struct program program = { 0 };

	emit(&program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
	emit(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	emit(&program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
	emit(&program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	for (size_t i = 0; i < array_len(allowed); i++)
		emit_answer(&program, allowed[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < array_len(deadly); i++)
		emit_answer(&program, deadly[i], SECCOMP_RET_KILL_PROCESS);
	emit_arguments(&program, outgoing);
	emit(&program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ERRNO(ENOSYS)));
	struct sock_fprog list = { (unsigned short)program.len, program.code };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &list) == 0)
		return;
#else
	(void)outgoing;
	errno = ENOSYS;
#endif
	log_warn("seccomp is not available here (%m): the registry's code could make any system call");
}

/* ---- all of it ---- */

static int check_threads(struct error *err)
{
	struct stat st;

	/* Beneath QEMU's user emulation, QEMU's own threads are seen as ours. It has no seccomp, and runs nothing of ours in them. */
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return 0;
	/* A folder has a link for each folder in it. Without /proc we can't know. */
	if (stat("/proc/self/task", &st) == 0 && st.st_nlink > 3)
		return error_set(err, ERROR_FAILED, "the sandbox was asked for when threads were running that it does not hold");
	return 0;
}

int confine(const struct confinement *confinement, struct error *err)
{
	if (check_threads(err) < 0 || privilege_drop_capabilities(err) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "cannot set no_new_privs");
	confine_files(confinement);
	confine_calls(confinement->outgoing);
	return 0;
}
