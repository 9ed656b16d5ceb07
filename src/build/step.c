/* One instruction at a time: found in the cache or done, and what becomes of the stage by it. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "build/executor.h"
#include "build/step.h"

static const char *lookup_env(const char *name, size_t len, void *data)
{
	const struct strlist *env = data;

	for (size_t i = env->len; i-- > 0;)
		if (!strncmp(env->items[i], name, len) && env->items[i][len] == '=')
			return env->items[i] + len + 1;
	return NULL;
}

static int step_key(struct build_step *step, const struct step_kind *kind, char out[CACHE_KEY_SIZE], struct error *err)
{
	struct cache_key key;
	struct digest chain;
	char text[PLATFORM_TEXT_SIZE], epoch[32];

	cache_key_begin(&key, instruction_kind_name(step->instruction->kind));
	stage_chain_id(step->stage, &chain);
	cache_key_add_digest(&key, "chain", &chain);
	cache_key_add(&key, "platform", platform_print(&step->stage->config.platform, text));
	snprintf(epoch, sizeof epoch, "%lld", (long long)step->build->options->epoch);
	cache_key_add(&key, "epoch", epoch);
	cache_key_add(&key, "reads", step->by_content ? "content" : "chains");
	if (kind->key(step, &key, err) < 0)
		return -1;
	cache_key_end(&key, out);
	return 0;
}

/* The keys of a step: by the chain ids of other stages, and, if it reads any, by content. */
struct keys {
	char chains[CACHE_KEY_SIZE], content[CACHE_KEY_SIZE];
};

/* 1: found. A hit by content is remembered by chain ids, so that the next time nothing need be mounted. */
static int step_lookup(struct build_step *step, const struct step_kind *kind, struct keys *keys, struct cache_entry *ret, struct error *err)
{
	struct store *store = step->build->store;
	bool use = !step->build->options->no_cache && step->build->options->twins != TWINS_VERIFY;

	if (step_key(step, kind, keys->chains, err) < 0)
		return -1;
	int found = use ? cache_get(store, keys->chains, ret, err) : 0;
	if (found || !step->reads_stages)
		return found;
	step->by_content = true;
	if (step_key(step, kind, keys->content, err) < 0)
		return -1;
	found = use ? cache_get(store, keys->content, ret, err) : 0;
	return found == 1 && cache_put(store, keys->chains, ret, err) < 0 ? -1 : found;
}

static char *now_text(const struct build *build)
{
	char text[32];

	return xstrdup(time_print(build->options->epoch >= 0 ? (time_t)build->options->epoch : time(NULL), text));
}

/* Makes the layer of what the work left in folder/upper. */
static int step_commit(struct build_step *step, const char *folder, struct cache_entry *ret, struct error *err)
{
	struct build_stage *stage = step->stage;
	_cleanup_(freep) char *upper = path_join(folder, "upper"), *merged = path_join(folder, "merged"), *number = NULL;
	struct digest parent;

	workspace_unmount(merged);
	stage_chain_id(stage, &parent);
	if (layer_commit(step->build->store, &parent, stage->config.diff_ids_len, upper, step->build->options->epoch, &ret->layer, &ret->diff_id,
			 &number, err) < 0)
		return -1;
	ret->has_layer = true;
	stage_add_layer(stage, &ret->layer, &ret->diff_id, number);
	return 0;
}

static int step_work(struct build_step *step, const struct step_kind *kind, const struct keys *keys, struct cache_entry *ret, struct error *err)
{
	struct build *build = step->build;

	if (build_workspace(build, err) < 0)
		return -1;
	_cleanup_(freep) char *folder = workspace_folder(&build->workspace, "step", err);
	if (!folder)
		return -1;
	int result = kind->work(step, folder, err);
	if (result == 0)
		result = interrupt_check(err);
	if (result == 0)
		result = step_commit(step, folder, ret, err);
	if (result < 0 || workspace_remove(&build->workspace, folder, err) < 0)
		return -1;
	ret->created = now_text(build);
	if (cache_put(build->store, keys->chains, ret, err) < 0)
		return -1;
	return step->reads_stages ? cache_put(build->store, keys->content, ret, err) : 0;
}

