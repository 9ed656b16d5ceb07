/* What steps read from: base images, the trees of other stages and images, the context. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/executor.h"

int build_workspace(struct build *build, struct error *err)
{
	return build->workspace.path ? 0 : workspace_open(build->store, &build->workspace, err);
}

static int pull(struct build *build, const char *name, const struct platform *platform, struct error *err)
{
	struct reference reference _cleanup_(reference_clear) = { 0 };
	struct remote_options remote = build->options->remote;
	struct pull_result result;

	if (reference_parse(name, &reference, err) < 0)
		return -1;
	output_pause(build->output);
	struct progress *progress = progress_new(stderr, build->options->quiet);
	remote.progress = progress;
	int pulled = remote_pull(build->store, &reference, platform, false, &remote, &result, err);
	progress_free(&progress);
	output_resume(build->output);
	return pulled;
}

/* An image that is here, but for another platform, is a more likely mistake than one that isn't there at all. */
static int hint_platform(struct build *build, const char *name, const struct platform *platform, struct error *err)
{
	struct image image _cleanup_(image_clear) = { 0 };
	char here[PLATFORM_TEXT_SIZE], wanted[PLATFORM_TEXT_SIZE];

	if (!platform || !err || store_image_find(build->store, name, NULL, &image, NULL) < 0)
		return -1;
	free(steal(err->hint));
	return error_hint(err, "the store has %s for %s, but not for %s", name, platform_print(&image.config.platform, here), platform_print(platform, wanted));
}

int build_image_find(struct build *build, const char *name, const struct platform *platform, struct image *ret, struct error *err)
{
	struct error why _cleanup_(error_clear) = { 0 };

	if (build->options->pull != PULL_ALWAYS) {
		if (store_image_find(build->store, name, platform, ret, &why) == 0)
			return 0;
		if (why.code != ERROR_NOT_FOUND || build->options->pull == PULL_NEVER) {
			error_move(err, &why);
			return -1;
		}
	}
	if (pull(build, name, platform, err) < 0)
		return hint_platform(build, name, platform, err);
	return store_image_find(build->store, name, platform, ret, err);
}

int build_unpack(struct build *build, struct build_stage *stage, struct error *err)
{
	struct strlist numbers _cleanup_(strlist_free) = { 0 };

	if (stage->numbers.len == stage->manifest.layers_len)
		return 0;
	output_pause(build->output);
	struct progress *progress = progress_new(stderr, build->options->quiet);
	int result = layers_unpack(build->store, &stage->manifest, &stage->config, progress, &numbers, err);
	progress_free(&progress);
	output_resume(build->output);
	if (result < 0)
		return -1;
	strlist_free(&stage->numbers);
	strlist_add_all(&stage->numbers, &numbers);
	return 0;
}

