/* The dispatcher: what the kernel starts for every program of a foreign machine during a build's RUN.
 *
 * binfmt_misc calls it with argv = [dispatcher, path, argv[0], arguments…] (flag P). It executes the program's twin, a program of this machine that does
 * the very same, if the table names the file and the file is byte by byte the one that the table means; in every other case QEMU. Nothing that it cannot find
 * or understand is an error: QEMU is always right, only slower.
 *
 * A file is looked at once: what came of it is remembered in the state, by the file's identity, which changes with every change of the file. All processes
 * of the step write there, without a lock, in single words.
 *
 * Behind a chroot neither table nor QEMU can be seen. The program is then copied into memory with one bit of its header changed, so that the kernel passes it
 * on to the second entry, QEMU itself, which the kernel has opened beforehand.
 *
 * No C library, no allocation but one mapping for the new argument list; see system.h. */
#include "emu/dispatch/image.h"
#include "emu/dispatch/rules.h"
#include "emu/dispatch/sha256.h"
#include "emu/dispatch/system.h"

enum { PROT_R = 1, PROT_W = 2, MAP_SHARED_ = 1, MAP_PRIVATE_ = 2, MAP_ANONYMOUS_ = 0x20, EXIT_CANNOT = 126, PATH_SIZE = 4096, IDENT_PAD = 15 };
enum { AUX_END = 0, AUX_EXECFD = 2, AUX_SECURE = 23 };

__asm__(".globl _start\n" START);
void dispatch_start(long *stack);

struct dispatch {
	char *path; /* as the kernel has it */
	struct call call;
	int fd;	    /* of the program, if the kernel opened it; else -1 */
	int secure; /* it runs with rights that the caller hasn't */
	const struct twin_table *table;
	struct twin_state *state;
};

/* The compiler may put calls of these into the code, with or without a C library. */
void *memset(void *to, int byte, size_t len);
void *memcpy(void *restrict to, const void *restrict from, size_t len);

void *memset(void *to, int byte, size_t len)
{
	volatile char *at = to;

	while (len--)
		*at++ = (char)byte;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	volatile char *at = to;
	const char *source = from;

	while (len--)
		*at++ = *source++;
	return to;
}

__attribute__((noreturn)) static void fail(const char *what, const char *path)
{
	sys_write(2, "sampan: cannot run ", 19);
	sys_write(2, path, text_len(path));
	sys_write(2, what, text_len(what));
	sys_exit(EXIT_CANNOT);
}

/* ---- the two files ---- */

static void *map_file(const char *path, int writable, size_t *ret_len)
{
	struct statx about;
	long fd = sys_open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	void *at = NULL;

	if (fd < 0)
		return NULL;
	if (sys_stat((int)fd, "", AT_EMPTY_PATH, &about) == 0 && about.stx_size) {
		at = sys_map(about.stx_size, writable ? PROT_R | PROT_W : PROT_R, writable ? MAP_SHARED_ : MAP_PRIVATE_, (int)fd);
		*ret_len = about.stx_size;
	}
	sys_close((int)fd);
	return at && map_failed(at) ? NULL : at;
}

static void open_table(struct dispatch *dispatch)
{
	size_t len = 0;
	const struct twin_table *table = map_file(TWIN_TABLE, 0, &len);

	if (!table || len < sizeof *table || table->version != TWIN_TABLE_VERSION || table->size != len)
		return;
	struct twin_state *state = map_file(TWIN_STATE, 1, &len);
	if (state && (len < sizeof *state || state->entries_len != table->entries_len || len < state_size(table->entries_len)))
		state = NULL;
	dispatch->table = table;
	dispatch->state = state;
}

