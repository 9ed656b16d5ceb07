/* Making a set of twins for Alpine: see twin.h and twin_make.h.
 *
 * Alpine has no cross compiler among its packages; gcc stays emulated. What has twins are the programs that are the same on every machine, from packages that the image's repositories
 * have for both, of one version made at one commit. A program needs all libraries that its package depends on, musl among them, as the repository has them now: Alpine keeps
 * no older builds, so an image that is behind is emulated until it is upgraded.
 *
 * Most of Alpine's commands are one file: busybox (and coreutils, if installed), which goes by the name that it is called by. Each name has a row of its own, TWIN_APPLET behind the file's path.
 * Alpine's shell starts programs and calls no applets by itself (FEATURE_SH_STANDALONE and FEATURE_PREFER_APPLETS are off), so that a `uname` in its
 * script is emulated; that this is so is tried before the shell gets a twin. */
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "emu/apk_archive.h"
#include "emu/twin_list.h"
#include "emu/twin_make.h"

#define LIBC "so:libc.musl-"

/* Applets whose work depends on their arguments and files alone. Not: what tells of the machine or the kernel (uname, arch, nproc, free, ps, df, date…), what computes in floating
 * point (seq, factor, bc, dc, printf), what shows bytes in the machine's order (od, hexdump), and what Alpine's users rarely run in a build. */
#define BUSYBOX                                                                                                                                           \
	"ash awk basename bunzip2 bzcat bzip2 cat chgrp chmod chown cksum cmp comm cp cpio cut dd diff dirname dos2unix echo egrep env expand expr false fgrep find "   \
	"fold getopt grep gunzip gzip head id install link ln ls lzcat lzma md5sum mkdir mkfifo mktemp mv nl nohup paste patch printenv pwd readlink realpath rev " \
	"rm rmdir sed sh sha1sum sha256sum sha3sum sha512sum sleep sort split stat strings sum tac tail tar tee test timeout touch tr true truncate tty unexpand "  \
	"uniq unix2dos unlink unlzma unxz unzip uudecode uuencode wc which whoami xargs xxd xzcat yes zcat [ [["
#define COREUTILS                                                                                                                                       \
	"base32 base64 basename basenc cat chgrp chmod chown cksum comm cp cut dd dir dirname echo env expand expr false fmt fold head id install join link ln ls "  \
	"md5sum mkdir mkfifo mknod mktemp mv nice nl nohup paste pathchk pr printenv pwd readlink realpath rm rmdir sha1sum sha224sum sha256sum sha384sum "    \
	"sha512sum shred shuf sleep sort split stat sum tac tail tee test timeout touch tr true truncate tsort tty unexpand uniq unlink wc whoami yes ["

static const struct {
	const char *name;
	const char *programs; /* between blanks */
	const char *applets;  /* of the only program; or NULL */
} packages[] = {
	{ "bash", "bash", NULL },	{ "bison", "bison", NULL },
	{ "busybox", "busybox", BUSYBOX }, { "bzip2", "bzip2", NULL },
	{ "coreutils", "coreutils", COREUTILS }, { "cpio", "cpio", NULL },
	{ "dash", "dash", NULL },	{ "diffutils", "cmp diff diff3 sdiff", NULL },
	{ "findutils", "find xargs", NULL }, { "flex", "flex", NULL },
	{ "gawk", "gawk", NULL },	{ "grep", "grep", NULL },
	{ "gzip", "gzip", NULL },	{ "m4", "m4", NULL },
	{ "make", "make", NULL },	{ "mawk", "mawk", NULL },
	{ "patch", "patch", NULL },	{ "re2c", "re2c", NULL },
	{ "sed", "sed", NULL },		{ "tar", "tar", NULL },
	{ "unzip", "unzip", NULL },	{ "xz", "xz", NULL },
	{ "zip", "zip", NULL },		{ "zstd", "zstd", NULL },
};

/* What was fetched: pairs by the package's name, each once. */
struct choice {
	struct maker *maker;
	struct apk_archive archive;
	struct apk_pair *pairs;
	size_t len;
	size_t fetched; /* of them, in this order */
};

static void choice_clear(struct choice *choice)
{
	apk_archive_close(&choice->archive);
	free(choice->pairs);
}

