/* Making a set of twins, the compiler's part: gcc and binutils. See twin.h.
 *
 * The twin is this machine's cross tool for the foreign architecture. A cross compiler driver differs from the native one in the names of two folders, /usr/lib/gcc-cross and
 * /usr/libexec/gcc-cross. They are written over in place, '-cross' by slashes, so that the driver finds the image's own files; the dispatcher takes the slashes out again of all
 * that it passes on (dispatch/rules.c). */
#include <elf.h>

#include "base/fd.h"
#include "emu/binfmt.h"
#include "emu/debs.h"
#include "emu/twin_list.h"
#include "emu/twin_make.h"

enum { GCC_OLDEST = 9, GCC_NEWEST = 30 };

/* ---- which packages ---- */

static bool want_gcc(struct maker *maker, int64_t version)
{
	static const char *const parts[] = { "gcc", "cpp", "g++" };
	bool any = false;

	for (size_t i = 0; i < array_len(parts); i++) {
		_cleanup_(freep) char *plain = xprintf("%s-%lld", parts[i], (long long)version), *named = tool_package(plain, maker->triplet);
		const char *native = maker_native(maker, named, plain);
		if (!maker_pairs(maker, native, named))
			return any;
		maker_want(maker, native, named);
		any = true;
	}
	strlist_printf(&maker->versions, "%lld", (long long)version);
	return any;
}

static int look_up_gcc(struct maker *maker, struct error *err)
{
	static const char *const parts[] = { "gcc", "cpp", "g++" };
	struct strlist names _cleanup_(strlist_free) = { 0 };

	for (size_t i = 0; i < array_len(parts); i++)
		for (int version = GCC_OLDEST; version <= GCC_NEWEST; version++) {
			strlist_printf(&names, "%s-%d", parts[i], version);
			_cleanup_(freep) char *plain = xprintf("%s-%d", parts[i], version);
			strlist_take(&names, tool_package(plain, maker->triplet));
		}
	strlist_add(&names, "gcc");
	if (debs_look_up(&maker->debs, &names, maker->source->foreign, err) < 0)
		return -1;
	return debs_look_up(&maker->debs, &names, maker->source->host, err);
}

/* The version that the distribution calls gcc; if that one has no twin, the newest that has, which a Dockerfile may then name. */
int gcc_choose(struct maker *maker, struct error *err)
{
	const struct deb *standard = NULL;
	int64_t normal = 0;

	if (look_up_gcc(maker, err) < 0)
		return -1;
	standard = debs_find(&maker->debs, "gcc", maker->source->foreign);
	const char *at = standard ? strstr(standard->depends, "gcc-") : NULL;
	for (at = at ? at + 4 : NULL; at && *at >= '0' && *at <= '9'; at++)
		normal = normal * 10 + *at - '0';
	if (normal && want_gcc(maker, normal))
		return 0;
	for (int64_t version = GCC_NEWEST; version >= GCC_OLDEST; version--) {
		_cleanup_(freep) char *plain = xprintf("gcc-%lld", (long long)version), *named = tool_package(plain, maker->triplet);
		if (version != normal && debs_find(&maker->debs, named, maker->source->host) && want_gcc(maker, version))
			return 0;
	}
	return 0;
}

/* ---- gcc ---- */

/* Writes `to`, as long as `from`, over its only place in the file. */
static bool overwrite(struct buf *bytes, const char *from, const char *to)
{
	size_t len = strlen(from) + 1;
	char *at = memmem(bytes->data, bytes->len, from, len);

	if (!at || memmem(at + 1, bytes->len - (size_t)(at + 1 - bytes->data), from, len))
		return false;
	memcpy(at, to, len);
	return true;
}

/* Ubuntu's drivers ask for more than they are told; that its cross drivers ask for the same has not been seen. What they call has twins all the same. */
static int add_driver(struct maker *maker, struct program *program, struct error *err)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };

	if (!str_equal(maker->source->distribution, "debian")) {
		maker_skip(maker, program->path, xprintf("drivers of %s are not known to be alike", maker->source->distribution));
		return 0;
	}
	if (file_read(AT_FDCWD, program->twin, PROGRAM_MAX, &bytes, err) < 0)
		return -1;
	/* the second one stands alone where both are one folder, as before gcc 13 */
	overwrite(&bytes, "/usr/libexec/gcc-cross/", "/usr/libexec/gcc///////");
	if (!overwrite(&bytes, "/usr/lib/gcc-cross/", "/usr/lib/gcc///////")) {
		maker_skip(maker, program->path, xstrdup("the cross driver's folders are not where they are expected"));
		return 0;
	}
	return maker_add_changed(maker, program, &bytes, err);
}

static int add_drivers(struct maker *maker, const char *version, struct error *err)
{
	for (const struct twin_tool *tool = twin_gcc; tool->name; tool++) {
		_cleanup_(freep) char *plain = xprintf("%s-%s", tool->name, version), *named = tool_package(plain, maker->triplet);
		_cleanup_(freep) char *name = xprintf("%s-%s", maker->triplet, plain), *path = NULL, *unused = NULL;
		_cleanup_(freep) char *file = maker_find(maker, maker->source->foreign, maker_native(maker, named, plain), name, &path);
		_cleanup_(freep) char *twin = maker_find(maker, maker->source->host, named, name, &unused);
		struct program program _cleanup_(program_clear) = { .file = file, .path = path, .twin = twin, .kind = TWIN_DRIVER };
		if (!file || !twin)
			continue;
		program.to = xprintf("bin/gcc-%s/%s", version, tool->name);
		if (add_driver(maker, &program, err) < 0)
			return -1;
	}
	return 0;
}

