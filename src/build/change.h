/* Instructions of a Dockerfile on a configuration alone: `commit --change`. */
#ifndef BUILD_CHANGE_H
#define BUILD_CHANGE_H
#include "base/str.h"
#include "oci/config.h"

/* CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME, WORKDIR, in order, without history. What makes or reads
 * files is ERROR_USAGE. */
int config_change(struct image_config *config, const struct strlist *changes, struct error *err);
#endif
