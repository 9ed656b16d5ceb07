/* A stage on its way, and the instructions that make no layer: see stage.h. */
#include "build/stage.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>

#include "base/fd.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void stage_clear(struct build_stage *stage)
{
	config_clear(&stage->config);
	manifest_clear(&stage->manifest);
	strlist_free(&stage->numbers);
	strlist_free(&stage->args);
	strlist_free(&stage->env);
	free(stage->created);
	*stage = (struct build_stage){ 0 };
}

void stage_begin_scratch(struct build_stage *stage, const struct platform *platform)
{
	stage->config.platform = *platform;
	stage->config.working_dir = xstrdup("/");
	strlist_add(&stage->config.env, "PATH=" PATH_DEFAULT);
	strlist_add_all(&stage->env, &stage->config.env);
}

void stage_begin_image(struct build_stage *stage, const struct image_config *config, const struct manifest *manifest)
{
	config_copy(config, &stage->config);
	for (size_t i = 0; i < manifest->layers_len; i++)
		manifest_add_layer(&stage->manifest, &manifest->layers[i]);
	strlist_add_all(&stage->env, &stage->config.env);
	stage->created = xstrdup(config->created);
}

void stage_begin_stage(struct build_stage *stage, const struct build_stage *base)
{
	stage_begin_image(stage, &base->config, &base->manifest);
	strlist_add_all(&stage->numbers, &base->numbers);
	free(stage->created);
	stage->created = xstrdup(base->created);
}

void stage_chain_id(const struct build_stage *stage, struct digest *ret)
{
	config_chain_id(stage->config.diff_ids, stage->config.diff_ids_len, ret);
}

void stage_add_layer(struct build_stage *stage, const struct descriptor *layer, const struct digest *diff_id, const char *number)
{
	bool all_unpacked = stage->numbers.len == stage->manifest.layers_len;

	manifest_add_layer(&stage->manifest, layer);
	config_add_diff_id(&stage->config, diff_id);
	if (number && all_unpacked)
		strlist_add(&stage->numbers, number);
}

void stage_add_history(struct build_stage *stage, const char *created_by, bool empty_layer)
{
	const struct history history = {
		.created = stage->created,
		.created_by = (char *)created_by,
		.comment = (char *)"buildkit.dockerfile.v0",
		.empty_layer = empty_layer,
	};

	config_add_history(&stage->config, &history);
}

static void add_history_take(struct build_stage *stage, char *created_by)
{
	stage_add_history(stage, created_by, true);
	free(created_by);
}

/* ---- helpers of the instructions ---- */
static void list_set(struct strlist *to, const struct strlist *from)
{
	strlist_free(to);
	strlist_add_all(to, from);
}

