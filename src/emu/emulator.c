/* Which emulator runs a platform here: see emu.h.
 *
 * In order of preference: the machine itself; QEMU, started by a binfmt_misc of the container's own user namespace, which needs no set-up of the
 * machine and whose version and flags are known; QEMU by the machine's own binfmt_misc, provided that its entry has flag F (else the
 * emulator would have to be in the image). Whether the kernel lets a user namespace mount binfmt_misc is tried, not guessed from its version. */
#include "emu/emu.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "base/userns.h"
#include "emu/binfmt.h"

#define GLOBAL_FOLDER "/proc/sys/fs/binfmt_misc"

/* A 64-bit kernel on Arm runs 32-bit programs only on cores that can. */
static bool arm64_runs_arm(void)
{
	int old = personality(0xffffffff);

	if (old < 0 || personality(PER_LINUX32) < 0)
		return false;
	personality((unsigned long)old);
	return true;
}

static bool runs_natively(const struct platform *platform)
{
	struct platform host;

	platform_host(&host);
	if (!str_equal(platform->os, host.os))
		return false;
	if (str_equal(platform->architecture, host.architecture))
		return true;
	if (str_equal(host.architecture, "amd64"))
		return str_equal(platform->architecture, "386");
	return str_equal(host.architecture, "arm64") && str_equal(platform->architecture, "arm") && arm64_runs_arm();
}

