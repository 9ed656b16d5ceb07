/* Feeds the files of the folders in argv to a fuzzer's entry point: the corpus and every finding, replayed by each test run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder)
{
	DIR *list = opendir(folder);
	int count = 0;

	for (struct dirent *entry; list && (entry = readdir(list));) {
		struct buf text _cleanup_(buf_free) = { 0 };
		if (entry->d_name[0] == '.' || file_read(dirfd(list), entry->d_name, 64 << 20, &text, NULL) < 0)
			continue;
		buf_reserve(&text, 0);
		/* A copy of exactly this length, so that a read past its end is seen. */
		uint8_t *exact = xcalloc(text.len, 1);
		memcpy(exact, text.data, text.len);
		LLVMFuzzerTestOneInput(exact, text.len);
		free(exact);
		count++;
	}
	if (list)
		closedir(list);
	return count;
}

int main(int argc, char **argv)
{
	int count = 0;

	for (int i = 1; i < argc; i++)
		count += replay(argv[i]);
	printf("# %d inputs\n", count);
	return count ? 0 : 1;
}
