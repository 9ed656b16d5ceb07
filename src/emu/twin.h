/* Twins: programs of this machine that stand in for the same programs of an image for another one, during its builds (doc/DESIGN.md, 'Emulation and
 * twins').
 *
 * A set of twins is an ordinary image of one layer for this machine: the programs, their libraries and twins.json, which says for each which file of the
 * foreign distribution it stands for, by path and digest. It is named after what it was made from, localhost/twin/debian:trixie-riscv64-0123456789ab,
 * so that a build finds it by itself; it may be pushed and pulled like any other image. */
#ifndef EMU_TWIN_H
#define EMU_TWIN_H
#include "base/embedded.h"
#include "emu/dispatch/table.h"
#include "store/store.h"

#define TWIN_LABEL "sampan.twin.for" /* its value: the platform */
#define TWIN_FILE "twins.json"
enum { TWIN_FORMAT = 14 }; /* raised with every change of the list or of what twins.json says: older sets are made anew */

/* ---- what a set is made from: an image's distribution (twin_source.c) ---- */
struct twin_source {
	char *distribution, *suite;  /* "debian", "trixie"; owned */
	struct platform platform;    /* the foreign one */
	const char *host, *foreign;  /* the distribution's names of the architectures */
	char *reference;	     /* the set's name; owned */
	char *archive;		     /* the first address of its sources; owned, or NULL */
	const char *mirror;	     /* the archive of this machine's packages, where the image's has none: the user's word, or NULL; borrowed */
	int tree;		     /* of the image; borrowed */
};
/* Reads /etc/os-release and the sources of apt or apk from the image's tree. ERROR_UNSUPPORTED says why there can be no twins. */
int twin_source_read(int tree, const struct platform *platform, struct twin_source *ret, struct error *err);
void twin_source_clear(struct twin_source *source);
/* A file of the tree, appended; missing is empty. `ret` ends with a NUL. */
int twin_source_file(const struct twin_source *source, const char *path, struct buf *ret, struct error *err);
bool twin_source_is_alpine(const struct twin_source *source);
/* Copies apt's sources and keys of the image beneath `folder`, so that nothing else of the image's configuration counts. */
int twin_source_copy(const struct twin_source *source, const char *folder, struct error *err);

/* ---- making a set (twin_make.c) ---- */
/* `folder` is an empty one beneath the store's root, removed by the caller. `say` is told what is being done. ERROR_NETWORK where the
 * distribution's archive can't be reached. */
int twin_make(struct store *store, const struct twin_source *source, const char *folder, void (*say)(void *data, const char *text), void *data,
	      struct error *err);

/* ---- using a set (twin_set.c) ---- */
extern const struct embedded_file dispatcher_file[]; /* the program of dispatch/ */
struct twin_set {
	char *tree; /* the unpacked image, absolute; owned */
	json_t *list;
};
/* 1 if it is in the store (unpacked now if it wasn't), 0 if not. */
int twin_set_find(struct store *store, const char *reference, struct twin_set *ret, struct error *err);
void twin_set_clear(struct twin_set *set);
/* Is it made for images of the platform? ERROR_UNSUPPORTED if not. */
int twin_set_check(const struct twin_set *set, const struct platform *platform, struct error *err);
size_t twin_set_programs(const struct twin_set *set);

/* Of Alpine: packages that the image has installed in another version than the set is made for, which leaves them and what needs them to emulation: "musl 1.2.5-r0 (1.2.5-r1)". */
int twin_set_compare(const struct twin_set *set, const struct twin_source *source, struct strlist *ret, struct error *err);

/* Writes the dispatcher, its table and empty records into `folder`, for one step: the files "dispatcher", "table", "state" and "samples". */
int twin_set_prepare(const struct twin_set *set, const struct platform *platform, const char *folder, struct error *err);

/* ---- what a step executed, and how long (twin_count.c) ---- */
/* Looks at the processes of /proc until it is killed, and writes down in folder/samples what runs. For a process of its own beside the step. */
void twin_sample(const char *folder);

struct twin_count {
	char *program; /* the image's path, of long ones the end; owned */
	bool twin;
	uint32_t execs;
	double seconds; /* of processor time, estimated */
};
struct twin_counts {
	struct twin_count *items;
	size_t len;
	uint32_t outside; /* execs behind a chroot, all emulated */
};
/* Adds what the step in `folder` did; `seconds` is the processor time of all its processes. */
int twin_counts_add(struct twin_counts *counts, const struct twin_set *set, const char *folder, double seconds, struct error *err);
/* Of all twins, or of all emulated programs: the sum, without a name. */
struct twin_count twin_counts_sum(const struct twin_counts *counts, bool twin);
/* By falling time. */
void twin_counts_sort(struct twin_counts *counts);
void twin_counts_clear(struct twin_counts *counts);
#endif
