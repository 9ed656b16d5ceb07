/* What a twin may do: see rules.h.
 *
 * The rule is 'bit-identical or nothing', and when in doubt, nothing: an exec that is refused here is emulated, which costs time and never a wrong byte.
 * Refused is what makes a program tell about itself (--version, -print-…), what it would load that is the image's (LD_PRELOAD, compiler plug-ins, locales), what
 * depends on files that QEMU makes up (/proc), and what leads elsewhere in ways that are not followed here (-isysroot). */
#include "emu/dispatch/rules.h"

#include "emu/dispatch/headers.h"
#include "emu/dispatch/image.h"
#include "emu/dispatch/scripts.h"
#include "emu/dispatch/words.h"

enum { WORD_MAX = 256, PREFIX_SLOTS = 8, EXTRA_SLOTS = 64, EXTRA_TEXT = 8192 };

/* How a driver whose folder names were made ours, in place, writes that folder; and what it is (see twin_make.c). */
#define FOLDER_MADE "/gcc///////"
enum { FOLDER_SLASHES = 6 }; /* too many */

/* ---- refusing ---- */

/* The image's own locale files, other than those of UTF-8, may need conversions that the twin cannot load; and if they are laid out for another size or order of
 * numbers, none of them is for it. */
static int locale_is_plain(const struct twin_table *table, const char *name)
{
	size_t len = text_len(name);

	if (!len || text_equal(name, "C") || text_equal(name, "POSIX"))
		return 1;
	if (table->foreign_layout)
		return 0;
	return (len > 6 && text_equal(name + len - 6, ".UTF-8")) || (len > 5 && text_equal(name + len - 5, ".utf8"));
}

static int environment_refused(const struct twin_table *table, char *const *env)
{
	static const char *const loads[] = { "LD_PRELOAD", "LD_AUDIT", "GCONV_PATH", "LOCPATH", "MUSL_LOCPATH", "NLSPATH", "OUTPUT_CHARSET", NULL };
	/* with these the loader tells of its work, or of what it loads instead of running it, as ldd has it do */
	static const char *const tells[] = { "QEMU_", "LD_TRACE_", "LD_DEBUG", "LD_SHOW_AUXV", "LD_PROFILE", NULL };

	if (env_has(env, loads))
		return 1;
	for (; *env; env++) {
		const char *value = *env;
		if (any_start(value, tells))
			return 1;
		if (!text_starts(value, "LC_") && !text_starts(value, "LANG="))
			continue;
		while (*value && *value++ != '=')
			;
		if (!locale_is_plain(table, value))
			return 1;
	}
	return 0;
}

/* "--word" also stands for "--word=…" and for "--wo", as getopt has it; `name` is without dashes. */
static int long_matches(const char *name, const char *word)
{
	size_t len = 0;

	while (name[len] && name[len] != '=' && name[len] == word[len])
		len++;
	return len && (!name[len] || name[len] == '=');
}

/* "-x" is x among several letters behind one dash. */
static int option_matches(const char *arg, const char *option)
{
	if (arg[0] != '-')
		return 0;
	if (option[1] == '-')
		return arg[1] == '-' && long_matches(arg + 2, option + 2);
	if (arg[1] == '-')
		return 0;
	for (arg++; *arg; arg++)
		if (*arg == option[1])
			return 1;
	return 0;
}

static int names_proc(const char *text)
{
	return bytes_find(text, text_len(text), "/proc") != NULL;
}

static int options_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	for (char **arg = call->args; *arg; arg++) {
		if (names_proc(*arg))
			return 1;
		for (const char *word = NULL; (word = table_next(table, entry->deny, word));)
			if (*word == '-' && option_matches(*arg, word))
				return 1;
	}
	return 0;
}

/* ---- the compiler's programs ---- */

/* What an argument may not be, for a program of the compiler. */
struct refusal {
	const char *const *words;  /* the whole argument; end with NULL */
	const char *const *starts; /* its start */
};

static int word_refused(const char *word, const struct refusal *refusal)
{
	return any_equal(word, refusal->words) || any_start(word, refusal->starts);
}

