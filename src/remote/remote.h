/* The client side of the distribution protocol, and images as files. The engine never prints; it reports to a progress. */
#ifndef REMOTE_REMOTE_H
#define REMOTE_REMOTE_H
#include "base/progress.h"
#include "store/store.h"

struct remote_options {
	bool plain_http;	/* --plain-http; automatic for loopback, and for `insecure-registries` of sampan.json */
	bool skip_verify;	/* --tls-verify=false */
	const char *ca_file;	/* or NULL */
	const char *username, *password; /* or NULL: docker's config.json, credential helpers */
	const char *auth_file;	/* or NULL: $DOCKER_CONFIG, ~/.docker/config.json, $XDG_RUNTIME_DIR/containers/auth.json */
	bool anonymous;		/* nothing but what is given here: a server mustn't lend out its user's credentials, nor run helpers */
	const char *proxy;	/* or NULL: what the environment says; "": none */
	int patience;		/* seconds; somebody waits: one try, no long time-outs. 0: as a command */
	bool over_quota;	/* a push into this very store is not held by the quotas of its server */
	int jobs;		/* blobs at once; 0 is 4 */
	struct progress *progress; /* or NULL */
};

enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };

struct pull_result {
	struct digest digest; /* of what the tag points to */
	bool fresh;	      /* something was downloaded or the tag moved: "Downloaded newer image", else "Image is up to date" */
};
/* Into the store under its own name. `platform` NULL: this machine's. all_platforms: the whole index. */
int remote_pull(struct store *store, const struct reference *reference, const struct platform *platform, bool all_platforms,
		const struct remote_options *options, struct pull_result *ret, struct error *err);

struct push_result {
	struct digest digest;
	int64_t size;	  /* of the manifest */
	bool same_store;  /* the registry serves this very store: one transaction, no byte moved */
};
/* The local image `reference` to its registry. Of a partial index only the platforms that are here are pushed, as a new index or manifest. */
int remote_push(struct store *store, const struct reference *reference, const struct remote_options *options, struct push_result *ret, struct error *err);

/* Where an image may come from or go to, as skopeo writes it: docker://REF (or a plain REF), oci:DIR[:TAG], oci-archive:FILE[:TAG],
 * docker-archive:FILE[:REF], store:REF (this store). */
int remote_copy(struct store *store, const char *from, const char *to, const struct platform *platform, bool all_platforms,
		const struct remote_options *from_options, const struct remote_options *to_options, struct digest *ret, struct error *err);
/* docker save / load. A file or "-". The format of the input is found by its content; compressed ones too. Names are added to `ret`; of an image
 * without one its id ("sha256:…"). */
int remote_save(struct store *store, const struct strlist *names, const char *file, bool oci, struct error *err);
int remote_load(struct store *store, const char *file, struct strlist *ret_names, struct progress *progress, struct error *err);
/* A root file system as a tar (or "-") becomes a one-layer image. */
int remote_import(struct store *store, const char *file, const struct image_config *config, const struct reference *name, struct digest *ret, struct error *err);

/* Checks the credentials against the registry and stores them in docker's config.json. */
int remote_login(const char *registry, const char *username, const char *password, const struct remote_options *options, struct error *err);
int remote_logout(const char *registry, const struct remote_options *options, struct error *err);
#endif
