/* Which images something needs: see images.h. Here: the list itself, image lists, Dockerfiles, engines; images_yaml.c has the rest. */
#include "board/images.h"

#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "build/plan.h"
#include "oci/reference.h"

void image_list_free(struct image_list *list)
{
	for (size_t i = 0; i < list->len; i++) {
		free(list->items[i].reference);
		free(list->items[i].source);
	}
	free(list->items);
	*list = (struct image_list){ 0 };
}

void image_list_add(struct image_list *list, const char *reference, const char *file, size_t line, const struct platform *platform)
{
	struct image_use use = { .has_platform = platform != NULL };

	if (platform)
		use.platform = *platform;
	for (size_t i = 0; i < list->len; i++) {
		const struct image_use *old = &list->items[i];
		if (str_equal(old->reference, reference) && old->has_platform == use.has_platform &&
		    (!platform || platform_equal(&old->platform, platform)))
			return;
	}
	if (list->len == IMAGES_MAX)
		return;
	use.reference = xstrdup(reference);
	use.source = line ? xprintf("%s:%zu", file, line) : xstrdup(file);
	xgrow(list->items, list->len);
	list->items[list->len++] = use;
}

/* ---- lists ---- */

int image_list_read_text(struct image_list *list, const char *text, const char *file, struct error *err)
{
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	strlist_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		char *line = lines.items[i] + strspn(lines.items[i], " \t\r");
		struct reference reference = { 0 };
		line[strcspn(line, " \t\r#")] = '\0';
		if (!*line)
			continue;
		if (reference_parse(line, &reference, err) < 0)
			return error_wrap(err, "%s:%zu", file, i + 1);
		reference_clear(&reference);
		image_list_add(list, line, file, i + 1, NULL);
	}
	return 0;
}

/* ---- Dockerfiles ---- */

static void add_from(struct image_list *list, const struct plan *plan, size_t stage, const char *from, const char *file, int line)
{
	if (!str_empty(from) && !str_equal(from, "scratch") && plan_find_stage(plan, from, stage) < 0)
		image_list_add(list, from, file, (size_t)line, &plan->stages[stage].platform);
}

static void add_stage(struct image_list *list, const struct plan *plan, size_t at, const char *file)
{
	const struct plan_stage *stage = &plan->stages[at];

	if (!stage->needed)
		return;
	if (stage->base == BASE_IMAGE)
		image_list_add(list, stage->image, file, (size_t)stage->source->from.line, &stage->platform);
	for (size_t i = 0; i < stage->source->instructions_len; i++) {
		const struct instruction *instruction = &stage->source->instructions[i];
		add_from(list, plan, at, instruction->flags.from, file, instruction->line);
		for (size_t k = 0; k < instruction->flags.mounts_len; k++)
			add_from(list, plan, at, instruction->flags.mounts[k].from, file, instruction->line);
	}
}

int image_list_read_dockerfile(struct image_list *list, const char *text, size_t len, const char *file, const struct platform *platforms,
			       size_t platforms_len, struct error *err)
{
	struct dockerfile dockerfile _cleanup_(dockerfile_clear) = { 0 };
	struct strlist none = { 0 };
	struct plan_options options = { .build_args = &none };

	platform_host(&options.build_platform);
	if (dockerfile_parse(text, len, file, &dockerfile, err) < 0)
		return -1;
	for (size_t i = 0; i < platforms_len; i++) {
		struct plan plan _cleanup_(plan_clear) = { 0 };
		options.platform = platforms[i];
		if (plan_make(&dockerfile, &options, &plan, err) < 0)
			return -1;
		for (size_t k = 0; k < plan.stages_len; k++)
			add_stage(list, &plan, k, file);
	}
	return 0;
}

/* ---- engines ---- */

static void add_lines(struct image_list *list, const char *text, const char *source)
{
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	strlist_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		const char *line = lines.items[i];
		struct reference reference = { 0 };
		/* without a name: "<none>:<none>", and containerd's entries by digest alone */
		if (!*line || *line == '<' || str_ends(line, ":<none>") || str_starts(line, "sha256:") || reference_parse(line, &reference, NULL) < 0)
			continue;
		reference_clear(&reference);
		image_list_add(list, line, source, 0, NULL);
	}
}

static int read_command(struct image_list *list, const char *const *argv, const char *source, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	if (process_capture(argv, NULL, IMAGES_FILE_MAX, &text, err) < 0)
		return error_wrap(err, "cannot ask %s", source);
	buf_reserve(&text, 0);
	add_lines(list, text.data, source);
	return 0;
}

int image_list_read_docker(struct image_list *list, struct error *err)
{
	return read_command(list, (const char *[]){ "docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", NULL }, "docker", err);
}

int image_list_read_containerd(struct image_list *list, const char *namespace, struct error *err)
{
	_cleanup_(freep) char *ctr = process_find("ctr"), *k3s = ctr ? NULL : process_find("k3s");

	if (k3s)
		return read_command(list, (const char *[]){ k3s, "ctr", "-n", namespace, "images", "ls", "-q", NULL }, "K3s' containerd", err);
	return read_command(list, (const char *[]){ "ctr", "-n", namespace, "images", "ls", "-q", NULL }, "containerd", err);
}

/* ---- files of any kind ---- */

enum kind { KIND_TEXT, KIND_YAML, KIND_DOCKERFILE };

/* Every line that says something is one word, and an image. */
static bool looks_like_list(const char *text)
{
	struct image_list list = { 0 };
	bool is = !strchr(text, '{') && !strstr(text, "- ") && image_list_read_text(&list, text, "", NULL) == 0 && list.len;

	image_list_free(&list);
	return is && !strstr(text, ": ") && !strstr(text, ":\n");
}

static enum kind kind_of(const char *path, const char *text)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (str_starts(name, "Dockerfile") || str_starts(name, "Containerfile") || str_ends(name, ".dockerfile") || str_ends(name, ".Dockerfile"))
		return KIND_DOCKERFILE;
	if (str_ends(name, ".yaml") || str_ends(name, ".yml") || str_ends(name, ".json"))
		return KIND_YAML;
	if (str_ends(name, ".txt") || looks_like_list(text))
		return KIND_TEXT;
	while (*text) {
		text += strspn(text, " \t\r\n");
		if (*text != '#')
			break;
		text += strcspn(text, "\n");
	}
	return !strncasecmp(text, "FROM ", 5) || !strncasecmp(text, "ARG ", 4) ? KIND_DOCKERFILE : KIND_YAML;
}

int image_list_read(struct image_list *list, const char *path, const struct platform *platforms, size_t platforms_len, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	bool is_stdin = str_equal(path, "-");
	const char *file = is_stdin ? "standard input" : path;

	if (is_stdin ? fd_read_all(STDIN_FILENO, IMAGES_FILE_MAX, &text, file, err) < 0 : file_read(AT_FDCWD, path, IMAGES_FILE_MAX, &text, err) < 0)
		return -1;
	buf_reserve(&text, 0);
	switch (kind_of(path, text.data)) {
	case KIND_TEXT:
		return image_list_read_text(list, text.data, file, err);
	case KIND_DOCKERFILE:
		return image_list_read_dockerfile(list, text.data, text.len, file, platforms, platforms_len, err);
	default:
		return image_list_read_yaml(list, text.data, text.len, file, platforms, platforms_len, err);
	}
}
