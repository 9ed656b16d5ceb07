/* Dockerfile builds. dockerfile.h is the language, plan.h the graph of steps, build.h the whole. */
#ifndef BUILD_BUILD_H
#define BUILD_BUILD_H
#include "build/output.h"
#include "build/twins.h"
#include "remote/remote.h"
#include "run/run.h"

struct build_options {
	const char *context;	/* folder, "-" (a Dockerfile on stdin, no context) */
	const char *file;	/* NULL: context/Dockerfile */
	const char *text;	/* the Dockerfile itself, without a context; else NULL */
	struct reference *names;
	size_t names_len;
	bool has_platform;
	struct platform platform;
	struct strlist build_args; /* NAME=VALUE, or NAME alone: from the environment */
	struct strlist labels;
	struct strlist secrets; /* "id=ID,src=FILE", "id=ID,env=NAME", "id=ID" */
	const char *target;
	enum network_mode network;
	bool no_cache, quiet;
	enum output_mode progress;
	enum pull_policy pull;
	enum twins_mode twins;
	bool twins_fresh;	/* make them anew, though they are there */
	const char *twin_mirror; /* of this machine's packages, see struct twin_source; or NULL */
	const char *twin_set;	/* an image: this set, whatever the distribution; or NULL */
	bool discard;		/* run the steps, but make no image */
	struct remote_options remote;
	int64_t epoch; /* SOURCE_DATE_EPOCH, or -1 */
};
struct build_result {
	struct digest manifest, id;
	size_t steps, cached; /* that make layers; of them, found in the cache */
	double seconds;	      /* of processor time, of all that RUN ran */
	unsigned twinned, emulated; /* programs that ran as twins and that were emulated, where there were twins */
};
/* For the whole command, before the store is opened and before any thread: a mount namespace of our own, with which all mounts of the build
 * end. Should be called once; mustn't by a server. */
int build_enter_namespace(struct error *err);
/* Output goes to stderr as BuildKit's plain or terminal picture; the result is for the command to print. */
int build_run(struct store *store, const struct build_options *options, struct build_result *ret, struct error *err);
/* For several platforms (those of the options don't count): the result is an index of the images, and its digest stands for the id, too. */
int build_run_platforms(struct store *store, const struct build_options *options, const struct platform *platforms, size_t len,
			struct build_result *ret, struct error *err);
#endif
