/* The dispatcher's rules: each refusal with a near miss that must pass, what a twin gets, and what is taken back. It runs in an empty root of its own,
 * in which the test makes the files that the rules look at. */
#include "emu/dispatch/rules.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "emu/dispatch/image.h"
#include "emu/twin_list.h"
#include "tests/unit/emu/table.h"
#include "tests/unit/tap.h"

#define GCC "/usr/bin/riscv64-linux-gnu-gcc-14"

/* Arguments and environment are words between blanks; '~' stands for a blank within one. */
static const struct {
	const char *program;
	enum twin_kind kind;
	const char *args, *env;
	bool refused;
} cases[] = {
	{ "cat", TWIN_PLAIN, "file", "", false },
	{ "cat", TWIN_PLAIN, "file", "LD_PRELOAD=/x.so", true },
	{ "cat", TWIN_PLAIN, "file", "LD_PRELOAD=", false },
	{ "cat", TWIN_PLAIN, "file", "LD_PRELOADED=x", false },
	{ "cat", TWIN_PLAIN, "file", "LD_AUDIT=/x.so", true },
	{ "cat", TWIN_PLAIN, "file", "LD_TRACE_LOADED_OBJECTS=", true },
	{ "cat", TWIN_PLAIN, "file", "LD_DEBUG=libs", true },
	{ "cat", TWIN_PLAIN, "file", "LD_BIND_NOW=1", false },
	{ "cat", TWIN_PLAIN, "file", "QEMU_CPU=max", true },
	{ "cat", TWIN_PLAIN, "file", "GCONV_PATH=/x", true },
	{ "cat", TWIN_PLAIN, "file", "OUTPUT_CHARSET=ISO-8859-1", true },
	{ "cat", TWIN_PLAIN, "file", "LANG=C.UTF-8", false },
	{ "cat", TWIN_PLAIN, "file", "LANG=de_DE", true },
	{ "cat", TWIN_PLAIN, "file", "LC_ALL=de_DE.utf8", false },
	{ "cat", TWIN_PLAIN, "file", "LC_NUMERIC=tr_TR.ISO-8859-9", true },
	{ "cat", TWIN_PLAIN, "file", "LANGUAGE=de", false },
	{ "cat", TWIN_PLAIN, "/proc/cpuinfo", "", true },
	{ "cat", TWIN_PLAIN, "/pro/cpuinfo", "", false },
	{ "make", TWIN_MAKE, "-j4 all", "", false },
	{ "make", TWIN_MAKE, "--version", "", true },
	{ "make", TWIN_MAKE, "--vers", "", true },
	{ "make", TWIN_MAKE, "--no-print-directory", "", false },
	{ "make", TWIN_MAKE, "-sp", "", true },
	{ "make", TWIN_MAKE, "-h", "", true },
	{ "sort", TWIN_PLAIN, "-n file", "", false },
	{ "sort", TWIN_PLAIN, "-rg file", "", true },
	{ "sort", TWIN_PLAIN, "--gen file", "", true },
	{ "sort", TWIN_PLAIN, "-k 1,1g file", "", true },
	{ "zstd", TWIN_PLAIN, "-19 -T0 file", "", false },
	{ "zstd", TWIN_PLAIN, "-vV", "", true },
	{ "dash", TWIN_SHELL, "-c make~all", "", false },
	{ "dash", TWIN_SHELL, "-ec read~x~<$f/proc/cpuinfo", "", true },
	{ "dash", TWIN_SHELL, "-c ulimit~-v~1000", "", true },
	{ "dash", TWIN_SHELL, "", "", true },
	{ "dash", TWIN_SHELL, "-s", "", true },
	{ "dash", TWIN_SHELL, "/plain.sh /floats.sh", "", false },
	{ "dash", TWIN_SHELL, "/proc.sh", "", true },
	{ "dash", TWIN_SHELL, "/not-there.sh", "", true },
	{ "bash", TWIN_SHELL, "-o pipefail -o errexit -c echo~1", "", false },
	{ "bash", TWIN_SHELL, "-o pipefail -o errexit -c echo~${BASH_VERSINFO[5]}", "", true },
	{ "bash", TWIN_SHELL, "-O extglob +o posix -c echo~$MACHTYPE", "", true },
	{ "bash", TWIN_SHELL, "-version", "", true },
	{ "bash", TWIN_SHELL, "--version", "", true },
	{ "bash", TWIN_SHELL, "--posix -c echo", "", false },
	{ "bash", TWIN_SHELL, "--rcfile x -c echo", "", true },
	{ "bash", TWIN_SHELL, "-c printf~%-08.3f~1", "", true },
	{ "bash", TWIN_SHELL, "-c printf~%s~${x%.*}${y%f*}", "", false },
	{ "bash", TWIN_SHELL, "-c date~+%F", "", false },
	{ "bash", TWIN_SHELL, "/floats.sh", "", true },
	{ "bash", TWIN_SHELL, "-c echo", "BASH_ENV=/plain.sh", true },
	{ "bash", TWIN_SHELL, "-c f", "BASH_FUNC_f%%=()~{~printf~%f~1;~}", true },
	{ "bash", TWIN_SHELL, "-c f", "BASH_FUNC_f%%=()~{~echo~%f;~}", false },
	{ "bash", TWIN_SHELL, "-c set", "", true },
	{ "bash", TWIN_SHELL, "-c x=1;~set~|~grep~x", "", true },
	{ "bash", TWIN_SHELL, "-c (set)~2>&1", "", true },
	{ "bash", TWIN_SHELL, "-c set~-e;~reset;~offset~&&~echo~set", "", false },
	{ "bash", TWIN_SHELL, "-c help", "", true },
	{ "bash", TWIN_SHELL, "-c cmd~--help;~echo~help", "", false },
	{ "bash", TWIN_SHELL, "-c if~true;~then~declare~-r~;~fi", "", true },
	{ "bash", TWIN_SHELL, "-c declare~-r~x=1;~export~PATH~;~readonly~y", "", false },
	{ "bash", TWIN_SHELL, "-c export>all", "", true },
	{ "bash", TWIN_SHELL, "-c .~/plain.sh~&&~source~'/plain.sh'", "", false },
	{ "bash", TWIN_SHELL, "-c .~/floats.sh", "", true },
	{ "bash", TWIN_SHELL, "-c source~\"/sub/floats.sh\"", "", true },
	{ "bash", TWIN_SHELL, "-c .~$HOME/plain.sh", "", true },
	{ "bash", TWIN_SHELL, "-c source~plain.sh", "", true },
	{ "bash", TWIN_SHELL, "-c .~./plain.sh", "", false },
	{ "bash", TWIN_SHELL, "-c cd~/sub;~.~./plain.sh", "", true },
	{ "bash", TWIN_SHELL, "-c find~.~-name~x;~cp~a~.;~tar~-C~.~b", "", false },
	{ "bash", TWIN_SHELL, "/sources.sh", "", true },
	{ "bash", TWIN_SHELL, "/itself.sh", "", true },
	{ "dash", TWIN_SHELL, "/itself.sh", "", false },
	{ "dash", TWIN_SHELL, "-c .~/proc.sh", "", true },
	{ "dash", TWIN_SHELL, "-c .~/floats.sh;~.~$x;~set", "", false },
	{ "make", TWIN_MAKE, "-f /load.mk", "", true },
	{ "make", TWIN_MAKE, "-kd", "", true },
	{ "make", TWIN_MAKE, "--debug=basic", "", true },
	{ "make", TWIN_MAKE, "all", "MAKEFLAGS=ksd", true },
	{ "make", TWIN_MAKE, "all", "MAKEFLAGS=~--debug=b", true },
	{ "make", TWIN_MAKE, "all", "MAKEFLAGS=ks~-j2~--jobserver-auth=3,4~--~dp=1", false },
	{ "make", TWIN_MAKE, "all", "MAKEFLAGS=d=1", false },
	{ "make", TWIN_MAKE, "all", "MAKEFLAGS=--no-print-directory", false },
	{ "make", TWIN_MAKE, "-sf /load.mk all", "", true },
	{ "make", TWIN_MAKE, "--file=/load.mk", "", true },
	{ "make", TWIN_MAKE, "-C /sub", "", true },
	{ "make", TWIN_MAKE, "-C /sub -f plain.mk", "", false },
	{ "make", TWIN_MAKE, "-C /nowhere -f -", "", false },
	{ "gawk", TWIN_AWK, "-F: {~print~$1~}", "", false },
	{ "gawk", TWIN_AWK, "-v a=1 -v b=2 BEGIN~{~print~exp(a)~}", "", true },
	{ "gawk", TWIN_AWK, "BEGIN~{~print~1e308~*~10~}", "", true },
	{ "gawk", TWIN_AWK, "BEGIN~{~print~1e30~}", "", false },
	{ "gawk", TWIN_AWK, "-f /sine.awk", "", true },
	{ "gawk", TWIN_AWK, "-f/sine.awk", "", true },
	{ "gawk", TWIN_AWK, "-f /plain.sh", "", false },
	{ "gawk", TWIN_AWK, "--version", "", true },
	{ "gawk", TWIN_AWK, "@load~\"x\"", "", true },
	{ "mawk", TWIN_AWK, "BEGIN~{~printf~\"%08x\",~n~}", "", true },
	{ "mawk", TWIN_AWK, "BEGIN~{~printf~\"%8s\",~n~}", "", false },
	{ GCC, TWIN_DRIVER, "-O2 -c a.c", "", false },
	{ GCC, TWIN_DRIVER, "-v -c a.c", "", true },
	{ GCC, TWIN_DRIVER, "-print-libgcc-file-name", "", true },
	{ GCC, TWIN_DRIVER, "-march=native -c a.c", "", true },
	{ GCC, TWIN_DRIVER, "-march=rv64gc -c a.c", "", false },
	{ GCC, TWIN_DRIVER, "-specs=x -c a.c", "", true },
	{ GCC, TWIN_DRIVER, "-fplugin=x.so -c a.c", "", true },
	{ GCC, TWIN_DRIVER, "--sysroot=/ a.c", "", true },
	{ GCC, TWIN_DRIVER, "--sysroot=/root a.c", "", false },
	{ GCC, TWIN_DRIVER, "@/plain.args", "", false },
	{ GCC, TWIN_DRIVER, "@/verbose.args", "", true },
	{ GCC, TWIN_DRIVER, "@/not-there", "", true },
	{ GCC, TWIN_DRIVER, "-c a.c", "GCC_EXEC_PREFIX=/x", true },
	{ GCC, TWIN_DRIVER, "-c a.c", "LIBRARY_PATH=/x", false },
	{ GCC, TWIN_DRIVER, "a.c", "LIBRARY_PATH=/x", true },
	{ GCC, TWIN_DRIVER, "a.o -o a", "", false },
	{ "/usr/bin/aarch64-linux-gnu-gcc-14", TWIN_DRIVER, "a.o -o a", "", true },
	{ "/usr/bin/aarch64-linux-gnu-gcc-14", TWIN_DRIVER, "-c a.c", "", false },
	{ "/usr/bin/aarch64-linux-gnu-gcc-14", TWIN_DRIVER, "-Btools/ -c a.c", "", true },
	{ "/usr/bin/aarch64-linux-gnu-gcc-14", TWIN_DRIVER, "-c a.c", "COMPILER_PATH=/x", true },
	{ GCC, TWIN_DRIVER, "-Btools/ -c a.c", "", false },
	{ "/usr/libexec/gcc/aarch64-linux-gnu/14/cc1", TWIN_COMPILER, "-march=armv8.2-a+sve a.c", "", false },
	{ "/usr/libexec/gcc/aarch64-linux-gnu/14/cc1", TWIN_COMPILER, "-march=rv64gc a.c", "", true },
	{ "/usr/libexec/gcc/riscv64-linux-gnu/14/cc1", TWIN_COMPILER, "-march=none a.c", "", false },
	{ "cc1", TWIN_COMPILER, "-quiet a.c -o a.s", "", false },
	{ "cc1", TWIN_COMPILER, "-quiet a.c", "C_INCLUDE_PATH=/x", true },
	{ "cc1", TWIN_COMPILER, "-quiet a.c", "CPATH=/x", false },
	{ "cc1", TWIN_COMPILER, "-quiet a.h --output-pch a.h.gch", "", true },
	{ "cc1", TWIN_COMPILER, "-quiet -fmodules-ts a.c", "", true },
	{ "cc1", TWIN_COMPILER, "-quiet -isysroot /x a.c", "", true },
	{ "cc1", TWIN_COMPILER, "-E a.c", "", false },
	{ "cc1", TWIN_COMPILER, "-quiet /pch/a.c", "", true },
	{ "cc1", TWIN_COMPILER, "-quiet -I /pch /pch/other/b.c", "", true },
	{ "cc1", TWIN_COMPILER, "-quiet /pch/other/b.c", "", false },
	{ "cc1", TWIN_COMPILER, "-quiet /pch/other/b.c", "CPATH=/nowhere:/pch", true },
	{ "cc1", TWIN_COMPILER, "-include /pch/all.h c.c", "", true },
	{ "cc1", TWIN_COMPILER, "-include /pch/none.h c.c", "", false },
	{ "ld", TWIN_LINKER, "a.o -o a -verbosely", "", false },
	{ "ld", TWIN_LINKER, "-verbose", "", true },
	{ "ld", TWIN_LINKER, "--verb", "", true },
	{ "ld", TWIN_LINKER, "-version", "", true },
	{ "ld", TWIN_LINKER, "--version-script=x a.o", "", false },
	{ "ld", TWIN_LINKER, "-sysroot=/x a.o", "", true },
	{ "ld", TWIN_LINKER, "a.o", "LD_LIBRARY_PATH=/x", true },
	{ "ld", TWIN_LINKER, "a.o", "LD_RUN_PATH=/x", false },
	{ "ld", TWIN_LINKER, "-plugin /usr/libexec/gcc/riscv64-linux-gnu/14/liblto_plugin.so a.o", "", false },
	{ "ld", TWIN_LINKER, "-plugin /usr/libexec/gcc/riscv64-linux-gnu/13/liblto_plugin.so a.o", "", true },
	{ "ld", TWIN_LINKER, "-plugin /opt/14/liblto_plugin.so a.o", "", true },
	{ "ld", TWIN_LINKER, "-plugin", "", true },
	{ "ld", TWIN_LINKER, "@/plain.args", "", false },
	{ "ld", TWIN_LINKER, "@/verbose.args", "", true },
	{ "ar", TWIN_ARCHIVER, "rcs a.a a.o", "LD_LIBRARY_PATH=/x", false },
	{ "ar", TWIN_ARCHIVER, "--version", "", true },
	{ "ar", TWIN_ARCHIVER, "--plugin /mine.so rcs a.a", "", true },
	{ "ar", TWIN_ARCHIVER, "--plugin=/mine.so rcs a.a", "", true },
};