/* "[build 2/7] RUN make": variables that have values are shown with them. */
static char *step_title(const struct build_step *step, const char *text)
{
	const struct build_stage *stage = step->stage;
	const char *label = stage->plan->label;
	const struct expand_options expand = {
		.lookup = lookup_env, .data = (void *)&stage->env, .escape = step->build->file.escape, .raw_quotes = true, .keep_unset = true,
	};
	_cleanup_(freep) char *shown = NULL;

	if (step->instruction->kind == INSTRUCTION_RUN || expand_text(text, &expand, &shown, NULL) < 0)
		shown = xstrdup(text);
	return xprintf("[%s%s%zu/%zu] %s", label, *label ? " " : "", stage->step, stage->steps, shown);
}

static int step_do(struct build_step *step, const struct step_kind *kind, struct cache_entry *entry, struct error *err)
{
	struct build *build = step->build;
	struct build_stage *stage = step->stage;
	struct keys keys = { 0 };
	int found = step_lookup(step, kind, &keys, entry, err);

	if (found < 0 || (!found && step_work(step, kind, &keys, entry, err) < 0))
		return -1;
	if (found && entry->has_layer)
		stage_add_layer(stage, &entry->layer, &entry->diff_id, NULL);
	free(stage->created);
	stage->created = xstrdup(entry->created);
	_cleanup_(freep) char *history = kind->history(step);
	stage_add_history(stage, history, !entry->has_layer);
	build->result.steps++;
	build->result.cached += found == 1;
	return found;
}

static int step_layer(struct build_step *step, const struct step_kind *kind, struct error *err)
{
	struct build *build = step->build;
	struct cache_entry entry _cleanup_(cache_entry_clear) = { 0 };
	struct error why _cleanup_(error_clear) = { 0 };

	step->stage->step++;
	_cleanup_(freep) char *title = step_title(step, step->instruction->text);
	output_begin(build->output, title);
	int found = step_do(step, kind, &entry, &why);
	if (found < 0) {
		output_end(build->output, why.code == ERROR_INTERRUPTED ? OUTPUT_CANCELED : OUTPUT_FAILED);
		error_move(err, &why);
		return -1;
	}
	output_end(build->output, found ? OUTPUT_CACHED : OUTPUT_DONE);
	return 0;
}

static int step_workdir(struct build_step *step, struct error *err)
{
	struct image_config *config = &step->stage->config;
	const char *path = step->instruction->words.items[0];

	if (str_empty(path))
		return error_set(err, ERROR_INVALID, "WORKDIR is empty once its variables are replaced");
	_cleanup_(freep) char *full = stage_path(step->stage, path), *clean = path_clean(full);
	free(config->working_dir);
	config->working_dir = steal(clean);
	if (str_equal(config->working_dir, "/")) {
		step->stage->step++;
		stage_add_history(step->stage, "WORKDIR /", true);
		return 0;
	}
	return step_layer(step, &step_workdir_kind, err);
}

/* Stages that the step reads from are built before its line is shown, so that their steps do not come in between. */
static int step_needs(struct build_step *step, struct error *err)
{
	const struct instruction_flags *flags = &step->instruction->flags;
	const struct platform *platform = &step->stage->config.platform;

	if (flags->from && !build_source_find(step->build, flags->from, step->at, platform, err))
		return -1;
	for (size_t i = 0; i < flags->mounts_len; i++)
		if (flags->mounts[i].from && !build_source_find(step->build, flags->mounts[i].from, step->at, platform, err))
			return -1;
	return 0;
}

static int step_dispatch(struct build_step *step, struct error *err)
{
	const struct arg_sources sources = { &step->build->build_args, &step->build->plan.args };

	if (interrupt_check(err) < 0 || plan_check(step->instruction, err) < 0 || step_needs(step, err) < 0)
		return -1;
	switch (step->instruction->kind) {
	case INSTRUCTION_RUN:
		return step_layer(step, &step_run_kind, err);
	case INSTRUCTION_COPY:
	case INSTRUCTION_ADD:
		return step_layer(step, &step_copy_kind, err);
	case INSTRUCTION_WORKDIR:
		return step_workdir(step, err);
	default:
		return stage_apply(step->stage, step->instruction, &sources, err);
	}
}

int step_execute(struct build *build, size_t at, const struct instruction *instruction, struct error *err)
{
	struct build_stage *stage = &build->stages[at];
	const struct expand_options expand = { .lookup = lookup_env, .data = &stage->env, .escape = build->file.escape };
	struct instruction expanded _cleanup_(instruction_clear) = { 0 };
	struct build_step step = { .build = build, .stage = stage, .instruction = &expanded, .at = at };

	if (instruction_expand(instruction, &expand, &expanded, err) < 0)
		return -1;
	return step_dispatch(&step, err);
}
