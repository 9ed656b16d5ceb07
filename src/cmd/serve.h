/* Settings of `sampan serve` by the environment, which is how an image is configured. Flags win over them, and they win over the settings file. */
#ifndef CMD_SERVE_H
#define CMD_SERVE_H
#include "base/str.h"

/* $SAMPAN_LISTEN: addresses, separated by commas; none if it isn't set. */
void serve_environment_listen(struct strlist *ret);
#endif
