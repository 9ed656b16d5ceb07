/* What the two halves of making a set of twins share: twin_make.c, and twin_gcc.c for the compiler and binutils. */
#ifndef EMU_TWIN_MAKE_H
#define EMU_TWIN_MAKE_H
#include "base/json.h"
#include "emu/debs.h"

enum { PROGRAM_MAX = 512 << 20 };

struct maker {
	struct store *store;
	const struct twin_source *source;
	const char *folder;
	char *upper; /* folder/upper: the set's tree */
	const char *triplet, *host_triplet;
	bool same_order; /* of bytes, in both machines' numbers */
	struct debs debs;
	struct strlist packages; /* of both architectures that belong together: names */
	struct strlist fetch;	 /* NAME:ARCHITECTURE */
	struct strlist versions; /* of gcc: "14" */
	json_t *programs, *libraries, *skipped;
	json_t *versions_of; /* of packages whose version is of interest to who uses the set: name to version; or NULL */
	void (*say)(void *data, const char *text);
	void *data;
};

struct program {
	const char *file; /* the image's, unpacked */
	const char *path; /* in the image */
	const char *twin; /* this machine's, unpacked */
	char *to;	  /* in the set's tree; owned */
	enum twin_kind kind;
	const char *deny;
	json_t *env, *c_folders, *cxx_folders; /* owned, or NULL */
	const json_t *needs;		       /* libraries by their paths in the image; borrowed, or NULL */
	char *plugin;			       /* in the set's tree; owned, or NULL */
};
void program_clear(struct program *program);

/* Writes down what has no twin, and why; takes ownership of `why`. */
void maker_skip(struct maker *maker, const char *what, char *why);

/* ---- packages ---- */
/* Do the two come from one source, of one version? If not, that is written down. */
bool maker_pairs(struct maker *maker, const char *foreign_name, const char *host_name);
void maker_want(struct maker *maker, const char *foreign, const char *host);
/* The name of a tool's package, "gcc-14-x86-64-linux-gnu"; owned by the caller. */
char *tool_package(const char *start, const char *triplet);
/* Which of the two names the image's distribution has for a native tool. */
const char *maker_native(const struct maker *maker, const char *named, const char *plain);

/* ---- their files; paths are owned by the caller ---- */
char *maker_file(const struct maker *maker, const char *architecture, const char *package, const char *path);
bool file_is_program(const char *path);
/* A command, and its path in the image; NULL if the package has none of the name. */
char *maker_find(const struct maker *maker, const char *architecture, const char *package, const char *name, char **ret_path);
/* Runs a program of a package, as far as it must be run to make the set. The image chose whence it comes, and no container is around it as it is around a step: it gets namespaces
 * of its own, no capability, no network, and sees of the files what is beneath `root`, the maker's folder or the set's tree. args are seen from there. */
int maker_run_alone(const char *root, const char *const *args, size_t limit, struct buf *ret, struct error *err);
/* Into the set's tree. */
int maker_copy(struct maker *maker, const char *from, const char *to, mode_t mode, struct error *err);
int maker_add_twin(struct maker *maker, const struct program *program, struct error *err);
/* What stands for what is compiled into the image's file, by the words of struct twin_special; NULL if that was not found there. */
json_t *maker_variables(struct maker *maker, const char *names, const char *file);
/* An image's library, by the path at which its loader finds it, once. */
int maker_add_library(struct maker *maker, const char *file, const char *path, struct error *err);
/* The same with other bytes for the twin. */
int maker_add_changed(struct maker *maker, struct program *program, const struct buf *bytes, struct error *err);

/* ---- twin_apk.c: all of a set for Alpine ---- */
int alpine_add(struct maker *maker, struct error *err);

/* ---- twin_gcc.c ---- */
int gcc_choose(struct maker *maker, struct error *err);
int gcc_add(struct maker *maker, struct error *err);
int binutils_add(struct maker *maker, struct error *err);
#endif
