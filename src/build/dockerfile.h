/* The Dockerfile as a tree: what was written, checked for grammar, with nothing expanded and nothing executed.
 *
 * dockerfile_parse makes the tree. Variables stand in it as written; instruction_expand gives a copy of one instruction whose
 * values are known, so that which instruction expands what in which field is known here and nowhere else. All strings and arrays
 * are owned by the tree. Lines count from 1. */
#ifndef BUILD_DOCKERFILE_H
#define BUILD_DOCKERFILE_H
#include "build/expand.h"
#include "build/ignore.h"
#include "oci/config.h"

enum {
	DOCKERFILE_SIZE_MAX = 4 << 20,	   /* of the file, bytes */
	DOCKERFILE_LINES_MAX = 100000,	   /* of the file */
	DOCKERFILE_INSTRUCTION_MAX = 1 << 20, /* bytes of one instruction, continuation lines joined */
	DOCKERFILE_HEREDOC_MAX = 1 << 20,  /* bytes of one body */
	DOCKERFILE_HEREDOCS_MAX = 64,	   /* in one instruction */
	DOCKERFILE_STAGES_MAX = 1000,
};

/* kind, word in the file */
#define INSTRUCTION_KINDS(X)         \
	X(ADD, "ADD")                \
	X(ARG, "ARG")                \
	X(CMD, "CMD")                \
	X(COPY, "COPY")              \
	X(ENTRYPOINT, "ENTRYPOINT")  \
	X(ENV, "ENV")                \
	X(EXPOSE, "EXPOSE")          \
	X(FROM, "FROM")              \
	X(HEALTHCHECK, "HEALTHCHECK") \
	X(LABEL, "LABEL")            \
	X(MAINTAINER, "MAINTAINER")  \
	X(ONBUILD, "ONBUILD")        \
	X(RUN, "RUN")                \
	X(SHELL, "SHELL")            \
	X(STOPSIGNAL, "STOPSIGNAL")  \
	X(USER, "USER")              \
	X(VOLUME, "VOLUME")          \
	X(WORKDIR, "WORKDIR")

enum instruction_kind {
#define X(kind, word) INSTRUCTION_##kind,
	INSTRUCTION_KINDS(X)
#undef X
};
const char *instruction_kind_name(enum instruction_kind kind); /* "RUN" */

struct name_value {
	char *name;
	char *value; /* NULL: ARG without a default */
};

struct heredoc {
	char *name;  /* EOF; for COPY the source's file name */
	char *body;  /* with `strip` done; ends in a newline unless empty */
	bool expand; /* the name was not quoted. COPY and ADD: instruction_expand has done it. RUN: the shell's matter */
	bool strip;  /* <<-: tabs at the start of lines are gone */
};

enum run_mount_type { RUN_MOUNT_BIND, RUN_MOUNT_CACHE, RUN_MOUNT_TMPFS, RUN_MOUNT_SECRET, RUN_MOUNT_SSH };
enum cache_sharing { CACHE_SHARED, CACHE_PRIVATE, CACHE_LOCKED };

/* RUN --mount. Numbers are read only where they hold no variable: complete after instruction_expand. */
struct run_mount {
	enum run_mount_type type;
	char *target, *source, *from; /* NULL: not given */
	char *id, *env;		      /* NULL: not given. The id of a cache is its target, of a secret its target's base name */
	bool read_only;		      /* bind: true unless rw; cache: false unless ro */
	bool required;		      /* secret, ssh */
	enum cache_sharing sharing;
	int mode;      /* cache 0755, secret 0400, ssh 0600 unless given */
	int64_t uid, gid; /* 0 unless given */
	uint64_t size; /* tmpfs, bytes; 0: no limit */
};

/* Flags that weren't given are NULL, false or empty. */
struct instruction_flags {
	char *platform;		  /* FROM */
	char *from;		  /* COPY */
	char *chown, *chmod;	  /* COPY, ADD; as written: "55:mygroup", "0644", "u=rwX,go=rX" */
	char *checksum;		  /* ADD: "sha256:…" */
	char *network;		  /* RUN: "default", "none", "host" */
	char *security;		  /* RUN: "sandbox", "insecure" */
	bool link;		  /* COPY, ADD */
	bool parents;		  /* COPY */
	bool keep_git_dir;	  /* ADD */
	bool unpack, has_unpack;  /* ADD: --unpack[=true|false] */
	struct strlist exclude;	  /* COPY, ADD */
	struct run_mount *mounts; /* RUN */
	size_t mounts_len;
	struct strlist devices;	  /* RUN --device, as written */
};

