/* The seccomp filter of containers: see seccomp.h.
 *
 * It refuses a list and allows the rest, unlike docker's, which is the other way round: a system call that is new and harmless works, and
 * so does whatever QEMU needs. What is refused is what capabilities do not guard, or guard only in the user namespace that a program could make for
 * itself: key rings, new user namespaces, and the parts of the kernel that had most of the holes. */
#include "run/seccomp.h"

#include <errno.h>
#include <sched.h>

#include "base/mem.h"

static const char *const refused[] = {
	"acct", "add_key", "bpf", "create_module", "delete_module", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms",
	"init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl",
	"lookup_dcookie", "mount", "mount_setattr", "move_mount", "move_pages", "nfsservctl", "open_by_handle_at", "open_tree", "perf_event_open",
	"pivot_root", "query_module", "quotactl", "quotactl_fd", "reboot", "request_key", "setns", "swapoff", "swapon", "umount", "umount2", "unshare",
	"uselib", "userfaultfd", "ustat", "vm86", "vm86old",
};

static json_t *architectures(void)
{
#if defined(__x86_64__)
	return json_pack("[s, s, s]", "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32");
#elif defined(__aarch64__)
	return json_pack("[s, s]", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM");
#elif defined(__riscv) && __riscv_xlen == 64
	return json_pack("[s]", "SCMP_ARCH_RISCV64");
#else
	return NULL;
#endif
}

json_t *seccomp_make(void)
{
	json_t *names = json_array(), *known = architectures();

	if (!known) {
		json_decref(names);
		return NULL;
	}
	for (size_t i = 0; i < array_len(refused); i++)
		json_array_append_new(names, json_string(refused[i]));
	/* clone3 has its flags in memory, where a filter can't look: C libraries fall back to clone if it isn't there. */
	return json_pack("{s:s, s:o, s:[{s:o, s:s, s:i}, {s:[s], s:s, s:i}, {s:[s], s:s, s:i, s:[{s:i, s:I, s:I, s:s}]}]}", "defaultAction",
			 "SCMP_ACT_ALLOW", "architectures", known, "syscalls", "names", names, "action", "SCMP_ACT_ERRNO", "errnoRet", EPERM, "names",
			 "clone3", "action", "SCMP_ACT_ERRNO", "errnoRet", ENOSYS, "names", "clone", "action", "SCMP_ACT_ERRNO", "errnoRet", EPERM,
			 "args", "index", 0, "value", (json_int_t)CLONE_NEWUSER, "valueTwo", (json_int_t)CLONE_NEWUSER, "op", "SCMP_CMP_MASKED_EQ");
}
