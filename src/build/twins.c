/* Twins in a build: see twins.h.
 *
 * A set belongs to a distribution and its archive, not to an image: the first foreign RUN on an image of Debian makes it, which takes a minute or two (of Alpine, some seconds), and every later build finds it in
 * the store. Without a network, or for other distributions, the build goes on under emulation alone. */
#include "build/twins.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "build/executor.h"
#include "store/layer.h"

int twins_mode_parse(const char *text, enum twins_mode *ret, struct error *err)
{
	static const char *const names[] = { [TWINS_AUTO] = "auto", [TWINS_OFF] = "off", [TWINS_VERIFY] = "verify" }; /* REQUIRE is `sampan twin build` */

	for (size_t i = 0; i < array_len(names); i++)
		if (str_equal(names[i], text)) {
			*ret = (enum twins_mode)i;
			return 0;
		}
	return error_set(err, ERROR_USAGE, "--twins is auto, off or verify, not '%s'", text);
}

void build_twins_clear(struct build_twins *twins)
{
	for (size_t i = 0; i < twins->found_len; i++) {
		free(twins->found[i].reference);
		twin_set_clear(&twins->found[i].set);
	}
	free(twins->found);
	twin_counts_clear(&twins->counts);
	*twins = (struct build_twins){ 0 };
}

/* ---- the set ---- */

static void say(void *data, const char *text)
{
	_cleanup_(freep) char *line = xprintf("twins: %s\n", text);

	output_text(data, line, strlen(line));
}

static int make_set(struct build *build, const struct twin_source *source, struct error *err)
{
	_cleanup_(freep) char *folder = workspace_folder(&build->workspace, "twins", err);
	_cleanup_(freep) char *first = xprintf("making twins of %s:%s for %s, once for all builds (--twins=off does without)", source->distribution, source->suite,
					       source->foreign);

	if (!folder)
		return -1;
	say(build->output, first);
	int result = twin_make(build->store, source, folder, say, build->output, err);
	workspace_remove(&build->workspace, folder, NULL);
	return result;
}

/* 1 found, 0 there are none. */
static int find_set(struct build *build, const struct twin_source *source, struct twin_set *ret, struct error *err)
{
	struct error failed _cleanup_(error_clear) = { 0 };
	int found = build->options->twins_fresh ? 0 : twin_set_find(build->store, source->reference, ret, err);

	if (found)
		return found;
	if (make_set(build, source, &failed) == 0)
		return twin_set_find(build->store, source->reference, ret, err);
	if (failed.code == ERROR_INTERRUPTED || failed.code == ERROR_NO_SPACE || build->options->twins >= TWINS_VERIFY) {
		error_move(err, &failed);
		return -1;
	}
	log_warn("%s; everything is emulated, which is slower", failed.message);
	return 0;
}