static void string_set(char **at, const char *text)
{
	free(*at);
	*at = xstrdup(text);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list_add_sorted(struct strlist *list, const char *text)
{
	if (strlist_has(list, text))
		return;
	strlist_add(list, text);
	qsort(list->items, list->len, sizeof *list->items, compare);
}

/* ["a" "b"], as docker's history has it. */
static char *quote_list(const struct strlist *list)
{
	struct buf out = { 0 };

	buf_add_char(&out, '[');
	for (size_t i = 0; i < list->len; i++) {
		buf_add_str(&out, i ? " \"" : "\"");
		for (const char *c = list->items[i]; *c; c++) {
			if (*c == '\n' || *c == '\t')
				buf_add_str(&out, *c == '\n' ? "\\n" : "\\t");
			else if (*c == '"' || *c == '\\')
				buf_printf(&out, "\\%c", *c);
			else
				buf_add_char(&out, *c);
		}
		buf_add_char(&out, '"');
	}
	buf_add_char(&out, ']');
	return buf_steal(&out);
}

void stage_argv(const struct build_stage *stage, const struct instruction *instruction, struct strlist *ret)
{
	if (!instruction->json_form) {
		if (stage->config.has_shell && stage->config.shell.len) {
			strlist_add_all(ret, &stage->config.shell);
		} else {
			strlist_add(ret, "/bin/sh");
			strlist_add(ret, "-c");
		}
	}
	strlist_add_all(ret, &instruction->words);
}

char *stage_path(const struct build_stage *stage, const char *path)
{
	const char *cwd = str_empty(stage->config.working_dir) ? "/" : stage->config.working_dir;
	_cleanup_(freep) char *joined = path_join(cwd, path), *rooted = xprintf("/%s", joined), *clean = path_clean(rooted);
	bool folder = str_empty(path) || str_ends(path, "/") || str_equal(path, ".") || str_ends(path, "/.") || str_equal(path, "..") || str_ends(path, "/..");

	return folder && !str_ends(clean, "/") ? xprintf("%s/", clean) : xstrdup(clean);
}

char *stage_run_history(const struct build_stage *stage, const struct strlist *argv)
{
	struct buf out = { 0 };
	_cleanup_(freep) char *line = strlist_join(argv, " ");

	buf_add_str(&out, "RUN ");
	if (stage->args.len)
		buf_printf(&out, "|%zu ", stage->args.len);
	for (size_t i = 0; i < stage->args.len; i++) {
		_cleanup_(freep) char *name = xstrndup(stage->args.items[i], strcspn(stage->args.items[i], "="));
		const char *value = strlist_env_get(&stage->env, name);
		buf_printf(&out, "%s=%s ", name, value ? value : "");
	}
	buf_printf(&out, "%s # buildkit", line);
	return buf_steal(&out);
}

/* ---- one function an instruction ---- */
static void apply_env(struct build_stage *stage, const struct instruction *instruction)
{
	struct buf line _cleanup_(buf_free) = { 0 };

	buf_add_str(&line, "ENV");
	for (size_t i = 0; i < instruction->pairs_len; i++) {
		strlist_env_set(&stage->config.env, instruction->pairs[i].name, instruction->pairs[i].value);
		strlist_env_set(&stage->env, instruction->pairs[i].name, instruction->pairs[i].value);
		buf_printf(&line, " %s=%s", instruction->pairs[i].name, instruction->pairs[i].value);
	}
	stage_add_history(stage, line.data, true);
}

static void apply_label(struct build_stage *stage, const struct instruction *instruction)
{
	struct buf line _cleanup_(buf_free) = { 0 };

	buf_add_str(&line, "LABEL");
	for (size_t i = 0; i < instruction->pairs_len; i++) {
		strlist_env_set(&stage->config.labels, instruction->pairs[i].name, instruction->pairs[i].value);
		buf_printf(&line, " %s=%s", instruction->pairs[i].name, instruction->pairs[i].value);
	}
	stage_add_history(stage, line.data, true);
}

static void declare_arg(struct build_stage *stage, const char *name, const char *value)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < stage->args.len; i++)
		if (!strncmp(stage->args.items[i], name, len) && (!stage->args.items[i][len] || stage->args.items[i][len] == '=')) {
			free(stage->args.items[i]);
			stage->args.items[i] = value ? xprintf("%s=%s", name, value) : xstrdup(name);
			return;
		}
	strlist_take(&stage->args, value ? xprintf("%s=%s", name, value) : xstrdup(name));
}

static void apply_arg(struct build_stage *stage, const struct instruction *instruction, const struct arg_sources *sources)
{
	struct buf line _cleanup_(buf_free) = { 0 };

	buf_add_str(&line, "ARG");
	for (size_t i = 0; i < instruction->pairs_len; i++) {
		const char *name = instruction->pairs[i].name, *value = strlist_env_get(sources->given, name);
		if (!value)
			value = instruction->pairs[i].value;
		if (!value)
			value = strlist_env_get(sources->global, name);
		if (value)
			strlist_env_set(&stage->env, name, value);
		declare_arg(stage, name, value);
		buf_printf(&line, value ? " %s=%s" : " %s%s", name, value ? value : "");
	}
	stage_add_history(stage, line.data, true);
}

static int apply_expose(struct build_stage *stage, const struct instruction *instruction, struct error *err)
{
	struct strlist ports _cleanup_(strlist_free) = { 0 };

	for (size_t i = 0; i < instruction->words.len; i++)
		if (expose_parse(instruction->words.items[i], &ports, err) < 0)
			return -1;
	for (size_t i = 0; i < ports.len; i++)
		list_add_sorted(&stage->config.exposed_ports, ports.items[i]);
	_cleanup_(freep) char *list = strlist_join(&ports, " ");
	add_history_take(stage, xprintf("EXPOSE [%s]", list));
	return 0;
}

static void apply_volume(struct build_stage *stage, const struct instruction *instruction)
{
	for (size_t i = 0; i < instruction->words.len; i++)
		list_add_sorted(&stage->config.volumes, instruction->words.items[i]);
	_cleanup_(freep) char *list = strlist_join(&instruction->words, " ");
	add_history_take(stage, xprintf("VOLUME [%s]", list));
}

