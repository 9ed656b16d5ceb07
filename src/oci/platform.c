/* Platforms: see platform.h.
 *
 * What this program knows of an architecture is one row of a table: its name, and its names in other worlds. Other texts for the same
 * architecture (uname's, Debian's, GNU's) are rows of a second one. Variants have an order where one takes the programs of another. */
#include "oci/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/str.h"

static const struct architecture {
	const char *name, *debian, *qemu;
} architectures[] = {
	{ "386", "i386", "i386" },
	{ "amd64", "amd64", "x86_64" },
	{ "arm", "armhf", "arm" },
	{ "arm64", "arm64", "aarch64" },
	{ "loong64", "loong64", "loongarch64" },
	{ "mips", NULL, "mips" },
	{ "mips64", NULL, "mips64" },
	{ "mips64le", "mips64el", "mips64el" },
	{ "mipsle", "mipsel", "mipsel" },
	{ "ppc64", "ppc64", "ppc64" },
	{ "ppc64le", "ppc64el", "ppc64le" },
	{ "riscv64", "riscv64", "riscv64" },
	{ "s390x", "s390x", "s390x" },
	{ "wasm", NULL, NULL },
};

static const struct {
	const char *alias, *architecture, *variant;
} aliases[] = {
	{ "i386", "386", "" },	       { "i486", "386", "" },	     { "i586", "386", "" },	    { "i686", "386", "" },
	{ "x86_64", "amd64", "" },     { "x86-64", "amd64", "" },    { "aarch64", "arm64", "" },    { "armhf", "arm", "v7" },
	{ "armel", "arm", "v6" },      { "armv5tel", "arm", "v5" },  { "armv5l", "arm", "v5" },	    { "armv6l", "arm", "v6" },
	{ "armv7l", "arm", "v7" },     { "armv7", "arm", "v7" },     { "armv8l", "arm", "v8" },	    { "loongarch64", "loong64", "" },
	{ "ppc64el", "ppc64le", "" },  { "mips64el", "mips64le", "" }, { "mipsel", "mipsle", "" },
};

/* The variants of an architecture from the plainest on: each runs the programs of those before it. The first is what no variant means, except
 * for arm, where that is v7. For riscv64 these are the RVA profiles. */
static const struct {
	const char *architecture;
	const char *variants[8];
} orders[] = {
	{ "amd64", { "", "v2", "v3", "v4" } },
	{ "arm", { "v5", "v6", "v7", "v8" } },
	{ "arm64", { "", "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v9", "v9.1" } },
	{ "riscv64", { "", "rva22u64", "rva23u64" } },
};

/* Texts that mean the plain one. */
static const struct {
	const char *architecture, *variant, *normal;
} plain_variants[] = {
	{ "amd64", "v1", "" },	 { "amd64", "1", "" },	  { "arm64", "v8", "" },   { "arm64", "8", "" },     { "arm64", "v8.0", "" },
	{ "arm", "", "v7" },	 { "arm", "5", "v5" },	  { "arm", "6", "v6" },	   { "arm", "7", "v7" },     { "arm", "8", "v8" },
	{ "riscv64", "rva20u64", "" },
};

static const char *const systems[] = { "linux",	  "windows", "darwin",	"freebsd", "netbsd", "openbsd", "dragonfly", "solaris",
				       "illumos", "android", "aix",	"plan9",   "js",     "wasip1",	NULL };

static const struct architecture *find_architecture(const char *name)
{
	for (size_t i = 0; i < array_len(architectures); i++)
		if (str_equal(architectures[i].name, name))
			return &architectures[i];
	return NULL;
}

