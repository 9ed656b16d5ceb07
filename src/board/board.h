/* What happens around the cluster: base images for platforms that no reachable registry has (joining, audit and air gap have headers of their own). */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H
#include "remote/remote.h"

struct base_options {
	const char *distribution; /* "debian" */
	const char *suite;	  /* "trixie" */
	struct platform platform;
	const char *mirror;	    /* NULL: the one that this machine's apt uses */
	const char *components;	    /* NULL: "main" */
	struct strlist include;	    /* more packages */
	struct strlist apt_options; /* lines as of apt.conf; they stay in the image, too */
	bool fresh;		    /* make it anew even if the same was made before */
	bool quiet;		    /* don't say that it takes a while */
	const struct reference *names;
	size_t names_len;
};
struct base_result {
	struct digest manifest;
	bool cached; /* it was made before, by the same options */
};
/* A minimal root file system by mmdebstrap, as a one-layer image. For a foreign platform the maintainer scripts run under QEMU, in a
 * namespace of its own as a build's RUN. mmdebstrap's words go to `log`, a file descriptor, or nowhere if it is -1. */
int base_image_make(struct store *store, const struct base_options *options, int log, struct base_result *ret, struct error *err);
#endif
