/* sampan twin: the sets of twins that are in the store, making one beforehand, and trying one out. */
#include <stdio.h>
#include <time.h>

#include "build/build.h"
#include "cmd/command.h"
#include "emu/twin_mirror.h"

static const char *for_platform, *mirror;
static bool fresh;

static const struct option_spec options[] = {
	{ 0, "for", OPTION_STRING, &for_platform, "OS/ARCH", "build, verify: the platform of the image, e.g. linux/riscv64" },
	{ 0, "twin-mirror", OPTION_STRING, &mirror, "URL", "the archive of this machine's packages, where the image's own has none (Ubuntu's are known)" },
	{ 0, "fresh", OPTION_FLAG, &fresh, NULL, "build: make it anew, from what the distribution has now" },
	{ 0 },
};

/* ---- build and verify: a Dockerfile of one RUN, whose image is not kept ---- */

#define NOTHING "RUN true\n"

/* Whatever of the tools the image has, used in the ways in which builds use them; everything that they write is compared. */
#define CHECK                                                                                                                               \
	"RUN <<'EOF'\n"                                                                                                                     \
	"set -eu\n"                                                                                                                         \
	"mkdir /sampan-verify && cd /sampan-verify\n"                                                                                       \
	"has() { command -v \"$1\" >/dev/null; }\n"                                                                                         \
	"printf '%s\\n' '#include <stdio.h>' '#include <stddef.h>' 'int sum(int n) { int s = 0; while (n) s += n--; return s; }' \\\n"      \
	"  'int main(void) { printf(\"%d %s\\\\n\", sum(10), __FILE__); return 0; }' >one.c\n"                                              \
	"printf '%s\\n' '#include <map>' '#include <string>' 'int main() { std::map<std::string, int> m; m[\"a\"] = 1; return m.size() - 1; }' >two.cc\n" \
	"ls -la / >/dev/null; sort one.c | tee sorted | sha256sum >sum; sed s/sum/total/ one.c >three.c; find / -xdev -maxdepth 1 | sort >found\n" \
	"touch -d @0 one.c two.cc; tar -cf all.tar one.c two.cc; gzip -9n <all.tar >all.tar.gz\n"                                              \
	"for program in bzip2 xz zstd; do if has $program; then $program -c <all.tar >all.$program; fi; done\n"                             \
	"for compiler in gcc g++; do has $compiler || continue\n"                                                                           \
	"  source=one.c; [ $compiler = gcc ] || source=two.cc\n"                                                                            \
	"  for flags in -O0 '-O2 -g' '-Os -fPIC' '-O2 -g3 -ffunction-sections' '-O2 -flto -ffat-lto-objects -frandom-seed=1' -S -E '-M'; do\n" \
	"    name=$compiler$(echo \"$flags\" | tr -d ' '); $compiler $flags -c $source -o $name.o\n"                                        \
	"  done\n"                                                                                                                          \
	"  $compiler -O2 $source -o $compiler.out; $compiler -static -O2 $source -o $compiler.static 2>messages || true\n"                  \
	"  $compiler -shared $compiler-Os-fPIC.o -o $compiler.so -Wl,-soname,x.so.1 -Wl,-Map,$compiler.map\n"                                \
	"  $compiler -### $source >$compiler.commands 2>&1; sed -i 's,/tmp/cc[A-Za-z0-9]*,TEMPORARY,g' $compiler.commands\n"                \
	"  ./$compiler.out >/dev/null; strip -o $compiler.stripped $compiler.out; objdump -d $compiler.out >$compiler.dump\n"               \
	"  ar rcsD lib$compiler.a $compiler-O0.o; nm lib$compiler.a >$compiler.names\n"                                                     \
	"done\n"                                                                                                                            \
	"if has make; then printf 'all: a b\\n\\techo $(MAKE_HOST) >host\\na b:\\n\\tcp one.c $@\\n' >Makefile; make -j2; fi\n"              \
	"EOF\n"

static int run_dockerfile(struct context *context, const char *image, const char *run, enum twins_mode mode, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	_cleanup_(freep) char *text = xprintf("FROM %s\n%s", image, run);
	struct build_options build = { .text = text, .twins = mode, .twins_fresh = fresh, .twin_mirror = mirror, .discard = true, .no_cache = true, .network = NETWORK_HOST,
				       .has_platform = for_platform != NULL, .quiet = context->quiet, .epoch = -1 };
	struct build_result result;

	if (mirror && twin_mirror_check(mirror, err) < 0)
		return -1;
	if (for_platform && platform_parse(for_platform, &build.platform, err) < 0)
		return -1;
	if (build_enter_namespace(err) < 0 || store_open(context->root, &store, err) < 0)
		return -1;
	return build_run(store, &build, &result, err);
}

static int twin_build(struct context *context, const char *image, struct error *err)
{
	return run_dockerfile(context, image, NOTHING, TWINS_REQUIRE, err);
}

static int twin_verify(struct context *context, const char *image, struct error *err)
{
	if (run_dockerfile(context, image, CHECK, TWINS_VERIFY, err) < 0)
		return -1;
	if (!context->quiet)
		printf("%s: twins and emulation give the same\n", image);
	return 0;
}

/* ---- ls ---- */