/* The arguments in a file (gcc's @file): words between blanks, quotes taken away. One that is too long for what we look for is cut. */
static int file_refused(const char *path, const struct refusal *refusal)
{
	size_t len, used = 0;
	const char *bytes = text_map(path, &len);
	char word[WORD_MAX];

	if (!bytes)
		return 1;
	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? bytes[i] : '\n';
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
			if (c != '"' && c != '\'' && c != '\\' && used < WORD_MAX - 1)
				word[used++] = c;
			continue;
		}
		word[used] = '\0';
		if (used && (word[0] == '@' || word_refused(word, refusal)))
			return 1;
		used = 0;
	}
	return 0;
}

static int any_refused(const struct call *call, const struct refusal *refusal)
{
	for (char **arg = call->args; *arg; arg++)
		if (**arg == '@' ? file_refused(*arg + 1, refusal) : word_refused(*arg, refusal))
			return 1;
	return 0;
}

/* -c, -S and -E end before the linker. */
static int driver_links(const struct call *call)
{
	for (char **arg = call->args; *arg; arg++)
		if ((*arg)[0] == '-' && ((*arg)[1] == 'c' || (*arg)[1] == 'S' || (*arg)[1] == 'E') && !(*arg)[2])
			return 0;
	return 1;
}

/* A cross driver doesn't look at LIBRARY_PATH, and finds the start files and libraries by other names, which show in maps, messages and debug information: /lib/TRIPLET, not
 * /usr/lib/gcc/TRIPLET/14/../../../TRIPLET. On riscv64 both begin with /lib, for the sake of its several ABIs. */
static int linking_refused(const struct call *call, int is_riscv)
{
	static const char *const variables[] = { "LIBRARY_PATH", NULL };

	return driver_links(call) && (!is_riscv || env_has(call->env, variables));
}

/* Programs of the user's in the compiler's place could see that a native driver sets variables for offloading, where it is made for that. */
static int own_tools(const struct call *call)
{
	static const char *const variables[] = { "COMPILER_PATH", NULL };

	for (char **arg = call->args; *arg; arg++)
		if (text_starts(*arg, "-B"))
			return 1;
	return env_has(call->env, variables);
}

static int driver_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	static const char *const variables[] = { "GCC_EXEC_PREFIX", "GCC_COMPARE_DEBUG", "GCC_SPECS", NULL };
	static const char *const words[] = { "-v", "-###", "--version", "-wrapper", "--help", "--target-help", "-march=native", "-mcpu=native", "-mtune=native", NULL };
	static const char *const starts[] = { "-print-", "--print-", "-dump", "--dump", "-specs", "--specs", "-fplugin", "--help=", NULL };
	int is_riscv = text_starts(table_text(table, entry->path), "/usr/bin/riscv64-linux-gnu-");

	if (env_has(call->env, variables) || linking_refused(call, is_riscv) || (!is_riscv && own_tools(call)))
		return 1;
	/* call_restore could not tell a system root of / from that of the cross driver */
	for (char **arg = call->args; *arg; arg++)
		if (text_equal(*arg, "--sysroot") || text_equal(*arg, "--sysroot=/"))
			return 1;
	return any_refused(call, &(struct refusal){ words, starts });
}

static int ends_with(const char *text, const char *end)
{
	size_t len = text_len(text), end_len = text_len(end);

	return len >= end_len && text_equal(text + len - end_len, end);
}

/* Of a machine that it doesn't know, a compiler lists those that it does, among which a native one has "native". */
static int machine_is_unusual(const struct twin_table *table, const struct twin_entry *entry, const char *arg)
{
	static const char *const options[] = { "-march=", "-mcpu=", "-mtune=" };
	static const char *const usual[] = { "armv7", "armv8", "armv9", "cortex-", "neoverse-", "generic", "power", "z1", "arch1", NULL };
	const char *path = table_text(table, entry->path);

	if (bytes_find(path, text_len(path), "/riscv64-"))
		return 0;
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (text_starts(arg, options[i]) && !any_start(arg + text_len(options[i]), usual))
			return 1;
	return 0;
}

