/* What `sampan inspect` says of an image. */
#ifndef CMD_INSPECT_IMAGE_H
#define CMD_INSPECT_IMAGE_H
#include <jansson.h>

#include "store/store.h"

/* docker's object for an image, with podman's History; a new reference. `platform` as for store_image_find. NULL on failure: ERROR_NOT_FOUND if
 * there is no such image, so that a caller can ask for a container of that name first and then for an image, or the other way round. */
json_t *image_inspect(struct store *store, const char *name, const struct platform *platform, struct error *err);
#endif
