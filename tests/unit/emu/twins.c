/* Twins without any emulator: versions that belong together, the table that the dispatcher gets, and what is no program. */
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "emu/debs.h"
#include "emu/dispatch/rules.h"
#include "emu/elf_text.h"
#include "emu/twin.h"
#include "emu/twin_list.h"
#include "tests/unit/tap.h"

static void versions(void)
{
	static const char *const pairs[][2] = { { "14.2.0-19", "14.2.0-19" }, { "14.2.0-19cross1", "14.2.0-19" }, { "0.21.2-1.1+b1", "0.21.2-1.1" },
						{ "2.8-2+deb13u1", "2.8-2+deb13u1" }, { "1.0+build-1", "1.0+build-1" }, { "1:2.47.3-0+deb13u1+b12", "1:2.47.3-0+deb13u1" } };
	struct strlist names _cleanup_(strlist_free) = { 0 };

	for (size_t i = 0; i < array_len(pairs); i++) {
		_cleanup_(freep) char *source = deb_source_version(pairs[i][0]);
		is_str(source, pairs[i][1], pairs[i][0]);
	}
	deb_depends("libc6 (>= 2.38), libgcc-s1 (>= 3.4) | other, libz:any, libc6", &names);
	_cleanup_(freep) char *list = strlist_join(&names, " ");
	is_str(list, "libc6 libgcc-s1 libz", "first alternatives, once each");
	ok(twin_list_has("a bc d", "bc") && twin_list_has("a", "a") && !twin_list_has("abc", "b") && !twin_list_has("a-b c", "b"), "whole words of a list");
}

/* A set as twins.json has it, its table in a folder. */
static const struct twin_table *make_table(const char *folder)
{
	static const char text[] =
		"{\"format\":1,\"programs\":["
		"{\"path\":\"/usr/bin/make\",\"twin\":\"bin/make\",\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":7,\"kind\":0,"
		"\"deny\":[\"--version\",\"-v\"],\"env\":[\"MAKE_HOST=riscv64-unknown-linux-gnu\"]},"
		"{\"path\":\"/usr/bin/ld\",\"twin\":\"bin/ld\",\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":8,\"kind\":4,"
		"\"plugin\":\"lib/p.so\",\"needs\":[\"/usr/lib/libz.so.1\"]}],\"libraries\":["
		"{\"path\":\"/usr/lib/libz.so.1\",\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":9,\"kind\":8}]}";
	struct twin_set set = { .list = json_parse(text, strlen(text), "list", NULL) };
	const struct platform platform = { .os = "linux", .architecture = "riscv64" };
	_cleanup_(freep) char *path = path_join(folder, "table");
	struct buf table = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	ok(twin_set_prepare(&set, &platform, folder, &err) == 0, "a step's files are written%s%s", err.message ? ": " : "", err.message ? err.message : "");
	ok(file_read(AT_FDCWD, path, 1 << 20, &table, NULL) == 0, "and read");
	twin_set_clear(&set);
	return (const void *)table.data; /* kept for all tests */
}

static const struct twin_entry *entry_of(const struct twin_table *table, const char *path)
{
	const struct twin_entry *entries = (const void *)table_text(table, table->entries);

	for (uint32_t i = 0; i < table->entries_len; i++)
		if (str_equal(table_text(table, entries[i].path), path))
			return &entries[i];
	return NULL;
}

static void entries(const struct twin_table *table)
{
	const struct twin_entry *make = entry_of(table, "/usr/bin/make"), *ld = entry_of(table, "/usr/bin/ld"), *z = entry_of(table, "/usr/lib/libz.so.1");

	ok(table->version == TWIN_TABLE_VERSION && table->entries_len == 3 && !table->foreign_layout && make && ld && z, "the table has its entries");
	if (!make || !ld || !z)
		return;
	ok(make->hash == table_hash("/usr/bin/make") && make->size == 7 && ld->kind == TWIN_LINKER, "with what the list says");
	is_str(table_text(table, make->twin), TWIN_TREE "/bin/make", "and paths as the step sees them");
	is_str(table_text(table, ld->plugin), TWIN_TREE "/lib/p.so", "also of the plug-in");
	ok(z->kind == TWIN_LIBRARY && !z->twin && !make->needs && !ld->needs_to_compress, "libraries are entries without a twin");
	is_str(table_next(table, ld->needs, NULL), "/usr/lib/libz.so.1", "and named by the programs that need them");
	is_str(table_next(table, table->env_all, NULL), "MAKE_HOST=riscv64-unknown-linux-gnu", "and all variables");
}

static void foreign_bytes(void)
{
	static const char *const texts[] = { "", "\177ELF", "\177ELF\2\1\1" };
	struct error err _cleanup_(error_clear) = { 0 };

	for (size_t i = 0; i < array_len(texts); i++) {
		struct buf bytes _cleanup_(buf_free) = { 0 };
		buf_add_str(&bytes, texts[i]);
		buf_reserve(&bytes, 128);
		ok(elf_retarget_text(&bytes, "amd64", "riscv64", &err) < 0, "no program of %zu bytes", bytes.len);
		error_clear(&err);
	}
}

int main(void)
{
	char folder[] = "/tmp/sampan-twins-XXXXXX";

	versions();
	foreign_bytes();
	ok(dispatcher_file->len > 1000 && dispatcher_file->len <= 100 * 1024, "the dispatcher has %zu bytes, at most 100 KB", dispatcher_file->len);
	if (!mkdtemp(folder))
		return 1;
	const struct twin_table *table = make_table(folder);
	if (table)
		entries(table);
	free((void *)table);
	dir_remove(AT_FDCWD, folder, NULL);
	return done();
}
