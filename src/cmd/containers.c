/* One act for each container that is named: see containers.h. */
#include "cmd/containers.h"

#include <stdio.h>

#include "base/log.h"

int containers_each(struct context *context, int argc, char **argv, int (*act)(struct store *store, const char *name, struct error *err),
		    struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct error last _cleanup_(error_clear) = { 0 };

	if (store_open(context->root, &store, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++) {
		struct error why = { 0 };
		if (act(store, argv[i], &why) == 0) {
			puts(argv[i]);
			continue;
		}
		log_failure_collect(&last, &why);
	}
	if (last.code == ERROR_NONE)
		return 0;
	error_move(err, &last);
	return -1;
}
