/* Which images something needs: lists, Kubernetes manifests, compose files, Dockerfiles, and what runs here. */
#ifndef BOARD_IMAGES_H
#define BOARD_IMAGES_H
#include <stdbool.h>

#include "base/str.h"
#include "oci/platform.h"

enum { IMAGES_FILE_MAX = 16 << 20, IMAGES_MAX = 10000 };

struct image_use {
	char *reference; /* as written, variables expanded */
	char *source;	 /* "deploy.yaml:12" */
	bool has_platform;
	struct platform platform; /* where the source itself says one: FROM --platform=…, a service's platform */
};
/* An image is in it once for each platform that sources name. */
struct image_list {
	struct image_use *items;
	size_t len;
};
void image_list_free(struct image_list *list);
void image_list_add(struct image_list *list, const char *reference, const char *file, size_t line, const struct platform *platform);

/* What a file needs. The kind is found by its name, else by its content: a Dockerfile, YAML (Kubernetes, also Helm's output and lists; compose), or a list with
 * an image a line ('#' begins a comment). "-" is stdin. Bases of a Dockerfile depend on the platform that is built for, hence `platforms`. */
int image_list_read(struct image_list *list, const char *path, const struct platform *platforms, size_t platforms_len, struct error *err);
/* The parts. `file` is for sources and errors. */
int image_list_read_text(struct image_list *list, const char *text, const char *file, struct error *err);
int image_list_read_yaml(struct image_list *list, const char *text, size_t len, const char *file, const struct platform *platforms, size_t platforms_len,
			 struct error *err);
int image_list_read_dockerfile(struct image_list *list, const char *text, size_t len, const char *file, const struct platform *platforms,
			       size_t platforms_len, struct error *err);
/* What docker or a namespace of containerd holds, asked of their own clients. */
int image_list_read_docker(struct image_list *list, struct error *err);
int image_list_read_containerd(struct image_list *list, const char *namespace, struct error *err);
#endif
