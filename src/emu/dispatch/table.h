/* What the dispatcher is told: two files that it maps, made by emu/twin_table.c for each step.
 *
 * The table is read-only: which files of the image have a twin, and the digest that such a file must have. The state is shared by all processes of
 * the step: which files were found to be what the table says, and how often what was executed. Offsets count from the table's
 * start; 0 is "none". A string ends with NUL, a list is strings one behind the other and ends with an empty one. Byte order and sizes are
 * this machine's: the files never leave it. */
#ifndef EMU_DISPATCH_TABLE_H
#define EMU_DISPATCH_TABLE_H
#include <stdint.h>

/* Where a step sees it all: in the container's own /dev, which is no part of a layer. */
#define TWIN_FOLDER "/dev/.twin"
#define TWIN_TREE TWIN_FOLDER "/tree"
#define TWIN_QEMU TWIN_FOLDER "/qemu"
#define TWIN_TABLE TWIN_FOLDER "/table"
#define TWIN_STATE TWIN_FOLDER "/state"

#define TWIN_APPLET "//" /* "/bin/busybox//sed": no file has such a path */

enum { TWIN_TABLE_VERSION = 3, TWIN_PROGRAMS_MAX = 1024, TWIN_PROGRAM_NAME = 52 };

/* What a program needs beyond being started. */
enum twin_kind {
	TWIN_PLAIN,
	TWIN_SHELL,    /* its script may ask for the machine: it is looked through first */
	TWIN_DRIVER,   /* gcc, g++: starts the others; its built-in folders were made ours (see twin_make.c) */
	TWIN_COMPILER, /* cc1, cc1plus, lto1: the image's include folders are given */
	TWIN_LINKER,   /* ld: the link-time optimiser's plug-in is replaced by the twin's */
	TWIN_ARCHIVER, /* ar, nm, ranlib: the same */
	TWIN_AWK,      /* its program may compute what the machines' libraries round differently */
	TWIN_MAKE,     /* its makefile may load a module of the image's */
	TWIN_LIBRARY,  /* no program: a library of the image's that has to be the distribution's for some of the twins */
	TWIN_APPLETS,  /* many programs in one file, as busybox: which one is told by argv[0], and has an entry of its own, TWIN_APPLET behind the file's path */
};

struct twin_entry {
	uint64_t hash; /* table_hash of the path */
	uint64_t size; /* of the image's file */
	uint8_t sha256[32];
	uint32_t path; /* of the image's file, without symlinks */
	uint32_t twin; /* beneath TWIN_TREE */
	uint32_t kind;
	uint32_t deny; /* list: options with which the program tells about itself ("--version", "-v"); of shells, awk and make: words of the text (scripts.c) */
	uint32_t env;  /* list of variables that stand for what is compiled in: "MAKE_HOST=riscv64-unknown-linux-gnu" */
	uint32_t c_folders, cxx_folders; /* lists: of compilers */
	uint32_t plugin; /* path of the plug-in in the twin's tree */
	uint32_t needs, needs_to_compress; /* lists of libraries by their path in the image: always, and if the call has something compressed */
};

struct twin_table {
	uint32_t version, size;
	uint32_t entries, entries_len; /* sorted by hash, then path */
	uint32_t loader, libraries;    /* the twin's dynamic loader, and where it finds libraries */
	uint32_t foreign_layout;       /* the image's numbers have another size or byte order than this machine's */
	uint32_t env_all;	       /* list of every entry's variables: taken out again at the next execve */
};

struct twin_program {
	uint64_t hash; /* 0: free */
	uint32_t count;
	char name[TWIN_PROGRAM_NAME];
};

/* Followed by `entries_len` of each: uint64_t good, bad (a file's identity), uint32_t count. */
struct twin_state {
	uint32_t entries_len;
	uint32_t emulated, twinned; /* execs */
	uint32_t outside;	    /* execs where the table can't be seen: behind a chroot */
	struct twin_program programs[TWIN_PROGRAMS_MAX]; /* those that were emulated */
	uint64_t identities[]; /* good, bad, good, bad, …; then the counts */
};

/* FNV-1a. */
static inline uint64_t table_hash(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}

static inline uint64_t state_size(uint32_t entries_len)
{
	return sizeof(struct twin_state) + (uint64_t)entries_len * (2 * sizeof(uint64_t) + sizeof(uint32_t));
}
#endif