static bool is_system(const char *name)
{
	for (size_t i = 0; systems[i]; i++)
		if (str_equal(systems[i], name))
			return true;
	return false;
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

void platform_normalise(struct platform *platform)
{
	lower(platform->os);
	lower(platform->architecture);
	lower(platform->variant);
	if (str_equal(platform->os, "macos"))
		snprintf(platform->os, sizeof platform->os, "darwin");
	for (size_t i = 0; i < array_len(aliases); i++)
		if (str_equal(platform->architecture, aliases[i].alias)) {
			snprintf(platform->architecture, sizeof platform->architecture, "%s", aliases[i].architecture);
			if (!*platform->variant)
				snprintf(platform->variant, sizeof platform->variant, "%s", aliases[i].variant);
			break;
		}
	for (size_t i = 0; i < array_len(plain_variants); i++)
		if (str_equal(platform->architecture, plain_variants[i].architecture) &&
		    str_equal(platform->variant, plain_variants[i].variant)) {
			snprintf(platform->variant, sizeof platform->variant, "%s", plain_variants[i].normal);
			break;
		}
}

static struct platform normalised(const struct platform *platform)
{
	struct platform copy = *platform;

	platform_normalise(&copy);
	return copy;
}

void platform_host(struct platform *ret)
{
	struct platform host = { .os = "linux" };
	struct utsname name;

	if (uname(&name) == 0)
		snprintf(host.architecture, sizeof host.architecture, "%.31s", name.machine);
	platform_normalise(&host);
	*ret = host;
}

/* One part between slashes into a field of the platform. */
static int take_part(const char *part, char *field, size_t size, struct error *err)
{
	for (const char *at = part; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("_.-", *at))
			return error_set(err, ERROR_INVALID, "it has a character other than letters, digits, '_', '.' and '-'");
	if (!*part)
		return error_set(err, ERROR_INVALID, "a part of it is empty");
	if (strlen(part) >= size)
		return error_set(err, ERROR_INVALID, "a part of it is too long");
	strcpy(field, part);
	return 0;
}

/* A single word is a system on this machine's architecture, or an architecture with Linux. */
static int complete_word(struct platform *platform, struct error *err)
{
	struct platform word = { 0 }, host;

	memcpy(word.architecture, platform->os, sizeof word.architecture);
	platform_normalise(&word);
	if (find_architecture(word.architecture)) {
		strcpy(word.os, "linux");
		*platform = word;
		return 0;
	}
	lower(platform->os);
	platform_host(&host);
	if (str_equal(platform->os, "local")) {
		*platform = host;
		return 0;
	}
	if (is_system(platform->os)) {
		memcpy(platform->architecture, host.architecture, sizeof host.architecture);
		memcpy(platform->variant, host.variant, sizeof host.variant);
		return 0;
	}
	const char *names[array_len(architectures) + 1] = { NULL };
	for (size_t i = 0; i < array_len(architectures); i++)
		names[i] = architectures[i].name;
	const char *near = str_nearest(platform->os, names);
	error_set(err, ERROR_INVALID, "it is neither a system nor an architecture that is known");
	return near ? error_hint(err, "did you mean linux/%s?", near) : error_hint(err, "write it as system/architecture: linux/riscv64");
}

static int parse(const struct strlist *parts, struct platform *platform, struct error *err)
{
	if (parts->len > 3)
		return error_set(err, ERROR_INVALID, "it has more than three parts");
	if (take_part(parts->items[0], platform->os, sizeof platform->os, err) < 0)
		return -1;
	if (parts->len == 1)
		return complete_word(platform, err);
	if (take_part(parts->items[1], platform->architecture, sizeof platform->architecture, err) < 0)
		return -1;
	if (parts->len == 3 && take_part(parts->items[2], platform->variant, sizeof platform->variant, err) < 0)
		return -1;
	platform_normalise(platform);
	return 0;
}

int platform_parse(const char *text, struct platform *ret, struct error *err)
{
	_cleanup_(strlist_free) struct strlist parts = { 0 };
	struct platform platform = { 0 };

	if (str_empty(text) || strnlen(text, PLATFORM_TEXT_SIZE) >= PLATFORM_TEXT_SIZE)
		return error_set(err, ERROR_INVALID, "'%.100s' is not a platform; write it as linux/riscv64", text ? text : "");
	strlist_split(&parts, text, '/');
	if (parse(&parts, &platform, err) < 0)
		return error_wrap(err, "'%s' is not a platform", text);
	*ret = platform;
	return 0;
}

char *platform_print(const struct platform *platform, char out[PLATFORM_TEXT_SIZE])
{
	snprintf(out, PLATFORM_TEXT_SIZE, "%s/%s%s%s", platform->os, platform->architecture, *platform->variant ? "/" : "", platform->variant);
	return out;
}

bool platform_equal(const struct platform *a, const struct platform *b)
{
	struct platform x = normalised(a), y = normalised(b);

	return str_equal(x.os, y.os) && str_equal(x.architecture, y.architecture) && str_equal(x.variant, y.variant) &&
	       str_equal(x.os_version, y.os_version);
}

/* 0 for the plainest, or -1 where nothing is known of an order. */
static int variant_rank(const char *architecture, const char *variant)
{
	for (size_t i = 0; i < array_len(orders); i++)
		for (int rank = 0; str_equal(orders[i].architecture, architecture) && rank < (int)array_len(orders[i].variants); rank++)
			if (str_equal(orders[i].variants[rank], variant))
				return rank;
	return -1;
}

int platform_match(const struct platform *wish, const struct platform *offer)
{
	enum { EXACT = 100 };
	struct platform w = normalised(wish), o = normalised(offer);

	if (!str_equal(w.os, o.os) || !str_equal(w.architecture, o.architecture))
		return 0;
	if (*w.os_version && !str_equal(w.os_version, o.os_version))
		return 0;
	if (str_equal(w.variant, o.variant))
		return EXACT;
	int have = variant_rank(w.architecture, w.variant), need = variant_rank(o.architecture, o.variant);
	if (have >= 0 && need >= 0)
		return need < have ? EXACT - (have - need) : 0;
	/* A variant without a known order: what is made for all of them runs as well. */
	return *o.variant ? 0 : 1;
}

const char *platform_debian(const struct platform *platform)
{
	struct platform p = normalised(platform);
	const struct architecture *architecture = find_architecture(p.architecture);

	if (str_equal(p.architecture, "arm") && variant_rank("arm", p.variant) < variant_rank("arm", "v7"))
		return "armel";
	return architecture ? architecture->debian : NULL;
}

const char *platform_qemu(const struct platform *platform)
{
	struct platform p = normalised(platform);
	const struct architecture *architecture = find_architecture(p.architecture);

	return architecture ? architecture->qemu : NULL;
}
