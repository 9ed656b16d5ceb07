/* The list of a set of twins, which may have been pulled: a table that is made of it has all its strings within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "emu/twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/sampan-fuzz.XXXXXX";

static void remove_folder(void)
{
	dir_remove(AT_FDCWD, folder, NULL);
}

static void check_offset(const struct buf *file, uint32_t offset)
{
	if (offset && (offset >= file->len || !memchr(file->data + offset, 0, file->len - offset)))
		abort();
}

static void check_table(const struct buf *file)
{
	const struct twin_table *table = (const void *)file->data;
	const struct twin_entry *entries = (const void *)(file->data + table->entries);

	if (file->len < sizeof *table || table->size != file->len || table->entries + table->entries_len * sizeof *entries > file->len)
		abort();
	for (uint32_t i = 0; i < table->entries_len; i++) {
		const uint32_t offsets[] = { entries[i].path, entries[i].twin, entries[i].deny, entries[i].env, entries[i].c_folders, entries[i].cxx_folders,
					     entries[i].plugin, entries[i].needs, entries[i].needs_to_compress };
		for (size_t j = 0; j < array_len(offsets); j++)
			check_offset(file, offsets[j]);
		if (!entries[i].path || !entries[i].twin != (entries[i].kind == TWIN_LIBRARY) || (i && entries[i].hash < entries[i - 1].hash))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct platform platform = { .os = "linux", .architecture = "riscv64" };
	struct error err _cleanup_(error_clear) = { 0 };
	struct buf file _cleanup_(buf_free) = { 0 };
	static bool made;

	if (!made && (!mkdtemp(folder) || atexit(remove_folder)))
		abort();
	made = true;
	json_t *list = json_parse((const char *)data, size, "list", &err);
	struct twin_set set = { .list = list };
	if (list && twin_set_prepare(&set, &platform, folder, &err) == 0) {
		_cleanup_(freep) char *path = path_join(folder, "table");
		if (file_read(AT_FDCWD, path, 1 << 26, &file, &err) < 0)
			abort();
		check_table(&file);
	}
	json_decref(list);
	return 0;
}