/* ---- packages and the libraries that they need ---- */

static const struct apk_pair *pair_of(const struct choice *choice, const char *name)
{
	for (size_t i = 0; i < choice->len; i++)
		if (str_equal(choice->pairs[i].foreign->name, name))
			return &choice->pairs[i];
	return NULL;
}

static const struct apk_pair *add_pair(struct choice *choice, const char *name, char **ret_why)
{
	const struct apk_pair *known = pair_of(choice, name);
	struct apk_pair pair;

	if (known)
		return known;
	if (!apk_archive_find(&choice->archive, name, &pair, ret_why))
		return NULL;
	xgrow(choice->pairs, choice->len);
	choice->pairs[choice->len] = pair;
	return &choice->pairs[choice->len++];
}

/* The name of the package that has the library, in any of the repositories; NULL if none does. */
static const char *provider_of(const struct choice *choice, const char *library)
{
	for (size_t i = 0; i < choice->archive.len; i++) {
		const struct apk_package *found = apk_index_provider(&choice->archive.items[i].foreign, library);
		if (found)
			return found->name;
	}
	return NULL;
}

/* All libraries that a package of the image's needs, and those that these need: words such as "so:libz.so.1". Their packages are chosen too, if they are the same for
 * both machines; false, and why, if one isn't. */
static bool choose_libraries(struct choice *choice, const char *name, struct strlist *ret, char **ret_why)
{
	const struct apk_pair *pair = add_pair(choice, name, ret_why);

	if (!pair)
		return false;
	apk_libraries(pair->foreign->depends, ret);
	for (size_t i = 0; i < ret->len; i++) {
		const char *provider = provider_of(choice, ret->items[i]);
		_cleanup_(freep) char *why = provider ? NULL : xstrdup("no repository has it");
		if (!provider || !(pair = add_pair(choice, provider, &why))) {
			*ret_why = xprintf("it needs %s: %s", ret->items[i], why);
			return false;
		}
		apk_libraries(pair->foreign->depends, ret);
	}
	return true;
}

static int fetch_chosen(struct choice *choice, struct error *err)
{
	for (; choice->fetched < choice->len; choice->fetched++)
		if (apk_archive_fetch(&choice->archive, &choice->pairs[choice->fetched], err) < 0)
			return -1;
	return 0;
}

/* ---- files ---- */

/* A path is taken as the package has it: the image's /bin may be a folder or a link to /usr/bin, and the packages of its release know. */
static char *find_in(const struct maker *maker, const char *architecture, const char *package, const char *const *folders, const char *name, char **ret_path)
{
	for (; *folders; folders++) {
		_cleanup_(freep) char *below = xprintf("%s/%s", *folders, name), *to = maker_file(maker, architecture, package, below);
		_cleanup_(freep) char *root = maker_file(maker, architecture, package, "");
		_cleanup_(fd_close) int tree = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = tree < 0 ? -1 : path_open_in_root(tree, below, O_PATH | O_CLOEXEC, 0, NULL);
		if (fd < 0)
			continue;
		_cleanup_(freep) char *link = xprintf("/proc/self/fd/%d", fd), *real = realpath(link, NULL);
		if (!real || !file_is_program(real))
			continue;
		*ret_path = xprintf("/%s", below);
		return steal(real);
	}
	return NULL;
}

static const char *const command_folders[] = { "usr/bin", "bin", "usr/sbin", "sbin", NULL }, *const library_folders[] = { "lib", "usr/lib", NULL };

/* The loader starts nothing but programs that were made for it. */
static bool is_for_musl(const char *file)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };

	return file_read(AT_FDCWD, file, PROGRAM_MAX, &bytes, NULL) == 0 && memmem(bytes.data, bytes.len, "/lib/ld-musl-", 13);
}

