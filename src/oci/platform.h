/* Platforms: os/architecture[/variant], normalised as containerd does: x86_64 -> amd64, aarch64 -> arm64 (v8 dropped),
 * armhf -> arm/v7, armel -> arm/v6, arm alone -> arm/v7; i386 -> 386; "riscv64" alone means linux/riscv64. */
#ifndef OCI_PLATFORM_H
#define OCI_PLATFORM_H
#include <stdbool.h>

#include "base/error.h"

/* A value. */
struct platform {
	char os[32];
	char architecture[32];
	char variant[16];    /* "" if none */
	char os_version[64]; /* "" if none; not part of the text form */
};
enum { PLATFORM_TEXT_SIZE = 96 };

int platform_parse(const char *text, struct platform *ret, struct error *err);
char *platform_print(const struct platform *platform, char out[PLATFORM_TEXT_SIZE]); /* returns out */
/* Lower case and aliases replaced, in place. */
void platform_normalise(struct platform *platform);
void platform_host(struct platform *ret); /* of this machine (uname) */
bool platform_equal(const struct platform *a, const struct platform *b);
/* How well an offer suits a wish: 0 not at all, more is better (arm/v7 takes v7, then v6, v5; amd64/v3 takes v2 and none). */
int platform_match(const struct platform *wish, const struct platform *offer);
/* Names of other worlds for it, or NULL where there is none: */
const char *platform_debian(const struct platform *platform); /* "riscv64", "armhf", "ppc64el" */
const char *platform_qemu(const struct platform *platform);   /* "riscv64", "arm", "ppc64le": the X of qemu-X */
#endif