/* Alpine's repositories hold the newest builds alone, so a base image that is some weeks old has others. */
static void say_if_behind(const struct twin_set *set, const struct twin_source *source)
{
	struct strlist others _cleanup_(strlist_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	if (!set->tree || !twin_source_is_alpine(source))
		return;
	if (twin_set_compare(set, source, &others, &err) < 0)
		log_warn("%s", err.message);
	_cleanup_(freep) char *list = str_make_printable(strlist_join(&others, ", "));
	if (others.len)
		log_warn("the image has other versions than its repositories had when the twins were made (in brackets): %s; these and what needs them are emulated, until a newer "
			 "base image or 'apk upgrade' brings them, or 'sampan twin build --fresh' makes newer twins", list);
}

/* The one that the user names must be there. */
static int find_named(struct build *build, const char *name, struct twin_set *ret, struct error *err)
{
	int found = twin_set_find(build->store, name, ret, err);

	if (found)
		return found;
	error_set(err, ERROR_NOT_FOUND, "there is no set of twins %s in the store", name);
	return error_hint(err, "'sampan pull' fetches one, 'sampan twin ls' lists those that are there");
}

/* What was found out about a set is kept for the build, also that there is none. `source` NULL: the one that the user names. */
static int set_of(struct build *build, const struct twin_source *source, const struct twin_set **ret, struct error *err)
{
	const char *reference = source ? source->reference : build->options->twin_set;
	struct build_twins *twins = &build->twins;
	struct twin_set set = { 0 };
	size_t at = 0;

	while (at < twins->found_len && !str_equal(twins->found[at].reference, reference))
		at++;
	if (at == twins->found_len) {
		if ((source ? find_set(build, source, &set, err) : find_named(build, reference, &set, err)) < 0)
			return -1;
		if (source)
			say_if_behind(&set, source);
		/* a power of two of places: those before keep theirs only by index */
		xgrow(twins->found, twins->found_len);
		twins->found[twins->found_len++] = (struct twins_found){ xstrdup(reference), set };
	}
	*ret = twins->found[at].set.tree ? &twins->found[at].set : NULL;
	return 0;
}

/* The tree of the stage as the step will see it. */
static int read_source(struct build_step *step, const char *folder, struct twin_source *ret, int *ret_tree, struct error *err)
{
	const struct snapshot_options options = { .layers = &step->stage->numbers, .dir = folder, .read_only = true };
	_cleanup_(freep) char *merged = path_join(folder, "merged");

	if (snapshot_mount(step->build->store, &options, err) < 0)
		return -1;
	_cleanup_(fd_close) int tree = open(merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0 || twin_source_read(tree, &step->stage->config.platform, ret, err) < 0)
		return tree < 0 ? error_set(err, ERROR_IO, "cannot open %s", merged) : -1;
	ret->mirror = step->build->options->twin_mirror;
	*ret_tree = fd_steal(&tree);
	return 0;
}

static int choose(struct build_step *step, const struct twin_set **ret, struct error *err)
{
	struct build *build = step->build;
	_cleanup_(freep) char *folder = workspace_folder(&build->workspace, "look", err);
	struct twin_source source _cleanup_(twin_source_clear) = { 0 };
	struct error none _cleanup_(error_clear) = { 0 };
	_cleanup_(fd_close) int tree = -1;
	int result = 0;

	if (!folder)
		return -1;
	if (read_source(step, folder, &source, &tree, &none) == 0)
		result = set_of(build, &source, ret, err);
	else if (none.code == ERROR_UNSUPPORTED && build->options->twins < TWINS_VERIFY)
		log_debug("no twins: %s", none.message);
	else {
		error_move(err, &none);
		result = -1;
	}
	fd_close(&tree);
	tree = -1;
	workspace_remove(&build->workspace, folder, NULL);
	return result;
}

/* ---- a step ---- */

void step_twins_clear(struct step_twins *twins)
{
	free(twins->folder);
	free(twins->dispatcher);
	*twins = (struct step_twins){ 0 };
}

int step_twins_begin(struct build_step *step, const struct emulator *emulator, struct step_twins *ret, struct error *err)
{
	struct build *build = step->build;

	if (build->options->twins == TWINS_OFF || emulator->emulation == EMULATION_NATIVE)
		return 0;
	if (!emulator_takes_dispatcher(emulator)) {
		log_warn_once("no twins: they need a binfmt_misc of the build's own (Linux 6.7), or the right to register them for the machine; everything is emulated, "
			      "which is slower");
		return 0;
	}
	if ((build->options->twin_set ? set_of(build, NULL, &ret->set, err) : choose(step, &ret->set, err)) < 0)
		return -1;
	if (build->options->twin_set && twin_set_check(ret->set, &step->stage->config.platform, err) < 0)
		return error_wrap(err, "%s", build->options->twin_set);
	if (!ret->set)
		return 0;
	ret->folder = workspace_folder(&build->workspace, "step-twins", err);
	if (!ret->folder || twin_set_prepare(ret->set, &step->stage->config.platform, ret->folder, err) < 0)
		return -1;
	ret->dispatcher = path_join(ret->folder, "dispatcher");
	return 0;
}

void step_twins_mounts(const struct step_twins *twins, const struct emulator *emulator, struct mount_spec ret[STEP_TWINS_MOUNTS])
{
	ret[0] = (struct mount_spec){ xstrdup(twins->set->tree), xstrdup(TWIN_TREE), true };
	ret[1] = (struct mount_spec){ xstrdup(emulator->qemu), xstrdup(TWIN_QEMU), true };
	ret[2] = (struct mount_spec){ path_join(twins->folder, "table"), xstrdup(TWIN_TABLE), true };
	ret[3] = (struct mount_spec){ path_join(twins->folder, "state"), xstrdup(TWIN_STATE), false };
}

void step_twins_end(struct build_step *step, const struct step_twins *twins, double seconds)
{
	struct error err _cleanup_(error_clear) = { 0 };

	if (twins->set && twin_counts_add(&step->build->twins.counts, twins->set, twins->folder, seconds, &err) < 0)
		log_warn("what the step executed is not known: %s", err.message);
}

/* ---- the sums ---- */

enum { REPORT_PROGRAMS = 10 };

static void report(struct build *build, char *text)
{
	output_note(build->output, text);
	free(text);
}

void build_twins_report(struct build *build)
{
	struct twin_counts *counts = &build->twins.counts;
	struct twin_count twinned = twin_counts_sum(counts, true), emulated = twin_counts_sum(counts, false);
	int left = REPORT_PROGRAMS;

	build->result.twinned = twinned.execs;
	build->result.emulated = emulated.execs;
	if (!twinned.execs && !emulated.execs)
		return;
	output_begin(build->output, "twins");
	report(build, xprintf("%u programs ran as twins in %.1f s of processor time, %u were emulated in %.1f s", twinned.execs, twinned.seconds,
			      emulated.execs, emulated.seconds));
	if (counts->outside)
		report(build, xprintf("%u ran behind a chroot, where there are no twins", counts->outside));
	twin_counts_sort(counts);
	for (size_t i = 0; i < counts->len && left; i++)
		if (!counts->items[i].twin && counts->items[i].seconds > 0) {
			report(build, xprintf("%8.1f s  %6u ×  %s", counts->items[i].seconds, counts->items[i].execs, counts->items[i].program));
			left--;
		}
	output_end(build->output, OUTPUT_DONE);
}