static void split(const char *text, struct strlist *ret)
{
	strlist_split(ret, text, ' ');
	for (size_t i = 0; i < ret->len; i++)
		for (char *at = ret->items[i]; *at; at++)
			if (*at == '~')
				*at = ' ';
	xgrow(ret->items, ret->len);
	ret->items[ret->len] = NULL;
}

static const struct twin_table *make(struct made_table *made, const char *program, enum twin_kind kind)
{
	const struct twin_special *special = twin_special_find(program);

	made_begin(made);
	made->entry = (struct twin_entry){ .kind = kind, .twin = made_text(made, TWIN_TREE "/bin/x") };
	if (special)
		made->entry.deny = made_list(made, special->deny);
	if (special && special->variables)
		made->entry.env = made->head.env_all = made_list(made, "MAKE_HOST=riscv64-unknown-linux-gnu");
	if (kind == TWIN_DRIVER || kind == TWIN_COMPILER)
		made->entry.path = made_text(made, program);
	if (kind == TWIN_LINKER || kind == TWIN_ARCHIVER)
		made->entry.plugin = made_text(made, TWIN_TREE "/lib/gcc-14/liblto_plugin.so");
	if (kind == TWIN_COMPILER)
		made->entry.c_folders = made_list(made, "/inc\n/usr/local/include\n/not/there");
	return made_end(made);
}

