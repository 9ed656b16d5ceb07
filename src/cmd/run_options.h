/* What `run` and `create` share: their options, and finding the image. */
#ifndef CMD_RUN_OPTIONS_H
#define CMD_RUN_OPTIONS_H
#include "cmd/command.h"
#include "run/run.h"

/* The first is -d, which `create` has no use for. */
extern const struct option_spec run_options[];
bool run_options_detach(void);
/* argv: IMAGE [COMMAND…]. What is allocated lives as long as the program. */
int run_options_read(struct store *store, int argc, char **argv, struct container_options *ret, struct error *err);
/* The image from the store, pulled where --pull says so. */
int run_options_image(struct context *context, struct store *store, const char *text, struct image *ret, struct error *err);
#endif
