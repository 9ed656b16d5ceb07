/* Edits of JSON and YAML: see edit.h.
 *
 * The parser's marks say where a node begins and ends, in characters. Where something new goes:
 *   - into a mapping or list in flow style ({…}, […], all of JSON): behind the last pair, or in front of the first item, on lines of their own if
 *     the others are;
 *   - into a block mapping: on the line behind its last pair, at the column of its first key. A block's own end mark is useless, since it lies
 *     behind the comments and blank lines that follow; the end of its last scalar is what counts;
 *   - into a block list: in front of its first dash;
 *   - where a key has no value yet: on the lines below it. */
#include "board/edit.h"

#include "base/json.h"
#include "board/yaml_read.h"

struct edit {
	enum edit_format format;
	const char *text; /* borrowed */
	size_t len;
	struct yaml yaml;
	yaml_document_t *document; /* NULL: the text is empty */
	const char *const *path;
	size_t path_len;
	const char *value;
	bool list;
	struct buf out;
};

static void edit_clear(struct edit *edit)
{
	yaml_release(&edit->yaml);
	buf_free(&edit->out);
}

static yaml_node_t *node_at(const struct edit *edit, int index)
{
	return yaml_document_get_node(edit->document, index);
}

/* ---- places ---- */

/* Marks count characters, we count bytes. */
static size_t offset_of(const struct edit *edit, yaml_mark_t mark)
{
	size_t at = 0;

	for (size_t left = mark.index; left && at < edit->len; left--)
		for (at++; at < edit->len && ((unsigned char)edit->text[at] & 0xc0) == 0x80;)
			at++;
	return at;
}

static size_t line_start(const struct edit *edit, size_t at)
{
	while (at && edit->text[at - 1] != '\n')
		at--;
	return at;
}

/* Behind the line's end. */
static size_t line_end(const struct edit *edit, size_t at)
{
	const char *newline = at < edit->len ? memchr(edit->text + at, '\n', edit->len - at) : NULL;

	return newline ? (size_t)(newline - edit->text) + 1 : edit->len;
}

/* Where what was written of a node ends. */
static yaml_mark_t tail_of(const struct edit *edit, const yaml_node_t *node)
{
	for (;;) {
		if (node->type == YAML_MAPPING_NODE && node->data.mapping.style != YAML_FLOW_MAPPING_STYLE &&
		    node->data.mapping.pairs.top > node->data.mapping.pairs.start)
			node = node_at(edit, node->data.mapping.pairs.top[-1].value);
		else if (node->type == YAML_SEQUENCE_NODE && node->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE &&
			 node->data.sequence.items.top > node->data.sequence.items.start)
			node = node_at(edit, node->data.sequence.items.top[-1]);
		else
			return node->end_mark;
	}
}

/* ---- putting text in ---- */

static void splice(struct edit *edit, size_t from, size_t to, const struct buf *middle)
{
	buf_clear(&edit->out);
	buf_add(&edit->out, edit->text, from);
	buf_add(&edit->out, middle->data, middle->len);
	buf_add(&edit->out, edit->text + to, edit->len - to);
}

static void add_quoted(struct buf *out, const char *text)
{
	json_t *string _cleanup_(json_release) = json_string(text);
	_cleanup_(freep) char *quoted = json_dumps(string, JSON_ENCODE_ANY);

	buf_add_str(out, quoted ? quoted : "\"\"");
}

static void add_key(const struct edit *edit, struct buf *out, const char *key)
{
	bool plain = edit->format == EDIT_YAML && *key && strspn(key, "abcdefghijklmnopqrstuvwxyz_") == strlen(key) && !str_equal(key, "null") &&
		     !str_equal(key, "true") && !str_equal(key, "false");

	if (plain)
		buf_add_str(out, key);
	else
		add_quoted(out, key);
	buf_add_char(out, ':');
}

static void add_indent(struct buf *out, size_t column)
{
	for (size_t i = 0; i < column; i++)
		buf_add_char(out, ' ');
}

/* What is still missing of the path, from `depth` on, as lines of block style. */
static void add_block(const struct edit *edit, struct buf *out, size_t depth, size_t column)
{
	for (; depth < edit->path_len; depth++, column += 2) {
		add_indent(out, column);
		add_key(edit, out, edit->path[depth]);
		if (depth + 1 < edit->path_len || edit->list)
			buf_add_char(out, '\n');
	}
	if (edit->list) {
		add_indent(out, column);
		buf_add_str(out, "-");
	}
	buf_add_char(out, ' ');
	add_quoted(out, edit->value);
	buf_add_char(out, '\n');
}