/* A program that asks for a loader (PT_INTERP) can't be an interpreter in a tree that has another loader. */
static bool is_static(const char *path)
{
	_cleanup_(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char bytes[4096];
	ssize_t len = fd < 0 ? -1 : fd_read_full(fd, bytes, sizeof bytes, path, NULL);
	Elf64_Ehdr head;

	if (len < (ssize_t)sizeof head || memcmp(bytes, ELFMAG, SELFMAG) != 0 || bytes[EI_CLASS] != ELFCLASS64)
		return false;
	memcpy(&head, bytes, sizeof head);
	for (size_t i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr part;
		size_t at = head.e_phoff + i * sizeof part;
		if (head.e_phoff > (size_t)len || at + sizeof part > (size_t)len)
			return false;
		memcpy(&part, bytes + at, sizeof part);
		if (part.p_type == PT_INTERP)
			return false;
	}
	return true;
}

/* Debian 12 has it as qemu-X-static, Debian 13 as a static qemu-X. */
static char *qemu_find(const char *qemu, bool *ret_dynamic)
{
	_cleanup_(freep) char *first = xprintf("qemu-%s-static", qemu), *second = xprintf("qemu-%s", qemu);
	const char *const names[] = { first, second };

	for (size_t i = 0; i < array_len(names); i++) {
		_cleanup_(freep) char *path = process_find(names[i]);
		if (path && is_static(path))
			return steal(path);
		*ret_dynamic |= path != NULL;
	}
	return NULL;
}

/* "qemu-riscv64 version 7.2.22 (Debian …)" */
static char *qemu_version(const char *path)
{
	const char *const argv[] = { path, "--version", NULL };
	struct buf said _cleanup_(buf_free) = { 0 };
	const char *at;

	if (process_capture(argv, NULL, 4096, &said, NULL) < 0 || !said.data || !(at = strstr(said.data, " version ")))
		return NULL;
	at += strlen(" version ");
	return xstrndup(at, strcspn(at, " \n"));
}

/* Mounts over /proc, in a namespace that ends with the child. */
static bool private_try(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		log_set_level(LOG_LEVEL_QUIET);
		bool works = userns_enter_identity(NULL) == 0 && mount("binfmt_misc", "/proc", "binfmt_misc", 0, NULL) == 0;
		_exit(works ? 0 : 1);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && status == 0;
}

/* SAMPAN_BINFMT=machine: as on a kernel that has no private ones. */
static bool private_possible(void)
{
	static int known; /* 0 unknown, 1 no, 2 yes */

	if (!known)
		known = !str_equal(getenv("SAMPAN_BINFMT"), "machine") && private_try() ? 2 : 1;
	return known == 2;
}

static enum binfmt_entry global_find(const struct machine *machine, char **ret_interpreter)
{
	unsigned char header[ELF_HEADER_SIZE];
	enum binfmt_entry found = BINFMT_OTHER;
	DIR *dir = opendir(GLOBAL_FOLDER);

	machine_header(machine, header);
	for (struct dirent *entry; dir && found != BINFMT_FIXED && (entry = readdir(dir));) {
		struct buf text _cleanup_(buf_free) = { 0 };
		_cleanup_(freep) char *interpreter = NULL;
		if (entry->d_name[0] == '.' || str_equal(entry->d_name, "register") || str_equal(entry->d_name, "status") ||
		    file_read(dirfd(dir), entry->d_name, 65536, &text, NULL) < 0 || !text.data)
			continue;
		enum binfmt_entry kind = binfmt_read(text.data, header, &interpreter);
		if (kind == BINFMT_OTHER)
			continue;
		found = kind;
		free(*ret_interpreter);
		*ret_interpreter = steal(interpreter);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void say_none(struct emulator *emulator, char *reason, char *hint)
{
	emulator->emulation = EMULATION_NONE;
	emulator->reason = reason;
	emulator->hint = hint;
}

#define SET_UP "apt-get install qemu-user-static binfmt-support (on Debian 13: qemu-user-binfmt), then look at 'sampan emulator' again"

static void explain_none(const struct machine *machine, enum binfmt_entry entry, bool dynamic, struct emulator *emulator)
{
	if (entry == BINFMT_UNFIXED)
		say_none(emulator, xprintf("the machine's binfmt_misc entry for %s lacks flag F, so it works outside of containers only", machine->qemu),
			 xstrdup("register the emulator again, with flag F: " SET_UP));
	else if (emulator->path)
		say_none(emulator, xstrdup("this kernel keeps binfmt_misc out of user namespaces, and nothing is registered for the whole machine"),
			 xstrdup("Linux 6.7 and newer need only the emulator itself; until then register it: " SET_UP));
	else
		say_none(emulator,
			 dynamic ? xprintf("qemu-%s is here, but not the static one that containers need", machine->qemu) :
				   xprintf("qemu-%s is not installed", machine->qemu),
			 xstrdup("apt-get install qemu-user-static (on Debian 13: qemu-user)"));
}

static void find_qemu(const struct machine *machine, struct emulator *emulator)
{
	_cleanup_(freep) char *interpreter = NULL;
	bool dynamic = false;
	enum binfmt_entry entry;

	emulator->qemu = qemu_find(machine->qemu, &dynamic);
	emulator->path = xstrdup(emulator->qemu);
	if (emulator->path && private_possible()) {
		emulator->emulation = EMULATION_PRIVATE;
	} else if ((entry = global_find(machine, &interpreter)) == BINFMT_FIXED) {
		emulator->emulation = EMULATION_GLOBAL;
		free(emulator->path);
		emulator->path = steal(interpreter);
	} else {
		explain_none(machine, entry, dynamic, emulator);
	}
	if (emulator->path)
		emulator->version = qemu_version(emulator->path);
}

void emulator_find(const struct platform *platform, struct emulator *ret)
{
	struct emulator found = { .platform = *platform, .emulation = EMULATION_NATIVE };
	const struct machine *machine = machine_find(platform->architecture);

	if (runs_natively(platform))
		;
	else if (!str_equal(platform->os, "linux"))
		say_none(&found, xprintf("programs for %s do not run on Linux", platform->os), xstrdup("choose a linux/… platform"));
	else if (!machine)
		say_none(&found, xprintf("no emulator for %s is known", platform->architecture), xstrdup("'sampan emulator' lists what can run"));
	else
		find_qemu(machine, &found);
	*ret = found;
}

void emulator_clear(struct emulator *emulator)
{
	free(emulator->path);
	free(emulator->qemu);
	free(emulator->version);
	free(emulator->reason);
	free(emulator->hint);
	*emulator = (struct emulator){ 0 };
}

size_t emulator_list(struct emulator **ret)
{
	struct emulator *list = NULL;
	size_t len = 0;

	for (const struct machine *machine; (machine = machine_at(len)); len++) {
		struct platform platform = { .os = "linux" };
		snprintf(platform.architecture, sizeof platform.architecture, "%s", machine->architecture);
		if (str_equal(machine->architecture, "arm"))
			snprintf(platform.variant, sizeof platform.variant, "v7");
		xgrow(list, len);
		emulator_find(&platform, &list[len]);
	}
	*ret = list;
	return len;
}

int emulator_check(const struct emulator *emulator, struct error *err)
{
	char text[PLATFORM_TEXT_SIZE];

	if (emulator->emulation != EMULATION_NONE)
		return 0;
	error_set(err, ERROR_UNSUPPORTED, "cannot run %s on this machine: %s", platform_print(&emulator->platform, text),
		  emulator->reason ? emulator->reason : "there is no emulator");
	return emulator->hint ? error_hint(err, "%s", emulator->hint) : -1;
}

/* ---- registering ---- */

static int register_line(const char *folder, const struct machine *machine, const char *name, const char *interpreter, bool marked, struct error *err)
{
	struct buf line _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *at = path_join(folder, "register");
	_cleanup_(fd_close) int fd = open(at, O_WRONLY | O_CLOEXEC);

	binfmt_line(machine, name, interpreter, marked, &line);
	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", at);
	return fd_write_all(fd, line.data, line.len, at, err) < 0 ? error_wrap(err, "cannot register %s", interpreter) : 0;
}

/* The kernel asks the newest entry first. */
static int register_private(const struct emulator *emulator, const char *folder, const char *dispatcher, struct error *err)
{
	const struct machine *machine = machine_find(emulator->platform.architecture);

	if (register_line(folder, machine, "qemu", emulator->path, dispatcher != NULL, err) < 0)
		return -1;
	return dispatcher ? register_line(folder, machine, "twins", dispatcher, false, err) : 0;
}

/* ---- in the machine's list, for as long as a step runs ---- */

#define OWN_PREFIX "sampan-"

static void unregister(const char *name)
{
	_cleanup_(freep) char *path = path_join(GLOBAL_FOLDER, name);
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		fd_write_all(fd, "-1", 2, path, NULL);
}

/* Entries are "sampan-PID-…"; those of processes that are gone were left by a kill. `own`: also ours. */
static void unregister_all(bool own)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	dir_names(AT_FDCWD, GLOBAL_FOLDER, &names, NULL);
	for (size_t i = 0; i < names.len; i++) {
		int pid = str_starts(names.items[i], OWN_PREFIX) ? atoi(names.items[i] + strlen(OWN_PREFIX)) : 0;
		bool ours = pid == getpid();
		if (pid > 0 && (ours ? own : kill(pid, 0) < 0 && errno == ESRCH))
			unregister(names.items[i]);
	}
}

static int register_machine(const struct emulator *emulator, const char *dispatcher, struct error *err)
{
	const struct machine *machine = machine_find(emulator->platform.architecture);
	_cleanup_(freep) char *qemu = xprintf(OWN_PREFIX "%d-qemu", (int)getpid()), *twins = xprintf(OWN_PREFIX "%d-twins", (int)getpid());

	unregister_all(true);
	if (register_line(GLOBAL_FOLDER, machine, qemu, emulator->qemu, true, err) < 0)
		return -1;
	return register_line(GLOBAL_FOLDER, machine, twins, dispatcher, false, err);
}

bool emulator_takes_dispatcher(const struct emulator *emulator)
{
	if (emulator->emulation != EMULATION_GLOBAL)
		return emulator->emulation == EMULATION_PRIVATE;
	return emulator->qemu && access(GLOBAL_FOLDER "/register", W_OK) == 0;
}

void emulator_leave(const struct emulator *emulator)
{
	if (emulator->emulation == EMULATION_GLOBAL)
		unregister_all(true);
}

int emulator_enter(const struct emulator *emulator, const char *folder, const char *dispatcher, struct error *err)
{
	if (emulator->emulation == EMULATION_GLOBAL && dispatcher)
		return register_machine(emulator, dispatcher, err);
	if (emulator->emulation != EMULATION_PRIVATE)
		return emulator_check(emulator, err);
	if (userns_enter_identity(err) < 0)
		return error_wrap(err, "cannot set up the emulator");
	if (mount("binfmt_misc", folder, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return error_errno(err, errno, "cannot mount binfmt_misc on %s", folder);
	return register_private(emulator, folder, dispatcher, err);
}
