/* COPY, ADD and WORKDIR as steps: what they read goes into the key, what they write into an overlay on the stage's layers. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/copy.h"
#include "build/executor.h"
#include "build/owner.h"

/* ---- COPY, ADD ---- */
static int copy_key(struct build_step *step, struct cache_key *key, struct error *err)
{
	const struct instruction *it = step->instruction;
	struct ignore *exclude _cleanup_(ignore_free) = NULL;
	_cleanup_(freep) char *dest = stage_path(step->stage, it->dest);

	cache_key_add(key, "dest", dest);
	cache_key_add(key, "chown", it->flags.chown);
	cache_key_add(key, "chmod", it->flags.chmod);
	cache_key_add(key, "add", it->kind == INSTRUCTION_ADD && (!it->flags.has_unpack || it->flags.unpack) ? "unpack" : "");
	if (it->flags.parents)
		cache_key_add_list(key, "parents", &it->words);
	cache_key_add_list(key, "exclude", &it->flags.exclude);
	for (size_t i = 0; i < it->heredocs_len; i++) {
		cache_key_add(key, "heredoc", it->heredocs[i].name);
		cache_key_add(key, "body", it->heredocs[i].body);
	}
	if (it->flags.exclude.len && ignore_from_list(&it->flags.exclude, &exclude, err) < 0)
		return -1;
	return it->words.len ? build_key_files(step, key, it->flags.from, &it->words, exclude, err) : 0;
}

/* --parents: how many of a source's folders aren't carried over: those before the pivot, /./ */
static size_t pivot_depth(const char *source)
{
	const char *pivot = strstr(source, "/./");
	size_t depth = 0;

	if (!pivot)
		return 0;
	_cleanup_(freep) char *before = xprintf("/%.*s", (int)(pivot - source), source), *clean = path_clean(before);
	for (const char *c = clean; *c; c++)
		depth += *c == '/' && c[1];
	return depth;
}

/* --parents: a path goes beneath the destination with its folders, those behind the pivot. */
static int copy_with_parents(const struct tree *tree, const char *path, size_t depth, const struct copy_options *options, struct error *err)
{
	const char *rest = path;
	struct copy_options one = *options;

	for (; depth && *rest; depth--)
		rest = strchrnul(rest, '/') + (strchr(rest, '/') != NULL);
	_cleanup_(freep) char *dest = path_join(options->dest, rest);
	one.dest = dest;
	one.many = false;
	return copy_path(tree, path, &one, err);
}

static int copy_sources(struct build_step *step, struct copy_options *options, struct error *err)
{
	const struct instruction *it = step->instruction;
	struct tree tree;

	if (it->words.len && build_tree(step, it->flags.from, &tree, err) < 0)
		return -1;
	for (size_t i = 0; i < it->words.len; i++) {
		struct strlist paths _cleanup_(strlist_free) = { 0 };
		bool wild;
		if (tree_match(&tree, it->words.items[i], &paths, &wild, err) < 0)
			return -1;
		options->many = paths.len > 1 || it->words.len + it->heredocs_len > 1;
		for (size_t j = 0; j < paths.len; j++)
			if ((it->flags.parents ? copy_with_parents(&tree, paths.items[j], pivot_depth(it->words.items[i]), options, err) :
						 copy_path(&tree, paths.items[j], options, err)) < 0)
				return -1;
	}
	options->many = it->words.len + it->heredocs_len > 1;
	for (size_t i = 0; i < it->heredocs_len; i++)
		if (copy_text(it->heredocs[i].name, it->heredocs[i].body, options, err) < 0)
			return -1;
	return 0;
}

static int copy_work(struct build_step *step, const char *folder, struct error *err)
{
	const struct instruction *it = step->instruction;
	struct ignore *exclude _cleanup_(ignore_free) = NULL;
	_cleanup_(freep) char *dest = stage_path(step->stage, it->dest);
	struct copy_options options = {
		.dest = dest, .uid = -1, .gid = -1, .chmod = it->flags.chmod, .epoch = step->build->options->epoch, .scratch = folder,
		.unpack = it->kind == INSTRUCTION_ADD && (!it->flags.has_unpack || it->flags.unpack),
	};

	if (it->flags.chmod && mode_check(it->flags.chmod, err) < 0)
		return -1;
	_cleanup_(fd_close) int root = build_mount(step->build, step->stage, folder, err);
	if (root < 0)
		return -1;
	options.root = root;
	if (it->flags.chown && owner_resolve(root, it->flags.chown, &options.uid, &options.gid, err) < 0)
		return error_wrap(err, "--chown=%s", it->flags.chown);
	if (it->flags.exclude.len && ignore_from_list(&it->flags.exclude, &exclude, err) < 0)
		return -1;
	options.exclude = exclude;
	return copy_sources(step, &options, err);
}

static char *copy_history(const struct build_step *step)
{
	return xprintf("%s # buildkit", step->instruction->text);
}

const struct step_kind step_copy_kind = { copy_key, copy_work, copy_history };

/* ---- WORKDIR: the stage's working directory is set already ---- */
static int workdir_key(struct build_step *step, struct cache_key *key, struct error *err)
{
	(void)err;
	cache_key_add(key, "path", step->stage->config.working_dir);
	cache_key_add(key, "user", step->stage->config.user);
	return 0;
}

static int workdir_work(struct build_step *step, const char *folder, struct error *err)
{
	const struct image_config *config = &step->stage->config;
	int64_t uid = 0, gid = 0;
	_cleanup_(fd_close) int root = build_mount(step->build, step->stage, folder, err);

	if (root < 0)
		return -1;
	_cleanup_(fd_close) int there = path_open_in_root(root, config->working_dir, O_PATH | O_DIRECTORY, 0, NULL);
	if (there >= 0)
		return 1;
	if (!str_empty(config->user) && owner_resolve(root, config->user, &uid, &gid, err) < 0)
		return -1;
	return copy_make_directory(root, config->working_dir, uid, gid, step->build->options->epoch, err);
}

static char *workdir_history(const struct build_step *step)
{
	return xprintf("WORKDIR %s", step->stage->config.working_dir);
}

const struct step_kind step_workdir_kind = { workdir_key, workdir_work, workdir_history };
