/* The YAML reader: see yaml_read.h. */
#include "board/yaml_read.h"

static int explain(const yaml_parser_t *parser, const char *text, size_t len, struct error *err)
{
	size_t line = parser->error == YAML_READER_ERROR ? 0 : parser->problem_mark.line + 1;
	const char *at = text, *end = text + len;

	if (!line)
		return error_set(err, ERROR_INVALID, "it is not UTF-8 text: %s", parser->problem ? parser->problem : "unknown byte");
	error_set(err, ERROR_INVALID, "line %zu, column %zu: %s", line, parser->problem_mark.column + 1, parser->problem ? parser->problem : "no YAML");
	for (size_t i = 1; i < line && at; i++) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	for (; at && at < end && (*at == ' ' || *at == '\t'); at++)
		if (*at == '\t')
			return error_hint(err, "line %zu is indented with a tab: YAML takes only blanks there", line);
	return -1;
}

int yaml_load(const char *text, size_t len, size_t max, struct yaml *ret, struct error *err)
{
	struct yaml yaml = { 0 };
	yaml_parser_t parser;
	int result = 0;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text ? text : ""), len);
	for (;;) {
		yaml_document_t document;
		if (!yaml_parser_load(&parser, &document)) {
			result = explain(&parser, text ? text : "", len, err);
			break;
		}
		if (!yaml_document_get_root_node(&document)) {
			yaml_document_delete(&document);
			break;
		}
		xgrow(yaml.documents, yaml.len);
		yaml.documents[yaml.len++] = document;
		if (yaml.len > max) {
			result = error_set(err, ERROR_UNSUPPORTED, "it has more than %zu YAML document%s", max, max == 1 ? "" : "s");
			break;
		}
	}
	yaml_parser_delete(&parser);
	if (result < 0)
		yaml_release(&yaml);
	else
		*ret = yaml;
	return result;
}

void yaml_release(struct yaml *yaml)
{
	for (size_t i = 0; i < yaml->len; i++)
		yaml_document_delete(&yaml->documents[i]);
	free(yaml->documents);
	*yaml = (struct yaml){ 0 };
}

const char *yaml_scalar(const yaml_node_t *node)
{
	return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

bool yaml_is_null(const yaml_node_t *node)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };
	const char *text = yaml_scalar(node);

	if (!node)
		return true;
	for (size_t i = 0; text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && i < array_len(words); i++)
		if (str_equal(text, words[i]))
			return true;
	return false;
}

static yaml_node_t *get_own(yaml_document_t *document, const yaml_node_t *node, const char *key)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
		if (str_equal(yaml_scalar(yaml_document_get_node(document, pair->key)), key))
			return yaml_document_get_node(document, pair->value);
	return NULL;
}

yaml_node_t *yaml_get(yaml_document_t *document, const yaml_node_t *node, const char *key)
{
	yaml_node_t *own = get_own(document, node, key), *merged = own ? NULL : get_own(document, node, "<<"), *found = NULL;

	if (!merged || merged->type != YAML_SEQUENCE_NODE)
		return own ? own : get_own(document, merged, key);
	for (yaml_node_item_t *item = merged->data.sequence.items.start; !found && item < merged->data.sequence.items.top; item++)
		found = get_own(document, yaml_document_get_node(document, *item), key);
	return found;
}
