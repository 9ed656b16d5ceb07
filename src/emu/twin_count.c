/* How often and how long: see twin.h.
 *
 * The dispatcher counts every execve, but it is gone when a program's time is known, and nobody else waits for that program. So the time is sampled: a process beside the step looks
 * twenty times a second at what is running, and the step's whole processor time, which the kernel knows exactly, is shared out by what was seen. It also sees when nothing has run for
 * minutes, as after one of QEMU's known hangs, and says so once: a build that only waits looks the same. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "emu/twin.h"

enum { SAMPLE_MS = 50, SAMPLES_MAX = 512, NAME_SIZE = 120, STATE_MAX = 4 << 20, IDLE_SECONDS = 300 };

struct sample {
	char name[NAME_SIZE]; /* the end of a longer one */
	uint32_t twin, ticks; /* ticks 0: free */
};

/* ---- looking ---- */

static void note(struct sample *samples, const char *name, bool twin)
{
	size_t len = strlen(name);

	name += len >= NAME_SIZE ? len - NAME_SIZE + 1 : 0;
	for (size_t i = 0; i < SAMPLES_MAX; i++) {
		if (!samples[i].ticks) {
			memcpy(samples[i].name, name, strlen(name) + 1);
			samples[i].twin = twin;
		}
		if (samples[i].twin == twin && str_equal(samples[i].name, name)) {
			samples[i].ticks++;
			return;
		}
	}
}

static const char *argument(const char *line, size_t len, int number)
{
	const char *at = line, *end = line + len;

	for (; number && at < end; number--)
		at += strnlen(at, (size_t)(end - at)) + 1;
	return at < end ? at : "";
}

/* "N (name) R …" with any bytes in the name. */
static bool is_running(int proc, const char *pid)
{
	char stat[512];
	_cleanup_(freep) char *path = xprintf("%s/stat", pid);
	_cleanup_(fd_close) int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);

	if (len <= 0)
		return false;
	stat[len] = '\0';
	const char *state = strrchr(stat, ')');
	return state && state[1] == ' ' && (state[2] == 'R' || state[2] == 'D');
}

/* What one pass over all processes saw. */
struct pass {
	bool running;	      /* any of the step's */
	char name[NAME_SIZE]; /* of an emulated program that isn't */
};

/* The dispatcher's command lines: see call_twin and run_qemu. */
static void look_at(int proc, const char *pid, struct sample *samples, struct pass *pass)
{
	char line[2048];
	bool running = is_running(proc, pid);
	_cleanup_(freep) char *path = xprintf("%s/cmdline", pid);
	_cleanup_(fd_close) int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof line - 1);

	if (len <= 0)
		return;
	line[len] = '\0';
	bool twin = str_starts(line, TWIN_TREE "/"), emulated = str_equal(line, "qemu") && str_equal(argument(line, (size_t)len, 1), "-0");
	if (!running && emulated)
		snprintf(pass->name, sizeof pass->name, "%s", argument(line, (size_t)len, 3));
	if (!running || !(twin || emulated))
		return;
	pass->running = true;
	note(samples, twin ? argument(line, (size_t)len, 5) + strlen(TWIN_TREE "/") : argument(line, (size_t)len, 3), twin);
}

