/* A build from its options to the image: see build.h.
 *
 * The target stage is run, and on its way every stage that it turns out to need, each once; others never. They run one after another for
 * now: the plan knows which are independent. A step that is in the cache costs a lookup; layers are unpacked, and the workspace is made, only when
 * a step really has to run. */
#include "build/build.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"
#include "build/executor.h"
#include "build/secret.h"
#include "build/step.h"

int build_enter_namespace(struct error *err)
{
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0)
		return 0;
	error_errno(err, errno, "cannot make a mount namespace for the build");
	return error_hint(err, "run as root, or as a user who may make user namespaces (see 'sampan info')");
}

static void build_clear(struct build *build)
{
	for (size_t i = 0; i < build->sources_len; i++)
		build_source_free(build->sources[i]);
	free(build->sources);
	build_twins_clear(&build->twins);
	workspace_close(&build->workspace);
	output_free(&build->output);
	for (size_t i = 0; build->stages && i < build->plan.stages_len; i++)
		stage_clear(&build->stages[i]);
	free(build->stages);
	plan_clear(&build->plan);
	dockerfile_clear(&build->file);
	context_close(&build->context);
	strlist_free(&build->build_args);
}

/* ---- before anything runs ---- */
/* NAME alone takes the value of our environment, or is left out. */
static int read_build_args(struct build *build, struct error *err)
{
	for (size_t i = 0; i < build->options->build_args.len; i++) {
		const char *arg = build->options->build_args.items[i], *value = strchr(arg, '=');
		if (!*arg || value == arg)
			return error_set(err, ERROR_USAGE, "--build-arg '%s' has no name", arg);
		_cleanup_(freep) char *name = xstrndup(arg, value ? (size_t)(value - arg) : strlen(arg));
		const char *given = value ? value + 1 : getenv(name);
		if (given)
			strlist_env_set(&build->build_args, name, given);
	}
	if (build->options->epoch >= 0 && !strlist_env_get(&build->build_args, "SOURCE_DATE_EPOCH"))
		strlist_printf(&build->build_args, "SOURCE_DATE_EPOCH=%lld", (long long)build->options->epoch);
	return 0;
}

static void report_finding(const struct check_finding *finding, void *data)
{
	const struct build *build = data;

	if (!build->options->quiet)
		log_warn("%s: %s (%s:%d)", finding->rule, finding->message, build->context.file_name, finding->line);
}

/* An emulator that is missing is told before minutes of work, not behind them. */
static int check_emulators(const struct build *build, struct error *err)
{
	for (size_t i = 0; i < build->plan.stages_len; i++) {
		const struct plan_stage *stage = &build->plan.stages[i];
		bool runs = false;
		for (size_t j = 0; stage->needed && j < stage->source->instructions_len; j++)
			runs = runs || stage->source->instructions[j].kind == INSTRUCTION_RUN;
		if (!runs || (!build->options->has_platform && !stage->source->platform))
			continue;
		struct emulator emulator _cleanup_(emulator_clear) = { 0 };
		emulator_find(&stage->platform, &emulator);
		if (emulator_check(&emulator, err) < 0)
			return -1;
	}
	return 0;
}

static int open_context(struct build *build, struct error *err)
{
	const struct build_options *options = build->options;

	if (!options->text)
		return context_open_any(build->store, &build->workspace, options->context, options->file, &build->context, err);
	build->context.file_name = xstrdup("Dockerfile");
	buf_add_str(&build->context.text, options->text);
	return 0;
}

