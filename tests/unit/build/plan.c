/* Plans as data: each tests/corpus/plan/NAME.test has the sections "--- options", "--- Dockerfile" and either "--- plan", the whole text of
 * plan_print, or "--- error", a part of the message. */
#include <dirent.h>
#include <stdlib.h>

#include "base/fd.h"
#include "build/plan.h"
#include "tap.h"

struct test {
	char *options, *file, *plan, *error; /* into one text, or NULL */
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void split(char *text, struct test *ret)
{
	const struct {
		const char *head;
		char **at;
	} sections[] = { { "--- options\n", &ret->options }, { "--- Dockerfile\n", &ret->file }, { "--- plan\n", &ret->plan }, { "--- error\n", &ret->error } };
	char *starts[4];

	for (size_t i = 0; i < array_len(sections); i++) {
		starts[i] = strstr(text, sections[i].head);
		*sections[i].at = starts[i] ? starts[i] + strlen(sections[i].head) : NULL;
	}
	for (size_t i = 0; i < array_len(sections); i++)
		if (starts[i])
			*starts[i] = '\0';
}

static int make(const struct test *test, struct buf *ret, struct error *err)
{
	struct strlist lines _cleanup_(strlist_free) = { 0 }, args _cleanup_(strlist_free) = { 0 };
	struct dockerfile file _cleanup_(dockerfile_clear) = { 0 };
	struct plan plan _cleanup_(plan_clear) = { 0 };
	struct plan_options options = { .build_args = &args };

	platform_parse("linux/amd64", &options.build_platform, err);
	strlist_split(&lines, test->options, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		char *value = strchr(lines.items[i], ' ');
		if (!value)
			continue;
		*value++ = '\0';
		if (str_equal(lines.items[i], "platform"))
			platform_parse(value, &options.platform, err);
		else if (str_equal(lines.items[i], "target"))
			options.target = value;
		else if (str_equal(lines.items[i], "build-arg"))
			strlist_add(&args, value);
	}
	if (dockerfile_parse(test->file, strlen(test->file), "Dockerfile", &file, err) < 0 || plan_make(&file, &options, &plan, err) < 0)
		return -1;
	plan_print(&plan, ret);
	return 0;
}

static void run(const char *folder, const char *name)
{
	_cleanup_(freep) char *path = path_join(folder, name);
	struct error err _cleanup_(error_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 }, got _cleanup_(buf_free) = { 0 };
	struct test test;

	if (!works(file_read(AT_FDCWD, path, 1 << 20, &text, &err), &err, name))
		return;
	split(text.data, &test);
	int result = make(&test, &got, &err);
	if (test.error) {
		test.error[strcspn(test.error, "\n")] = '\0';
		ok(result < 0 && err.message && strstr(err.message, test.error), "%s: fails: %s", name, test.error);
		if (result == 0 || !strstr(err.message, test.error))
			printf("# %s\n", result ? err.message : "it did not fail");
	} else if (works(result, &err, name)) {
		is_str(got.data, test.plan, name);
	}
}

int main(int argc, char **argv)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	DIR *dir = opendir(argc > 1 ? argv[1] : ".");

	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (str_ends(entry->d_name, ".test"))
			strlist_add(&names, entry->d_name);
	ok(names.len > 0, "there are cases");
	qsort(names.items, names.len, sizeof *names.items, compare);
	for (size_t i = 0; i < names.len; i++)
		run(argv[1], names.items[i]);
	if (dir)
		closedir(dir);
	return done();
}