/* The same in flow style, in one line ("unit" NULL) or on lines of their own. `braces`: as a value, else as a pair of a mapping. */
static void add_flow(const struct edit *edit, struct buf *out, size_t depth, bool braces, const char *indent, const char *unit)
{
	bool last = depth == edit->path_len;
	const char *open = !last ? braces ? "{" : "" : edit->list ? "[" : "", *close = !last ? braces ? "}" : "" : edit->list ? "]" : "";
	_cleanup_(freep) char *inner = unit && *open ? xprintf("%s%s", indent, unit) : xstrdup(indent);

	buf_add_str(out, open);
	if (unit && *open)
		buf_printf(out, "\n%s", inner);
	if (last) {
		add_quoted(out, edit->value);
	} else {
		add_key(edit, out, edit->path[depth]);
		buf_add_char(out, ' ');
		add_flow(edit, out, depth + 1, true, inner, unit);
	}
	if (unit && *close)
		buf_printf(out, "\n%s", indent);
	buf_add_str(out, close);
}

/* The whitespace in front of a flow collection's members if they are on lines of their own, else NULL. Owned by the caller. */
static char *member_indent(const struct edit *edit, const yaml_node_t *collection, const yaml_node_t *first)
{
	size_t at, begin;

	if (!first || first->start_mark.line == collection->start_mark.line)
		return NULL;
	at = offset_of(edit, first->start_mark);
	begin = line_start(edit, at);
	return xstrndup(edit->text + begin, strspn(edit->text + begin, " \t"));
}

static char *own_indent(const struct edit *edit, const yaml_node_t *node)
{
	size_t begin = line_start(edit, offset_of(edit, node->start_mark));

	return xstrndup(edit->text + begin, strspn(edit->text + begin, " \t"));
}

/* One step of indentation, as this collection has it. */
static char *indent_unit(const char *own, const char *inner)
{
	if (inner && str_starts(inner, own) && inner[strlen(own)])
		return xstrdup(inner + strlen(own));
	return xstrdup("  ");
}

/* ---- the edits ---- */

static void insert_flow_pair(struct edit *edit, const yaml_node_t *mapping, size_t depth)
{
	struct buf middle _cleanup_(buf_free) = { 0 };
	const yaml_node_pair_t *first = mapping->data.mapping.pairs.start, *end = mapping->data.mapping.pairs.top;
	_cleanup_(freep) char *inner = member_indent(edit, mapping, first < end ? node_at(edit, first->key) : NULL);
	_cleanup_(freep) char *own = own_indent(edit, mapping), *unit = indent_unit(own, inner);
	size_t at = first < end ? offset_of(edit, node_at(edit, end[-1].value)->end_mark) : offset_of(edit, mapping->start_mark) + 1, to = at;

	if (first < end) {
		buf_printf(&middle, inner ? ",\n%s" : ", ", inner);
		add_flow(edit, &middle, depth, false, inner ? inner : "", inner ? unit : NULL);
	} else if (edit->format == EDIT_JSON) { /* {}: what is in between is whitespace */
		_cleanup_(freep) char *deeper = xprintf("%s%s", own, unit);
		to = offset_of(edit, mapping->end_mark) - 1;
		buf_printf(&middle, "\n%s", deeper);
		add_flow(edit, &middle, depth, false, deeper, unit);
		buf_printf(&middle, "\n%s", own);
	} else {
		add_flow(edit, &middle, depth, false, "", NULL);
	}
	splice(edit, at, to, &middle);
}

/* On lines of their own behind a place in the text. */
static void insert_lines(struct edit *edit, yaml_mark_t behind, size_t depth, size_t column)
{
	struct buf middle _cleanup_(buf_free) = { 0 };
	size_t at = offset_of(edit, behind);

	if (behind.column || !at)
		at = line_end(edit, at);
	if (at && edit->text[at - 1] != '\n')
		buf_add_char(&middle, '\n');
	add_block(edit, &middle, depth, column);
	splice(edit, at, at, &middle);
}

