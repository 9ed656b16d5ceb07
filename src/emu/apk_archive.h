/* The repositories of an Alpine image, for its architecture and this machine's: what they list, and packages fetched from them, checked as apk checks them. */
#ifndef EMU_APK_ARCHIVE_H
#define EMU_APK_ARCHIVE_H
#include "emu/apk.h"
#include "emu/twin.h"

struct apk_repository {
	char *address; /* owned */
	struct transport *transport;
	struct apk_index foreign, host; /* empty where the repository has nothing for the architecture */
};
struct apk_archive {
	const struct twin_source *source; /* borrowed */
	const char *folder;		  /* absolute, ours; borrowed */
	struct apk_repository *items;
	size_t len;
};
/* A package for both architectures, from one repository; borrowed from the archive. */
struct apk_pair {
	const struct apk_repository *repository;
	const struct apk_package *foreign, *host;
};

/* Fetches the indices. ERROR_NETWORK if a repository can't be reached, ERROR_DENIED if one is not signed by a key of the image's. */
int apk_archive_open(const struct twin_source *source, const char *folder, struct apk_archive *ret, struct error *err);
void apk_archive_close(struct apk_archive *archive);
/* False if there are no two that are the same; *ret_why says so then, owned by the caller. */
bool apk_archive_find(const struct apk_archive *archive, const char *name, struct apk_pair *ret, char **ret_why);
/* Unpacks both into folder/ARCHITECTURE/NAME. Nothing of a package is written before its signature and digests are right. */
int apk_archive_fetch(const struct apk_archive *archive, const struct apk_pair *pair, struct error *err);

/* Is the signature of the file right, by a key of the image's? ERROR_DENIED if not. For tests as well. */
int apk_file_verify(const struct twin_source *source, const struct apk_file *file, struct error *err);
/* Is it this package, and are its data what it says? After the signature was found right. ERROR_CORRUPT if not. */
int apk_file_check(const struct apk_file *file, const struct apk_package *package, struct error *err);
#endif