static const struct table_column columns[] = {
	{ "NAME", "name" }, { "FOR", "for" }, { "PROGRAMS", "programs" }, { "COMPILERS", "compilers" }, { "WITHOUT", "without" }, { "CREATED", NULL }, { NULL, "created" }, { "SIZE", "size" },
};

static bool is_set(const struct image_row *row)
{
	return str_equal(row->registry, "localhost") && str_starts(row->repository, "twin/") && row->tag;
}

/* "gcc-14": the names by which a Dockerfile may ask for one. */
static void list_compilers(const struct twin_set *set, struct strlist *ret)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(set->list, "programs"), i, row) {
		const char *name = strstr(json_string_value(json_object_get(row, "path")), "-gcc-");
		if (name && json_integer_value(json_object_get(row, "kind")) == TWIN_DRIVER)
			strlist_add(ret, name + 1);
	}
}

static int add_row(struct store *store, const struct image_row *row, struct table *table, struct error *err)
{
	_cleanup_(freep) char *name = xprintf("localhost/%s:%s", row->repository, row->tag);
	struct strlist without _cleanup_(strlist_free) = { 0 }, compilers _cleanup_(strlist_free) = { 0 };
	struct twin_set set _cleanup_(twin_set_clear) = { 0 };
	struct error other _cleanup_(error_clear) = { 0 };
	const json_t *skipped;
	char age[32], time_text[32], size[16];
	size_t i;

	/* one that another version of sampan made is listed, so that it can be removed */
	if (twin_set_find(store, name, &set, &other) < 0 && other.code != ERROR_UNSUPPORTED) {
		error_move(err, &other);
		return -1;
	}
	json_array_foreach(json_object_get(set.list, "skipped"), i, skipped)
		strlist_add(&without, json_string_value(json_object_get(skipped, "package")));
	list_compilers(&set, &compilers);
	_cleanup_(freep) char *list = strlist_join(&without, ","), *compiler_list = strlist_join(&compilers, ",");
	_cleanup_(freep) char *programs = xprintf("%zu", twin_set_programs(&set));
	table_cell(table, name);
	table_cell(table, set.list ? json_string_value(json_object_get(set.list, "platform")) : "(another sampan's)");
	table_cell_number(table, programs, (int64_t)twin_set_programs(&set));
	table_cell(table, compiler_list);
	table_cell(table, list);
	table_cell(table, age_print(row->created, time(NULL), age));
	table_cell(table, time_print(row->created, time_text));
	table_cell_number(table, size_print((uint64_t)row->size, size), row->size);
	return 0;
}

static int twin_list(struct context *context, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct image_row *rows = NULL;
	size_t len = 0;

	if (store_open(context->root, &store, err) < 0 || store_images(store, &rows, &len, err) < 0)
		return -1;
	int result = 0;
	for (size_t i = 0; i < len && result == 0; i++)
		if (is_set(&rows[i]))
			result = add_row(store, &rows[i], table, err);
	image_rows_free(rows, len);
	if (result == 0)
		table_print(table, context->format, stdout);
	return result;
}

/* ---- rm ---- */

/* The bytes go with the next gc. */
static int twin_remove(struct context *context, const char *name, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct reference reference _cleanup_(reference_clear) = { 0 };

	if (store_open(context->root, &store, err) < 0 || reference_parse(name, &reference, err) < 0)
		return -1;
	if (!str_equal(reference.registry, "localhost") || !str_starts(reference.repository, "twin/"))
		return error_set(err, ERROR_USAGE, "%s is no set of twins; 'sampan twin ls' lists them", name);
	if (store_tag_delete(store, reference.registry, reference.repository, reference.tag, err) < 0)
		return error_wrap(err, "cannot remove %s", name);
	if (!context->quiet)
		printf("Untagged: %s\n", name);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct context *context, const char *argument, struct error *err); /* or NULL: without an argument */
	int (*list)(struct context *context, struct error *err);
} actions[] = {
	{ "build", twin_build, NULL },
	{ "ls", NULL, twin_list },
	{ "verify", twin_verify, NULL },
	{ "rm", twin_remove, NULL },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	const char *names[array_len(actions) + 1] = { NULL };

	for (size_t i = 0; i < array_len(actions); i++) {
		names[i] = actions[i].name;
		if (!str_equal(argv[0], actions[i].name))
			continue;
		if (actions[i].list && argc == 1)
			return actions[i].list(context, err);
		if (actions[i].run && argc == 2)
			return actions[i].run(context, argv[1], err);
		return error_set(err, ERROR_USAGE, "'sampan twin %s' takes %s", argv[0], actions[i].run ? "one image" : "no argument");
	}
	const char *near = str_nearest(argv[0], names);
	error_set(err, ERROR_USAGE, "there is no 'sampan twin %s'", argv[0]);
	return near ? error_hint(err, "did you mean 'sampan twin %s'?", near) : -1;
}

const struct command command_twin = {
	.name = "twin",
	.group = "Building",
	.usage = "build|verify IMAGE | ls | rm NAME",
	.summary = "Programs that make emulated builds quick",
	.details = "A twin is a program of this machine that does the very same as the image's program for another machine. `sampan build` makes\n"
		   "a set of them by itself when it first needs one; `twin build` makes it beforehand, `twin verify` runs what IMAGE has in both\n"
		   "ways and compares, byte by byte.",
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.rootless_namespace = true,
	.run = run,
};
