/* Changing a configuration by instructions: see change.h. */
#include "build/change.h"

#include <strings.h>

#include "base/fd.h"
#include "build/dockerfile.h"
#include "build/stage.h"

static const char *lookup(const char *name, size_t len, void *data)
{
	const struct strlist *env = data;

	for (size_t i = env->len; i-- > 0;)
		if (!strncmp(env->items[i], name, len) && env->items[i][len] == '=')
			return env->items[i] + len + 1;
	return NULL;
}

static int apply_instruction(struct build_stage *stage, const struct instruction *instruction, struct error *err)
{
	const struct strlist none = { 0 };
	const struct arg_sources sources = { &none, &none };

	switch (instruction->kind) {
	case INSTRUCTION_ADD:
	case INSTRUCTION_ARG:
	case INSTRUCTION_COPY:
	case INSTRUCTION_RUN:
		return error_set(err, ERROR_USAGE, "%s changes no configuration", instruction_kind_name(instruction->kind));
	case INSTRUCTION_WORKDIR:
		free(stage->config.working_dir);
		stage->config.working_dir = path_clean(instruction->words.items[0]);
		return stage->config.working_dir[0] == '/' ? 0 : error_set(err, ERROR_USAGE, "WORKDIR must be absolute here");
	default:
		return stage_apply(stage, instruction, &sources, err);
	}
}

static int apply(struct build_stage *stage, const char *text, struct error *err)
{
	const struct expand_options expand = { .lookup = lookup, .data = &stage->env, .escape = '\\' };
	struct instruction written _cleanup_(instruction_clear) = { 0 }, expanded _cleanup_(instruction_clear) = { 0 };
	bool trigger = strncasecmp(text, "ONBUILD ", 8) == 0;

	if (dockerfile_parse_instruction(trigger ? text + 8 : text, '\\', &written, err) < 0)
		return -1;
	if (trigger) {
		strlist_add(&stage->config.onbuild, written.text);
		return 0;
	}
	return instruction_expand(&written, &expand, &expanded, err) < 0 ? -1 : apply_instruction(stage, &expanded, err);
}

static void drop_history(struct image_config *config, size_t kept)
{
	while (config->history_len > kept) {
		struct history *last = &config->history[--config->history_len];
		free(last->created);
		free(last->created_by);
		free(last->comment);
		free(last->author);
	}
}

int config_change(struct image_config *config, const struct strlist *changes, struct error *err)
{
	struct build_stage stage _cleanup_(stage_clear) = { 0 };

	config_copy(config, &stage.config);
	strlist_add_all(&stage.env, &config->env);
	for (size_t i = 0; i < changes->len; i++)
		if (apply(&stage, changes->items[i], err) < 0)
			return error_wrap(err, "--change '%s'", changes->items[i]);
	drop_history(&stage.config, config->history_len);
	config_clear(config);
	*config = stage.config;
	stage.config = (struct image_config){ 0 };
	return 0;
}
