/* The one YAML reader: libyaml's documents, with errors that name the line. */
#ifndef BOARD_YAML_READ_H
#define BOARD_YAML_READ_H
#include <yaml.h>

#include "base/error.h"
#include "base/str.h"

/* All documents of a text, at most `max`. Freed by yaml_release. ERROR_INVALID with the line; what a tab did is told in the hint. */
struct yaml {
	yaml_document_t *documents;
	size_t len;
};
int yaml_load(const char *text, size_t len, size_t max, struct yaml *ret, struct error *err);
/* (yaml_free is a name of the library.) */
void yaml_release(struct yaml *yaml);

/* A scalar's text, or NULL if the node is another. Borrowed. (A NUL within hides what follows: such a text equals nothing that we look for.) */
const char *yaml_scalar(const yaml_node_t *node);
/* Nothing, ~ or null. A NULL node is null. */
bool yaml_is_null(const yaml_node_t *node);
/* The value of a key, or NULL; also through a merge key (<<), one level deep. `node` may be NULL or no mapping. */
yaml_node_t *yaml_get(yaml_document_t *document, const yaml_node_t *node, const char *key);
#endif
