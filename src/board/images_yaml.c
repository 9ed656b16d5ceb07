/* Images that YAML names: Kubernetes' objects, in whatever they are wrapped, and compose files.
 *
 * Of Kubernetes, every mapping is looked at, however deep: the pod's lists of containers have the same names in a Pod, a CronJob, a List and in custom
 * resources that hold pod templates. Nodes may be shared by anchors, so each is visited once. */
#include <stdlib.h>

#include "base/fd.h"
#include "board/images.h"
#include "board/yaml_read.h"
#include "build/expand.h"
#include "oci/reference.h"

enum { DOCUMENTS_MAX = 5000, DEPTH_MAX = 100 };

struct walk {
	struct image_list *list;
	const char *file;
	yaml_document_t *document;
	bool *visited; /* by number of the node */
	const struct platform *platforms;
	size_t platforms_len;
};

static size_t line_of(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

static yaml_node_t *node_at(const struct walk *walk, int index)
{
	return yaml_document_get_node(walk->document, index);
}

/* An image that is named by nothing, or by the mapping that a template's {{ .image }} is, mustn't go unnoticed: it is listed, and no reference. */
static const char *image_text(const yaml_node_t *node)
{
	return str_empty(yaml_scalar(node)) ? "(no text)" : yaml_scalar(node);
}

static void add(const struct walk *walk, const yaml_node_t *node, const struct platform *platform)
{
	if (node)
		image_list_add(walk->list, image_text(node), walk->file, line_of(node), platform);
}

/* ---- Kubernetes ---- */

static void add_containers(const struct walk *walk, const yaml_node_t *containers)
{
	if (!containers || containers->type != YAML_SEQUENCE_NODE)
		return;
	for (yaml_node_item_t *item = containers->data.sequence.items.start; item < containers->data.sequence.items.top; item++)
		add(walk, yaml_get(walk->document, node_at(walk, *item), "image"), NULL);
}

/* A volume that is an image: {name: x, image: {reference: y}}. */
static void add_volume(const struct walk *walk, const yaml_node_t *volume)
{
	yaml_node_t *image = yaml_get(walk->document, volume, "image");

	if (image && image->type == YAML_MAPPING_NODE)
		add(walk, yaml_get(walk->document, image, "reference"), NULL);
}

static void walk_node(const struct walk *walk, int index, int depth)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };
	const yaml_node_t *node = node_at(walk, index);

	if (!node || depth > DEPTH_MAX || walk->visited[index])
		return;
	walk->visited[index] = true;
	if (node->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++)
			walk_node(walk, *item, depth + 1);
	if (node->type != YAML_MAPPING_NODE)
		return;
	for (size_t i = 0; i < array_len(lists); i++)
		add_containers(walk, yaml_get(walk->document, node, lists[i]));
	add_volume(walk, node);
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
		walk_node(walk, pair->value, depth + 1);
}

/* ---- compose ---- */

static const char *from_environment(const char *name, size_t len, void *data)
{
	_cleanup_(freep) char *copy = xstrndup(name, len);

	(void)data;
	return getenv(copy);
}

/* ${TAG:-1}. What makes no reference, because a variable isn't set, stays as it was written, so that the reader sees which. */
static char *interpolate(const char *text)
{
	struct expand_options options = { .lookup = from_environment, .escape = '\\', .raw_quotes = true };
	_cleanup_(freep) char *out = NULL;
	struct reference reference = { 0 };

	if (expand_text(text, &options, &out, NULL) < 0 || reference_parse(out, &reference, NULL) < 0)
		return xstrdup(text);
	reference_clear(&reference);
	return steal(out);
}

static int add_build(const struct walk *walk, const yaml_node_t *build, const struct platform *platform, struct error *err)
{
	const char *context = yaml_scalar(build) ? yaml_scalar(build) : yaml_scalar(yaml_get(walk->document, build, "context"));
	const char *name = yaml_scalar(yaml_get(walk->document, build, "dockerfile")), *slash = strrchr(walk->file, '/');
	struct buf text _cleanup_(buf_free) = { 0 };

	if (yaml_get(walk->document, build, "dockerfile_inline"))
		return 0;
	_cleanup_(freep) char *folder = slash ? xstrndup(walk->file, (size_t)(slash - walk->file)) : xstrdup(".");
	_cleanup_(freep) char *inner = path_join(folder, context ? context : "."), *path = path_join(inner, name ? name : "Dockerfile");
	if (file_read(AT_FDCWD, path, IMAGES_FILE_MAX, &text, err) < 0)
		return error_wrap(err, "%s:%zu", walk->file, line_of(build));
	buf_reserve(&text, 0);
	return image_list_read_dockerfile(walk->list, text.data, text.len, path, platform ? platform : walk->platforms, platform ? 1 : walk->platforms_len, err);
}

/* What is built here is no image that must be there: its bases are. */
static int add_service(const struct walk *walk, const yaml_node_t *service, struct error *err)
{
	const yaml_node_t *image = yaml_get(walk->document, service, "image"), *build = yaml_get(walk->document, service, "build");
	const char *named = yaml_scalar(yaml_get(walk->document, service, "platform"));
	struct platform platform;
	bool has = named && platform_parse(named, &platform, NULL) == 0;

	if (build)
		return add_build(walk, build, has ? &platform : NULL, err);
	if (image) {
		_cleanup_(freep) char *text = interpolate(image_text(image));
		image_list_add(walk->list, text, walk->file, line_of(image), has ? &platform : NULL);
	}
	return 0;
}

static int walk_services(const struct walk *walk, const yaml_node_t *services, struct error *err)
{
	for (yaml_node_pair_t *pair = services->data.mapping.pairs.start; pair < services->data.mapping.pairs.top; pair++)
		if (add_service(walk, node_at(walk, pair->value), err) < 0)
			return -1;
	return 0;
}

/* ---- the whole ---- */

static int walk_document(struct walk *walk, struct error *err)
{
	yaml_node_t *root = yaml_document_get_root_node(walk->document), *services = yaml_get(walk->document, root, "services");
	size_t nodes = (size_t)(walk->document->nodes.top - walk->document->nodes.start);

	if (services && services->type == YAML_MAPPING_NODE && !yaml_get(walk->document, root, "kind"))
		return walk_services(walk, services, err);
	walk->visited = xcalloc(nodes + 1, sizeof *walk->visited);
	walk_node(walk, 1, 0); /* the root is the first */
	free(steal(walk->visited));
	return 0;
}

int image_list_read_yaml(struct image_list *list, const char *text, size_t len, const char *file, const struct platform *platforms, size_t platforms_len,
			 struct error *err)
{
	struct walk walk = { .list = list, .file = file, .platforms = platforms, .platforms_len = platforms_len };
	struct yaml yaml _cleanup_(yaml_release) = { 0 };

	if (yaml_load(text, len, DOCUMENTS_MAX, &yaml, err) < 0) {
		if (memmem(text, len, "{{", 2))
			error_hint(err, "this looks like a template: audit what 'helm template' prints");
		return error_wrap(err, "%s", file);
	}
	for (size_t i = 0; i < yaml.len; i++) {
		walk.document = &yaml.documents[i];
		if (walk_document(&walk, err) < 0)
			return -1;
	}
	return 0;
}