static bool refused(const char *program, enum twin_kind kind, const char *args, const char *env)
{
	struct strlist arg_list _cleanup_(strlist_free) = { 0 }, env_list _cleanup_(strlist_free) = { 0 };
	struct made_table made;
	const struct twin_table *table = make(&made, program, kind);

	split(args, &arg_list);
	split(env, &env_list);
	const struct call call = { program, arg_list.items, env_list.items };
	bool result = call_refused(table, &made.entry, &call);
	buf_free(&made.bytes);
	return result;
}

static void check_cases(void)
{
	for (size_t i = 0; i < array_len(cases); i++)
		ok(refused(cases[i].program, cases[i].kind, cases[i].args, cases[i].env) == cases[i].refused, "%s %s %s: %s", cases[i].env, cases[i].program,
		   cases[i].args, cases[i].refused ? "refused" : "not refused");
}

static void check_compressing(void)
{
	static const char *const calls[] = { "-flto", "-fltrans", "--compress-debug-sections=zstd", "-gz", "@args", "--build", "-Zzstd", NULL };
	static const char *const others[] = { "-O2", "-g", "a.c", "-o", "z.o", NULL };

	for (const char *const *arg = calls; *arg; arg++)
		ok(call_compresses(&(struct call){ "x", (char *[]){ (char *)"a.o", (char *)*arg, NULL }, NULL }), "%s compresses", *arg);
	ok(!call_compresses(&(struct call){ "x", (char **)others, NULL }), "others don't");
}

