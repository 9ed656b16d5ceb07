/* Image configurations (image-spec: config.md), OCI's and Docker's, which are the same but for Docker's extra fields. Fields that we
 * do not know are kept: config_print writes them again. */
#ifndef OCI_CONFIG_H
#define OCI_CONFIG_H
#include "base/buf.h"
#include "base/str.h"
#include "oci/digest.h"
#include "oci/platform.h"

#include <jansson.h>

enum { CONFIG_SIZE_MAX = 4 << 20 };

struct history {
	char *created, *created_by, *comment, *author; /* owned, or NULL */
	bool empty_layer;
};

/* Docker's HEALTHCHECK: test is {"NONE"}, {"CMD", args…} or {"CMD-SHELL", line}; times in nanoseconds, 0 is inherited. */
struct healthcheck {
	struct strlist test; /* empty: none given */
	int64_t interval, timeout, start_period, start_interval;
	int64_t retries;
};

struct image_config {
	struct platform platform;
	char *created, *author; /* or NULL */
	/* the object "config": what a container of the image is run with */
	char *user, *working_dir, *stop_signal; /* or NULL */
	struct strlist env, entrypoint, cmd, shell, onbuild;
	bool has_entrypoint, has_cmd, has_shell; /* an empty list differs from none */
	struct strlist exposed_ports;		 /* "6379/tcp", sorted */
	struct strlist volumes;			 /* sorted */
	struct strlist labels;			 /* KEY=VALUE in order; use strlist_env_set */
	struct healthcheck health;
	/* rootfs and history */
	struct digest *diff_ids;
	size_t diff_ids_len;
	struct history *history;
	size_t history_len;
	json_t *rest; /* the whole object as parsed, for unknown fields; or NULL */
};

int config_parse(const char *text, size_t len, struct image_config *ret, struct error *err);
void config_print(const struct image_config *config, struct buf *ret); /* compact JSON; appends */
void config_clear(struct image_config *config);
void config_copy(const struct image_config *from, struct image_config *to);
void config_add_diff_id(struct image_config *config, const struct digest *diff_id);
/* Takes a copy; history->created etc. may be NULL. */
void config_add_history(struct image_config *config, const struct history *history);
/* Chain id of the first n layers (image-spec, config.md, Layer ChainID). n 0 gives all zero bytes. */
void config_chain_id(const struct digest *diff_ids, size_t n, struct digest *ret);
#endif
