/* The plan: see plan.h. */
#include "build/plan.h"

#include <stdio.h>
#include <strings.h>

#include "build/owner.h"

/* ---- global arguments ---- */
static const char *lookup_arg(const char *name, size_t len, void *data)
{
	const struct strlist *args = data;

	for (size_t i = args->len; i-- > 0;)
		if (!strncmp(args->items[i], name, len) && args->items[i][len] == '=')
			return args->items[i] + len + 1;
	return NULL;
}

static void set_platform_args(struct strlist *args, const char *prefix, const struct platform *platform)
{
	char text[PLATFORM_TEXT_SIZE];
	const struct {
		const char *suffix, *value;
	} all[] = { { "PLATFORM", platform_print(platform, text) }, { "OS", platform->os }, { "ARCH", platform->architecture }, { "VARIANT", platform->variant } };

	for (size_t i = 0; i < array_len(all); i++) {
		_cleanup_(freep) char *name = xprintf("%s%s", prefix, all[i].suffix);
		strlist_env_set(args, name, all[i].value);
	}
}

static int set_global_args(struct plan *plan, const struct plan_options *options, struct error *err)
{
	const struct dockerfile *file = plan->dockerfile;
	const struct expand_options expand = { .lookup = lookup_arg, .data = &plan->args, .escape = file->escape };

	set_platform_args(&plan->args, "TARGET", &options->platform);
	set_platform_args(&plan->args, "BUILD", &options->build_platform);
	strlist_env_set(&plan->args, "TARGETSTAGE", options->target ? options->target : "default");
	for (size_t i = 0; i < file->global_args_len; i++) {
		struct instruction arg = { 0 };
		if (instruction_expand(&file->global_args[i], &expand, &arg, err) < 0)
			return dockerfile_error_at(file, file->global_args[i].line, file->global_args[i].end_line, err);
		for (size_t j = 0; j < arg.pairs_len; j++) {
			const char *given = strlist_env_get(options->build_args, arg.pairs[j].name);
			if (given || arg.pairs[j].value)
				strlist_env_set(&plan->args, arg.pairs[j].name, given ? given : arg.pairs[j].value);
		}
		instruction_clear(&arg);
	}
	return 0;
}

/* ---- what can't be done ---- */
bool plan_is_step(const struct instruction *instruction)
{
	switch (instruction->kind) {
	case INSTRUCTION_RUN:
	case INSTRUCTION_COPY:
	case INSTRUCTION_ADD:
	case INSTRUCTION_WORKDIR:
		return true;
	default:
		return false;
	}
}