/* ---- the image's files ---- */

static void put(const char *path, const char *text)
{
	for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
		_cleanup_(freep) char *folder = xstrndup(path, (size_t)(slash - path));
		mkdir(folder, 0755);
	}
	file_replace(AT_FDCWD, path, text, strlen(text), 0644, NULL);
}

static bool enter_root(const char *folder)
{
	return (chroot(folder) == 0 || (unshare(CLONE_NEWUSER) == 0 && chroot(folder) == 0)) && chdir("/") == 0;
}

static void make_files(void)
{
	put("/plain.sh", "make all\n");
	put("/floats.sh", "printf '%6.2f' 1\n");
	put("/proc.sh", "read x </proc/cpuinfo\n");
	put("/sub/floats.sh", "printf '%6.2f' 1\n");
	put("/sources.sh", "true\n\t. /floats.sh\n");
	put("/itself.sh", ". /itself.sh\n");
	put("/load.mk", "all:; @echo\n-load x.so\n");
	put("/sub/Makefile", "load x.so(init)\n");
	put("/sub/plain.mk", "download:; curl\nload: download\n");
	put("/sine.awk", "BEGIN { print sin(1) }\n");
	put("/plain.args", "-O2 'a.o'\n");
	put("/verbose.args", "-O2\n\"-v\"\n");
	put("/pch/a.c", "/* . */\n #  include <stdio.h>\n#include \"all.h\"\n");
	put("/pch/other/b.c", "#include \"all.h\"\n");
	put("/pch/all.h.gch", "gpch");
	put("/etc/ld.so.conf", "# usual\ninclude /etc/ld.so.conf.d/*.conf\n");
	put("/etc/ld.so.conf.d/libc.conf", "/usr/local/lib\n");
	put("/etc/ld.so.conf.d/riscv64-linux-gnu.conf", "/usr/local/lib/riscv64-linux-gnu\n/lib/riscv64-linux-gnu\n/usr/lib/riscv64-linux-gnu\n");
	put("/etc/ld.so.conf.d/fakeroot-riscv64-linux-gnu.conf", "/usr/lib/riscv64-linux-gnu/libfakeroot\n");
	put("/etc/nsswitch.conf", "passwd:\tfiles systemd\ngroup: files [NOTFOUND=return] # all\nhosts: files dns\n");
	put(TWIN_TREE "/lib/libz.so.1", "");
	put("/usr/local/lib/libmine.so.2", "");
	put("/inc/x.h", "");
	put("/usr/local/include/.keep", "");
	unlink("/usr/local/include/.keep");
}

