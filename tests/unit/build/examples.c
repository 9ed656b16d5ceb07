/* The Dockerfiles that we show people: each parses, can be planned for riscv64, and passes the build checks. Arguments are files. */
#include "base/fd.h"
#include "build/plan.h"
#include "tap.h"

static void print_finding(const struct check_finding *finding, void *data)
{
	(void)data;
	printf("# line %d: %s: %s\n", finding->line, finding->rule, finding->message);
}

static void check_example(const char *path)
{
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };
	_cleanup_(plan_clear) struct plan plan = { 0 };
	_cleanup_(strlist_free) struct strlist args = { 0 };
	_cleanup_(buf_free) struct buf text = { 0 }, printed = { 0 };
	struct plan_options options = { .build_args = &args };
	struct error err = { 0 };

	platform_parse("linux/amd64", &options.build_platform, NULL);
	platform_parse("linux/riscv64", &options.platform, NULL);
	if (!works(file_read(AT_FDCWD, path, 1 << 20, &text, &err), &err, "it can be read") ||
	    !works(dockerfile_parse(text.data, text.len, path, &dockerfile, &err), &err, "it parses") ||
	    !works(plan_make(&dockerfile, &options, &plan, &err), &err, "it can be planned"))
		return;
	is_int((long long)dockerfile_check(&dockerfile, print_finding, NULL), 0, "no check finds anything");
	plan_print(&plan, &printed);
	ok(printed.data && strstr(printed.data, "for linux/riscv64"), "for riscv64");
	printf("# %s\n", path);
}

int main(int argc, char **argv)
{
	ok(argc > 1, "there are examples");
	for (int i = 1; i < argc; i++)
		check_example(argv[i]);
	return done();
}