static void apply_cmd(struct build_stage *stage, const struct instruction *instruction)
{
	struct strlist argv _cleanup_(strlist_free) = { 0 };

	stage_argv(stage, instruction, &argv);
	list_set(&stage->config.cmd, &argv);
	stage->config.has_cmd = true;
	stage->cmd_set = true;
	_cleanup_(freep) char *list = quote_list(&argv);
	add_history_take(stage, xprintf("CMD %s", list));
}

/* An ENTRYPOINT drops a CMD that came with the base: it was meant for another program. */
static void apply_entrypoint(struct build_stage *stage, const struct instruction *instruction)
{
	struct strlist argv _cleanup_(strlist_free) = { 0 };

	stage_argv(stage, instruction, &argv);
	list_set(&stage->config.entrypoint, &argv);
	stage->config.has_entrypoint = true;
	if (!stage->cmd_set) {
		strlist_free(&stage->config.cmd);
		stage->config.has_cmd = false;
	}
	_cleanup_(freep) char *list = quote_list(&argv);
	add_history_take(stage, xprintf("ENTRYPOINT %s", list));
}

static void apply_shell(struct build_stage *stage, const struct instruction *instruction)
{
	list_set(&stage->config.shell, &instruction->words);
	stage->config.has_shell = true;
	_cleanup_(freep) char *list = strlist_join(&instruction->words, " ");
	add_history_take(stage, xprintf("SHELL [%s]", list));
}

static void apply_healthcheck(struct build_stage *stage, const struct instruction *instruction)
{
	const struct healthcheck *from = &instruction->health;
	struct healthcheck *to = &stage->config.health;

	list_set(&to->test, &from->test);
	to->interval = from->interval;
	to->timeout = from->timeout;
	to->start_period = from->start_period;
	to->start_interval = from->start_interval;
	to->retries = from->retries;
	stage_add_history(stage, instruction->text, true);
}

static int apply_stop_signal(struct build_stage *stage, const char *name, struct error *err)
{
	const char *bare = str_starts(name, "SIG") ? name + 3 : name;
	int64_t number = -1;
	bool known = isdigit((unsigned char)*name) ? str_to_int(name, 1, 64, &number, NULL) == 0 : str_starts(bare, "RTM");

	for (int i = 1; i < NSIG && !known; i++)
		known = str_equal(sigabbrev_np(i), bare);
	if (!known)
		return error_set(err, ERROR_INVALID, "'%s' is not a signal", name);
	string_set(&stage->config.stop_signal, name);
	add_history_take(stage, xprintf("STOPSIGNAL %s", name));
	return 0;
}

int stage_apply(struct build_stage *stage, const struct instruction *instruction, const struct arg_sources *sources, struct error *err)
{
	const char *first = instruction->words.len ? instruction->words.items[0] : "";

	switch (instruction->kind) {
	case INSTRUCTION_ENV: apply_env(stage, instruction); break;
	case INSTRUCTION_LABEL: apply_label(stage, instruction); break;
	case INSTRUCTION_ARG: apply_arg(stage, instruction, sources); break;
	case INSTRUCTION_VOLUME: apply_volume(stage, instruction); break;
	case INSTRUCTION_CMD: apply_cmd(stage, instruction); break;
	case INSTRUCTION_ENTRYPOINT: apply_entrypoint(stage, instruction); break;
	case INSTRUCTION_SHELL: apply_shell(stage, instruction); break;
	case INSTRUCTION_HEALTHCHECK: apply_healthcheck(stage, instruction); break;
	case INSTRUCTION_ONBUILD: strlist_add(&stage->config.onbuild, first); break;
	case INSTRUCTION_EXPOSE: return apply_expose(stage, instruction, err);
	case INSTRUCTION_STOPSIGNAL: return apply_stop_signal(stage, first, err);
	case INSTRUCTION_USER:
		string_set(&stage->config.user, first);
		add_history_take(stage, xprintf("USER %s", first));
		break;
	case INSTRUCTION_MAINTAINER:
		string_set(&stage->config.author, first);
		add_history_take(stage, xprintf("MAINTAINER %s", first));
		break;
	default:
		return error_set(err, ERROR_FAILED, "%s is not an instruction of the configuration", instruction_kind_name(instruction->kind));
	}
	return 0;
}
