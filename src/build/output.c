/* What a build shows: see output.h.
 *
 * On a terminal the picture owns the bottom `drawn` lines: finished steps are written once and scroll away, below them stand the
 * running step with its time and its last lines. A thread redraws it every 100 ms, so that the clock runs while a step is silent;
 * `lock` guards everything. The thread never holds another lock, and the steps' children never print. */
#include "build/output.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"

enum { TAIL_LINES = 20, LIVE_LINES = 6, LINE_MAX_BYTES = 4096 };

struct output {
	enum output_mode mode;
	size_t number;	/* of the running step */
	char *title;	/* NULL between steps */
	struct timespec begin;
	struct buf line;	       /* not yet ended */
	char *tail[TAIL_LINES];	       /* a ring of the last lines, with their times */
	size_t tail_len, tail_at;
	/* the live picture */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool has_thread, stop, paused;
	size_t drawn;
};

static double elapsed(const struct output *output)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - output->begin.tv_sec) + (double)(now.tv_nsec - output->begin.tv_nsec) / 1e9;
}

/* ---- the live picture; with the lock held ---- */
static void erase(struct output *output)
{
	if (output->drawn)
		fprintf(stderr, "\033[%zuA\r\033[J", output->drawn);
	output->drawn = 0;
}

/* Behind the escape sequences (ESC [ … letter) that begin here, or the text itself. */
static const char *skip_escape(const char *text)
{
	while (text[0] == '\033' && text[1] == '[') {
		for (text += 2; *text >= ' ' && *text < '@'; text++)
			;
		text += *text != '\0';
	}
	return text;
}

/* The visible part of a line: what moves the cursor would spoil the picture. Cuts between characters. */
static void put_visible(const char *text, size_t columns)
{
	for (size_t used = 0; *(text = skip_escape(text)) && used < columns; text++) {
		unsigned char c = (unsigned char)*text;
		if (c < ' ' || c == 127)
			continue;
		putc(c, stderr);
		used += (text[1] & 0xc0) != 0x80;
	}
}

static void draw(struct output *output)
{
	struct winsize window = { .ws_col = 80, .ws_row = 24 };

	erase(output);
	if (!output->title || output->paused)
		return;
	ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
	size_t columns = window.ws_col > 30 ? window.ws_col : 80, rows = !window.ws_row || window.ws_row > 8 ? LIVE_LINES : 1;
	char clock[24];
	int width = snprintf(clock, sizeof clock, " %.1fs", elapsed(output));
	fputs(" => ", stderr);
	put_visible(output->title, columns - 5 - (size_t)width);
	fprintf(stderr, "%s\n", clock);
	output->drawn = 1;
	size_t first = output->tail_len > rows ? output->tail_len - rows : 0;
	for (size_t i = first; i < output->tail_len; i++, output->drawn++) {
		fputs("\033[2m => => # ", stderr);
		put_visible(output->tail[(output->tail_at + TAIL_LINES - output->tail_len + i) % TAIL_LINES], columns - 12);
		fputs("\033[0m\n", stderr);
	}
	fflush(stderr);
}

static void *redraw(void *data)
{
	struct output *output = data;

	pthread_mutex_lock(&output->lock);
	while (!output->stop) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100000000;
		if (until.tv_nsec >= 1000000000)
			until.tv_nsec -= 1000000000, until.tv_sec++;
		pthread_cond_timedwait(&output->wake, &output->lock, &until);
		draw(output);
	}
	pthread_mutex_unlock(&output->lock);
	return NULL;
}

struct output *output_new(enum output_mode mode)
{
	struct output *output = xnew(struct output);
	const char *term = getenv("TERM");

	if (mode == OUTPUT_AUTO)
		mode = isatty(STDERR_FILENO) && !str_empty(term) && !str_equal(term, "dumb") ? OUTPUT_TERMINAL : OUTPUT_PLAIN;
	output->mode = mode;
	pthread_mutex_init(&output->lock, NULL);
	pthread_cond_init(&output->wake, NULL);
	if (mode == OUTPUT_TERMINAL)
		output->has_thread = pthread_create(&output->thread, NULL, redraw, output) == 0;
	return output;
}

static void tail_clear(struct output *output)
{
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(steal(output->tail[i]));
	output->tail_len = output->tail_at = 0;
	buf_clear(&output->line);
}