static void check_libraries(void)
{
	ok(!image_overrides_libraries(NULL) && !image_has_library_folders(), "the usual folders");
	put("/opt/lib/libother.so", "");
	ok(!image_overrides_libraries("/opt/lib:/none"), "LD_LIBRARY_PATH without a library of a twin's");
	ok(image_overrides_libraries("/none:$ORIGIN/lib"), "LD_LIBRARY_PATH with a name that is not followed");
	put("/opt/lib/libz.so.1", "");
	ok(image_overrides_libraries("/opt/lib") && refused("cat", TWIN_PLAIN, "file", "LD_LIBRARY_PATH=/opt/lib"), "LD_LIBRARY_PATH with one");
	put("/etc/ld.so.conf.d/zz.conf.off", "/opt/lib\n");
	ok(!image_has_library_folders(), "a file of ld.so.conf.d that is not *.conf");
	put("/etc/ld.so.conf.d/zz.conf", "/opt/lib\n");
	ok(image_overrides_libraries(NULL) && image_has_library_folders() && refused("ld", TWIN_LINKER, "a.o", ""), "a folder in ld.so.conf.d");
	unlink("/etc/ld.so.conf.d/zz.conf");
	put("/usr/local/lib/libz.so.1", "");
	ok(image_overrides_libraries(NULL) && !image_has_library_folders(), "a library in /usr/local/lib");
	unlink("/usr/local/lib/libz.so.1");
	put("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\ninclude /srv/*.conf\n");
	ok(image_has_library_folders(), "an inclusion that is not followed");
	put("/etc/ld.so.conf", "");
	put("/etc/ld.so.preload", "");
	ok(!image_preloads(), "an empty ld.so.preload");
	put("/etc/ld.so.preload", "/x.so\n");
	ok(image_preloads() && refused("cat", TWIN_PLAIN, "file", ""), "a full one");
	unlink("/etc/ld.so.preload");
}