/* "so:libc.musl-riscv64.so.1" is ld-musl-riscv64.so.1 by the name that programs have for it. */
static int add_library(struct choice *choice, const char *library, json_t *needs, struct error *err)
{
	const struct maker *maker = choice->maker;
	const char *package = provider_of(choice, library), *foreign = maker->source->foreign, *host = maker->source->host;
	bool libc = str_starts(library, LIBC);
	_cleanup_(freep) char *name = libc ? xprintf("ld-musl-%s.so.1", foreign) : xstrdup(library + 3), *path = NULL, *host_path = NULL;
	_cleanup_(freep) char *host_name = libc ? xprintf("ld-musl-%s.so.1", host) : xstrdup(name), *to = libc ? xstrdup("ld.so") : path_join("lib", name);
	_cleanup_(freep) char *file = find_in(maker, foreign, package, library_folders, name, &path);
	_cleanup_(freep) char *twin = find_in(maker, host, package, library_folders, host_name, &host_path), *there = path_join(maker->upper, to);

	if (!file || !twin)
		return error_set(err, ERROR_NOT_FOUND, "the package %s has no %s", package, file ? host_name : name);
	if (access(there, F_OK) < 0 && maker_copy(choice->maker, twin, to, 0755, err) < 0)
		return -1;
	_cleanup_(freep) char *image_path = libc ? xprintf("/lib/%s", name) : steal(path);
	json_array_append_new(needs, json_string(image_path));
	return maker_add_library(choice->maker, file, image_path, err);
}

/* ---- programs ---- */

static int add_row(struct choice *choice, struct program *program, const char *name, struct error *err)
{
	const struct twin_special *special = twin_special_find(name);

	if (special) {
		program->kind = special->kind;
		program->deny = special->deny;
		program->env = special->variables ? maker_variables(choice->maker, special->variables, program->file) : NULL;
	}
	if (special && special->variables && !program->env) {
		maker_skip(choice->maker, name, xstrdup("its name of the machine was not found"));
		return 0;
	}
	return maker_add_twin(choice->maker, program, err);
}

/* Both say of themselves the same version and time, which stand in what busybox writes of wrong options. */
static bool same_banner(const char *one, const char *other)
{
	const char *files[] = { one, other };
	_cleanup_(freep) char *banners[2] = { NULL };

	for (size_t i = 0; i < 2; i++) {
		struct buf bytes _cleanup_(buf_free) = { 0 };
		const char *found = file_read(AT_FDCWD, files[i], PROGRAM_MAX, &bytes, NULL) < 0 ? NULL : memmem(bytes.data, bytes.len, "BusyBox v", 9);
		if (found)
			banners[i] = xstrdup(found);
	}
	bool same = banners[0] && str_equal(banners[0], banners[1]);
	free(banners[1]);
	return same;
}

/* The twin that is in the set. */
static int run_alone(const struct maker *maker, const struct program *program, const char *name, const char *const *args, struct buf *ret)
{
	_cleanup_(freep) char *path = xprintf("/%s", program->to);
	const char *argv[12] = { "/ld.so", "--library-path", "/lib", "--argv0", name, path };

	for (size_t i = 6; *args && i + 1 < array_len(argv); i++)
		argv[i] = *args++;
	return maker_run_alone(maker->upper, argv, 1 << 10, ret, NULL);
}

/* Called where no program can be found, neither the shell nor `env` may find one. */
static bool starts_programs(const struct maker *maker, const struct program *program)
{
	const char *const shell[] = { "-c", "PATH=/nowhere; uname; echo $?", NULL }, *const env[] = { "PATH=/nowhere", "uname", NULL };
	struct buf said _cleanup_(buf_free) = { 0 }, none _cleanup_(buf_free) = { 0 };

	return run_alone(maker, program, "sh", shell, &said) == 0 && str_equal(said.data, "127\n") && run_alone(maker, program, "env", env, &none) < 0 && !none.len;
}

static int add_applets(struct choice *choice, const struct program *whole, const char *names, struct error *err)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	strlist_split(&list, names, ' ');
	for (size_t i = 0; i < list.len; i++) {
		const char *name = list.items[i];
		bool shell = str_equal(name, "sh") || str_equal(name, "ash"), awk = str_equal(name, "awk");
		_cleanup_(freep) char *path = xprintf("%s" TWIN_APPLET "%s", whole->path ? whole->path : "", name); /* never NULL; gcc 12 thinks so */
		struct program program _cleanup_(program_clear) = { .file = whole->file, .path = path, .twin = whole->twin, .to = xstrdup(whole->to), .needs = whole->needs };
		if (add_row(choice, &program, shell ? "dash" : awk ? "mawk" : name, err) < 0)
			return -1;
	}
	return 0;
}

