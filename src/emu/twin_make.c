/* Making a set of twins: see twin.h.
 *
 * For each package of the list (twin_list.c) the archive is asked for the foreign build and for this machine's; where both come from the same source of
 * the same version, both are fetched. The foreign one gives the path and digest of the file that has a twin, this machine's the twin. The compiler's
 * part is in twin_gcc.c. Programs are kept with the libraries that they load and their own loader, nothing else. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "emu/binfmt.h"
#include "emu/elf_text.h"
#include "emu/twin_list.h"
#include "emu/twin_make.h"
#include "store/layer.h"

#define APT_FILE "apt.conf"
#define UPPER "upper"
#define LOADER "/" UPPER "/ld.so" /* for maker_run_alone() in the maker's folder */
enum { LIBRARY_ROUNDS = 8 };

static void maker_clear(struct maker *maker)
{
	free(maker->upper);
	debs_close(&maker->debs);
	strlist_free(&maker->packages);
	strlist_free(&maker->fetch);
	strlist_free(&maker->versions);
	json_decref(maker->programs);
	json_decref(maker->libraries);
	json_decref(maker->skipped);
	json_decref(maker->versions_of);
}

void maker_skip(struct maker *maker, const char *what, char *why)
{
	json_array_append_new(maker->skipped, json_pack("{ss ss}", "package", what, "reason", why));
	free(why);
}

/* The names by which compilers and multiarch folders go. */
static const char *triplet_of(const char *architecture)
{
	static const char *const names[][2] = {
		{ "riscv64", "riscv64-linux-gnu" }, { "arm64", "aarch64-linux-gnu" },	  { "armhf", "arm-linux-gnueabihf" }, { "armel", "arm-linux-gnueabi" },
		{ "amd64", "x86_64-linux-gnu" },    { "ppc64el", "powerpc64le-linux-gnu" }, { "s390x", "s390x-linux-gnu" },	  { "i386", "i386-linux-gnu" },
	};

	for (size_t i = 0; i < array_len(names); i++)
		if (str_equal(names[i][0], architecture))
			return names[i][1];
	return NULL;
}

/* Package names have no underscore. */
char *tool_package(const char *start, const char *triplet)
{
	char *name = xprintf("%s-%s", start, triplet);

	for (char *at = name; *at; at++)
		if (*at == '_')
			*at = '-';
	return name;
}

static bool machine_has_this_order(const struct platform *platform)
{
	const struct machine *machine = machine_find(platform->architecture);

	return machine && machine->data == ELFDATA2LSB; /* as all machines that run builds */
}

/* ---- which packages ---- */

bool maker_pairs(struct maker *maker, const char *foreign_name, const char *host_name)
{
	const struct deb *foreign = debs_find(&maker->debs, foreign_name, maker->source->foreign);
	const struct deb *host = debs_find(&maker->debs, host_name, maker->source->host);

	if (!foreign || !host) {
		maker_skip(maker, foreign_name, xprintf("the archive has no %s for %s", foreign ? host_name : foreign_name,
						  foreign ? maker->source->host : maker->source->foreign));
		return false;
	}
	_cleanup_(freep) char *one = deb_source_version(foreign->version), *other = deb_source_version(host->version);
	if (!str_equal(one, other))
		maker_skip(maker, foreign_name, xprintf("the versions differ: %s for %s, %s is %s", foreign->version, maker->source->foreign, host_name, host->version));
	return str_equal(one, other);
}

void maker_want(struct maker *maker, const char *foreign, const char *host)
{
	strlist_add(&maker->packages, host);
	strlist_printf(&maker->fetch, "%s:%s", foreign, maker->source->foreign);
	strlist_printf(&maker->fetch, "%s:%s", host, maker->source->host);
}

/* Debian 13 has the native compiler in gcc-14-riscv64-linux-gnu as well, Debian 12 in gcc-12. */
const char *maker_native(const struct maker *maker, const char *named, const char *plain)
{
	return debs_find(&maker->debs, named, maker->source->foreign) ? named : plain;
}