/* A file of gcc's own folder, in whichever of the packages it lies. */
static char *find_internal(const struct maker *maker, const char *architecture, const char *gcc, const char *version, const char *name, char **ret_path)
{
	static const char *const parts[] = { "gcc", "cpp", "g++" }, *const places[] = { "usr/libexec", "usr/lib" };

	for (size_t i = 0; i < array_len(parts); i++)
		for (size_t j = 0; j < array_len(places); j++) {
			_cleanup_(freep) char *plain = xprintf("%s-%s", parts[i], version), *named = tool_package(plain, maker->triplet);
			_cleanup_(freep) char *below = xprintf("%s/%s/%s/%s/%s", places[j], gcc, maker->triplet, version, name);
			bool foreign = str_equal(architecture, maker->source->foreign);
			char *file = maker_file(maker, architecture, foreign ? maker_native(maker, named, plain) : named, below);
			if (file_is_program(file)) {
				*ret_path = xprintf("/%s", below);
				return file;
			}
			free(file);
		}
	return NULL;
}

/* The native compiler's folders, in its order and with its very words, since they show in debug information. */
static json_t *c_folders(const char *triplet, const char *version)
{
	_cleanup_(freep) char *own = xprintf("/usr/lib/gcc/%s/%s", triplet, version);

	return json_pack("[s+ s+ s s+ s+++ s+ s]", own, "/include", "/usr/local/include/", triplet, "/usr/local/include", own, "/include-fixed", own,
			 "/../../../../", triplet, "/include", "/usr/include/", triplet, "/usr/include");
}

static json_t *cxx_folders(const char *triplet, const char *version)
{
	_cleanup_(freep) char *include = xprintf("/usr/lib/gcc/%s/%s/../../../../include", triplet, version);
	_cleanup_(freep) char *common = xprintf("%s/c++/%s", include, version), *own = xprintf("%s/%s/c++/%s", include, triplet, version);

	return json_pack("[s s s+]", common, own, common, "/backward");
}

static int add_compilers(struct maker *maker, const char *version, struct error *err)
{
	for (const struct twin_tool *tool = twin_gcc_internal; tool->name; tool++) {
		_cleanup_(freep) char *path = NULL, *unused = NULL;
		_cleanup_(freep) char *file = find_internal(maker, maker->source->foreign, "gcc", version, tool->name, &path);
		_cleanup_(freep) char *twin = find_internal(maker, maker->source->host, "gcc-cross", version, tool->name, &unused);
		struct program program _cleanup_(program_clear) = { .file = file, .path = path, .twin = twin, .kind = tool->kind };
		if (!file || !twin)
			continue;
		program.to = xprintf("bin/gcc-%s/%s", version, tool->name);
		program.c_folders = tool->languages ? c_folders(maker->triplet, version) : NULL;
		program.cxx_folders = str_equal(tool->languages, "c++") ? cxx_folders(maker->triplet, version) : NULL;
		if (maker_add_twin(maker, &program, err) < 0)
			return -1;
	}
	return 0;
}

static int add_version(struct maker *maker, const char *version, struct error *err)
{
	_cleanup_(freep) char *unused = NULL, *to = xprintf("lib/gcc-%s/liblto_plugin.so", version);
	_cleanup_(freep) char *plugin = find_internal(maker, maker->source->host, "gcc-cross", version, "liblto_plugin.so", &unused);

	if (plugin && maker_copy(maker, plugin, to, 0755, err) < 0)
		return -1;
	return add_drivers(maker, version, err) < 0 || add_compilers(maker, version, err) < 0 ? -1 : 0;
}

int gcc_add(struct maker *maker, struct error *err)
{
	for (size_t i = 0; i < maker->versions.len; i++)
		if (add_version(maker, maker->versions.items[i], err) < 0)
			return -1;
	return 0;
}

/* ---- binutils ---- */

/* Its tables of symbols are in the order of the machine that the compiler runs on: the other's are not read. */
static char *plugin_path(const struct maker *maker)
{
	return maker->versions.len && maker->same_order ? xprintf("lib/gcc-%s/liblto_plugin.so", maker->versions.items[0]) : NULL;
}

int binutils_add(struct maker *maker, struct error *err)
{
	_cleanup_(freep) char *named = tool_package("binutils", maker->triplet);
	const char *native = maker_native(maker, named, "binutils");
	const struct machine *machine = machine_find(maker->source->platform.architecture);

	if (!machine || machine->class != ELFCLASS64) {
		maker_skip(maker, native, xstrdup("its numbers are as wide as the machine's addresses"));
		return 0;
	}

	for (const struct twin_tool *tool = twin_binutils; tool->name; tool++) {
		_cleanup_(freep) char *name = xprintf("%s-%s", maker->triplet, tool->name), *path = NULL, *unused = NULL;
		_cleanup_(freep) char *file = maker_find(maker, maker->source->foreign, native, name, &path);
		_cleanup_(freep) char *twin = maker_find(maker, maker->source->host, named, name, &unused);
		struct program program _cleanup_(program_clear) = { .file = file, .path = path, .twin = twin, .kind = tool->kind };
		if (!file || !twin)
			continue;
		program.to = xprintf("bin/binutils/%s", tool->name);
		program.plugin = tool->kind == TWIN_LINKER || tool->kind == TWIN_ARCHIVER ? plugin_path(maker) : NULL;
		if (maker_add_twin(maker, &program, err) < 0)
			return -1;
	}
	return 0;
}