static void insert_pair(struct edit *edit, const yaml_node_t *mapping, size_t depth)
{
	if (mapping->data.mapping.style == YAML_FLOW_MAPPING_STYLE || mapping->data.mapping.pairs.top == mapping->data.mapping.pairs.start)
		insert_flow_pair(edit, mapping, depth);
	else
		insert_lines(edit, tail_of(edit, mapping), depth, node_at(edit, mapping->data.mapping.pairs.start->key)->start_mark.column);
}

static void insert_item(struct edit *edit, const yaml_node_t *list)
{
	struct buf middle _cleanup_(buf_free) = { 0 };
	yaml_node_item_t *first = list->data.sequence.items.start;
	bool empty = first == list->data.sequence.items.top;
	size_t at = offset_of(edit, list->start_mark);

	if (list->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE || empty) {
		_cleanup_(freep) char *inner = member_indent(edit, list, empty ? NULL : node_at(edit, *first));
		at++;
		if (inner)
			buf_printf(&middle, "\n%s", inner);
		add_quoted(&middle, edit->value);
		buf_add_str(&middle, empty ? "" : inner ? "," : ", ");
	} else {
		buf_add_str(&middle, "- ");
		add_quoted(&middle, edit->value);
		buf_add_char(&middle, '\n');
		add_indent(&middle, list->start_mark.column);
	}
	splice(edit, at, at, &middle);
}

/* A value, or nothing, is replaced by what is asked for. `key` is its key, or NULL for the whole document. */
static void replace_value(struct edit *edit, const yaml_node_t *key, const yaml_node_t *value, size_t depth)
{
	struct buf middle _cleanup_(buf_free) = { 0 };
	size_t from = value ? offset_of(edit, value->start_mark) : edit->len, to = value ? offset_of(edit, value->end_mark) : edit->len;

	if (edit->format == EDIT_YAML && key && from == to && (depth < edit->path_len || edit->list)) {
		insert_lines(edit, value->start_mark, depth, key->start_mark.column + 2);
		return;
	}
	if (from == to && key)
		buf_add_char(&middle, ' ');
	add_flow(edit, &middle, depth, true, "", NULL);
	splice(edit, from, to, &middle);
}

/* Of a document that has nothing in it: behind its comments. */
static void fill_empty(struct edit *edit)
{
	struct buf middle _cleanup_(buf_free) = { 0 };

	if (edit->format == EDIT_JSON) {
		add_flow(edit, &middle, 0, true, "", "  ");
		buf_add_char(&middle, '\n');
		splice(edit, 0, edit->len, &middle);
		return;
	}
	if (edit->len && edit->text[edit->len - 1] != '\n')
		buf_add_char(&middle, '\n');
	add_block(edit, &middle, 0, 0);
	splice(edit, edit->len, edit->len, &middle);
}

/* ---- finding ---- */

static int wrong(const yaml_node_t *node, const char *is, struct error *err)
{
	return error_set(err, ERROR_INVALID, "line %zu: it should be %s", node->start_mark.line + 1, is);
}

/* 1 with the pair, 0 if there is none. A key that is there twice has no meaning. */
static int find_pair(const struct edit *edit, const yaml_node_t *mapping, const char *key, const yaml_node_pair_t **ret, struct error *err)
{
	const yaml_node_pair_t *found = NULL;

	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *node = node_at(edit, pair->key);
		if (!str_equal(yaml_scalar(node), key))
			continue;
		if (found)
			return error_set(err, ERROR_INVALID, "line %zu: '%s' is there twice", node->start_mark.line + 1, key);
		found = pair;
	}
	*ret = found;
	return found != NULL;
}

static bool list_has(const struct edit *edit, const yaml_node_t *list, const char *value)
{
	for (yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++)
		if (str_equal(yaml_scalar(node_at(edit, *item)), value))
			return true;
	return false;
}

/* The value at the end of the path is there. */
static int change_value(struct edit *edit, const yaml_node_t *key, const yaml_node_t *value, struct error *err)
{
	if (yaml_is_null(value)) {
		replace_value(edit, key, value, edit->path_len);
		return 1;
	}
	if (edit->list && value->type != YAML_SEQUENCE_NODE)
		return wrong(value, "a list", err);
	if (!edit->list && value->type != YAML_SCALAR_NODE)
		return wrong(value, "a text", err);
	if (edit->list ? list_has(edit, value, edit->value) : str_equal(yaml_scalar(value), edit->value))
		return 0;
	if (edit->list)
		insert_item(edit, value);
	else
		replace_value(edit, key, value, edit->path_len);
	return 1;
}