static int mount_layers(struct build *build, const struct strlist *numbers, const char *folder, bool read_only, struct error *err)
{
	const struct snapshot_options options = { .layers = numbers, .dir = folder, .read_only = read_only };
	_cleanup_(freep) char *merged = path_join(folder, "merged");

	if (snapshot_mount(build->store, &options, err) < 0)
		return -1;
	int root = open(merged, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? error_errno(err, errno, "cannot open %s", merged) : root;
}

int build_mount(struct build *build, struct build_stage *stage, const char *folder, struct error *err)
{
	if (build_unpack(build, stage, err) < 0)
		return -1;
	return mount_layers(build, &stage->numbers, folder, false, err);
}

/* ---- --from ---- */
const struct build_stage *build_source_stage(const struct build *build, const struct build_source *source)
{
	return source->name ? &source->image : &build->stages[source->stage];
}

void build_source_free(struct build_source *source)
{
	fd_close(&source->root);
	stage_clear(&source->image);
	strlist_free(&source->numbers);
	free(source->name);
	free(source->path);
	free(source);
}

static struct build_source *source_add(struct build *build)
{
	struct build_source *source = xnew(struct build_source);

	source->root = -1;
	xgrow(build->sources, build->sources_len);
	build->sources[build->sources_len++] = source;
	return source;
}

static struct build_source *source_of_stage(struct build *build, size_t stage, struct error *err)
{
	if (build_stage_run(build, stage, err) < 0)
		return NULL;
	for (size_t i = 0; i < build->sources_len; i++)
		if (!build->sources[i]->name && build->sources[i]->stage == stage)
			return build->sources[i];
	struct build_source *source = source_add(build);
	source->stage = stage;
	return source;
}

static struct build_source *source_of_image(struct build *build, const char *name, const struct platform *platform, struct error *err)
{
	struct image image _cleanup_(image_clear) = { 0 };

	for (size_t i = 0; i < build->sources_len; i++)
		if (str_equal(build->sources[i]->name, name) && platform_equal(&build->sources[i]->platform, platform))
			return build->sources[i];
	if (build_image_find(build, name, platform, &image, err) < 0)
		return NULL;
	struct build_source *source = source_add(build);
	source->name = xstrdup(name);
	source->platform = *platform;
	stage_begin_image(&source->image, &image.config, &image.manifest);
	return source;
}

struct build_source *build_source_find(struct build *build, const char *name, size_t at, const struct platform *platform, struct error *err)
{
	int stage = plan_find_stage(&build->plan, name, at);

	if (stage >= 0)
		return source_of_stage(build, (size_t)stage, err);
	return source_of_image(build, name, platform, err);
}

int build_source_open(struct build *build, struct build_source *source, struct error *err)
{
	struct build_stage *stage = source->name ? &source->image : &build->stages[source->stage];

	if (source->root >= 0)
		return 0;
	if (build_workspace(build, err) < 0 || build_unpack(build, stage, err) < 0)
		return -1;
	_cleanup_(freep) char *folder = workspace_folder(&build->workspace, "source", err);
	if (!folder)
		return -1;
	source->root = mount_layers(build, &stage->numbers, folder, true, err);
	if (source->root < 0)
		return -1;
	source->path = path_join(folder, "merged");
	return 0;
}

int build_tree(struct build_step *step, const char *from, struct tree *ret, struct error *err)
{
	struct build *build = step->build;

	if (!from) {
		if (build->context.root < 0) {
			error_set(err, ERROR_INVALID, "there is no build context: the Dockerfile came from standard input alone");
			return error_hint(err, "give a folder as the context, and -f - for the Dockerfile");
		}
		*ret = (struct tree){ .root = build->context.root, .ignore = build->context.ignore, .is_context = true, .hidden = &build->store_stat };
		return 0;
	}
	struct build_source *source = build_source_find(build, from, step->at, &step->stage->config.platform, err);
	if (!source || build_source_open(build, source, err) < 0)
		return -1;
	*ret = (struct tree){ .root = source->root };
	return 0;
}

/* ---- keys of what is read ---- */
static int key_content(struct build_step *step, struct cache_key *key, const char *from, const struct strlist *paths,
		       const struct ignore *exclude, struct error *err)
{
	struct tree tree;

	if (build_tree(step, from, &tree, err) < 0)
		return -1;
	for (size_t i = 0; i < paths->len; i++) {
		struct strlist found _cleanup_(strlist_free) = { 0 };
		bool wild;
		if (tree_match(&tree, paths->items[i], &found, &wild, err) < 0)
			return -1;
		/* the name counts where a file goes into a directory */
		cache_key_add_list(key, "source", &found);
		for (size_t j = 0; j < found.len; j++) {
			struct digester digester;
			struct digest digest;
			digester_init(&digester, DIGEST_SHA256);
			if (tree_digest(&tree, found.items[j], exclude, &digester, err) < 0)
				return -1;
			digester_finish(&digester, &digest);
			cache_key_add_digest(key, "content", &digest);
		}
	}
	return 0;
}

int build_key_files(struct build_step *step, struct cache_key *key, const char *from, const struct strlist *paths, const struct ignore *exclude,
		    struct error *err)
{
	struct digest chain;

	if (!from || step->by_content)
		return key_content(step, key, from, paths, exclude, err);
	struct build_source *source = build_source_find(step->build, from, step->at, &step->stage->config.platform, err);
	if (!source)
		return -1;
	step->reads_stages = true;
	const struct build_stage *stage = build_source_stage(step->build, source);
	config_chain_id(stage->config.diff_ids, stage->config.diff_ids_len, &chain);
	cache_key_add_digest(key, "chain", &chain);
	cache_key_add_list(key, "paths", paths);
	return 0;
}