/* What is preprocessed tells by a number of each system folder whether it was made for C++ (the 4 in '# 1 "stdio.h" 3 4'). An option's folder never was, as
 * the compiler's own for C are; those for C++, and the local ones, are. */
static int shows_folders(const struct twin_table *table, const struct twin_entry *entry)
{
	if (entry->cxx_folders)
		return 1;
	for (const char *folder = NULL; (folder = table_next(table, entry->c_folders, folder));)
		if ((text_starts(folder, "/usr/local/") || bytes_find(folder, text_len(folder), "/../")) && !image_folder_is_empty(folder))
			return 1;
	return 0;
}

/* A precompiled header holds a memory image of the compiler that made it, a module its name of the machine. The folders of the variables would come behind
 * the image's own, which are given as options. */
static int compiler_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	static const char *const variables[] = { "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "OBJCPLUS_INCLUDE_PATH", NULL };
	static const char *const words[] = { "-v", "-version", "--version", "--help", "-isysroot", "--output-pch", "-fself-test", NULL };
	static const char *const starts[] = { "-fplugin", "-iprefix", "-iwithprefix", "-isysroot", "--sysroot", "--help=", "--output-pch=", "-fmodule", NULL };

	if (env_has(call->env, variables))
		return 1;
	for (char **arg = call->args; *arg; arg++)
		if (ends_with(*arg, ".gch") || (text_equal(*arg, "-E") && shows_folders(table, entry)) || machine_is_unusual(table, entry, *arg))
			return 1;
	return any_refused(call, &(struct refusal){ words, starts }) || headers_precompiled(table, entry, call);
}

/* The plug-in of the compiler that has twins, of /…/gcc-14/liblto_plugin.so: /usr/lib…/gcc/TRIPLET/14/liblto_plugin.so. Another cannot be loaded by a program of
 * another machine. */
static int plugin_is_ours(const struct twin_table *table, const struct twin_entry *entry, const char *path)
{
	const char *ours = entry->plugin ? table_text(table, entry->plugin) : "", *version = bytes_find(ours, text_len(ours), "/gcc-");

	if (!version || !text_starts(path, "/usr/lib") || !bytes_find(path, text_len(path), "/gcc/"))
		return 0;
	version += 5;
	size_t len = text_len(path), end = text_len(version);
	return len > end && path[len - end - 1] == '/' && text_equal(path + len - end, version);
}

/* What ld and ar say of themselves; long options of ld may have one dash. */
static int tells_of_itself(const char *arg)
{
	static const char *const words[] = { "version", "help", "verbose", "print-sysroot", "sysroot", NULL };

	if (text_equal(arg, "-v") || text_equal(arg, "-V"))
		return 1;
	if (arg[0] != '-' || !arg[1] || !arg[2])
		return 0;
	arg += 1 + (arg[1] == '-');
	for (const char *const *word = words; *word; word++)
		if (long_matches(arg, *word))
			return 1;
	return 0;
}

static int binutils_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	static const char *const words[] = { "-v", "-V", NULL };
	static const char *const starts[] = { "-ve", "--ve", "-h", "--h", "-print-s", "--print-s", "-pl", "--pl", "-sys", "--sys", NULL };

	for (char **arg = call->args; *arg; arg++) {
		if (**arg == '@' && file_refused(*arg + 1, &(struct refusal){ words, starts }))
			return 1;
		if (tells_of_itself(*arg) || text_starts(*arg, "-plugin=") || text_starts(*arg, "--plugin="))
			return 1;
		if ((text_equal(*arg, "-plugin") || text_equal(*arg, "--plugin")) && (!arg[1] || !plugin_is_ours(table, entry, *++arg)))
			return 1;
	}
	return 0;
}

/* A linker for its own machine looks for libraries that others need where the loader would; a cross linker does not. */
static int linker_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	static const char *const variables[] = { "LD_LIBRARY_PATH", NULL };

	return env_has(call->env, variables) || binutils_refused(table, entry, call) || image_has_library_folders();
}