/* 1 if edit->out holds the new text. */
static int change(struct edit *edit, struct error *err)
{
	const yaml_node_t *node = edit->document ? yaml_document_get_root_node(edit->document) : NULL, *key = NULL;
	const yaml_node_pair_t *pair = NULL;

	if (!node) {
		fill_empty(edit);
		return 1;
	}
	for (size_t depth = 0; depth < edit->path_len; depth++) {
		if (yaml_is_null(node) && key) {
			replace_value(edit, key, node, depth);
			return 1;
		}
		if (node->type != YAML_MAPPING_NODE)
			return wrong(node, "a mapping", err);
		int found = find_pair(edit, node, edit->path[depth], &pair, err);
		if (found < 0)
			return -1;
		if (!found) {
			insert_pair(edit, node, depth);
			return 1;
		}
		key = node_at(edit, pair->key);
		node = node_at(edit, pair->value);
	}
	return change_value(edit, key, node, err);
}

/* ---- checking ---- */

static int check_aliases(const struct edit *edit, struct error *err)
{
	yaml_node_t *nodes = edit->document->nodes.start;
	size_t len = (size_t)(edit->document->nodes.top - nodes);
	_cleanup_(freep) bool *seen = xcalloc(len + 2, sizeof *seen);

	seen[1] = true; /* the root, which may name itself */
	for (size_t i = 0; i < len; i++) {
		size_t count = nodes[i].type == YAML_MAPPING_NODE ? 2 * (size_t)(nodes[i].data.mapping.pairs.top - nodes[i].data.mapping.pairs.start) :
			       nodes[i].type == YAML_SEQUENCE_NODE ? (size_t)(nodes[i].data.sequence.items.top - nodes[i].data.sequence.items.start) : 0;
		for (size_t k = 0; k < count; k++) {
			const yaml_node_pair_t *pairs = nodes[i].type == YAML_MAPPING_NODE ? nodes[i].data.mapping.pairs.start : NULL;
			int child = !pairs ? nodes[i].data.sequence.items.start[k] : k % 2 ? pairs[k / 2].value : pairs[k / 2].key;
			if (seen[child])
				return error_set(err, ERROR_UNSUPPORTED, "it uses anchors (&name, *name): it can't be edited safely");
			seen[child] = true;
		}
	}
	return 0;
}

static int load(struct edit *edit, struct error *err)
{
	if (edit->len > EDIT_SIZE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "it is larger than %d bytes", EDIT_SIZE_MAX);
	if (edit->format == EDIT_JSON && edit->len) {
		json_t *root _cleanup_(json_release) = json_parse(edit->text, edit->len, "file", err);
		if (!root) {
			bool comment = memmem(edit->text, edit->len, "//", 2) || memmem(edit->text, edit->len, "/*", 2) || memchr(edit->text, '#', edit->len);
			return comment ? error_hint(err, "JSON has no comments") : -1;
		}
	}
	if (yaml_load(edit->text, edit->len, 1, &edit->yaml, err) < 0)
		return -1;
	edit->document = edit->yaml.len ? &edit->yaml.documents[0] : NULL;
	return edit->document ? check_aliases(edit, err) : 0;
}

static bool same(const struct edit *a, const yaml_node_t *x, const struct edit *b, const yaml_node_t *y, size_t depth);

static bool same_lists(const struct edit *a, const yaml_node_t *x, const struct edit *b, const yaml_node_t *y, size_t skip, size_t depth)
{
	const yaml_node_item_t *mine = x ? x->data.sequence.items.start : NULL, *theirs = y->data.sequence.items.start + skip;
	size_t len = x ? (size_t)(x->data.sequence.items.top - mine) : 0;

	if ((size_t)(y->data.sequence.items.top - theirs) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!same(a, node_at(a, mine[i]), b, node_at(b, theirs[i]), depth + 1))
			return false;
	return true;
}

