/* Images in one file, for nodes that reach no registry: K3s' agent/images/, or containerd's import. */
#ifndef BOARD_AIRGAP_H
#define BOARD_AIRGAP_H
#include "board/images.h"
#include "remote/remote.h"

struct airgap_options {
	struct strlist images;	     /* references */
	const char *from;	     /* HOST:PORT[=PREFIX] that is asked first, or NULL; the images keep their own names */
	struct platform platform;
	bool pull;		     /* ask the registries for what the store has, too */
	bool skip_missing;	     /* leave out what nobody has for the platform */
	int level;		     /* of zstd; 0: not compressed */
	struct remote_options remote;
};
/* The images that were left out are added to ret_missing, with why. Without skip_missing they are an error that names them all. `file` appears when it is whole.
 * The zstd window is at most 32 MiB, which is as much as K3s' decoder takes. */
int airgap_write(struct store *store, const char *file, const struct airgap_options *options, struct strlist *ret_missing, struct error *err);

/* On a node: into K3s' images folder beneath `k3s_data`, if that has an agent, else through ctr into `namespace`. *ret_where says where; owned by the caller. */
int airgap_import(const char *file, const char *k3s_data, const char *namespace, char **ret_where, struct error *err);
#endif