int call_refused(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	if (environment_refused(table, call->env) || image_preloads() || image_overrides_libraries(env_get(call->env, "LD_LIBRARY_PATH")))
		return 1;
	switch (entry->kind) {
	case TWIN_PLAIN: return options_refused(table, entry, call) || image_works_in_proc() || image_has_name_services();
	case TWIN_SHELL: return shell_refused(table, entry, call) || image_works_in_proc() || image_has_name_services();
	case TWIN_MAKE: return options_refused(table, entry, call) || make_refused(table, entry, call) || image_works_in_proc() || image_has_name_services();
	case TWIN_AWK: return awk_refused(table, entry, call) || image_works_in_proc();
	case TWIN_DRIVER: return driver_refused(table, entry, call);
	case TWIN_COMPILER: return compiler_refused(table, entry, call);
	case TWIN_LINKER: return linker_refused(table, entry, call);
	case TWIN_ARCHIVER: return binutils_refused(table, entry, call) || image_plugins() == PLUGINS_OTHERS || (!entry->plugin && image_plugins() != PLUGINS_NONE);
	case TWIN_LIBRARY:
	case TWIN_APPLETS: return 1;
	}
	return 1;
}

/* The compiler's intermediate code, sections, archives; or there is a file of arguments, which may say so. */
int call_compresses(const struct call *call)
{
	static const char *const parts[] = { "-flto", "-fltrans", "-fwpa", "compress", "-gz", "@", NULL };
	static const char *const words[] = { "-b", "--build", "-E", "-P", NULL }; /* of dpkg-deb, of cmake */

	for (char **arg = call->args; *arg; arg++) {
		if (any_equal(*arg, words) || text_starts(*arg, "-Z"))
			return 1;
		for (const char *const *part = parts; *part; part++)
			if (bytes_find(*arg, text_len(*arg), *part))
				return 1;
	}
	return 0;
}

/* ---- taking back ---- */

void call_room(const struct twin_table *table, const struct call *call, size_t *ret_slots, size_t *ret_text)
{
	/* arguments are listed when taken back, for the twin, and for QEMU if the twin could not be started; the environment twice */
	*ret_slots = 3 * (PREFIX_SLOTS + EXTRA_SLOTS);
	*ret_text = EXTRA_TEXT + text_len(call->argv0) + 1;
	for (char **at = call->args; *at; at++, *ret_slots += 3)
		*ret_text += text_len(*at) + 1;
	for (char **at = call->env; *at; at++, *ret_slots += 2)
		*ret_text += text_len(*at) + 1;
	for (const char *at = NULL; (at = table_next(table, table->env_all, at));)
		++*ret_slots;
}

static char *add_bytes(struct room *room, const char *bytes, size_t len)
{
	char *at = room->text;

	for (size_t i = 0; i < len; i++)
		at[i] = bytes[i];
	room->text += len;
	return at;
}

/* /usr/lib/gcc///////riscv64-linux-gnu → /usr/lib/gcc/riscv64-linux-gnu, wherever it stands; the text itself if it doesn't. */
static char *restore_folders(char *text, struct room *room)
{
	size_t len = text_len(text), made = text_len(FOLDER_MADE);
	const char *found = bytes_find(text, len, FOLDER_MADE), *at = text;
	char *start = room->text;

	if (!found)
		return text;
	for (; found; found = bytes_find(at, (size_t)(text + len - at), FOLDER_MADE)) {
		add_bytes(room, at, (size_t)(found - at) + made - FOLDER_SLASHES);
		at = found + made;
	}
	add_bytes(room, at, (size_t)(text + len - at) + 1);
	return start;
}

char *path_restore(char *path, struct room *room)
{
	return restore_folders(path, room);
}

static int in_list(const struct twin_table *table, uint32_t list, const char *text)
{
	for (const char *at = NULL; (at = table_next(table, list, at));)
		if (text_equal(at, text))
			return 1;
	return 0;
}