static bool look_at_all(int proc, struct sample *samples, struct pass *pass)
{
	int again = dup(proc);
	DIR *dir = again < 0 ? NULL : fdopendir(again);

	if (!dir)
		return false;
	rewinddir(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at(proc, entry->d_name, samples, pass);
	closedir(dir);
	return true;
}

/* SAMPAN_IDLE_SECONDS: for tests. */
static long idle_passes(void)
{
	const char *text = getenv("SAMPAN_IDLE_SECONDS");

	return (text ? atol(text) : IDLE_SECONDS) * 1000 / SAMPLE_MS;
}

static void say_idle(const struct pass *pass)
{
	_cleanup_(freep) char *name = str_make_printable(xstrdup(pass->name));

	log_warn("nothing of this step has run for %ld seconds: if %s should, it may hang, as QEMU is known to let programs with threads do now and then; "
		 "then end the build with ^C and start it again, or try fewer jobs at once or another version of QEMU", idle_passes() * SAMPLE_MS / 1000, name);
}

void twin_sample(const char *folder)
{
	_cleanup_(freep) char *path = path_join(folder, "samples");
	_cleanup_(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC), proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const size_t size = SAMPLES_MAX * sizeof(struct sample);
	const struct timespec pause = { .tv_nsec = SAMPLE_MS * 1000000L };

	if (fd < 0 || proc < 0 || ftruncate(fd, (off_t)size) < 0)
		return;
	struct sample *samples = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (samples == MAP_FAILED)
		return;
	for (long idle = 0;; nanosleep(&pause, NULL)) {
		struct pass pass = { 0 };
		if (!look_at_all(proc, samples, &pass))
			return;
		idle = pass.running || !pass.name[0] ? 0 : idle + 1;
		if (idle == idle_passes())
			say_idle(&pass);
	}
}

/* ---- adding up ---- */

static struct twin_count *count_of(struct twin_counts *counts, const char *program, bool twin)
{
	for (size_t i = 0; i < counts->len; i++)
		if (counts->items[i].twin == twin && str_equal(counts->items[i].program, program))
			return &counts->items[i];
	xgrow(counts->items, counts->len);
	counts->items[counts->len] = (struct twin_count){ .program = xstrdup(program), .twin = twin };
	return &counts->items[counts->len++];
}

/* As long as the dispatcher keeps names. */
static const char *name_end(const char *name)
{
	size_t len = strlen(name);

	return len >= TWIN_PROGRAM_NAME ? name + len - TWIN_PROGRAM_NAME + 1 : name;
}

static void add_execs(struct twin_counts *counts, const char *program, bool twin, uint32_t execs)
{
	_cleanup_(freep) char *name = str_make_printable(xstrdup(name_end(program)));

	if (execs)
		count_of(counts, name, twin)->execs += execs;
}

/* Table and state are in the order of hashes; the list isn't. */
static void add_state(struct twin_counts *counts, const struct buf *table_text, const struct twin_state *state)
{
	const struct twin_table *table = (const void *)table_text->data;
	const struct twin_entry *entries = (const void *)(table_text->data + table->entries);
	const uint32_t *execs = (const uint32_t *)(state->identities + 2 * (size_t)table->entries_len);

	for (size_t i = 0; i < table->entries_len; i++)
		add_execs(counts, table_text->data + entries[i].path, true, execs[i]);
	for (size_t i = 0; i < TWIN_PROGRAMS_MAX; i++) {
		_cleanup_(freep) char *name = xstrndup(state->programs[i].name, strnlen(state->programs[i].name, TWIN_PROGRAM_NAME));
		add_execs(counts, name, false, state->programs[i].count);
	}
	counts->outside += state->outside;
}

/* A twin was seen by its own path: the program that it stands for. */
static const char *program_of(const struct twin_set *set, const char *twin)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(set->list, "programs"), i, row)
		if (str_equal(json_string_value(json_object_get(row, "twin")), twin))
			return json_string_value(json_object_get(row, "path"));
	return twin;
}

static void add_samples(struct twin_counts *counts, const struct twin_set *set, struct sample *samples, size_t len, double seconds)
{
	uint64_t ticks = 0;

	for (size_t i = 0; i < len; i++)
		ticks += samples[i].ticks;
	for (size_t i = 0; i < len; i++) {
		samples[i].name[NAME_SIZE - 1] = '\0';
		const char *program = samples[i].twin ? program_of(set, samples[i].name) : samples[i].name;
		_cleanup_(freep) char *name = str_make_printable(xstrdup(name_end(program)));
		if (samples[i].ticks)
			count_of(counts, name, samples[i].twin)->seconds += seconds * samples[i].ticks / (double)ticks;
	}
}

int twin_counts_add(struct twin_counts *counts, const struct twin_set *set, const char *folder, double seconds, struct error *err)
{
	struct buf table _cleanup_(buf_free) = { 0 }, state _cleanup_(buf_free) = { 0 }, samples _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *table_path = path_join(folder, "table"), *state_path = path_join(folder, "state"), *samples_path = path_join(folder, "samples");

	if (file_read(AT_FDCWD, table_path, STATE_MAX, &table, err) < 0 || file_read(AT_FDCWD, state_path, STATE_MAX, &state, err) < 0 ||
	    file_read(AT_FDCWD, samples_path, STATE_MAX, &samples, err) < 0)
		return -1;
	/* the step's processes may have written anything into the state, but could not make it shorter than the table needs without our noticing */
	if (state.len < state_size(((const struct twin_table *)(const void *)table.data)->entries_len))
		return error_set(err, ERROR_INVALID, "the twins' record of the step is not whole");
	add_state(counts, &table, (const struct twin_state *)(const void *)state.data);
	add_samples(counts, set, (struct sample *)(void *)samples.data, samples.len / sizeof(struct sample), seconds);
	return 0;
}

struct twin_count twin_counts_sum(const struct twin_counts *counts, bool twin)
{
	struct twin_count sum = { .twin = twin };

	for (size_t i = 0; i < counts->len; i++)
		if (counts->items[i].twin == twin) {
			sum.execs += counts->items[i].execs;
			sum.seconds += counts->items[i].seconds;
		}
	return sum;
}

static int by_time(const void *a, const void *b)
{
	const struct twin_count *one = a, *other = b;

	return one->seconds > other->seconds ? -1 : one->seconds < other->seconds;
}

void twin_counts_sort(struct twin_counts *counts)
{
	if (counts->len)
		qsort(counts->items, counts->len, sizeof *counts->items, by_time);
}

void twin_counts_clear(struct twin_counts *counts)
{
	for (size_t i = 0; i < counts->len; i++)
		free(counts->items[i].program);
	free(counts->items);
	*counts = (struct twin_counts){ 0 };
}