static int choose_packages(struct maker *maker, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	_cleanup_(freep) char *binutils = tool_package("binutils", maker->triplet);

	for (const struct twin_package *package = twin_packages; package->name; package++)
		strlist_add(&names, package->name);
	strlist_add(&names, binutils);
	strlist_add(&names, "binutils");
	if (debs_look_up(&maker->debs, &names, maker->source->foreign, err) < 0 || debs_look_up(&maker->debs, &names, maker->source->host, err) < 0)
		return -1;
	for (const struct twin_package *package = twin_packages; package->name; package++) {
		if (package->by_order && !maker->same_order)
			maker_skip(maker, package->name, xstrdup("what it writes differs with the machine's byte order"));
		else if (!strlist_has(&maker->packages, package->name) && maker_pairs(maker, package->name, package->name))
			maker_want(maker, package->name, package->name);
	}
	if (maker_pairs(maker, maker_native(maker, binutils, "binutils"), binutils))
		maker_want(maker, maker_native(maker, binutils, "binutils"), binutils);
	return gcc_choose(maker, err);
}

static bool is_library(const char *name)
{
	return (str_starts(name, "lib") || str_equal(name, "zlib1g")) && !str_ends(name, "-dev") && !strstr(name, "-cross") && !str_starts(name, "libc-bin");
}

/* One architecture's archive may be behind by a revision of the distribution's, as one that mends a hole. */
static bool have_one_upstream(struct maker *maker, const char *name)
{
	const struct deb *foreign = debs_find(&maker->debs, name, maker->source->foreign), *host = debs_find(&maker->debs, name, maker->source->host);
	const char *end = foreign ? strrchr(foreign->version, '-') : NULL;
	size_t len = end ? (size_t)(end - foreign->version) : 0;

	return len && host && !strncmp(foreign->version, host->version, len) && host->version[len] == '-' && !strchr(host->version + len + 1, '-') ?
		true : maker_pairs(maker, name, name);
}

