/* References: [registry/]repository[:tag][@digest], with the grammar of distribution's `reference` package and docker's
 * defaults: registry docker.io, "library/" before a name without slash there, tag "latest" where neither tag nor digest is given.
 * The first component is a registry if it holds '.' or ':' or is "localhost" (or has an upper-case letter). */
#ifndef OCI_REFERENCE_H
#define OCI_REFERENCE_H
#include "oci/digest.h"

enum { REFERENCE_NAME_MAX = 255, REFERENCE_TAG_MAX = 128 };

struct reference {
	char *registry;	  /* "docker.io", "127.0.0.1:6000", "[::1]:5000"; owned */
	char *repository; /* "library/redis"; owned */
	char *tag;	  /* NULL if only a digest was given; owned */
	bool has_digest;
	struct digest digest;
};

int reference_parse(const char *text, struct reference *ret, struct error *err);
void reference_clear(struct reference *reference);
void reference_copy(const struct reference *from, struct reference *to);
/* Complete: "docker.io/library/redis:latest"; owned by the caller. */
char *reference_print(const struct reference *reference);
/* As docker shows it: without docker.io and library/; without the tag and digest for `name`. Owned by the caller. */
char *reference_print_familiar(const struct reference *reference);
char *reference_print_name(const struct reference *reference); /* "127.0.0.1:6000/riscv64/redis", familiar form */
/* The parts alone, as the registry needs them. */
bool repository_name_valid(const char *name);
bool tag_valid(const char *tag);
#endif
