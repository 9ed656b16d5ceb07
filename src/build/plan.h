/* The plan: which stages a build runs, on what, for which platform. Made from the Dockerfile and the command line alone, before anything
 * is fetched or run: what this program can't do is refused here, with file and line. */
#ifndef BUILD_PLAN_H
#define BUILD_PLAN_H
#include "build/dockerfile.h"
#include "oci/reference.h"

enum base_kind { BASE_SCRATCH, BASE_STAGE, BASE_IMAGE };

struct plan_stage {
	const struct stage *source; /* borrowed from the Dockerfile */
	char *label;		    /* "build", "stage-1"; "" where a file has one stage without a name */
	enum base_kind base;
	size_t base_stage;	    /* BASE_STAGE */
	char *image;		    /* BASE_IMAGE: as the file names it, expanded */
	struct platform platform;
	bool needed;		    /* by the target */
	size_t steps;		    /* that are shown and counted: FROM, and what makes layers */
};

struct plan {
	const struct dockerfile *dockerfile; /* borrowed */
	struct plan_stage *stages;	     /* one for each of the file's, in its order */
	size_t stages_len;
	size_t target;
	struct strlist args; /* NAME=VALUE of the global scope: predefined ones and those before the first FROM */
};

struct plan_options {
	const struct strlist *build_args; /* NAME=VALUE */
	const char *target;		  /* name or number; NULL is the last stage */
	struct platform platform;	  /* wanted */
	struct platform build_platform;	  /* this machine's */
};

int plan_make(const struct dockerfile *dockerfile, const struct plan_options *options, struct plan *ret, struct error *err);
void plan_clear(struct plan *plan);
/* One line a stage and a step, for tests and --debug. Appends. */
void plan_print(const struct plan *plan, struct buf *ret);

/* The stage that --from names, seen from stage `at`: its number, or -1 if it is an image. */
int plan_find_stage(const struct plan *plan, const char *name, size_t at);
/* Does the instruction make a layer, and is it shown as a step? */
bool plan_is_step(const struct instruction *instruction);
/* What can't be done yet or ever: ERROR_UNSUPPORTED. Also for triggers and for what only expansion shows. */
int plan_check(const struct instruction *instruction, struct error *err);
/* One of docker's proxy variables, which RUN gets without an ARG and which are no part of any cache key. */
bool plan_is_proxy(const char *name);
#endif