/* Of those that decide what is written the image's are wanted as well. */
static int choose_image_libraries(struct maker *maker, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	for (const struct twin_library *library = twin_libraries; library->name; library++)
		strlist_add(&names, library->package);
	if (debs_look_up(&maker->debs, &names, maker->source->foreign, err) < 0 || debs_look_up(&maker->debs, &names, maker->source->host, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (have_one_upstream(maker, names.items[i]))
			strlist_printf(&maker->fetch, "%s:%s", names.items[i], maker->source->foreign);
	return 0;
}

/* The libraries that the chosen packages depend on, by their own words; of this machine. */
static int choose_libraries(struct maker *maker, struct error *err)
{
	struct strlist known _cleanup_(strlist_free) = { 0 };

	strlist_add_all(&known, &maker->packages);
	for (size_t from = 0, round = 0; from < known.len && round < LIBRARY_ROUNDS; round++) {
		struct strlist more _cleanup_(strlist_free) = { 0 };
		size_t end = known.len;
		for (; from < end; from++) {
			const struct deb *deb = debs_find(&maker->debs, known.items[from], maker->source->host);
			struct strlist depends _cleanup_(strlist_free) = { 0 };
			if (deb)
				deb_depends(deb->depends, &depends);
			for (size_t i = 0; i < depends.len; i++)
				if (is_library(depends.items[i]) && !strlist_has(&known, depends.items[i]) && !strlist_has(&more, depends.items[i]))
					strlist_add(&more, depends.items[i]);
		}
		if (debs_look_up(&maker->debs, &more, maker->source->host, err) < 0)
			return -1;
		for (size_t i = 0; i < more.len; i++)
			if (debs_find(&maker->debs, more.items[i], maker->source->host)) {
				strlist_add(&known, more.items[i]);
				strlist_printf(&maker->fetch, "%s:%s", more.items[i], maker->source->host);
			}
	}
	return 0;
}

/* ---- files of packages ---- */

char *maker_file(const struct maker *maker, const char *architecture, const char *package, const char *path)
{
	return xprintf("%s/%s/%s/%s", maker->folder, architecture, package, path);
}

bool file_is_program(const char *path)
{
	struct stat info;
	char magic[4] = "";
	_cleanup_(fd_close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && fd_read_full(fd, magic, 4, path, NULL) == 4 && !memcmp(magic, "\177ELF", 4);
}

/* Where commands lie. /bin is a link to /usr/bin in every image that has twins, whatever a package calls its files. */
static const char *const command_folders[] = { "usr/bin", "bin", "usr/sbin", "sbin" };

static char *find_file(const struct maker *maker, const char *architecture, const char *package, const char *folder, const char *name, char **ret_path)
{
	_cleanup_(freep) char *below = xprintf("%s/%s", folder, name);
	_cleanup_(freep) char *file = maker_file(maker, architecture, package, below);

	if (!file_is_program(file))
		return NULL;
	*ret_path = str_starts(folder, "usr/") ? xprintf("/%s", below) : xprintf("/usr/%s", below);
	return steal(file);
}

char *maker_find(const struct maker *maker, const char *architecture, const char *package, const char *name, char **ret_path)
{
	char *file = NULL;

	for (size_t i = 0; i < array_len(command_folders) && !file; i++)
		file = find_file(maker, architecture, package, command_folders[i], name, ret_path);
	return file;
}

/* A file of a package: whatever its links and the program's loader say, nothing but what lies in the maker's folder. */
static int maker_read(const struct maker *maker, const char *file, struct buf *ret, struct error *err)
{
	_cleanup_(fd_close) int root = open(maker->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(fd_close) int fd = root < 0 ? -1 : path_open_in_root(root, file + strlen(maker->folder), O_RDONLY | O_CLOEXEC, 0, err);

	return fd < 0 ? -1 : fd_read_all(fd, PROGRAM_MAX, ret, file, err);
}

int maker_copy(struct maker *maker, const char *from, const char *to, mode_t mode, struct error *err)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *path = path_join(maker->upper, to), *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	if (dir_make(AT_FDCWD, folder, 0755, err) < 0 || maker_read(maker, from, &bytes, err) < 0)
		return -1;
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || fd_write_all(fd, bytes.data, bytes.len, path, err) < 0)
		return fd < 0 ? error_errno(err, errno, "cannot make %s", path) : -1;
	return fchmod(fd, mode) < 0 ? error_errno(err, errno, "cannot make %s", path) : 0;
}

/* Where this machine's libraries of any of the packages lie, seen from the maker's folder. */
static char *library_path(const struct maker *maker)
{
	struct strlist folders _cleanup_(strlist_free) = { 0 };

	for (size_t i = 0; i < maker->debs.len; i++) {
		const struct deb *deb = &maker->debs.items[i];
		if (!str_equal(deb->architecture, maker->source->host))
			continue;
		strlist_printf(&folders, "/%s/%s/usr/lib/%s", deb->architecture, deb->name, maker->host_triplet);
		strlist_printf(&folders, "/%s/%s/lib/%s", deb->architecture, deb->name, maker->host_triplet);
	}
	return strlist_join(&folders, ":");
}

/* The file in the libc6 package; its links are absolute. */
static char *find_loader(const struct maker *maker)
{
	static const char *const names[] = { "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "ld-linux-riscv64-lp64d.so.1" };
	static const char *const places[] = { "usr/lib", "lib" };

	for (size_t i = 0; i < array_len(names); i++)
		for (size_t j = 0; j < array_len(places); j++) {
			_cleanup_(freep) char *below = xprintf("%s/%s/%s", places[j], maker->host_triplet, names[i]);
			char *file = maker_file(maker, maker->source->host, "libc6", below);
			if (file_is_program(file))
				return file;
			free(file);
		}
	return NULL;
}

/* ---- one program ---- */

void program_clear(struct program *program)
{
	free(program->to);
	free(program->plugin);
	json_decref(program->env);
	json_decref(program->c_folders);
	json_decref(program->cxx_folders);
}

/* What the dispatcher knows a file of the image by. */
static json_t *make_row(const char *file, const char *path, enum twin_kind kind, struct error *err)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };
	char text[DIGEST_TEXT_SIZE];
	struct digest digest;

	if (file_read(AT_FDCWD, file, PROGRAM_MAX, &bytes, err) < 0)
		return NULL;
	digest_of(DIGEST_SHA256, bytes.data, bytes.len, &digest);
	return json_pack("{ss ss sI si}", "path", path, "digest", digest_print(&digest, text), "size", (json_int_t)bytes.len, "kind", (int)kind);
}

static int add_program(struct maker *maker, const struct program *program, struct error *err)
{
	json_t *row = make_row(program->file, program->path, program->kind, err);

	if (!row)
		return -1;
	json_object_set_new(row, "twin", json_string(program->to));
	if (program->deny) {
		struct strlist words _cleanup_(strlist_free) = { 0 };
		strlist_split(&words, program->deny, '\n');
		json_object_set_new(row, "deny", json_from_strlist(&words));
	}
	if (program->env)
		json_object_set(row, "env", program->env);
	if (program->c_folders)
		json_object_set(row, "cFolders", program->c_folders);
	if (program->cxx_folders)
		json_object_set(row, "cxxFolders", program->cxx_folders);
	if (program->needs)
		json_object_set(row, "needs", (json_t *)program->needs);
	if (program->plugin)
		json_object_set_new(row, "plugin", json_string(program->plugin));
	json_array_append_new(maker->programs, row);
	return 0;
}

int maker_add_twin(struct maker *maker, const struct program *program, struct error *err)
{
	return maker_copy(maker, program->twin, program->to, 0755, err) < 0 ? -1 : add_program(maker, program, err);
}

/* "riscv64-unknown-linux-gnu" or "riscv64-alpine-linux-musl", as it stands in the image's program: the text with three dashes. */
static char *find_machine_name(const char *file)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };
	const char *end, *found;

	if (file_read(AT_FDCWD, file, PROGRAM_MAX, &bytes, NULL) < 0)
		return NULL;
	end = bytes.data + bytes.len;
	for (const char *at = bytes.data; (found = memmem(at, (size_t)(end - at), "-linux-", 7)); at = found + 1) {
		const char *start = found, *rest = found + 7;
		int dashes = 1;
		while (start > bytes.data && ((start[-1] >= 'a' && start[-1] <= 'z') || (start[-1] >= '0' && start[-1] <= '9') || start[-1] == '_' || start[-1] == '-'))
			dashes += *--start == '-';
		if (!str_starts(rest, "gnu") && !str_starts(rest, "musl")) /* the bytes end with a NUL */
			continue;
		if (dashes == 2 && start > bytes.data && !start[-1] && rest + strcspn(rest, "/ %") < end)
			return xstrdup(start);
	}
	return NULL;
}