static int build_prepare(struct build *build, struct error *err)
{
	const struct build_options *options = build->options;

	platform_host(&build->host);
	if (fstat(store_dir(build->store), &build->store_stat) < 0)
		return error_errno(err, errno, "cannot look at %s", store_path(build->store));
	if (secret_check(&options->secrets, err) < 0 || read_build_args(build, err) < 0 ||
	    open_context(build, err) < 0)
		return -1;
	const struct buf *text = &build->context.text;
	if (dockerfile_parse(text->data ? text->data : "", text->len, build->context.file_name, &build->file, err) < 0)
		return -1;
	size_t findings = dockerfile_check(&build->file, report_finding, build);
	if (findings && build->file.check.error)
		return error_set(err, ERROR_INVALID, "%s has %zu finding%s, and its check directive says that this is an error",
				 build->context.file_name, findings, findings == 1 ? "" : "s");
	const struct plan_options plan = {
		.build_args = &build->build_args,
		.target = options->target,
		.platform = options->has_platform ? options->platform : build->host,
		.build_platform = build->host,
	};
	if (plan_make(&build->file, &plan, &build->plan, err) < 0 || check_emulators(build, err) < 0)
		return -1;
	build->stages = xcalloc(build->plan.stages_len, sizeof *build->stages);
	return 0;
}

/* ---- a stage ---- */
static int begin_image(struct build *build, struct build_stage *stage, struct error *err)
{
	const struct plan_stage *plan = stage->plan;
	struct image image _cleanup_(image_clear) = { 0 };
	char text[DIGEST_TEXT_SIZE], wanted[PLATFORM_TEXT_SIZE], got[PLATFORM_TEXT_SIZE];
	/* nobody said which: this machine's, or else the one that the image has */
	bool any = !build->options->has_platform && !plan->source->platform;
	_cleanup_(freep) char *title =
		xprintf("[%s%s1/%zu] FROM %s", plan->label, *plan->label ? " " : "", plan->steps, plan->image);

	output_begin(build->output, title);
	if (build_image_find(build, plan->image, any ? NULL : &plan->platform, &image, err) < 0) {
		output_end(build->output, err && err->code == ERROR_INTERRUPTED ? OUTPUT_CANCELED : OUTPUT_FAILED);
		return -1;
	}
	_cleanup_(freep) char *digest = xprintf("resolved to %s", digest_print(&image.digest, text));
	output_note(build->output, digest);
	output_end(build->output, OUTPUT_DONE);
	if (!platform_match(&plan->platform, &image.config.platform))
		log_warn("the base image %s is for %s, not for %s; say --platform to choose", plan->image,
			 platform_print(&image.config.platform, got), platform_print(&plan->platform, wanted));
	stage_begin_image(stage, &image.config, &image.manifest);
	return 0;
}

static int stage_begin(struct build *build, struct build_stage *stage, struct error *err)
{
	const struct plan_stage *plan = stage->plan;

	stage->steps = plan->steps;
	stage->step = 1;
	switch (plan->base) {
	case BASE_SCRATCH:
		stage_begin_scratch(stage, &plan->platform);
		return 0;
	case BASE_STAGE:
		if (build_stage_run(build, plan->base_stage, err) < 0)
			return -1;
		stage_begin_stage(stage, &build->stages[plan->base_stage]);
		return 0;
	case BASE_IMAGE:
		return begin_image(build, stage, err);
	}
	return 0;
}

/* ONBUILD of the base: run once, right behind FROM, and gone from the image. */
static int run_triggers(struct build *build, size_t at, struct error *err)
{
	struct build_stage *stage = &build->stages[at];
	struct strlist texts _cleanup_(strlist_free) = stage->config.onbuild;

	stage->config.onbuild = (struct strlist){ 0 };
	for (size_t i = 0; i < texts.len; i++) {
		struct instruction trigger _cleanup_(instruction_clear) = { 0 };
		if (dockerfile_parse_instruction(texts.items[i], build->file.escape, &trigger, err) < 0)
			return error_wrap(err, "the base image's trigger ONBUILD %s", texts.items[i]);
		stage->steps += plan_is_step(&trigger);
		if (step_execute(build, at, &trigger, err) < 0)
			return error_wrap(err, "the base image's trigger ONBUILD %s", texts.items[i]);
	}
	return 0;
}