static void check_settings(void)
{
	ok(!image_has_name_services(), "files and systemd are no other name services");
	put("/etc/nsswitch.conf", "shadow: files ldap\npasswd: files extrausers\n");
	ok(image_has_name_services() && refused("cat", TWIN_PLAIN, "file", ""), "extrausers is one");
	unlink("/etc/nsswitch.conf");
	ok(!image_has_name_services(), "no nsswitch.conf");
	is_int(image_plugins(), PLUGINS_NONE, "no plug-ins");
	put("/usr/lib/bfd-plugins/liblto_plugin.so", "");
	is_int(image_plugins(), PLUGINS_LTO, "the compiler's");
	put("/usr/lib/bfd-plugins/LLVMgold.so", "");
	ok(image_plugins() == PLUGINS_OTHERS && refused("ar", TWIN_ARCHIVER, "rcs a.a", ""), "another one");
	unlink("/usr/lib/bfd-plugins/LLVMgold.so");
	ok(!refused("ar", TWIN_ARCHIVER, "rcs a.a", ""), "the compiler's alone");
	struct made_table made;
	const struct twin_table *table = make(&made, "ar", TWIN_ARCHIVER);
	made.entry.plugin = 0;
	ok(call_refused(table, &made.entry, &(struct call){ "ar", (char *[]){ (char *)"rcs", NULL }, (char *[]){ NULL } }), "the compiler's, and no twin of it");
	buf_free(&made.bytes);
	put("/usr/local/include/own.h", "");
	ok(refused("cc1", TWIN_COMPILER, "-E a.c", "") && !refused("cc1", TWIN_COMPILER, "a.c", ""), "-E with local headers");
	unlink("/usr/local/include/own.h");
	put("/procedure/x", "");
	ok(chdir("/procedure") == 0 && !image_works_in_proc(), "a folder that begins like /proc");
	put("/proc/self/x", "");
	ok(chdir("/proc/self") == 0 && image_works_in_proc() && refused("cat", TWIN_PLAIN, "cpuinfo", ""), "within /proc");
	ok(chdir("/") == 0, "back");
}

/* ---- what is executed ---- */

struct run {
	struct made_table made;
	struct strlist args, env;
	char **argv, **envp;
	char *slots; /* owned */
};

static void run(struct run *run, const char *program, enum twin_kind kind, const char *path, const char *args, const char *env)
{
	const struct twin_table *table = make(&run->made, program, kind);
	size_t slots, text;

	run->args = run->env = (struct strlist){ 0 };
	split(args, &run->args);
	split(env, &run->env);
	struct call call = { program, run->args.items, run->env.items };
	call_room(table, &call, &slots, &text);
	run->slots = xcalloc(1, slots * sizeof(char *) + text);
	struct room room = { (char **)(void *)run->slots, run->slots + slots * sizeof(char *) };
	call_restore(table, path, &call, &room);
	call_twin(table, &run->made.entry, &call, &room, &run->argv, &run->envp);
	ok((char *)room.slots <= run->slots + slots * sizeof(char *) && room.text <= run->slots + slots * sizeof(char *) + text, "the room is enough");
}

static void run_clear(struct run *run)
{
	buf_free(&run->made.bytes);
	strlist_free(&run->args);
	strlist_free(&run->env);
	free(run->slots);
}

static void is_list(char **got, const char *want, const char *what)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	buf_reserve(&text, 0);
	for (; *got; got++)
		buf_printf(&text, "%s%s", text.len ? " " : "", *got);
	is_str(text.data, want, what);
}

#define LOADER TWIN_TREE "/ld.so --library-path " TWIN_TREE "/lib --argv0 "
#define PLUGIN TWIN_TREE "/lib/gcc-14/liblto_plugin.so"