/* apt takes its architecture from its configuration, if that has one, and reads this file before the image's own. Its caches are laid out in the machine's numbers. */
static json_t *apt_variables(struct maker *maker)
{
	_cleanup_(freep) char *path = path_join(maker->upper, APT_FILE), *text = xprintf("APT::Architecture \"%s\";\n", maker->source->foreign);
	const struct machine *machine = machine_find(maker->source->platform.architecture);

	if (!machine || machine->class != ELFCLASS64 || machine->data != ELFDATA2LSB)
		return NULL;
	return file_replace(AT_FDCWD, path, text, strlen(text), 0644, NULL) < 0 ? NULL : json_pack("[s]", "APT_CONFIG=" TWIN_TREE "/" APT_FILE);
}

/* What the shell or make would say of its machine, given as variables, which they take in place of what is compiled in. */
json_t *maker_variables(struct maker *maker, const char *names, const char *file)
{
	if (str_equal(names, "APT_CONFIG"))
		return apt_variables(maker);
	_cleanup_(freep) char *machine = find_machine_name(file);
	struct strlist list _cleanup_(strlist_free) = { 0 };
	json_t *env = machine ? json_array() : NULL;

	strlist_split(&list, names, ' ');
	for (size_t i = 0; env && i < list.len; i++) {
		bool host_type = str_equal(list.items[i], "HOSTTYPE");
		_cleanup_(freep) char *line = xprintf("%s=%.*s", list.items[i], host_type ? (int)strcspn(machine, "-") : (int)strlen(machine), machine);
		json_array_append_new(env, json_string(line));
	}
	return env;
}

