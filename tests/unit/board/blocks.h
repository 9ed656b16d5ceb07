/* Cases of whole texts: "== words", the input, "-- ", and what comes out, or "!! part of the error". A line "\t…" in the file begins with a tab; "\c" at
 * the end of a text means that its last newline isn't there. */
#ifndef TESTS_BOARD_BLOCKS_H
#define TESTS_BOARD_BLOCKS_H
#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "tap.h"

struct block {
	struct strlist words;
	struct buf input, output;
	char *error; /* or NULL */
	char *title;
};

static inline void block_cut(struct buf *text)
{
	buf_reserve(text, 0);
	if (str_ends(text->data, "\\c\n"))
		text->data[text->len -= 3] = '\0';
}

static inline void block_run(struct block *block, void (*run)(struct block *block))
{
	if (block->title) {
		block_cut(&block->input);
		block_cut(&block->output);
		run(block);
	}
	strlist_free(&block->words);
	buf_free(&block->input);
	buf_free(&block->output);
	free(block->error);
	free(block->title);
	*block = (struct block){ 0 };
}

static inline void block_file(const char *path, void (*run)(struct block *block))
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	struct block block = { 0 };
	struct error err = { 0 };
	bool behind = false;

	if (!works(file_read(AT_FDCWD, path, 1 << 20, &text, &err), &err, path))
		return;
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i + 1 < lines.len; i++) {
		const char *line = lines.items[i];
		if (str_starts(line, "== ")) {
			block_run(&block, run);
			strlist_split(&block.words, line + 3, ' ');
			block.title = xstrdup(line + 3);
			behind = false;
		} else if (str_equal(line, "--")) {
			behind = true;
		} else if (str_starts(line, "!! ")) {
			block.error = xstrdup(line + 3);
		} else {
			buf_printf(behind ? &block.output : &block.input, "%s%s\n", str_starts(line, "\\t") ? "\t" : "", line + (str_starts(line, "\\t") ? 2 : 0));
		}
	}
	block_run(&block, run);
}
#endif
