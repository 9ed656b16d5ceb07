/* The seccomp filter of containers: see seccomp.h.
 *
 * It refuses a list and allows the rest, unlike docker's, which is the other way round: a system call that is new and harmless works, and
 * so does whatever QEMU needs. What is refused is what capabilities do not guard, or guard only in the user namespace that a program could make for
 * itself: key rings, new user namespaces, and the parts of the kernel that had most of the holes. */
#include "run/seccomp.h"

#include <errno.h>
#include <sched.h>

#include "base/json.h"
#include "run/host_config.h"

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

/* Has `capabilities` one of these names? */
static bool has_any(const json_t *names, uint64_t capabilities)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name) {
		const char *text = json_string_value(name);
		for (int n = 0; text && capability_name(n); n++)
			if (str_starts(text, "CAP_") && str_equal(text + 4, capability_name(n)) && capabilities >> n & 1)
				return true;
	}
	return false;
}

static bool has_arch(const json_t *names)
{
#if defined(__x86_64__)
	static const char *const own[] = { "amd64", "x86_64", "x32", "x86" };
#elif defined(__aarch64__)
	static const char *const own[] = { "arm64", "aarch64", "arm" };
#else
	static const char *const own[] = { "riscv64" };
#endif
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		for (size_t n = 0; n < array_len(own); n++)
			if (str_equal(json_string_value(name), own[n]))
				return true;
	return false;
}

/* docker's "includes" and "excludes" of a rule. */
static bool rule_applies(const json_t *rule, uint64_t capabilities)
{
	const json_t *in = json_object_get(rule, "includes"), *out = json_object_get(rule, "excludes");

	if (json_array_size(json_object_get(in, "caps")) && !has_any(json_object_get(in, "caps"), capabilities))
		return false;
	if (json_array_size(json_object_get(in, "arches")) && !has_arch(json_object_get(in, "arches")))
		return false;
	return !has_any(json_object_get(out, "caps"), capabilities) && !has_arch(json_object_get(out, "arches"));
}

json_t *seccomp_for(const char *profile, uint64_t capabilities)
{
	if (!profile)
		return seccomp_make();
	json_t *given _cleanup_(json_release) = str_equal(profile, "unconfined") ? NULL : json_parse(profile, strlen(profile), "seccomp profile", NULL);
	json_t *known = given ? architectures() : NULL, *rules = json_array();
	const json_t *rule;
	size_t i;

	if (!known) {
		json_decref(rules);
		return NULL;
	}
	json_array_foreach(json_object_get(given, "syscalls"), i, rule) {
		if (!rule_applies(rule, capabilities))
			continue;
		json_t *copy = json_copy((json_t *)rule);
		static const char *const foreign[] = { "includes", "excludes", "comment" };
		for (size_t n = 0; n < array_len(foreign); n++)
			json_object_del(copy, foreign[n]);
		json_array_append_new(rules, copy);
	}
	json_t *result = json_pack("{s:o, s:o}", "architectures", known, "syscalls", rules);
	static const char *const kept[] = { "defaultAction", "defaultErrnoRet", "flags" };
	for (i = 0; i < array_len(kept); i++)
		if (json_object_get(given, kept[i]))
			json_object_set(result, kept[i], json_object_get(given, kept[i]));
	return result;
}