void output_free(struct output **at)
{
	struct output *output = *at;

	if (!output)
		return;
	pthread_mutex_lock(&output->lock);
	output->stop = true;
	erase(output);
	free(steal(output->title));
	pthread_cond_signal(&output->wake);
	pthread_mutex_unlock(&output->lock);
	if (output->has_thread)
		pthread_join(output->thread, NULL);
	tail_clear(output);
	buf_free(&output->line);
	pthread_mutex_destroy(&output->lock);
	pthread_cond_destroy(&output->wake);
	free(output);
	*at = NULL;
}

/* ---- steps ---- */
void output_begin(struct output *output, const char *title)
{
	pthread_mutex_lock(&output->lock);
	tail_clear(output);
	free(output->title);
	output->title = xstrdup(title);
	output->number++;
	clock_gettime(CLOCK_MONOTONIC, &output->begin);
	if (output->mode == OUTPUT_PLAIN)
		fprintf(stderr, "\n#%zu %s\n", output->number, title);
	if (output->mode == OUTPUT_TERMINAL)
		draw(output);
	pthread_mutex_unlock(&output->lock);
}

static void line_end(struct output *output)
{
	buf_reserve(&output->line, 0);
	char **slot = &output->tail[output->tail_at % TAIL_LINES];
	double at = elapsed(output);

	if (output->mode == OUTPUT_PLAIN)
		fprintf(stderr, "#%zu %.3f %s\n", output->number, at, output->line.data);
	free(*slot);
	*slot = xprintf("%.3f %s", at, output->line.data);
	output->tail_at = (output->tail_at + 1) % TAIL_LINES;
	if (output->tail_len < TAIL_LINES)
		output->tail_len++;
	buf_clear(&output->line);
}

/* A carriage return begins the line anew, as the bars of apt and curl do: only the last state of such a line is kept. */
static void add_bytes(struct output *output, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];
		if (c == '\n') {
			if (output->line.len && output->line.data[output->line.len - 1] == '\r')
				output->line.data[--output->line.len] = '\0';
			line_end(output);
			continue;
		}
		if (output->line.len && output->line.data[output->line.len - 1] == '\r')
			buf_clear(&output->line);
		if (c)
			buf_add_char(&output->line, c);
		if (output->line.len >= LINE_MAX_BYTES)
			line_end(output);
	}
}

void output_text(struct output *output, const char *bytes, size_t len)
{
	pthread_mutex_lock(&output->lock);
	add_bytes(output, bytes, len);
	pthread_mutex_unlock(&output->lock);
}

void output_note(struct output *output, const char *text)
{
	pthread_mutex_lock(&output->lock);
	if (output->mode == OUTPUT_PLAIN)
		fprintf(stderr, "#%zu %s\n", output->number, text);
	pthread_mutex_unlock(&output->lock);
}

static void print_end(const struct output *output, enum output_end how, double seconds)
{
	static const char *const words[] = { "DONE", "CACHED", "ERROR", "CANCELED" };

	if (output->mode == OUTPUT_PLAIN && how == OUTPUT_DONE)
		fprintf(stderr, "#%zu DONE %.1fs\n", output->number, seconds);
	if (output->mode == OUTPUT_PLAIN && how != OUTPUT_DONE)
		fprintf(stderr, "#%zu %s\n", output->number, words[how]);
	if (output->mode != OUTPUT_TERMINAL)
		return;
	fprintf(stderr, " => %s%s", how == OUTPUT_DONE ? "" : words[how], how == OUTPUT_DONE ? "" : " ");
	put_visible(output->title, SIZE_MAX);
	fprintf(stderr, "  %.1fs\n", seconds);
}

void output_end(struct output *output, enum output_end how)
{
	pthread_mutex_lock(&output->lock);
	if (output->title) {
		if (output->line.len)
			line_end(output);
		erase(output);
		print_end(output, how, elapsed(output));
		if (how == OUTPUT_FAILED && output->tail_len) {
			fprintf(stderr, "------\n > %s:\n", output->title);
			for (size_t i = 0; i < output->tail_len; i++)
				fprintf(stderr, "%s\n", output->tail[(output->tail_at + TAIL_LINES - output->tail_len + i) % TAIL_LINES]);
			fprintf(stderr, "------\n");
		}
		free(steal(output->title));
	}
	pthread_mutex_unlock(&output->lock);
}

void output_pause(struct output *output)
{
	pthread_mutex_lock(&output->lock);
	erase(output);
	fflush(stderr);
	output->paused = true;
	pthread_mutex_unlock(&output->lock);
}

void output_resume(struct output *output)
{
	pthread_mutex_lock(&output->lock);
	output->paused = false;
	pthread_mutex_unlock(&output->lock);
}
