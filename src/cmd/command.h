/* Commands: one file each, ending in one `const struct command`; sampan.c holds the table and main.
 *
 * Options are a table, parsed by option.c in the same way for all: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -abc for
 * flags, -- ends them. An unknown option is an error that names the nearest. */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H
#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"
#include "base/table.h"

struct store;

enum option_type {
	OPTION_FLAG,   /* bool; --name=false works as well */
	OPTION_STRING, /* const char *; the last wins; borrowed from argv */
	OPTION_LIST,   /* struct strlist; repeatable */
};

struct option_spec {
	char letter;	   /* 'f', or 0 */
	const char *name;  /* "file"; NULL ends the table */
	enum option_type type;
	void *at;	   /* static storage of the command */
	const char *value; /* "PATH", for help; NULL for flags */
	const char *help;
};

/* What --root, --format, --quiet, --debug said. */
struct context {
	const char *root;	   /* never NULL */
	enum output_format format; /* --format json */
	bool quiet;
};

struct command;
/* "ls" of "registry ls": a command of its own behind a command's name. */
struct command_part {
	const char *name; /* NULL ends the table */
	const struct command *command;
};

struct command {
	const char *name;
	const char *group;   /* head in the overview: "Images", "Containers", …; NULL: not shown, a command for our own processes */
	const char *usage;   /* behind the name: "[OPTIONS] IMAGE [COMMAND]" */
	const char *summary; /* one line */
	const char *details; /* more lines for --help, or NULL */
	const struct option_spec *options; /* or NULL */
	const struct command_part *parts;  /* or NULL */
	int min_args, max_args;		   /* max -1: any number */
	bool stop_at_argument; /* options behind the first argument belong to it (run, exec) */
	bool rootless_namespace; /* userns_enter_rootless first */
	/* argv holds the arguments alone. Returns the exit code, or -1 with *err (which decides it). */
	int (*run)(struct context *context, int argc, char **argv, struct error *err);
};

/* Parses argv behind the command's name in place; *ret_args points to the arguments. Returns 1 if --help was printed. */
int option_parse(const struct command *command, struct context *context, int argc, char **argv, int *ret_argc, char ***ret_argv,
		 struct error *err);
void command_help(const struct command *command);

/* "create" of "network create": one of a command's, which shares its options and works on the store. */
struct subcommand {
	const char *name; /* NULL ends the table */
	int min_args, max_args; /* max -1: any number */
	int (*run)(struct context *context, struct store *store, int argc, char **argv, struct error *err); /* argv: behind the name */
};
/* The one that argv[0] names, if what is behind it can be its arguments; else NULL and an error with what there is. */
const struct subcommand *subcommand_choose(const char *command, const struct subcommand *subcommands, int argc, char **argv, struct error *err);
#endif
