/* Packages of an image's distribution for two architectures, through this machine's apt, with none of this machine's configuration. */
#ifndef EMU_DEBS_H
#define EMU_DEBS_H
#include "emu/twin.h"

/* A package as the archive has it now. */
struct deb {
	char *name, *architecture, *version, *depends; /* owned; depends with Pre-Depends */
};
struct debs {
	const char *folder; /* absolute, ours; borrowed */
	char *config;	    /* apt's, a file */
	struct deb *items;
	size_t len;
};

/* Reads the archive's lists for both architectures into folder/apt. ERROR_NETWORK if they can't be had. */
int debs_open(const struct twin_source *source, const char *folder, struct debs *ret, struct error *err);
void debs_close(struct debs *debs);
/* Looks these names up for an architecture, those that are new; what the archive doesn't have is left out. */
int debs_look_up(struct debs *debs, const struct strlist *names, const char *architecture, struct error *err);
/* Of those that were looked up; NULL if it isn't there. Valid until the next look-up. */
const struct deb *debs_find(const struct debs *debs, const char *name, const char *architecture);
/* All names of packages that begin so. */
int debs_names(const struct debs *debs, const char *start, struct strlist *ret, struct error *err);

/* The version of the source package, by which builds for two architectures belong together: "14.2.0-19cross1" and "14.2.0-19+b2" are
 * 14.2.0-19. Owned by the caller. */
char *deb_source_version(const char *version);
/* Package names in a Depends field, first alternatives only. */
void deb_depends(const char *depends, struct strlist *ret);

/* Fetches packages ("dash:riscv64"), all or none, and unpacks each into folder/ARCHITECTURE/NAME/. */
int debs_fetch(struct debs *debs, const struct strlist *packages, struct error *err);
#endif
