/* The dispatcher's rules on any arguments and environment: the first byte is the kind of program, the second the place among the special ones, then come strings, a
 * line feed before those of the environment. Nothing is written beyond the room that was asked for, and each list ends. */
#include <stdint.h>
#include <stdlib.h>

#include "emu/twin_list.h"
#include "../unit/emu/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make(struct made_table *made, uint8_t kind, uint8_t which)
{
	static const char *const programs[] = { "bash", "dash", "make", "mawk", "gawk", "sort", "cat" };
	const struct twin_special *special = twin_special_find(programs[which % array_len(programs)]);

	made_begin(made);
	made->entry = (struct twin_entry){ .kind = kind % (TWIN_LIBRARY + 1), .twin = made_text(made, TWIN_TREE "/bin/x") };
	made->entry.deny = special ? made_list(made, special->deny) : 0;
	made->entry.env = made->head.env_all = which & 0x10 ? made_list(made, "MAKE_HOST=riscv64-unknown-linux-gnu\nHOSTTYPE=riscv64\nMACHTYPE=x") : 0;
	made->entry.plugin = which & 0x20 ? made_text(made, TWIN_TREE "/lib/gcc-14/liblto_plugin.so") : 0;
	made->entry.c_folders = made_list(made, "/usr/include\n/usr/local/include");
	made->entry.cxx_folders = which & 0x40 ? made_list(made, "/usr/include/c++") : 0;
	made->head.foreign_layout = which >> 7;
	made_end(made);
}

static void split(const uint8_t *data, size_t size, struct strlist *args, struct strlist *env)
{
	struct strlist *to = args;

	for (size_t at = 0, len; at < size; at += len + 1) {
		for (len = 0; at + len < size && data[at + len];)
			len++;
		if (len == 1 && data[at] == '\n')
			to = env;
		else
			strlist_take(to, xstrndup((const char *)data + at, len));
	}
	for (size_t i = 0; i < 2; i++) {
		struct strlist *list = i ? env : args;
		strlist_add(list, "");
		list->len--;
		free(list->items[list->len]);
		list->items[list->len] = NULL;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strlist args _cleanup_(strlist_free) = { 0 }, env _cleanup_(strlist_free) = { 0 };
	struct made_table made;
	size_t slots, text, count = 0;
	char **argv, **envp;

	if (size < 2)
		return 0;
	make(&made, data[0], data[1]);
	const struct twin_table *table = (const void *)made.bytes.data;
	split(data + 2, size - 2, &args, &env);
	struct call call = { args.len ? args.items[0] : "", args.items, env.items };
	call_room(table, &call, &slots, &text);
	char **slot_bytes = malloc(slots * sizeof *slot_bytes), *text_bytes = malloc(text ? text : 1);
	struct room room = { slot_bytes, text_bytes };
	call_restore(table, data[1] & 8 ? "/usr/libexec/collect2" : "/usr/bin/x", &call, &room);
	call_refused(table, &made.entry, &call);
	call_twin(table, &made.entry, &call, &room, &argv, &envp);
	for (char **at = argv; *at; at++)
		count += strlen(*at);
	for (char **at = envp; *at; at++)
		count += strlen(*at);
	/* QEMU's list comes behind, if the twin can't be started */
	for (count = 0; call.args[count];)
		count++;
	if (room.slots + count + 5 > slot_bytes + slots || room.text > text_bytes + text)
		abort();
	free(slot_bytes);
	free(text_bytes);
	buf_free(&made.bytes);
	return 0;
}