int maker_add_changed(struct maker *maker, struct program *program, const struct buf *bytes, struct error *err)
{
	_cleanup_(freep) char *made = path_join(maker->folder, "changed");

	if (file_replace(AT_FDCWD, made, bytes->data, bytes->len, 0755, err) < 0)
		return -1;
	program->twin = made;
	int result = maker_add_twin(maker, program, err);
	program->twin = NULL;
	return result;
}

/* dpkg and its kin have the architecture's name compiled in. The twin gets the image's; that it then says so is tried. */
static int make_dpkg(struct maker *maker, struct program *program, struct error *err)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };

	if (file_read(AT_FDCWD, program->twin, PROGRAM_MAX, &bytes, err) < 0)
		return -1;
	int changed = elf_retarget_text(&bytes, maker->source->host, maker->source->foreign, err);
	return changed < 0 ? -1 : maker_add_changed(maker, program, &bytes, err);
}

int maker_run_alone(const char *root, const char *const *args, size_t limit, struct buf *ret, struct error *err)
{
	const char *argv[24] = { "unshare", "--user", "--net", "--ipc", "--pid", "--fork", "--root", root };

	for (size_t i = 8; *args && i + 1 < array_len(argv); i++)
		argv[i] = *args++;
	return process_capture(argv, NULL, limit, ret, err);
}

static bool check_dpkg(const struct maker *maker, const char *libraries, const char *program)
{
	const char *args[] = { LOADER, "--library-path", libraries, program, "--print-architecture", NULL };
	struct buf said _cleanup_(buf_free) = { 0 };

	if (maker_run_alone(maker->folder, args, 1 << 10, &said, NULL) < 0 || !said.len)
		return false;
	said.data[strcspn(said.data, "\n")] = '\0';
	return str_equal(said.data, maker->source->foreign);
}

static int add_plain(struct maker *maker, const struct twin_package *about, const char *name, struct error *err)
{
	const char *package = about->name, *foreign = maker->source->foreign, *host = maker->source->host;
	_cleanup_(freep) char *path = NULL, *host_path = NULL;
	_cleanup_(freep) char *file = about->folder ? find_file(maker, foreign, package, about->folder, name, &path) : maker_find(maker, foreign, package, name, &path);
	_cleanup_(freep) char *twin = about->folder ? find_file(maker, host, package, about->folder, name, &host_path) : maker_find(maker, host, package, name, &host_path);
	const struct twin_special *special = twin_special_find(name);
	struct program program _cleanup_(program_clear) = { .file = file, .path = path, .twin = twin };

	if (!file || !twin)
		return 0;
	program.to = xprintf("bin/%s/%s", package, name);
	if (special) {
		program.kind = special->kind;
		program.deny = special->deny;
		program.env = special->variables ? maker_variables(maker, special->variables, file) : NULL;
		if (special->variables && !program.env) {
			maker_skip(maker, name, xstrdup("its name of the machine was not found"));
			return 0;
		}
	}
	return str_equal(package, "dpkg") ? make_dpkg(maker, &program, err) : maker_add_twin(maker, &program, err);
}

static void list_programs(const struct maker *maker, const struct twin_package *package, struct strlist *ret)
{
	for (size_t i = 0; i < array_len(command_folders); i++) {
		const char *below = package->folder ? package->folder : command_folders[i];
		_cleanup_(freep) char *folder = maker_file(maker, maker->source->host, package->name, below);
		dir_names(AT_FDCWD, folder, ret, NULL);
		if (package->folder)
			return;
	}
}

static int add_package(struct maker *maker, const struct twin_package *package, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	list_programs(maker, package, &names);
	for (size_t i = 0; i < names.len; i++) {
		bool wanted = package->only ? twin_list_has(package->only, names.items[i]) : !package->skip || !twin_list_has(package->skip, names.items[i]);
		if (wanted && add_plain(maker, package, names.items[i], err) < 0)
			return -1;
	}
	return 0;
}

/* ---- libraries ---- */

int maker_add_library(struct maker *maker, const char *file, const char *path, struct error *err)
{
	const json_t *row;
	size_t i;

	json_array_foreach(maker->libraries, i, row)
		if (str_equal(json_string_value(json_object_get(row, "path")), path))
			return 0;
	json_t *made = make_row(file, path, TWIN_LIBRARY, err);
	return made ? json_array_append_new(maker->libraries, made) : -1;
}