static int run_instructions(struct build *build, size_t at, struct error *err)
{
	const struct stage *source = build->plan.stages[at].source;

	for (size_t i = 0; i < source->instructions_len; i++)
		if (step_execute(build, at, &source->instructions[i], err) < 0)
			return dockerfile_error_at(&build->file, source->instructions[i].line, source->instructions[i].end_line, err);
	return 0;
}

int build_stage_run(struct build *build, size_t at, struct error *err)
{
	struct build_stage *stage = &build->stages[at];

	if (stage->built)
		return 0;
	stage->plan = &build->plan.stages[at];
	if (stage_begin(build, stage, err) < 0 || run_triggers(build, at, err) < 0)
		return dockerfile_error_at(&build->file, stage->plan->source->from.line, stage->plan->source->from.end_line, err);
	if (run_instructions(build, at, err) < 0)
		return -1;
	stage->built = true;
	return 0;
}

/* ---- the image ---- */
static int build_commit(struct build *build, struct error *err)
{
	const struct build_options *options = build->options;
	struct build_stage *stage = &build->stages[build->plan.target];
	struct image_config *config = &stage->config;
	struct buf text _cleanup_(buf_free) = { 0 };
	char created[32], hex[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < options->labels.len; i++) {
		_cleanup_(freep) char *name = xstrndup(options->labels.items[i], strcspn(options->labels.items[i], "="));
		const char *value = strchr(options->labels.items[i], '=');
		strlist_env_set(&config->labels, name, value ? value + 1 : "");
	}
	free(config->created);
	if (options->epoch >= 0 || str_empty(stage->created))
		config->created = xstrdup(time_print(options->epoch >= 0 ? (time_t)options->epoch : time(NULL), created));
	else
		config->created = xstrdup(stage->created);
	output_begin(build->output, "exporting to image");
	if (store_image_commit(build->store, config, stage->manifest.layers, stage->manifest.layers_len, options->names,
			       options->names_len, &build->result.manifest, err) < 0) {
		output_end(build->output, OUTPUT_FAILED);
		return -1;
	}
	config_print(config, &text);
	digest_of(DIGEST_SHA256, text.data, text.len, &build->result.id);
	_cleanup_(freep) char *id = xprintf("writing image %s done", digest_print(&build->result.id, hex));
	output_note(build->output, id);
	for (size_t i = 0; i < options->names_len; i++) {
		_cleanup_(freep) char *name = reference_print(&options->names[i]), *line = xprintf("naming to %s done", name);
		output_note(build->output, line);
	}
	output_end(build->output, OUTPUT_DONE);
	return 0;
}

/* Arguments that nothing declared are most often misspelt. */
static void warn_unused_args(const struct build *build)
{
	for (size_t i = 0; i < build->options->build_args.len; i++) {
		const char *arg = build->options->build_args.items[i];
		_cleanup_(freep) char *name = xstrndup(arg, strcspn(arg, "="));
		bool used = plan_is_proxy(name) || str_starts(name, "BUILDKIT_") || str_equal(name, "SOURCE_DATE_EPOCH") ||
			    strlist_env_get(&build->plan.args, name);
		for (size_t s = 0; s < build->plan.stages_len && !used; s++)
			for (size_t j = 0; j < build->stages[s].args.len && !used; j++)
				used = strcspn(build->stages[s].args.items[j], "=") == strlen(name) && str_starts(build->stages[s].args.items[j], name);
		if (!used)
			log_warn("--build-arg %s was not used: no ARG declares it", name);
	}
}

int build_run(struct store *store, const struct build_options *options, struct build_result *ret, struct error *err)
{
	struct build build _cleanup_(build_clear) = { .store = store, .options = options, .context.root = -1, .workspace.lock = -1 };

	if (build_prepare(&build, err) < 0)
		return -1;
	build.output = output_new(options->quiet ? OUTPUT_QUIET : options->progress);
	if (build_stage_run(&build, build.plan.target, err) < 0 || (!options->discard && build_commit(&build, err) < 0))
		return -1;
	build_twins_report(&build);
	warn_unused_args(&build);
	*ret = build.result;
	return 0;
}