static const struct twin_entry *find_entry(const struct twin_table *table, const char *path)
{
	const struct twin_entry *entries = (const void *)table_text(table, table->entries);
	uint64_t hash = table_hash(path);
	uint32_t low = 0, high = table->entries_len;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (entries[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < table->entries_len && entries[low].hash == hash; low++)
		if (text_equal(table_text(table, entries[low].path), path))
			return &entries[low];
	return NULL;
}

/* Of a file that is many programs: the entry of the one that is called, NULL if it has no twin. It is called by argv[0], a login shell with a dash before it. Where the
 * file's own name is called, an argument tells the program: that is left to QEMU. */
static const struct twin_entry *find_applet(const struct twin_table *table, const struct twin_entry *entry, const char *argv0)
{
	const char *path = table_text(table, entry->path), *name = argv0 + (*argv0 == '-');
	size_t len = text_len(path), used = 0;
	char whole[PATH_SIZE];

	for (const char *at = name; *at; at++)
		if (*at == '/')
			name = at + 1;
	if (!*name || len + sizeof TWIN_APPLET + text_len(name) > PATH_SIZE)
		return NULL;
	for (const char *parts[] = { path, TWIN_APPLET, name }, **part = parts; part < parts + 3; part++)
		for (const char *at = *part; *at; at++)
			whole[used++] = *at;
	whole[used] = '\0';
	return find_entry(table, whole);
}

/* ---- is it the file that the table means? ---- */

static uint64_t identity(const struct statx *about)
{
	const uint64_t parts[] = { (uint64_t)about->stx_dev_major << 32 | about->stx_dev_minor, about->stx_ino, about->stx_size,
				   (uint64_t)about->stx_mtime.tv_sec, about->stx_mtime.tv_nsec, (uint64_t)about->stx_ctime.tv_sec,
				   about->stx_ctime.tv_nsec };
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		for (int shift = 0; shift < 64; shift += 8)
			hash = (hash ^ (parts[i] >> shift & 0xff)) * UINT64_C(0x100000001b3);
	return hash ? hash : 1;
}

static int digest_matches(int fd, const struct twin_entry *entry)
{
	uint8_t digest[32];
	const void *bytes = sys_map(entry->size, PROT_R, MAP_PRIVATE_, fd);
	int same = !map_failed(bytes);

	if (!same)
		return 0;
	sha256(bytes, entry->size, digest);
	for (int i = 0; i < 32; i++)
		same &= digest[i] == entry->sha256[i];
	sys_unmap((void *)bytes, entry->size);
	return same;
}

static int is_the_file(const struct dispatch *dispatch, const struct twin_entry *entry, int fd)
{
	struct statx about;
	size_t at = (size_t)(entry - (const struct twin_entry *)(const void *)table_text(dispatch->table, dispatch->table->entries));
	uint64_t *good = dispatch->state ? &dispatch->state->identities[2 * at] : NULL, *bad = good ? good + 1 : NULL;

	if (sys_stat(fd, "", AT_EMPTY_PATH, &about) < 0 || about.stx_size != entry->size)
		return 0;
	uint64_t known = identity(&about);
	if (good && __atomic_load_n(good, __ATOMIC_RELAXED) == known)
		return 1;
	if (bad && __atomic_load_n(bad, __ATOMIC_RELAXED) == known)
		return 0;
	int same = digest_matches(fd, entry);
	if (good)
		__atomic_store_n(same ? good : bad, known, __ATOMIC_RELAXED);
	return same;
}

/* Each of the list, by the path at which the image's loader finds it. */
static int libraries_are_the_same(const struct dispatch *dispatch, uint32_t list)
{
	for (const char *path = NULL; (path = table_next(dispatch->table, list, path));) {
		const struct twin_entry *library = find_entry(dispatch->table, path);
		long fd = sys_open(path, O_RDONLY | O_CLOEXEC);
		int same = library && fd >= 0 && is_the_file(dispatch, library, (int)fd) && !image_hides_library(path);
		if (fd >= 0)
			sys_close((int)fd);
		if (!same)
			return 0;
	}
	return 1;
}

static int libraries_fit(const struct dispatch *dispatch, const struct twin_entry *entry)
{
	if (!libraries_are_the_same(dispatch, entry->needs))
		return 0;
	return !entry->needs_to_compress || !call_compresses(&dispatch->call) || libraries_are_the_same(dispatch, entry->needs_to_compress);
}

/* ---- counting ---- */

static void count(uint32_t *at)
{
	__atomic_add_fetch(at, 1, __ATOMIC_RELAXED);
}

static void count_twin(const struct dispatch *dispatch, const struct twin_entry *entry)
{
	const struct twin_entry *entries = (const void *)table_text(dispatch->table, dispatch->table->entries);

	if (!dispatch->state)
		return;
	uint32_t *counts = (uint32_t *)(dispatch->state->identities + 2 * (size_t)dispatch->table->entries_len);
	count(&counts[entry - entries]);
	count(&dispatch->state->twinned);
}

/* In an open hash table; two that come at once may both take the place of a new name, and one exec is then counted under the other's. */
static void count_emulated(struct twin_state *state, const char *path)
{
	uint64_t hash = table_hash(path);
	size_t len = text_len(path), from = len >= TWIN_PROGRAM_NAME ? len - TWIN_PROGRAM_NAME + 1 : 0;

	if (!state)
		return;
	count(&state->emulated);
	for (uint32_t i = 0; i < TWIN_PROGRAMS_MAX; i++) {
		struct twin_program *program = &state->programs[(hash + i) % TWIN_PROGRAMS_MAX];
		uint64_t none = 0;
		if (__atomic_compare_exchange_n(&program->hash, &none, hash, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			for (size_t at = 0; from + at <= len; at++)
				program->name[at] = path[from + at];
		if (__atomic_load_n(&program->hash, __ATOMIC_RELAXED) == hash) {
			count(&program->count);
			return;
		}
	}
}

/* ---- running ---- */

static int open_program(const struct dispatch *dispatch)
{
	return dispatch->fd >= 0 ? dispatch->fd : (int)sys_open(dispatch->path, O_RDONLY | O_CLOEXEC);
}

/* The path without symlinks: what the image's package called the file. */
static int real_path(int fd, char ret[PATH_SIZE])
{
	char link[] = "/proc/self/fd/\0\0\0\0\0\0\0\0\0\0";
	char digits[12];
	int len = 0;
	size_t at = text_len(link);

	for (unsigned left = (unsigned)fd; len == 0 || left; left /= 10)
		digits[len++] = (char)('0' + left % 10);
	while (len)
		link[at++] = digits[--len];
	long n = sys_readlink(link, ret, PATH_SIZE - 1);
	if (n <= 0)
		return 0;
	ret[n] = '\0';
	return ret[0] == '/';
}

static void make_room(const struct dispatch *dispatch, struct room *ret)
{
	size_t slots, text;

	call_room(dispatch->table, &dispatch->call, &slots, &text);
	text += text_len(dispatch->path) + 1;
	char *at = sys_map(slots * sizeof(char *) + text, PROT_R | PROT_W, MAP_PRIVATE_ | MAP_ANONYMOUS_, -1);
	if (map_failed(at))
		fail(": out of memory", dispatch->path);
	*ret = (struct room){ (char **)(void *)at, at + slots * sizeof(char *) };
}

static void run_twin(struct dispatch *dispatch, const struct twin_entry *entry, struct room *room)
{
	char **argv, **env;

	call_twin(dispatch->table, entry, &dispatch->call, room, &argv, &env);
	count_twin(dispatch, entry);
	if (dispatch->fd >= 0)
		sys_close(dispatch->fd);
	dispatch->fd = -1;
	sys_execve(argv[0], argv, env);
}

static void run_qemu(struct dispatch *dispatch, struct room *room)
{
	char **argv = room->slots, **to = argv;

	*to++ = (char *)"qemu";
	*to++ = (char *)"-0";
	*to++ = (char *)dispatch->call.argv0;
	*to++ = dispatch->path;
	for (char **arg = dispatch->call.args; *arg; arg++)
		*to++ = *arg;
	*to++ = NULL;
	count_emulated(dispatch->state, dispatch->path);
	sys_execve(TWIN_QEMU, argv, dispatch->call.env);
}

/* The copy differs in the last byte of e_ident, which means nothing. It isn't closed on execve: the kernel would not hand it on. */
static void run_copy(const struct dispatch *dispatch, char **argv)
{
	struct statx about;
	long from = open_program(dispatch), to = SYSTEM_CALL(memfd_create, "program", 0);
	char pad = 1;

	if (from < 0 || to < 0 || sys_stat((int)from, "", AT_EMPTY_PATH, &about) < 0)
		fail(": it cannot be read", dispatch->path);
	for (uint64_t left = about.stx_size; left;) {
		long n = SYSTEM_CALL(sendfile, to, from, 0, left);
		if (n <= 0)
			fail(": it cannot be copied into memory", dispatch->path);
		left -= (uint64_t)n;
	}
	SYSTEM_CALL(pwrite64, to, &pad, 1, IDENT_PAD);
	if (dispatch->state)
		count(&dispatch->state->outside);
	SYSTEM_CALL(execveat, to, "", argv, dispatch->call.env, AT_EMPTY_PATH);
}

static int is_readable(const char *path)
{
	long fd = sys_open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		sys_close((int)fd);
	return fd >= 0;
}

/* Returns where QEMU cannot open the program by its name, as a user may execute what he may not read; the kernel opened it for us. */
static void dispatch_program(struct dispatch *dispatch)
{
	char path[PATH_SIZE];
	struct room room;
	int fd = -1;

	make_room(dispatch, &room);
	if (!dispatch->secure && (fd = open_program(dispatch)) >= 0 && real_path(fd, path)) {
		if (text_starts(dispatch->path, "/"))
			dispatch->path = path_restore(dispatch->path, &room);
		call_restore(dispatch->table, path, &dispatch->call, &room);
		const struct twin_entry *entry = find_entry(dispatch->table, path);
		int same = entry && is_the_file(dispatch, entry, fd);
		if (same && entry->kind == TWIN_APPLETS)
			entry = find_applet(dispatch->table, entry, dispatch->call.argv0);
		if (same && entry && !call_refused(dispatch->table, entry, &dispatch->call) && libraries_fit(dispatch, entry))
			run_twin(dispatch, entry, &room);
	}
	if (dispatch->fd >= 0 && !is_readable(dispatch->path))
		return;
	if (fd >= 0)
		sys_close(fd);
	run_qemu(dispatch, &room);
}

static void read_auxiliary(struct dispatch *dispatch, const long *at)
{
	for (; at[0] != AUX_END; at += 2) {
		if (at[0] == AUX_EXECFD)
			dispatch->fd = (int)at[1];
		if (at[0] == AUX_SECURE)
			dispatch->secure = at[1] != 0;
	}
}

__attribute__((used, noreturn)) void dispatch_start(long *stack)
{
	long argc = *stack;
	char **argv = (char **)(stack + 1), **env = argv + argc + 1, **end = env;
	struct dispatch dispatch = { .fd = -1 };

	if (argc < 3)
		fail(": this is no program to be started by hand", "it");
	while (*end++)
		;
	read_auxiliary(&dispatch, (const long *)end);
	dispatch.path = argv[1];
	dispatch.call = (struct call){ argv[2], argv + 3, env };
	open_table(&dispatch);
	if (dispatch.table)
		dispatch_program(&dispatch);
	run_copy(&dispatch, argv + 2);
	fail(": neither a twin nor an emulator can be started", dispatch.path);
	__builtin_unreachable();
}