static bool same(const struct edit *a, const yaml_node_t *x, const struct edit *b, const yaml_node_t *y, size_t depth)
{
	if (x->type != y->type || depth > EDIT_DEPTH_MAX || !str_equal((char *)x->tag, (char *)y->tag))
		return false;
	if (x->type == YAML_SCALAR_NODE)
		return x->data.scalar.length == y->data.scalar.length && !memcmp(x->data.scalar.value, y->data.scalar.value, x->data.scalar.length) &&
		       x->data.scalar.style == y->data.scalar.style;
	if (x->type == YAML_SEQUENCE_NODE)
		return same_lists(a, x, b, y, 0, depth);
	size_t len = (size_t)(x->data.mapping.pairs.top - x->data.mapping.pairs.start);
	if ((size_t)(y->data.mapping.pairs.top - y->data.mapping.pairs.start) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		const yaml_node_pair_t *mine = &x->data.mapping.pairs.start[i], *theirs = &y->data.mapping.pairs.start[i];
		if (!same(a, node_at(a, mine->key), b, node_at(b, theirs->key), depth + 1) ||
		    !same(a, node_at(a, mine->value), b, node_at(b, theirs->value), depth + 1))
			return false;
	}
	return true;
}

/* Does `y` hold what `x` (NULL: nothing) holds, and besides it the value at the path from `depth` on, and no more? */
static bool is_result(const struct edit *a, const yaml_node_t *x, const struct edit *b, const yaml_node_t *y, size_t depth)
{
	size_t at = 0, seen = 0;

	if (x && yaml_is_null(x))
		x = NULL;
	if (depth == a->path_len && !a->list)
		return str_equal(yaml_scalar(y), a->value);
	if (depth == a->path_len)
		return y->type == YAML_SEQUENCE_NODE && y->data.sequence.items.top > y->data.sequence.items.start &&
		       str_equal(yaml_scalar(node_at(b, *y->data.sequence.items.start)), a->value) && same_lists(a, x, b, y, 1, depth);
	if (y->type != YAML_MAPPING_NODE || (x && x->type != YAML_MAPPING_NODE))
		return false;
	size_t len = x ? (size_t)(x->data.mapping.pairs.top - x->data.mapping.pairs.start) : 0;
	for (yaml_node_pair_t *pair = y->data.mapping.pairs.start; pair < y->data.mapping.pairs.top; pair++) {
		const yaml_node_pair_t *old = at < len ? &x->data.mapping.pairs.start[at] : NULL;
		bool ours = str_equal(yaml_scalar(node_at(b, pair->key)), a->path[depth]);
		bool known = old && same(a, node_at(a, old->key), b, node_at(b, pair->key), depth);
		if (!ours && !known)
			return false;
		if (ours ? !is_result(a, known ? node_at(a, old->value) : NULL, b, node_at(b, pair->value), depth + 1) :
			   !same(a, node_at(a, old->value), b, node_at(b, pair->value), depth))
			return false;
		at += known;
		seen += ours;
	}
	return seen == 1 && at == len;
}

static int check_result(const struct edit *edit, struct error *err)
{
	struct edit after _cleanup_(edit_clear) = { .format = edit->format, .text = edit->out.data, .len = edit->out.len };
	const yaml_node_t *before = edit->document ? yaml_document_get_root_node(edit->document) : NULL;

	if (load(&after, NULL) == 0 && after.document && is_result(edit, before, &after, yaml_document_get_root_node(after.document), 0))
		return 0;
	_cleanup_(freep) char *key = xstrdup(edit->path[0]);
	for (size_t i = 1; i < edit->path_len; i++) {
		char *longer = xprintf("%s: %s", key, edit->path[i]);
		free(key);
		key = longer;
	}
	error_set(err, ERROR_UNSUPPORTED, "it is written in a way that can't be edited safely");
	return error_hint(err, "set '%s: %s' by hand", key, edit->value);
}

static int edit_text(struct buf *text, struct edit *edit, struct error *err)
{
	edit->text = text->data ? text->data : "";
	edit->len = text->len;
	if (load(edit, err) < 0)
		return -1;
	int changed = change(edit, err);
	if (changed <= 0)
		return changed;
	if (check_result(edit, err) < 0)
		return -1;
	struct buf old = *text;
	*text = edit->out;
	edit->out = old;
	return 1;
}

int edit_set(struct buf *text, enum edit_format format, const char *const *path, size_t path_len, const char *value, struct error *err)
{
	struct edit edit _cleanup_(edit_clear) = { .format = format, .path = path, .path_len = path_len, .value = value };

	return edit_text(text, &edit, err);
}

int edit_add(struct buf *text, enum edit_format format, const char *const *path, size_t path_len, const char *value, struct error *err)
{
	struct edit edit _cleanup_(edit_clear) = { .format = format, .path = path, .path_len = path_len, .value = value, .list = true };

	return edit_text(text, &edit, err);
}
