/* containerd's files, as texts: see https://github.com/containerd/containerd/blob/main/docs/hosts.md and cri/registry.md. No I/O. */
#ifndef BOARD_CONTAINERD_H
#define BOARD_CONTAINERD_H
#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>

#define CONTAINERD_CERTS "/etc/containerd/certs.d"

/* The CRI plugin in config.toml looks for hosts.toml files: config_path is set where it is missing, in the table that the file's version has for it.
 * Returns 1 if the text changed. *ret_folder is the folder that it names then, or NULL where the CRI plugin is switched off; owned by the caller. */
int containerd_config_edit(struct buf *text, char **ret_folder, struct error *err);

struct containerd_host {
	const char *server;	   /* "https://registry-1.docker.io", written to a new file; may be NULL */
	const char *url;	   /* of our registry: "http://10.0.0.5:6000" or, for a mirror with a prefix, ".../v2/PREFIX" */
	const char *ca;		   /* path or NULL */
	const char *authorization; /* value of that header, or NULL */
	bool override_path;	   /* the URL is complete: no /v2 is added to it */
	bool push;
};
/* hosts.toml asks this host, first. Returns 1 if the text changed. */
int containerd_hosts_edit(struct buf *text, const struct containerd_host *host, struct error *err);
#endif