/* The image's file. Where it is not listed, the programs that need it are emulated: if the archive's versions differ, or the machines' byte order. */
static int add_library(struct maker *maker, const struct twin_library *library, const char *path, struct error *err)
{
	static const char *const places[] = { "", "/usr" }; /* a package may have it in /lib, which is /usr/lib */

	if (library->by_order && !maker->same_order)
		return 0;
	for (size_t j = 0; j < array_len(places); j++) {
		_cleanup_(freep) char *file = maker_file(maker, maker->source->foreign, library->package, path + strlen(places[j]) + 1);
		if (access(file, F_OK) < 0)
			continue;
		return maker_add_library(maker, file, path, err);
	}
	return 0;
}

/* Does the library decide what the program of the row writes? Then the row says so. */
static int need_library(struct maker *maker, json_t *row, const char *name, struct error *err)
{
	const char *program = strrchr(json_string_value(json_object_get(row, "twin")), '/') + 1;
	const struct twin_library *library = twin_library_find(name);
	_cleanup_(freep) char *path = xprintf("/usr/lib/%s/%s", maker->triplet, name);

	if (!library)
		return 0;
	const char *key = twin_list_has(library->programs, program) ? "needs" : twin_list_has(library->compressing, program) ? "needsToCompress" : NULL;
	if (!key)
		return 0;
	if (!json_object_get(row, key))
		json_object_set_new(row, key, json_array());
	json_array_append_new(json_object_get(row, key), json_string(path));
	return add_library(maker, library, path, err);
}

