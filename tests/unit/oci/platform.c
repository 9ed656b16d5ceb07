/* Platforms: the case file has "parse" (text, normal form, Debian's and QEMU's name), "bad" (text, part of the message),
 * "match" (wish, offers from best to worst, then what doesn't suit behind "|"). */
#include "oci/platform.h"

#include "cases.h"

static const char *or_none(const char *text)
{
	return text ? text : "none";
}

static void run_parse(const struct strlist *f)
{
	struct platform platform;
	struct error err = { 0 };
	char text[PLATFORM_TEXT_SIZE];

	if (!works(platform_parse(f->items[1], &platform, &err), &err, f->items[1]))
		return;
	is_str(platform_print(&platform, text), f->items[2], "  its normal form");
	is_str(or_none(platform_debian(&platform)), f->items[3], "  Debian's name");
	is_str(or_none(platform_qemu(&platform)), f->items[4], "  QEMU's name");
}

static void run_match(const struct strlist *f)
{
	struct platform wish, offer;
	struct error err = { 0 };
	int last = 1000;
	bool suits = true;

	works(platform_parse(f->items[1], &wish, &err), &err, f->items[1]);
	for (size_t i = 2; i < f->len; i++) {
		if (str_equal(f->items[i], "|")) {
			suits = false;
			continue;
		}
		works(platform_parse(f->items[i], &offer, &err), &err, f->items[i]);
		int score = platform_match(&wish, &offer);
		ok(suits ? score > 0 && score < last : score == 0, "  %s %s %s", f->items[1], suits ? "takes" : "doesn't take", f->items[i]);
		last = score;
	}
}

static void run(const struct strlist *f)
{
	struct platform platform;
	struct error err = { 0 };

	if (str_equal(f->items[0], "parse"))
		run_parse(f);
	else if (str_equal(f->items[0], "match"))
		run_match(f);
	else
		fails(platform_parse(f->items[1], &platform, &err), &err, ERROR_INVALID, f->items[2], f->items[1]);
}

static void raw(void)
{
	struct platform a = { .os = "Linux", .architecture = "AArch64", .variant = "V8" }, b = { .os = "linux", .architecture = "arm64" };
	struct platform windows = { .os = "windows", .architecture = "amd64", .os_version = "10.0.17763" }, newer = windows, host, empty = { 0 };

	ok(platform_equal(&a, &b) && platform_match(&a, &b), "what was not normalised is compared as if it were");
	strcpy(newer.os_version, "10.0.20348");
	ok(!platform_match(&windows, &newer), "a wish for a version takes no other");
	platform_host(&host);
	ok(platform_qemu(&host) && str_equal(host.os, "linux"), "this machine is known");
	ok(!platform_match(&host, &empty) && !platform_debian(&empty), "an empty platform suits nobody");
}

int main(int argc, char **argv)
{
	case_file(argc > 1 ? argv[1] : "tests/corpus/oci/platform.txt", run);
	raw();
	return done();
}
