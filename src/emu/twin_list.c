/* The list: see twin_list.h.
 *
 * A program is on it if what it writes depends on its arguments and files alone. Not on it, and so always emulated: what asks for the machine (uname, arch,
 * nproc, getconf, ldconfig), what computes in a number format that differs between machines (printf, seq and
 * numfmt use long double; od shows the machine's byte order), interpreters with a configuration of their machine (perl, python), and what loads modules
 * of the image. */
#include "emu/twin_list.h"

#include <stddef.h>
#include <string.h>

#define COREUTILS_SKIP "uname arch nproc printf seq numfmt od df stdbuf hostid uptime who users pinky factor"

const struct twin_package twin_packages[] = {
	{ "apt", NULL, "apt-get apt", NULL },
	{ "apt", "usr/lib/apt", "apt-extracttemplates", NULL },
	{ "apt", "usr/lib/apt/methods", "http store", NULL },
	{ "bash", NULL, "bash", NULL },
	{ "bison", NULL, "bison", NULL },
	{ "cmake", NULL, "cmake", NULL },
	{ "bzip2", NULL, NULL, "bzip2recover" },
	{ "coreutils", NULL, NULL, COREUTILS_SKIP },
	{ "cpio", NULL, "cpio", NULL },
	{ "dash", NULL, "dash", NULL },
	{ "debianutils", NULL, "run-parts", NULL },
	{ "diffutils", NULL, NULL, NULL },
	{ "dpkg", NULL, "dpkg dpkg-deb dpkg-divert dpkg-query dpkg-split dpkg-statoverride dpkg-trigger update-alternatives", NULL },
	{ "findutils", NULL, NULL, NULL },
	{ "flex", NULL, "flex", NULL },
	{ "gawk", NULL, "gawk", NULL },
	{ "gpgv", NULL, "gpgv", NULL },
	{ "grep", NULL, NULL, NULL },
	{ "gzip", NULL, "gzip", NULL },
	{ "m4", NULL, "m4", NULL },
	{ "make", NULL, "make", NULL },
	{ "mawk", NULL, "mawk", NULL },
	{ "ninja-build", NULL, "ninja", NULL },
	{ "patch", NULL, "patch", NULL },
	{ "re2c", NULL, "re2c", NULL },
	{ "sed", NULL, "sed", NULL },
	{ "sqv", NULL, "sqv", NULL },
	{ "tar", NULL, "tar", NULL },
	{ "unzip", NULL, "unzip", NULL },
	{ "util-linux", NULL, "getopt flock", NULL },
	{ "xz-utils", NULL, "xz xzdec", NULL },
	{ "zip", NULL, "zip", NULL },
	{ "zstd", NULL, "zstd", NULL, true }, /* from level 5 on, seen on s390x */
	{ NULL },
};

/* A shell may itself read QEMU's made-up files, or set limits, which QEMU keeps from the kernel. bash also knows the machine as constants that no variable replaces, shows that
 * the other two came as variables, loads modules, and computes in long double. */
#define SHELL_READS "/proc\nulimit"
#define SHELL_WORDS SHELL_READS "\n.?"
#define BASH_WORDS SHELL_READS "\n.\n!set\n!help\n?declare\n?typeset\n?readonly\n?export\nVERSINFO\nHOSTTYPE\nMACHTYPE\ndeclare -p\ndeclare -x\nexport -p\ntypeset -p\ntypeset -x\nenable -f\n%aAeEfFgG"
/* What the text of a program may hold (dispatch/scripts.c): functions whose last digit differs between builds of the mathematical library, and the sign of what is
 * no number; mawk's unsigned conversions of negative ones. */
#define AWK_WORDS "log(\nlog (\nexp(\nexp (\nsin(\nsin (\ncos(\ncos (\natan2\nsqrt\n**\n^0.\n^-\nnan\n1e\n/proc"

