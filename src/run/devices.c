/* Rules for devices: see devices.h.
 *
 * v1 has files for them. v2 has none: a program of the kernel's own machine language (eBPF, type cgroup_device) is asked at each open and mknod, and
 * stays with the group. Ours is made from the same table: rule by rule it compares type, access, major and minor, and says yes at the first
 * that fits, no at the end. */
#include "run/devices.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "run/host_config.h"

enum { ANY = -1, READ = BPF_DEVCG_ACC_READ, WRITE = BPF_DEVCG_ACC_WRITE, MAKE = BPF_DEVCG_ACC_MKNOD, ALL = READ | WRITE | MAKE, RULE_LEN = 8, FRAME_LEN = 8 };

/* docker's, but for /dev/console (5:1), which a container has its own of. */
static const struct device_rule defaults[] = {
	{ 'c', ANY, ANY, MAKE }, { 'b', ANY, ANY, MAKE }, { 'c', 1, 3, ALL } /* null */, { 'c', 1, 5, ALL } /* zero */, { 'c', 1, 7, ALL } /* full */,
	{ 'c', 1, 8, ALL } /* random */, { 'c', 1, 9, ALL } /* urandom */, { 'c', 5, 0, ALL } /* tty */, { 'c', 5, 2, ALL } /* ptmx */,
	{ 'c', 136, ANY, ALL } /* pts */,
};

static bool add_host_device(const json_t *device, struct device_rule *ret)
{
	const char *rights = json_string_at(device, "CgroupPermissions");
	struct stat info;

	if (stat(json_string_at(device, "PathOnHost"), &info) < 0 || (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)))
		return false;
	*ret = (struct device_rule){ S_ISCHR(info.st_mode) ? 'c' : 'b', major(info.st_rdev), minor(info.st_rdev), 0 };
	ret->access = (strchr(rights, 'r') ? READ : 0) | (strchr(rights, 'w') ? WRITE : 0) | (strchr(rights, 'm') ? MAKE : 0);
	return true;
}

size_t device_rules(const json_t *host, struct device_rule ret[DEVICE_RULES_MAX])
{
	size_t len = array_len(defaults), i;
	const json_t *device;

	memcpy(ret, defaults, sizeof defaults);
	json_array_foreach(json_object_get(host, "Devices"), i, device)
		if (len < DEVICE_RULES_MAX && add_host_device(device, &ret[len]))
			len++;
	return len;
}

static void print_number(int64_t number, char out[24])
{
	if (number == ANY)
		snprintf(out, 24, "*");
	else
		snprintf(out, 24, "%lld", (long long)number);
}

static int write_rule(const char *dir, const char *name, const char *text, struct error *err)
{
	_cleanup_(freep) char *path = path_join(dir, name);
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? error_errno(err, errno, "cannot open %s", path) : fd_write_all(fd, text, strlen(text), path, err);
}

int device_rules_v1(const char *dir, const json_t *host, struct error *err)
{
	struct device_rule rules[DEVICE_RULES_MAX];
	size_t len = device_rules(host, rules);

	if (write_rule(dir, "devices.deny", "a", err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		char major_text[24], minor_text[24], text[80];
		const struct device_rule *rule = &rules[i];
		print_number(rule->major, major_text);
		print_number(rule->minor, minor_text);
		snprintf(text, sizeof text, "%c %s:%s %s%s%s", rule->type, major_text, minor_text, rule->access & READ ? "r" : "",
			 rule->access & WRITE ? "w" : "", rule->access & MAKE ? "m" : "");
		if (write_rule(dir, "devices.allow", text, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- v2 ---- */

struct program {
	struct bpf_insn code[FRAME_LEN + DEVICE_RULES_MAX * RULE_LEN];
	size_t len;
};

static void add(struct program *program, struct bpf_insn instruction)
{
	program->code[program->len++] = instruction;
}

/* r1 (context) gives r2 = type, r3 = access, r4 = major, r5 = minor. */
static void add_head(struct program *program)
{
	static const struct bpf_insn head[] = {
		{ BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0 },
		{ BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff },
		{ BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16 },
		{ BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0 },
		{ BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0 },
	};

	for (size_t i = 0; i < array_len(head); i++)
		add(program, head[i]);
}

static void add_answer(struct program *program, int answer)
{
	add(program, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, answer });
	add(program, (struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 });
}

/* Each comparison that fails jumps behind the rule; where that is is known at its end. */
static void add_rule(struct program *program, const struct device_rule *rule)
{
	size_t jumps[4], jumps_len = 0;

	jumps[jumps_len++] = program->len;
	add(program, (struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR });
	if (rule->access != ALL) { /* everything that is asked for must be allowed */
		add(program, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0 });
		add(program, (struct bpf_insn){ BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_1, 0, 0, rule->access });
		jumps[jumps_len++] = program->len;
		add(program, (struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0 });
	}
	if (rule->major != ANY) {
		jumps[jumps_len++] = program->len;
		add(program, (struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int)rule->major });
	}
	if (rule->minor != ANY) {
		jumps[jumps_len++] = program->len;
		add(program, (struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int)rule->minor });
	}
	add_answer(program, 1);
	for (size_t i = 0; i < jumps_len; i++)
		program->code[jumps[i]].off = (short)(program->len - jumps[i] - 1);
}

static int bpf(int command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

int device_rules_v2(const char *dir, const json_t *host, struct error *err)
{
	struct device_rule rules[DEVICE_RULES_MAX];
	_cleanup_(freep) struct program *program = xnew(struct program);
	_cleanup_(fd_close) int group = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t len = device_rules(host, rules);

	add_head(program);
	for (size_t i = 0; i < len; i++)
		add_rule(program, &rules[i]);
	add_answer(program, 0);
	if (group < 0)
		return error_errno(err, errno, "cannot open %s", dir);
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (uintptr_t)program->code, .insn_cnt = (unsigned)program->len,
				.license = (uintptr_t)"Apache-2.0" };
	_cleanup_(fd_close) int fd = bpf(BPF_PROG_LOAD, &load);
	if (fd < 0)
		return error_errno(err, errno, "cannot load the program of the rules");
	union bpf_attr attach = { .target_fd = (unsigned)group, .attach_bpf_fd = (unsigned)fd, .attach_type = BPF_CGROUP_DEVICE,
				  .attach_flags = BPF_F_ALLOW_MULTI };
	return bpf(BPF_PROG_ATTACH, &attach) < 0 ? error_errno(err, errno, "cannot attach the program of the rules") : 0;
}
