/* Unpacking, with what only this room may ask for. */
#ifndef STORE_EXTRACT_H
#define STORE_EXTRACT_H
#include "store/layer.h"

struct progress_line;
struct extract_options {
	bool whiteouts;
	struct layer_limits limits;
	/* The layers beneath, lowest first, as names in the folder `layers`: a parent directory that the archive leaves out gets the owner and
	 * mode that it has there, since it will hide that one. NULL: none. Borrowed. */
	const struct strlist *lower;
	int layers;
	const char *prefix; /* clean: where in the directory the names begin; NULL: there */
	bool own;	    /* owners in the archive don't count */
	bool strict;	    /* folders and other things don't take each other's place */
	struct progress_line *progress; /* counts compressed bytes; or NULL */
};
int layer_extract_with(int source, int dir, const struct extract_options *options, struct digest *ret_diff_id, struct error *err);
#endif
