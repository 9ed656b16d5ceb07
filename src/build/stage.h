/* A stage on its way: the image that its instructions have made so far, and what they see. */
#ifndef BUILD_STAGE_H
#define BUILD_STAGE_H
#include "build/plan.h"
#include "store/store.h"

struct build_stage {
	const struct plan_stage *plan;	/* NULL: an image that COPY --from or a mount names */
	struct image_config config;	/* its diff ids are those of `manifest`'s layers */
	struct manifest manifest;	/* only the layers count */
	struct strlist numbers;		/* of the layers that are unpacked, lowest first; fewer than layers while nothing needed them */
	struct strlist args;		/* declared by ARG, in order: NAME=VALUE, or NAME without a value */
	struct strlist env;		/* what instructions and RUN see: the config's environment and the ARGs */
	char *created;			/* when the last step was made: for the history; NULL at first */
	bool cmd_set;			/* by an instruction of this stage: ENTRYPOINT leaves it alone */
	bool built;
	size_t step, steps;		/* number of the step shown last, and of all */
};

void stage_clear(struct build_stage *stage);
/* Begins from an image's config and layers, or another stage's. `own_platform` for scratch. */
void stage_begin_scratch(struct build_stage *stage, const struct platform *platform);
void stage_begin_image(struct build_stage *stage, const struct image_config *config, const struct manifest *manifest);
void stage_begin_stage(struct build_stage *stage, const struct build_stage *base);
void stage_chain_id(const struct build_stage *stage, struct digest *ret);

/* A layer on top. `number` NULL: not unpacked. Copies. */
void stage_add_layer(struct build_stage *stage, const struct descriptor *layer, const struct digest *diff_id, const char *number);
/* An entry as docker writes it; `created` of the stage. */
void stage_add_history(struct build_stage *stage, const char *created_by, bool empty_layer);

/* Where the values of ARG come from. */
struct arg_sources {
	const struct strlist *given;  /* --build-arg */
	const struct strlist *global; /* before the first FROM, and the predefined ones */
};
/* ENV, LABEL, CMD, ARG and the others that make no layer: into the config and the history. `instruction` is expanded. */
int stage_apply(struct build_stage *stage, const struct instruction *instruction, const struct arg_sources *sources, struct error *err);
/* The argv of an instruction that runs something: as given, or behind the stage's shell. */
void stage_argv(const struct build_stage *stage, const struct instruction *instruction, struct strlist *ret);
/* `path` seen from the stage's working directory: absolute and clean; a final slash is kept. Owned by the caller. */
char *stage_path(const struct build_stage *stage, const char *path);
/* "RUN |1 A=b /bin/sh -c make # buildkit". Owned by the caller. */
char *stage_run_history(const struct build_stage *stage, const struct strlist *argv);
#endif
