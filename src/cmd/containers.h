/* What stop, kill and rm share: one act for each container that is named. */
#ifndef CMD_CONTAINERS_H
#define CMD_CONTAINERS_H
#include "cmd/command.h"
#include "run/run.h"

/* Acts on each, prints the name of those that worked as docker does, and goes on after a failure; the last one fails with all others logged. */
int containers_each(struct context *context, int argc, char **argv, int (*act)(struct store *store, const char *name, struct error *err),
		    struct error *err);
#endif