static int add_program(struct choice *choice, const char *package, const char *name, const char *applets, const json_t *needs, struct error *err)
{
	const struct maker *maker = choice->maker;
	_cleanup_(freep) char *path = NULL, *host_path = NULL;
	_cleanup_(freep) char *file = find_in(maker, maker->source->foreign, package, command_folders, name, &path);
	_cleanup_(freep) char *twin = find_in(maker, maker->source->host, package, command_folders, name, &host_path);

	if (!file || !twin || !path || !str_equal(path, host_path) || !is_for_musl(twin)) {
		maker_skip(choice->maker, name, xstrdup("its package has no program of the name that musl's loader starts"));
		return 0;
	}
	struct program program _cleanup_(program_clear) = { .file = file, .path = path, .twin = twin, .kind = applets ? TWIN_APPLETS : TWIN_PLAIN, .needs = needs };
	program.to = xprintf("bin/%s/%s", package, name);
	if (!applets)
		return add_row(choice, &program, name, err);
	if (str_equal(name, "busybox") && maker_copy(choice->maker, twin, program.to, 0755, err) < 0)
		return -1;
	if (str_equal(name, "busybox") && (!same_banner(file, twin) || !starts_programs(maker, &program))) {
		maker_skip(choice->maker, name, xstrdup("it calls its own applets in place of programs, or was not built at one time for both machines"));
		return 0;
	}
	return maker_add_twin(choice->maker, &program, err) < 0 ? -1 : add_applets(choice, &program, applets, err);
}

static int add_package(struct choice *choice, size_t i, struct error *err)
{
	struct strlist libraries _cleanup_(strlist_free) = { 0 }, names _cleanup_(strlist_free) = { 0 };
	json_t *needs _cleanup_(json_release) = json_array();
	size_t before = choice->len;
	char *why = NULL;

	if (!choose_libraries(choice, packages[i].name, &libraries, &why)) {
		choice->len = before; /* all of these were fetched */
		maker_skip(choice->maker, packages[i].name, why);
		return 0;
	}
	if (fetch_chosen(choice, err) < 0)
		return -1;
	for (size_t j = 0; j < libraries.len; j++)
		if (add_library(choice, libraries.items[j], needs, err) < 0)
			return -1;
	strlist_split(&names, packages[i].programs, ' ');
	for (size_t j = 0; j < names.len; j++)
		if (add_program(choice, packages[i].name, names.items[j], packages[i].applets, needs, err) < 0)
			return -1;
	return 0;
}

int alpine_add(struct maker *maker, struct error *err)
{
	struct choice choice _cleanup_(choice_clear) = { .maker = maker };

	maker->say(maker->data, "reading the package lists");
	if (apk_archive_open(maker->source, maker->folder, &choice.archive, err) < 0)
		return -1;
	maker->say(maker->data, "fetching packages");
	for (size_t i = 0; i < array_len(packages); i++)
		if (add_package(&choice, i, err) < 0)
			return -1;
	maker->versions_of = json_object();
	for (size_t i = 0; i < choice.len; i++)
		json_object_set_new(maker->versions_of, choice.pairs[i].foreign->name, json_string(choice.pairs[i].foreign->version));
	return 0;
}

/* ---- what an image has ---- */

int twin_set_compare(const struct twin_set *set, const struct twin_source *source, struct strlist *ret, struct error *err)
{
	static const char *const places[] = { "lib/apk/db/installed", "usr/lib/apk/db/installed" }; /* the second since /lib is a link */
	struct apk_index installed _cleanup_(apk_index_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	const json_t *version;
	const char *name;

	for (size_t i = 0; i < array_len(places) && !text.len; i++)
		if (twin_source_file(source, places[i], &text, err) < 0)
			return -1;
	if (apk_index_parse(&text, &installed, err) < 0)
		return error_wrap(err, "the image's list of what is installed");
	json_object_foreach((json_t *)json_object_get(set->list, "versions"), name, version) {
		const struct apk_package *package = apk_index_find(&installed, name);
		if (package && json_is_string(version) && !str_equal(package->version, json_string_value(version)))
			strlist_printf(ret, "%s %s (%s)", name, package->version, json_string_value(version));
	}
	return 0;
}
