/* The build checks: name.dockerfile finds what name.expected says, a line each. With UPDATE=1 the expectations are written anew. */
#include <dirent.h>

#include "base/fd.h"
#include "build/dockerfile.h"
#include "corpus.h"
#include "tap.h"

static void add_finding(const struct check_finding *finding, void *data)
{
	buf_printf(data, "%d %s: %s\n", finding->line, finding->rule, finding->message);
}

static void check_file(int dir, const char *name)
{
	_cleanup_(freep) char *base = xstrndup(name, strlen(name) - strlen(".dockerfile"));
	_cleanup_(freep) char *expected = xprintf("%s.expected", base);
	_cleanup_(buf_free) struct buf text = { 0 }, want = { 0 }, got = { 0 };
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };
	struct error err = { 0 };

	if (!works(file_read(dir, name, 1 << 20, &text, &err), &err, name) ||
	    !works(dockerfile_parse(text.data, text.len, name, &dockerfile, &err), &err, name))
		return;
	dockerfile_check(&dockerfile, add_finding, &got);
	if (getenv("UPDATE"))
		file_replace(dir, expected, got.data, got.len, 0644, NULL);
	file_read(dir, expected, 1 << 20, &want, NULL);
	is_str(got.data ? got.data : "", want.data ? want.data : "", expected);
}

static void check_ignored(void)
{
	static const char text[] = "FROM scratch\nCOPY a b keep /d/\nCOPY --from=x a /e\nADD ./docs /f\nADD https://a.org/a /\n";
	static const char patterns[] = "a\ndocs\n*.md\n";
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };
	_cleanup_(ignore_free) struct ignore *ignore = NULL;
	_cleanup_(buf_free) struct buf got = { 0 };

	dockerfile_parse(text, strlen(text), "Dockerfile", &dockerfile, NULL);
	ignore_parse(patterns, strlen(patterns), ".dockerignore", &ignore, NULL);
	is_int((long long)dockerfile_check_ignored(&dockerfile, NULL, add_finding, &got), 0, "nothing is ignored");
	is_int((long long)dockerfile_check_ignored(&dockerfile, ignore, add_finding, &got), 2, "two are");
	is_str(got.data,
	       "2 CopyIgnoredFile: Attempting to Copy file \"a\" that is excluded by .dockerignore\n"
	       "4 CopyIgnoredFile: Attempting to Add file \"./docs\" that is excluded by .dockerignore\n",
	       "which");
}

int main(int argc, char **argv)
{
	corpus_each(argc > 1 ? argv[1] : NULL, check_file);
	check_ignored();
	return done();
}
