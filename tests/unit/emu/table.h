/* A table for the dispatcher's rules, made by hand: one entry, strings added one by one. */
#ifndef TESTS_EMU_TABLE_H
#define TESTS_EMU_TABLE_H
#include "base/buf.h"
#include "base/str.h"
#include "emu/dispatch/rules.h"

struct made_table {
	struct buf bytes;
	struct twin_table head;
	struct twin_entry entry;
};

static inline uint32_t made_text(struct made_table *made, const char *text)
{
	uint32_t at = (uint32_t)made->bytes.len;

	buf_add(&made->bytes, text, strlen(text) + 1);
	return at;
}

/* Words between line feeds. */
static inline uint32_t made_list(struct made_table *made, const char *words)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };
	uint32_t at = (uint32_t)made->bytes.len;

	if (!words || !*words)
		return 0;
	strlist_split(&list, words, '\n');
	for (size_t i = 0; i < list.len; i++)
		made_text(made, list.items[i]);
	buf_add_char(&made->bytes, '\0');
	return at;
}

static inline void made_begin(struct made_table *made)
{
	*made = (struct made_table){ 0 };
	made->bytes.len = 0;
	buf_add(&made->bytes, (const char *)&made->head, sizeof made->head);
	made->head.loader = made_text(made, TWIN_TREE "/ld.so");
	made->head.libraries = made_text(made, TWIN_TREE "/lib");
}

static inline const struct twin_table *made_end(struct made_table *made)
{
	made->head.version = TWIN_TABLE_VERSION;
	made->head.size = (uint32_t)made->bytes.len;
	memcpy(made->bytes.data, &made->head, sizeof made->head);
	return (const struct twin_table *)(const void *)made->bytes.data;
}
#endif
