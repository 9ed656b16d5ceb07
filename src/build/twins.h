/* Twins in a build: which set a step gets, and what came of it (emu/twin.h). */
#ifndef BUILD_TWINS_H
#define BUILD_TWINS_H
#include "emu/twin.h"
#include "run/run.h"

struct build;
struct build_step;

/* AUTO: where there can be any. VERIFY: run each step that has them both ways, and compare. REQUIRE: it is an error if there are none. */
enum twins_mode { TWINS_AUTO, TWINS_OFF, TWINS_VERIFY, TWINS_REQUIRE };
int twins_mode_parse(const char *text, enum twins_mode *ret, struct error *err);

/* Of a build: the sets that were looked for, and the sums over all steps. */
struct build_twins {
	struct twins_found {
		char *reference;
		struct twin_set set; /* tree NULL: there are none, for a reason that was told */
	} *found;
	size_t found_len;
	struct twin_counts counts;
};
void build_twins_clear(struct build_twins *twins);

/* Of a step. */
struct step_twins {
	const struct twin_set *set; /* NULL: everything is emulated */
	char *folder;		    /* of the workspace */
	char *dispatcher;
};
void step_twins_clear(struct step_twins *twins);
/* Chooses, makes where it must, and prepares. That there are no twins is no error: it is told once. */
int step_twins_begin(struct build_step *step, const struct emulator *emulator, struct step_twins *ret, struct error *err);
/* The mounts that the dispatcher needs: four, their strings owned by the caller. */
enum { STEP_TWINS_MOUNTS = 4 };
void step_twins_mounts(const struct step_twins *twins, const struct emulator *emulator, struct mount_spec ret[STEP_TWINS_MOUNTS]);
/* Adds what the step executed to the build's sums. `seconds` is the processor time of its processes. */
void step_twins_end(struct build_step *step, const struct step_twins *twins, double seconds);
/* The sums as lines for the build's output; nothing if no step had twins. */
void build_twins_report(struct build *build);
#endif
