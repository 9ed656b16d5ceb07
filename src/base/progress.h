/* Progress of transfers and other counted work: one line an item, redrawn on a terminal; off a terminal only the finished
 * lines, plain. Safe to call from several threads. Output goes to stderr, or to stdout for docker's own wording. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress;	 /* a group of lines */
struct progress_line; /* one item; owned by the group */

/* `out` is borrowed. With quiet nothing is printed. */
struct progress *progress_new(FILE *out, bool quiet);
/* Leaves the finished picture on the screen and frees all lines. */
void progress_free(struct progress **at);

/* `label` is copied ("be632cf9bbb6"); total 0 is unknown. Never NULL. `progress` NULL gives a line that prints nothing. */
struct progress_line *progress_add(struct progress *progress, const char *label, uint64_t total);
/* Bytes so far, with a state word ("Downloading"); borrowed until replaced: pass literals. */
void progress_set(struct progress_line *line, const char *state, uint64_t done);
/* The line is gone afterwards: mustn't be used again.
 * Its last word ("Pull complete", "Pushed", "Layer already exists"); printed plain where there is no terminal. */
void progress_done(struct progress_line *line, const char *state);

/* For log.c: takes the picture off the screen so that a line can be written, and puts it back. */
void progress_hide(void);
void progress_show(void);
#endif