static const struct twin_special specials[] = {
	{ "apt", TWIN_PLAIN, "--version\n-v\n--help\n-h\n--config-file\n-c", "APT_CONFIG" },
	{ "apt-extracttemplates", TWIN_PLAIN, NULL, "APT_CONFIG" },
	{ "apt-get", TWIN_PLAIN, "--version\n-v\n--help\n-h\n--config-file\n-c", "APT_CONFIG" },
	{ "bash", TWIN_SHELL, BASH_WORDS, "HOSTTYPE MACHTYPE" },
	{ "cmake", TWIN_PLAIN, "--system-information", NULL },
	{ "dash", TWIN_SHELL, SHELL_WORDS, NULL },
	{ "dpkg", TWIN_PLAIN, "--version\n--root\n--chroot\n--help", NULL },
	{ "dpkg-deb", TWIN_PLAIN, "--version", NULL },
	{ "dpkg-query", TWIN_PLAIN, "--version", NULL },
	{ "make", TWIN_MAKE, "--version\n-v\n--print-data-base\n-p\n--help\n-h\n--debug\n-d\n>load\n>-load", "MAKE_HOST" },
	{ "mawk", TWIN_AWK, AWK_WORDS "\n-W\n%ouxX", NULL },
	{ "gawk", TWIN_AWK, AWK_WORDS "\n-V\n-l\n-M\n@load\n@include\nPROCINFO", NULL },
	{ "sort", TWIN_PLAIN, "--general-numeric-sort\n-g\n--key\n-k\n--sort", NULL },
	{ "xz", TWIN_PLAIN, "--info-memory", NULL },
	{ "zstd", TWIN_PLAIN, "--version\n-V", NULL },
	{ "tar", TWIN_PLAIN, "--show-defaults", NULL },
};

const struct twin_special *twin_special_find(const char *program)
{
	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
		if (!strcmp(specials[i].program, program))
			return &specials[i];
	return NULL;
}

const struct twin_tool twin_binutils[] = {
	{ "addr2line", TWIN_PLAIN, NULL }, { "ar", TWIN_ARCHIVER, NULL },    { "as", TWIN_PLAIN, NULL },     { "c++filt", TWIN_PLAIN, NULL },
	{ "elfedit", TWIN_PLAIN, NULL },   { "ld.bfd", TWIN_LINKER, NULL },  { "nm", TWIN_ARCHIVER, NULL },  { "objcopy", TWIN_PLAIN, NULL },
	{ "objdump", TWIN_PLAIN, NULL },   { "ranlib", TWIN_ARCHIVER, NULL }, { "readelf", TWIN_PLAIN, NULL }, { "size", TWIN_PLAIN, NULL },
	{ "strings", TWIN_PLAIN, NULL },   { "strip", TWIN_PLAIN, NULL },    { NULL },
};

/* With the version behind the name: riscv64-linux-gnu-gcc-14. */
const struct twin_tool twin_gcc[] = {
	{ "gcc", TWIN_DRIVER, NULL },
	{ "g++", TWIN_DRIVER, NULL },
	{ "cpp", TWIN_DRIVER, NULL },
	{ NULL },
};

const struct twin_tool twin_gcc_internal[] = {
	{ "cc1", TWIN_COMPILER, "c" },
	{ "cc1plus", TWIN_COMPILER, "c++" },
	{ "lto1", TWIN_COMPILER, NULL },
	{ NULL },
};

#define BINUTILS "as ld.bfd objcopy strip"
#define ARCHIVERS "cmake dpkg-deb"

/* Not on it: the C library, which every update of the distribution changes and which writes nothing by itself, and what only reads. The compiler's intermediate code is
 * compressed by zstd. */
const struct twin_library twin_libraries[] = {
	{ "libbz2.so.1.0", "libbz2-1.0", "bzip2 zip", ARCHIVERS },
	{ "libgmp.so.10", "libgmp10", "cc1 cc1plus expr lto1", NULL },
	{ "libisl.so.23", "libisl23", "cc1 cc1plus lto1", NULL },
	{ "liblzma.so.5", "liblzma5", "xz", ARCHIVERS },
	{ "libmpc.so.3", "libmpc3", "cc1 cc1plus lto1", NULL },
	{ "libmpfr.so.6", "libmpfr6", "cc1 cc1plus lto1", NULL },
	{ "libpcre2-8.so.0", "libpcre2-8-0", "grep", NULL },
	{ "libz.so.1", "zlib1g", "", ARCHIVERS " " BINUTILS },
	{ "libzstd.so.1", "libzstd1", "", ARCHIVERS " " BINUTILS " cc1 cc1plus lto1", true },
	{ NULL },
};

const struct twin_library *twin_library_find(const char *name)
{
	const struct twin_library *library = twin_libraries;

	while (library->name && strcmp(library->name, name) != 0)
		library++;
	return library->name ? library : NULL;
}

bool twin_list_has(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; at && (at = strstr(at, word)); at += len)
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}
