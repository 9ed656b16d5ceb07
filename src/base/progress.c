/* Progress lines: see progress.h.
 *
 * On a terminal the group owns the bottom `drawn` lines: each redraw moves the cursor up over them and writes them anew, at
 * most ten times a second. Only the newest lines that fit the window are drawn; finished ones that scrolled off stay. One group is
 * on the screen at a time (`shown`), guarded by one lock. */
#include "base/progress.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

struct progress_line {
	struct progress *group;
	char *label;
	const char *state;
	uint64_t done, total;
	bool finished;
};

struct progress {
	FILE *out;
	bool quiet, terminal;
	struct progress_line **lines;
	size_t len, drawn;
	struct timespec last;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct progress *shown;
static struct progress silent = { .quiet = true };

struct progress *progress_new(FILE *out, bool quiet)
{
	struct progress *progress = xnew(struct progress);
	const char *term = getenv("TERM");

	progress->out = out;
	progress->quiet = quiet;
	progress->terminal = !quiet && isatty(fileno(out)) && !str_equal(term, "dumb");
	pthread_mutex_lock(&lock);
	if (progress->terminal)
		shown = progress;
	pthread_mutex_unlock(&lock);
	return progress;
}

static void draw_line(const struct progress_line *line, FILE *out, int columns)
{
	enum { BAR = 28 };
	char done[16], total[16];

	fprintf(out, "\r\033[K%.*s: %s", columns - 20, line->label, line->state ? line->state : "Waiting");
	if (!line->finished && line->total && line->done && columns > 80) {
		int filled = (int)(line->done * BAR / line->total);
		filled = filled > BAR ? BAR : filled;
		fputs(" [", out);
		for (int i = 0; i < BAR; i++)
			putc(i < filled ? '=' : i == filled ? '>' : ' ', out);
		fprintf(out, "] %s/%s", size_print(line->done, done), size_print(line->total, total));
	} else if (!line->finished && line->done) {
		fprintf(out, " %s", size_print(line->done, done));
	}
	putc('\n', out);
}

static void erase(struct progress *progress)
{
	if (progress->drawn)
		fprintf(progress->out, "\033[%zuA\r\033[J", progress->drawn);
	progress->drawn = 0;
}

/* Finished lines at the top of the list need no redraw: they are written once and scroll away. */
static void settle(struct progress *progress, int columns)
{
	size_t settled = 0;

	while (settled < progress->len && progress->lines[settled]->finished)
		draw_line(progress->lines[settled++], progress->out, columns);
	for (size_t i = 0; i < settled; i++) {
		free(progress->lines[i]->label);
		free(progress->lines[i]);
	}
	progress->len -= settled;
	memmove(progress->lines, progress->lines + settled, progress->len * sizeof *progress->lines);
}

static void draw(struct progress *progress, bool now)
{
	struct timespec t;
	struct winsize window = { .ws_col = 80, .ws_row = 24 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	long since = (t.tv_sec - progress->last.tv_sec) * 1000 + (t.tv_nsec - progress->last.tv_nsec) / 1000000;
	if (!now && since < 100)
		return;
	progress->last = t;
	ioctl(fileno(progress->out), TIOCGWINSZ, &window);
	erase(progress);
	settle(progress, window.ws_col ? window.ws_col : 80);
	size_t rows = window.ws_row > 2 ? window.ws_row - 2U : 1, first = progress->len > rows ? progress->len - rows : 0;
	for (size_t i = first; i < progress->len; i++, progress->drawn++)
		draw_line(progress->lines[i], progress->out, window.ws_col ? window.ws_col : 80);
	fflush(progress->out);
}

struct progress_line *progress_add(struct progress *progress, const char *label, uint64_t total)
{
	struct progress_line *line = xnew(struct progress_line);

	line->group = progress ? progress : &silent;
	line->label = xstrdup(label);
	line->total = total;
	pthread_mutex_lock(&lock);
	xgrow(line->group->lines, line->group->len);
	line->group->lines[line->group->len++] = line;
	if (line->group->terminal)
		draw(line->group, false);
	pthread_mutex_unlock(&lock);
	return line;
}

void progress_set(struct progress_line *line, const char *state, uint64_t done)
{
	pthread_mutex_lock(&lock);
	line->state = state;
	line->done = done;
	if (line->group->terminal)
		draw(line->group, false);
	pthread_mutex_unlock(&lock);
}

static void line_drop(struct progress_line *line)
{
	struct progress *group = line->group;

	for (size_t i = 0; i < group->len; i++)
		if (group->lines[i] == line) {
			memmove(group->lines + i, group->lines + i + 1, (group->len - i - 1) * sizeof *group->lines);
			group->len--;
			break;
		}
	free(line->label);
	free(line);
}

void progress_done(struct progress_line *line, const char *state)
{
	pthread_mutex_lock(&lock);
	struct progress *group = line->group;
	line->state = state;
	line->finished = true;
	if (group->terminal) {
		draw(group, true);
	} else {
		if (!group->quiet) {
			fprintf(group->out, "%s: %s\n", line->label, state);
			fflush(group->out);
		}
		line_drop(line);
	}
	pthread_mutex_unlock(&lock);
}

void progress_free(struct progress **at)
{
	struct progress *progress = *at;

	if (!progress)
		return;
	pthread_mutex_lock(&lock);
	if (progress->terminal)
		draw(progress, true);
	if (shown == progress)
		shown = NULL;
	for (size_t i = 0; i < progress->len; i++) {
		free(progress->lines[i]->label);
		free(progress->lines[i]);
	}
	pthread_mutex_unlock(&lock);
	free(progress->lines);
	free(progress);
	*at = NULL;
}

void progress_hide(void)
{
	pthread_mutex_lock(&lock);
	if (shown) {
		erase(shown);
		fflush(shown->out);
	}
}

void progress_show(void)
{
	if (shown)
		draw(shown, true);
	pthread_mutex_unlock(&lock);
}