void call_restore(const struct twin_table *table, const char *path, struct call *call, struct room *room)
{
	call->argv0 = restore_folders((char *)call->argv0, room);
	/* a cross driver names its system root even if that is /; in collect2's place may be a script, of which the shell gets the name */
	int drop_root = ends_with(path, "/collect2") || (call->args[0] && ends_with(call->args[0], "/collect2"));
	char **args = room->slots, **to = args;

	for (char **at = call->args; *at; at++)
		if (!drop_root || !text_equal(*at, "--sysroot=/"))
			*to++ = restore_folders(*at, room);
	*to++ = NULL;
	char **env = to;
	for (char **at = call->env; *at; at++)
		if (!in_list(table, table->env_all, *at))
			*to++ = restore_folders(*at, room);
	*to++ = NULL;
	room->slots = to;
	call->args = args;
	call->env = env;
}

/* ---- the twin's arguments ---- */

static int args_have(const struct call *call, const char *word)
{
	for (char **arg = call->args; *arg; arg++)
		if (text_equal(*arg, word))
			return 1;
	return 0;
}

/* Those that exist: -Wmissing-include-dirs tells of the others, since they look like the user's own. */
static char **add_folders(const struct twin_table *table, uint32_t list, char **to)
{
	struct statx about;

	for (const char *folder = NULL; (folder = table_next(table, list, folder));) {
		if (sys_stat(AT_FDCWD, folder, 0, &about) < 0)
			continue;
		*to++ = (char *)"-isystem";
		*to++ = (char *)folder;
	}
	return to;
}

/* The image's include folders, in its own compiler's order. Not -nostdinc: that would drop <stdc-predef.h> as well. */
static char **add_includes(const struct twin_table *table, const struct twin_entry *entry, const struct call *call, char **to)
{
	if (args_have(call, "-nostdinc"))
		return to;
	if (!args_have(call, "-nostdinc++"))
		to = add_folders(table, entry->cxx_folders, to);
	return add_folders(table, entry->c_folders, to);
}

/* With the plug-in for link-time optimisation replaced; ar and nm look for one by themselves where none is named. */
static char **add_with_plugin(const struct twin_table *table, const struct twin_entry *entry, const struct call *call, char **to)
{
	char *plugin = entry->plugin ? (char *)table_text(table, entry->plugin) : NULL;

	if (entry->kind == TWIN_ARCHIVER && plugin && !args_have(call, "--plugin") && image_plugins() == PLUGINS_LTO) {
		*to++ = (char *)"--plugin";
		*to++ = plugin;
	}
	for (char **arg = call->args; *arg; arg++) {
		*to++ = *arg;
		if (text_equal(*arg, "-plugin") || text_equal(*arg, "--plugin")) {
			*to++ = plugin;
			arg++;
		}
	}
	return to;
}

void call_twin(const struct twin_table *table, const struct twin_entry *entry, const struct call *call, struct room *room, char ***ret_argv, char ***ret_env)
{
	char **argv = room->slots, **to = argv;

	*to++ = (char *)table_text(table, table->loader);
	*to++ = (char *)"--library-path";
	*to++ = (char *)table_text(table, table->libraries);
	*to++ = (char *)"--argv0";
	*to++ = (char *)call->argv0;
	*to++ = (char *)table_text(table, entry->twin);
	if (entry->kind == TWIN_LINKER || entry->kind == TWIN_ARCHIVER)
		to = add_with_plugin(table, entry, call, to);
	else
		for (char **arg = call->args; *arg; arg++)
			*to++ = *arg;
	if (entry->kind == TWIN_COMPILER)
		to = add_includes(table, entry, call, to);
	*to++ = NULL;
	*ret_argv = argv;
	*ret_env = to;
	/* QEMU's programs get their environment the other way round */
	char **last = call->env;
	while (*last)
		last++;
	while (last > call->env)
		*to++ = *--last;
	for (const char *variable = NULL; (variable = table_next(table, entry->env, variable));) {
		size_t name = 0;
		while (variable[name] && variable[name] != '=')
			name++;
		char *copy = add_bytes(room, variable, name + 1);
		copy[name] = '\0';
		room->text = copy; /* only looked up */
		if (!env_get(call->env, copy))
			*to++ = (char *)variable;
	}
	*to++ = NULL;
	room->slots = to;
}