/* Copies what the twin's own loader finds for it. */
static int copy_libraries(struct maker *maker, const char *libraries, const char *program, json_t *row, struct error *err)
{
	const char *args[] = { LOADER, "--library-path", libraries, "--list", program, NULL };
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	struct buf said _cleanup_(buf_free) = { 0 };

	if (maker_run_alone(maker->folder, args, 1 << 20, &said, err) < 0)
		return error_wrap(err, "cannot list the libraries of %s", program);
	buf_reserve(&said, 0);
	strlist_split(&lines, said.data, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		const char *start = lines.items[i] + strspn(lines.items[i], "\t "), *found = strstr(start, " => ");
		if (!found)
			continue;
		_cleanup_(freep) char *name = xstrndup(start, (size_t)(found - start)), *path = xstrndup(found + 4, strcspn(found + 4, " "));
		_cleanup_(freep) char *from = xprintf("%s%s", maker->folder, path), *to = path_join("lib", name), *there = path_join(maker->upper, to);
		if (*path != '/')
			return error_set(err, ERROR_NOT_FOUND, "no package has %s for %s", name, program);
		if ((access(there, F_OK) < 0 && maker_copy(maker, from, to, 0755, err) < 0) || need_library(maker, row, name, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the set ---- */

static int add_all(struct maker *maker, struct error *err)
{
	for (const struct twin_package *package = twin_packages; package->name; package++)
		if (strlist_has(&maker->packages, package->name) && add_package(maker, package, err) < 0)
			return -1;
	return gcc_add(maker, err) < 0 ? -1 : binutils_add(maker, err);
}

static int add_all_libraries(struct maker *maker, struct error *err)
{
	_cleanup_(freep) char *loader = find_loader(maker), *libraries = library_path(maker);
	json_t *row;
	size_t i;

	if (!loader)
		return error_set(err, ERROR_UNSUPPORTED, "the package libc6 has no loader that is known");
	if (maker_copy(maker, loader, "ld.so", 0755, err) < 0)
		return -1;
	json_array_foreach(maker->programs, i, row) {
		_cleanup_(freep) char *program = path_join("/" UPPER, json_string_value(json_object_get(row, "twin")));
		if (copy_libraries(maker, libraries, program, row, err) < 0)
			return -1;
		if (str_ends(program, "/dpkg/dpkg") && !check_dpkg(maker, libraries, program))
			return error_set(err, ERROR_UNSUPPORTED, "the twin of dpkg doesn't take another architecture");
	}
	return 0;
}

static int write_list(const struct maker *maker, struct error *err)
{
	char platform[PLATFORM_TEXT_SIZE];
	_cleanup_(freep) char *path = path_join(maker->upper, TWIN_FILE);
	json_t *list _cleanup_(json_release) =
		json_pack("{si ss ss ss sO sO sO}", "format", TWIN_FORMAT, "distribution", maker->source->distribution, "suite", maker->source->suite, "platform",
			  platform_print(&maker->source->platform, platform), "programs", maker->programs, "libraries", maker->libraries, "skipped", maker->skipped);

	if (maker->versions_of)
		json_object_set(list, "versions", maker->versions_of);
	_cleanup_(freep) char *text = json_text(list);
	return file_replace(AT_FDCWD, path, text, strlen(text), 0644, err);
}

static int commit(struct maker *maker, struct error *err)
{
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct reference name _cleanup_(reference_clear) = { 0 };
	struct descriptor layer _cleanup_(descriptor_clear) = { 0 };
	_cleanup_(freep) char *number = NULL, *by = xprintf("sampan twin build %s:%s", maker->source->distribution, maker->source->suite);
	char created[32], platform[PLATFORM_TEXT_SIZE];
	struct history history = { .created = time_print(time(NULL), created), .created_by = by };
	struct digest diff_id, manifest;

	if (reference_parse(maker->source->reference, &name, err) < 0 ||
	    layer_commit(maker->store, NULL, 0, maker->upper, 0, &layer, &diff_id, &number, err) < 0)
		return -1;
	platform_host(&config.platform);
	config.created = xstrdup(created);
	strlist_env_set(&config.labels, TWIN_LABEL, platform_print(&maker->source->platform, platform));
	config_add_diff_id(&config, &diff_id);
	config_add_history(&config, &history);
	return store_image_commit(maker->store, &config, &layer, 1, &name, 1, &manifest, err);
}

/* What Debian and Ubuntu have. */
static int debian_add(struct maker *maker, struct error *err)
{
	if (!maker->triplet || !maker->host_triplet)
		return error_set(err, ERROR_UNSUPPORTED, "no compiler names are known for %s", maker->source->foreign);
	maker->say(maker->data, "reading the package lists");
	if (debs_open(maker->source, maker->folder, &maker->debs, err) < 0 || choose_packages(maker, err) < 0 || choose_libraries(maker, err) < 0 ||
	    choose_image_libraries(maker, err) < 0)
		return -1;
	_cleanup_(freep) char *fetching = xprintf("fetching %zu packages", maker->fetch.len);
	maker->say(maker->data, fetching);
	if (debs_fetch(&maker->debs, &maker->fetch, err) < 0)
		return -1;
	maker->say(maker->data, "choosing programs and their libraries");
	return add_all(maker, err) < 0 ? -1 : add_all_libraries(maker, err);
}

static int make(struct maker *maker, struct error *err)
{
	if (dir_make(AT_FDCWD, maker->upper, 0755, err) < 0 || (twin_source_is_alpine(maker->source) ? alpine_add : debian_add)(maker, err) < 0 ||
	    write_list(maker, err) < 0)
		return -1;
	_cleanup_(freep) char *packing = xprintf("packing %zu twins", json_array_size(maker->programs));
	maker->say(maker->data, packing);
	return commit(maker, err);
}

int twin_make(struct store *store, const struct twin_source *source, const char *folder, void (*say)(void *data, const char *text), void *data,
	      struct error *err)
{
	struct maker maker _cleanup_(maker_clear) = { .store = store, .source = source, .folder = folder, .say = say, .data = data };

	maker.upper = path_join(folder, UPPER);
	maker.triplet = triplet_of(source->foreign);
	maker.host_triplet = triplet_of(source->host);
	maker.same_order = machine_has_this_order(&source->platform);
	maker.programs = json_array();
	maker.libraries = json_array();
	maker.skipped = json_array();
	return make(&maker, err) < 0 ? error_wrap(err, "cannot make twins of %s:%s", source->distribution, source->suite) : 0;
}