struct instruction {
	enum instruction_kind kind;
	int line, end_line; /* heredoc bodies included */
	char *text;	    /* "RUN make -j4": one line, the word in upper case, flags as written; for progress and history.
			     * After instruction_expand still as written. */
	char *word;	    /* the instruction's word as written ("run") */
	struct strlist raw_flags; /* "--mount=type=cache,target=/root": in order, without quotes, nothing expanded */
	struct instruction_flags flags;

	/* RUN CMD ENTRYPOINT SHELL: json_form: the argv; else words[0] is the line for the shell, heredocs put back in as a shell reads
	 *     them. A RUN of a single heredoc has the body as its line; is_script if that begins with #!.
	 * COPY ADD: the sources without heredocs; `dest` is apart.
	 * EXPOSE VOLUME: one an item. USER WORKDIR STOPSIGNAL MAINTAINER: one. ONBUILD: the trigger, an instruction as one line.
	 * FROM: the base image or stage. */
	struct strlist words;
	bool json_form;
	bool is_script;
	char *dest;
	char *alias, *as_word; /* FROM … AS alias: both as written, or NULL */
	struct name_value *pairs; /* ENV LABEL ARG */
	size_t pairs_len;
	bool legacy_pair;	  /* ENV name value */
	struct heredoc *heredocs; /* RUN COPY ADD; of COPY and ADD they are sources, after `words` */
	size_t heredocs_len;
	struct healthcheck health; /* HEALTHCHECK */
	bool empty_continuation;   /* there is an empty line within it: a check tells */
};

struct stage {
	char *name;	/* lower case, or NULL */
	char *base;	/* as written: may hold variables of the global ARGs */
	char *platform; /* as written, or NULL */
	struct instruction from;
	struct instruction *instructions; /* those behind FROM */
	size_t instructions_len;
};

/* `# check=skip=…;error=true` */
struct check_directive {
	struct strlist skip; /* rule names; "all" */
	bool error;
};

struct dockerfile {
	char *file_name;
	char *source; /* the whole text, for errors that point into it */
	size_t source_len;
	char escape; /* '\\' unless a directive says otherwise */
	char *syntax; /* of `# syntax=…`, or NULL; we are the frontend ourselves */
	struct check_directive check;
	struct instruction *global_args; /* the ARG instructions before the first FROM */
	size_t global_args_len;
	struct stage *stages; /* at least one */
	size_t stages_len;
};

/* Parses and checks a whole file. `file_name` is for errors, which show the line and those around it. */
int dockerfile_parse(const char *text, size_t len, const char *file_name, struct dockerfile *ret, struct error *err);
/* One instruction on its own, heredoc bodies behind it: an ONBUILD trigger, or `commit --change`. FROM, ONBUILD and MAINTAINER are
 * refused. */
int dockerfile_parse_instruction(const char *text, char escape, struct instruction *ret, struct error *err);
void dockerfile_clear(struct dockerfile *dockerfile);
void instruction_clear(struct instruction *instruction);

/* Stage of that name (any case) before stage number `before`, or of that number ("0"); -1 if there is none. "scratch" is never one. */
int dockerfile_find_stage(const struct dockerfile *dockerfile, const char *name, size_t before);

/* A copy of the instruction in which every field that takes variables is expanded, and checked now that its value is known. Lookup gives
 * the values from before the instruction. options->raw_quotes is set as needed. */
int instruction_expand(const struct instruction *instruction, const struct expand_options *options, struct instruction *ret,
		       struct error *err);

/* Puts "FILE:LINE" and the source around lines [line, end_line] behind the message, as BuildKit shows it, once. Returns -1. For errors
 * found while planning or executing an instruction. */
int dockerfile_error_at(const struct dockerfile *dockerfile, int line, int end_line, struct error *err);
/* That source alone, without a final newline. Appends. */
void dockerfile_excerpt(const struct dockerfile *dockerfile, int line, int end_line, struct buf *ret);

/* An EXPOSE word, expanded: "80", "53/udp", "8000-8002/tcp" become "80/tcp", … Appends; NULL only checks. */
int expose_parse(const char *word, struct strlist *ret, struct error *err);

/* The build checks: things that are allowed and yet wrong most of the time. `line` 0 is the whole file. Strings are borrowed. */
struct check_finding {
	const char *rule; /* "StageNameCasing" */
	const char *message;
	const char *url; /* "" if none */
	int line, end_line;
};
typedef void check_report(const struct check_finding *finding, void *data);
/* Runs all checks that `# check=skip=` leaves; returns how many findings there were. Cannot fail. Whether they make the build fail is
 * dockerfile->check.error. */
size_t dockerfile_check(const struct dockerfile *dockerfile, check_report *report, void *data);
/* The one check that needs the context: sources of COPY and ADD that .dockerignore hides. `ignore` may be NULL. */
size_t dockerfile_check_ignored(const struct dockerfile *dockerfile, const struct ignore *ignore, check_report *report, void *data);
#endif
