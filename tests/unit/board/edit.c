/* Edits of YAML and JSON: "== FORMAT set|add|same KEY|KEY|… VALUE". `same`: the edit has nothing to do. Every edit is made twice: the second changes nothing. */
#include "board/edit.h"

#include "blocks.h"

static void run(struct block *block)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist path _cleanup_(strlist_free) = { 0 };
	struct error err = { 0 };
	const char *const *w = (const char *const *)block->words.items;
	enum edit_format format = str_equal(w[0], "json") ? EDIT_JSON : EDIT_YAML;
	int (*edit)(struct buf *, enum edit_format, const char *const *, size_t, const char *, struct error *) = str_equal(w[1], "set") ? edit_set : edit_add;
	bool same = str_equal(w[1], "same");

	strlist_split(&path, w[2], '|');
	buf_add(&text, block->input.data, block->input.len);
	int result = edit(&text, format, (const char *const *)path.items, path.len, w[3], &err);
	if (block->error) {
		ok(result < 0 && err.message && (strstr(err.message, block->error) || (err.hint && strstr(err.hint, block->error))), "%s: %s", block->title, block->error);
		ok(text.len == block->input.len && !memcmp(text.data, block->input.data, text.len), "  and the text is untouched");
		error_clear(&err);
		return;
	}
	if (!works(result, &err, block->title))
		return;
	is_int(result, !same, "  changes it");
	is_str(text.data, same ? block->input.data : block->output.data, "  to");
	is_int(edit(&text, format, (const char *const *)path.items, path.len, w[3], &err), 0, "  once");
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		block_file(argv[i], run);
	return done();
}
