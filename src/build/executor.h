/* The executor's inside: what build.c, files.c (COPY, ADD, WORKDIR) and command.c (RUN) share. */
#ifndef BUILD_EXECUTOR_H
#define BUILD_EXECUTOR_H
#include "build/build.h"
#include "build/cache.h"
#include "build/context.h"
#include "build/output.h"
#include "build/plan.h"
#include "build/stage.h"
#include "build/workspace.h"

/* An image that COPY --from or a mount names, or the tree of a stage, ready to be read. */
struct build_source {
	char *name; /* of an image; NULL: a stage */
	size_t stage;
	struct platform platform;
	struct build_stage image; /* of an image */
	int root;		  /* its tree once it is mounted, read-only; else -1 */
	char *path;		  /* of the tree, absolute */
	struct strlist numbers;	  /* its layers, unpacked */
};

struct build {
	struct store *store;
	const struct build_options *options;
	struct strlist build_args; /* with those from the environment */
	struct platform host;
	struct build_context context;
	struct stat store_stat; /* of the store's root: a COPY of a context that holds it must not copy into itself */
	struct dockerfile file;
	struct plan plan;
	struct build_stage *stages;
	struct build_source **sources; /* by pointer: they are borrowed while the list grows */
	size_t sources_len;
	struct workspace workspace;
	struct output *output;
	struct build_twins twins;
	struct build_result result;
};

/* A step in the making: one instruction of one stage. */
struct build_step {
	struct build *build;
	struct build_stage *stage;
	const struct instruction *instruction; /* expanded */
	size_t at;			       /* number of the stage */
	/* What is read from other stages is first looked up by their chain ids, then, with `by_content`, by the files themselves. */
	bool by_content, reads_stages;
};

/* What the step changes: the key that tells it apart, and the work. `ret->has_layer` false: nothing changed. */
struct step_kind {
	int (*key)(struct build_step *step, struct cache_key *key, struct error *err);
	/* `folder` is an empty one of the workspace; the changes are left in folder/upper. Returns 1 if there is no layer to make. */
	int (*work)(struct build_step *step, const char *folder, struct error *err);
	char *(*history)(const struct build_step *step);
};
extern const struct step_kind step_run_kind, step_copy_kind, step_workdir_kind;

/* The numbers of all layers of a stage, unpacked now where they aren't. */
int build_unpack(struct build *build, struct build_stage *stage, struct error *err);
/* Mounts a stage's tree for writing at folder/merged and opens it. The descriptor is the caller's. */
int build_mount(struct build *build, struct build_stage *stage, const char *folder, struct error *err);
/* What --from names, seen from stage `at`: fetched or built, not mounted. Borrowed. */
struct build_source *build_source_find(struct build *build, const char *name, size_t at, const struct platform *platform, struct error *err);
const struct build_stage *build_source_stage(const struct build *build, const struct build_source *source);
/* Mounts it where it isn't. */
int build_source_open(struct build *build, struct build_source *source, struct error *err);
void build_source_free(struct build_source *source);
/* The image in the store, pulled if the policy says so. */
int build_image_find(struct build *build, const char *name, const struct platform *platform, struct image *ret, struct error *err);
/* Adds what a step reads below `path` of `from` (NULL: the context) to the key. */
int build_key_files(struct build_step *step, struct cache_key *key, const char *from, const struct strlist *paths, const struct ignore *exclude,
		    struct error *err);
/* The tree that --from names, or the context, to read from. */
int build_tree(struct build_step *step, const char *from, struct tree *ret, struct error *err);
/* Opens the workspace when it is first needed. */
int build_workspace(struct build *build, struct error *err);
/* Runs the stage's instructions unless that was done. */
int build_stage_run(struct build *build, size_t at, struct error *err);
#endif