static void check_twins(void)
{
	struct run it;

	run(&it, "cat", TWIN_PLAIN, "/usr/bin/cat", "a b", "A=1 MAKE_HOST=riscv64-unknown-linux-gnu B=2");
	is_list(it.argv, LOADER "cat " TWIN_TREE "/bin/x a b", "a plain program");
	is_list(it.envp, "B=2 MAKE_HOST=riscv64-unknown-linux-gnu A=1", "its environment the other way round, as under QEMU");
	run_clear(&it);
	run(&it, "make", TWIN_PLAIN, "/usr/bin/make", "", "A=1");
	is_list(it.envp, "A=1 MAKE_HOST=riscv64-unknown-linux-gnu", "a variable for what is compiled in");
	run_clear(&it);
	run(&it, "make", TWIN_PLAIN, "/usr/bin/make", "", "MAKE_HOST=mine");
	is_list(it.envp, "MAKE_HOST=mine", "not over the user's own");
	run_clear(&it);
	run(&it, "make", TWIN_PLAIN, "/usr/bin/make", "", "MAKE_HOST=riscv64-unknown-linux-gnu MAKE_HOSTS=1");
	is_list(it.envp, "MAKE_HOSTS=1 MAKE_HOST=riscv64-unknown-linux-gnu", "taken back, and given anew");
	run_clear(&it);
	run(&it, "ld", TWIN_LINKER, "/usr/bin/ld.bfd", "-plugin /usr/libexec/gcc/riscv64-linux-gnu/14/liblto_plugin.so a.o", "");
	is_list(it.argv, LOADER "ld " TWIN_TREE "/bin/x -plugin " PLUGIN " a.o", "the linker's plug-in");
	run_clear(&it);
	run(&it, "ar", TWIN_ARCHIVER, "/usr/bin/ar", "rcs a.a", "");
	is_list(it.argv, LOADER "ar " TWIN_TREE "/bin/x --plugin " PLUGIN " rcs a.a", "the archiver's, where the image has one");
	run_clear(&it);
	unlink("/usr/lib/bfd-plugins/liblto_plugin.so");
	run(&it, "ar", TWIN_ARCHIVER, "/usr/bin/ar", "rcs a.a", "");
	is_list(it.argv, LOADER "ar " TWIN_TREE "/bin/x rcs a.a", "not where it has none");
	run_clear(&it);
	run(&it, "cc1", TWIN_COMPILER, "/usr/libexec/cc1", "a.c", "");
	is_list(it.argv, LOADER "cc1 " TWIN_TREE "/bin/x a.c -isystem /inc -isystem /usr/local/include", "the folders that are there");
	run_clear(&it);
	run(&it, "cc1", TWIN_COMPILER, "/usr/libexec/cc1", "-nostdinc a.c", "");
	is_list(it.argv, LOADER "cc1 " TWIN_TREE "/bin/x -nostdinc a.c", "none with -nostdinc");
	run_clear(&it);
	run(&it, "cat", TWIN_PLAIN, "/usr/bin/cat", "-L/usr/lib/gcc///////riscv64-linux-gnu/14:/usr/lib/gcc///////x --sysroot=/", "P=/usr/libexec/gcc///////");
	is_list(it.argv, LOADER "cat " TWIN_TREE "/bin/x -L/usr/lib/gcc/riscv64-linux-gnu/14:/usr/lib/gcc/x --sysroot=/", "a driver's folders are restored");
	is_list(it.envp, "P=/usr/libexec/gcc/", "in variables as well");
	run_clear(&it);
	run(&it, "sh", TWIN_SHELL, "/usr/bin/dash", "/tools/collect2 --sysroot=/ a.o", "");
	is_list(it.argv, LOADER "sh " TWIN_TREE "/bin/x /tools/collect2 a.o", "a script in collect2's place gets no system root");
	run_clear(&it);
}

static int check_all(const char *folder)
{
	if (!enter_root(folder)) {
		printf("1..0 # SKIP no chroot here\n");
		return 0;
	}
	make_files();
	check_cases();
	check_compressing();
	check_libraries();
	check_settings();
	check_twins();
	return done();
}

/* The root is a child's, so that it can be removed from outside. */
/* For the sanitizer's run: it can't look for leaks behind a chroot, where there is no /proc. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

int main(void)
{
	char folder[] = "/tmp/sampan-rules.XXXXXX";
	int status = 1;

	if (!mkdtemp(folder))
		return 1;
	pid_t child = fork();
	if (child == 0)
		exit(check_all(folder));
	if (child > 0)
		waitpid(child, &status, 0);
	dir_remove(AT_FDCWD, folder, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
