/* What a build shows: BuildKit's plain lines (`#5 [2/7] RUN make`, `#5 0.512 text`, `#5 DONE 12.3s`, `#5 CACHED`), or on a
 * terminal a picture of the steps so far, the elapsed time and the last lines of the running one. Everything goes to stderr. */
#ifndef BUILD_OUTPUT_H
#define BUILD_OUTPUT_H
#include <stdbool.h>
#include <stddef.h>

enum output_mode {
	OUTPUT_AUTO, /* TERMINAL if stderr is one */
	OUTPUT_PLAIN,
	OUTPUT_TERMINAL,
	OUTPUT_QUIET, /* only what a failed step said */
};

struct output;
struct output *output_new(enum output_mode mode);
void output_free(struct output **at); /* takes the live picture off the screen, leaves the finished lines */

/* A step begins; the one before it has ended. `title` is copied: "[build 2/7] RUN make". */
void output_begin(struct output *output, const char *title);
/* Bytes that the step's programs wrote, in any portions. */
void output_text(struct output *output, const char *bytes, size_t len);
/* A line of our own about the running step. */
void output_note(struct output *output, const char *text);
enum output_end { OUTPUT_DONE, OUTPUT_CACHED, OUTPUT_FAILED, OUTPUT_CANCELED };
/* The step has ended; on OUTPUT_FAILED its last lines are shown again. */
void output_end(struct output *output, enum output_end how);
/* For a while something else writes to the terminal (the progress of a pull). */
void output_pause(struct output *output);
void output_resume(struct output *output);
#endif