bool plan_is_proxy(const char *name)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy" };

	for (size_t i = 0; i < array_len(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static bool is_remote(const char *source)
{
	return strstr(source, "://") || str_starts(source, "git@");
}

static int check_files(const struct instruction *instruction, struct error *err)
{
	const struct instruction_flags *flags = &instruction->flags;

	for (size_t i = 0; instruction->kind == INSTRUCTION_ADD && i < instruction->words.len; i++)
		if (is_remote(instruction->words.items[i])) {
			error_set(err, ERROR_UNSUPPORTED, "ADD of an address is not supported yet: %s", instruction->words.items[i]);
			return error_hint(err, "fetch it in a RUN (curl -fsSLO …), or put the file beside the Dockerfile");
		}
	if (flags->checksum || flags->keep_git_dir)
		return error_set(err, ERROR_UNSUPPORTED, "%s is for an ADD of an address, which is not supported yet",
				 flags->checksum ? "--checksum" : "--keep-git-dir");
	const char *dest = instruction->dest;
	if (instruction->words.len + instruction->heredocs_len > 1 && !strchr(dest, '$') && !str_ends(dest, "/") && !str_equal(dest, ".") &&
	    !str_ends(dest, "/.")) {
		error_set(err, ERROR_INVALID, "several files can't be copied to the one name %s", dest);
		return error_hint(err, "with more than one source the destination must be a directory: end it with a slash, %s/", dest);
	}
	return flags->chmod && !strchr(flags->chmod, '$') ? mode_check(flags->chmod, err) : 0;
}

static int check_run(const struct instruction *instruction, struct error *err)
{
	const struct instruction_flags *flags = &instruction->flags;

	for (size_t i = 0; i < flags->mounts_len; i++) {
		const struct run_mount *mount = &flags->mounts[i];
		if (mount->type == RUN_MOUNT_SSH) {
			error_set(err, ERROR_UNSUPPORTED, "RUN --mount=type=ssh is not supported yet");
			return error_hint(err, "bind, cache, tmpfs and secret are; a key can be given as a secret");
		}
		if (mount->from && strchr(mount->from, '$'))
			return error_set(err, ERROR_INVALID, "variables don't work in from=%s of a mount", mount->from);
		if (mount->type == RUN_MOUNT_CACHE && (mount->from || mount->source))
			return error_set(err, ERROR_UNSUPPORTED, "a cache mount that begins with files of a stage (from=, source=) is not supported yet");
	}
	if (str_equal(flags->security, "insecure"))
		return error_set(err, ERROR_UNSUPPORTED, "RUN --security=insecure is not supported");
	if (flags->devices.len)
		return error_set(err, ERROR_UNSUPPORTED, "RUN --device is not supported");
	return 0;
}

int plan_check(const struct instruction *instruction, struct error *err)
{
	switch (instruction->kind) {
	case INSTRUCTION_COPY:
	case INSTRUCTION_ADD:
		return check_files(instruction, err);
	case INSTRUCTION_RUN:
		return check_run(instruction, err);
	default:
		return 0;
	}
}

/* ---- stages ---- */
int plan_find_stage(const struct plan *plan, const char *name, size_t at)
{
	return dockerfile_find_stage(plan->dockerfile, name, at);
}

/* FROM takes names only, never numbers. */
static int find_base(const struct dockerfile *file, const char *name, size_t before)
{
	for (size_t i = before; i-- > 0;)
		if (file->stages[i].name && !strcasecmp(file->stages[i].name, name))
			return (int)i;
	return -1;
}

static int stage_platform(const struct plan *plan, struct plan_stage *stage, const struct plan_options *options, struct error *err)
{
	const struct expand_options expand = { .lookup = lookup_arg, .data = (void *)&plan->args, .escape = plan->dockerfile->escape };
	_cleanup_(freep) char *text = NULL;

	stage->platform = options->platform;
	if (!stage->source->platform)
		return 0;
	if (expand_text(stage->source->platform, &expand, &text, err) < 0)
		return -1;
	if (!*text) {
		error_set(err, ERROR_INVALID, "FROM --platform=%s is empty", stage->source->platform);
		return error_hint(err, "is the ARG declared before the first FROM?");
	}
	return platform_parse(text, &stage->platform, err);
}

static int plan_base(struct plan *plan, size_t at, const struct plan_options *options, struct error *err)
{
	struct plan_stage *stage = &plan->stages[at];
	const struct expand_options expand = { .lookup = lookup_arg, .data = &plan->args, .escape = plan->dockerfile->escape };
	_cleanup_(freep) char *name = NULL;

	if (stage_platform(plan, stage, options, err) < 0 || expand_text(stage->source->base, &expand, &name, err) < 0)
		return -1;
	if (!*name) {
		error_set(err, ERROR_INVALID, "the base image '%s' is empty once its variables are replaced", stage->source->base);
		return error_hint(err, "give the ARG a default before the first FROM, or pass --build-arg");
	}
	int base = find_base(plan->dockerfile, name, at);
	if (base >= 0) {
		stage->base = BASE_STAGE;
		stage->base_stage = (size_t)base;
		if (!stage->source->platform)
			stage->platform = plan->stages[base].platform;
		return 0;
	}
	stage->base = str_equal(name, "scratch") ? BASE_SCRATCH : BASE_IMAGE;
	if (stage->base == BASE_SCRATCH)
		return 0;
	struct reference reference = { 0 };
	if (reference_parse(name, &reference, err) < 0)
		return -1;
	reference_clear(&reference);
	stage->image = steal(name);
	return 0;
}

static void plan_labels(struct plan *plan, size_t at)
{
	struct plan_stage *stage = &plan->stages[at];

	if (stage->source->name)
		stage->label = xstrdup(stage->source->name);
	else
		stage->label = plan->stages_len == 1 ? xstrdup("") : xprintf("stage-%zu", at);
	stage->steps = 1;
	for (size_t i = 0; i < stage->source->instructions_len; i++)
		stage->steps += plan_is_step(&stage->source->instructions[i]);
}

static int need_stage(struct plan *plan, size_t at, struct error *err);

static int need_from(struct plan *plan, const char *from, size_t at, struct error *err)
{
	int stage = from ? plan_find_stage(plan, from, at) : -1;

	if (stage >= 0)
		return need_stage(plan, (size_t)stage, err);
	if (from && *from && from[strspn(from, "0123456789")] == '\0')
		return error_set(err, ERROR_INVALID, "there is no stage %s before this one", from);
	return 0;
}

static int need_instruction(struct plan *plan, const struct instruction *instruction, size_t at, struct error *err)
{
	int result = plan_check(instruction, err);

	if (result == 0)
		result = need_from(plan, instruction->flags.from, at, err);
	for (size_t i = 0; result == 0 && i < instruction->flags.mounts_len; i++)
		result = need_from(plan, instruction->flags.mounts[i].from, at, err);
	return result < 0 ? dockerfile_error_at(plan->dockerfile, instruction->line, instruction->end_line, err) : 0;
}

/* Marks the stage and all that it is made from. Ends, since stages refer only to earlier ones. */
static int need_stage(struct plan *plan, size_t at, struct error *err)
{
	struct plan_stage *stage = &plan->stages[at];

	if (stage->needed)
		return 0;
	stage->needed = true;
	if (stage->base == BASE_STAGE && need_stage(plan, stage->base_stage, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->source->instructions_len; i++)
		if (need_instruction(plan, &stage->source->instructions[i], at, err) < 0)
			return -1;
	return 0;
}

static int plan_target(struct plan *plan, const char *name, struct error *err)
{
	const struct dockerfile *file = plan->dockerfile;

	plan->target = plan->stages_len - 1;
	if (!name)
		return 0;
	int found = dockerfile_find_stage(file, name, file->stages_len);
	if (found >= 0) {
		plan->target = (size_t)found;
		return 0;
	}
	struct strlist names _cleanup_(strlist_free) = { 0 };
	for (size_t i = 0; i < file->stages_len; i++)
		if (file->stages[i].name)
			strlist_add(&names, file->stages[i].name);
	error_set(err, ERROR_NOT_FOUND, "the target stage '%s' is not in %s", name, file->file_name);
	const char *near = names.len ? str_nearest(name, (const char *const *)names.items) : NULL;
	if (near)
		return error_hint(err, "did you mean --target %s?", near);
	_cleanup_(freep) char *all = strlist_join(&names, ", ");
	return error_hint(err, names.len ? "its stages are: %s" : "none of its stages has a name%s", all);
}

static int plan_fill(struct plan *plan, const struct plan_options *options, struct error *err)
{
	const struct dockerfile *file = plan->dockerfile;

	if (set_global_args(plan, options, err) < 0)
		return -1;
	plan->stages = xcalloc(file->stages_len, sizeof *plan->stages);
	plan->stages_len = file->stages_len;
	for (size_t i = 0; i < file->stages_len; i++)
		plan->stages[i].source = &file->stages[i];
	if (plan_target(plan, options->target, err) < 0)
		return -1;
	for (size_t i = 0; i <= plan->target; i++) {
		plan_labels(plan, i);
		if (plan_base(plan, i, options, err) < 0)
			return dockerfile_error_at(file, file->stages[i].from.line, file->stages[i].from.end_line, err);
	}
	return need_stage(plan, plan->target, err);
}

int plan_make(const struct dockerfile *dockerfile, const struct plan_options *options, struct plan *ret, struct error *err)
{
	struct plan plan = { .dockerfile = dockerfile };

	if (plan_fill(&plan, options, err) < 0) {
		plan_clear(&plan);
		return -1;
	}
	*ret = plan;
	return 0;
}

void plan_clear(struct plan *plan)
{
	for (size_t i = 0; i < plan->stages_len; i++) {
		free(plan->stages[i].label);
		free(plan->stages[i].image);
	}
	free(plan->stages);
	strlist_free(&plan->args);
	*plan = (struct plan){ 0 };
}

static void print_base(const struct plan *plan, const struct plan_stage *stage, struct buf *ret)
{
	if (stage->base == BASE_IMAGE)
		buf_printf(ret, "image %s", stage->image);
	else if (stage->base == BASE_STAGE)
		buf_printf(ret, "stage %zu %s", stage->base_stage, plan->stages[stage->base_stage].label);
	else
		buf_add_str(ret, "scratch");
}

void plan_print(const struct plan *plan, struct buf *ret)
{
	char text[PLATFORM_TEXT_SIZE];

	for (size_t i = 0; i < plan->stages_len; i++) {
		const struct plan_stage *stage = &plan->stages[i];
		if (!stage->needed)
			continue;
		buf_printf(ret, "stage %zu %s%son ", i, stage->label, *stage->label ? " " : "");
		print_base(plan, stage, ret);
		buf_printf(ret, " for %s%s\n", platform_print(&stage->platform, text), i == plan->target ? " (target)" : "");
		size_t step = 1;
		for (size_t j = 0; j < stage->source->instructions_len; j++) {
			const struct instruction *instruction = &stage->source->instructions[j];
			if (plan_is_step(instruction))
				buf_printf(ret, "  %zu/%zu %s\n", ++step, stage->steps, instruction->text);
			else
				buf_printf(ret, "  - %s\n", instruction->text);
		}
	}
}
