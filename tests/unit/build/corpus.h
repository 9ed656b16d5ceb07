/* Walks a corpus: each .dockerfile of a folder, by name. */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H
#include <dirent.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/str.h"
#include "tap.h"

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* `folder` is NULL where the test was called without one, which fails it. */
static void corpus_each(const char *folder, void (*check)(int dir, const char *name))
{
	struct dirent **entries = NULL;
	_cleanup_(fd_close) int dir = open(folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = folder ? scandir(folder, &entries, NULL, by_name) : 0;

	ok(count > 2, "there is a corpus");
	for (int i = 0; i < count; i++) {
		if (str_ends(entries[i]->d_name, ".dockerfile"))
			check(dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}
#endif
