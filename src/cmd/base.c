/* sampan base: a minimal image of a distribution, made on this machine for any platform. */
#include <stdio.h>
#include <unistd.h>

#include "board/board.h"
#include "cmd/command.h"

static const char *platform, *mirror, *components, *progress;
static struct strlist tags, include, apt_options;
static bool fresh;

static const struct option_spec options[] = {
	{ 0, "platform", OPTION_STRING, &platform, "OS/ARCH", "for which platform, e.g. linux/riscv64 (this machine's)" },
	{ 't', "tag", OPTION_LIST, &tags, "NAME", "what to call it (DISTRIBUTION:SUITE); may be repeated" },
	{ 0, "mirror", OPTION_STRING, &mirror, "URL", "where packages come from (the mirror of this machine's apt)" },
	{ 0, "components", OPTION_STRING, &components, "A,B", "of the archive (main)" },
	{ 0, "include", OPTION_LIST, &include, "PACKAGE", "one more package; may be repeated" },
	{ 0, "apt-option", OPTION_LIST, &apt_options, "OPTION", "a line as of apt.conf, kept in the image; may be repeated" },
	{ 0, "no-cache", OPTION_FLAG, &fresh, NULL, "make it anew, though the same was made before" },
	{ 0, "progress", OPTION_STRING, &progress, "plain", "show all that mmdebstrap says" },
	{ 0 },
};

static int parse_names(const char *what, struct reference **ret, size_t *ret_len, struct error *err)
{
	if (!tags.len)
		strlist_add(&tags, what);
	*ret = xcalloc(tags.len, sizeof **ret);
	for (*ret_len = 0; *ret_len < tags.len; (*ret_len)++)
		if (reference_parse(tags.items[*ret_len], *ret + *ret_len, err) < 0)
			return -1;
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct base_options wish = { .mirror = mirror, .components = components, .include = include, .apt_options = apt_options, .fresh = fresh };
	struct base_result made;
	struct store *store _cleanup_(store_close) = NULL;
	struct reference *names = NULL;
	char digest[DIGEST_TEXT_SIZE];
	char *suite = strchr(argv[0], ':');

	(void)argc;
	if (!suite || !suite[1] || suite == argv[0])
		return error_set(err, ERROR_USAGE, "'%s' is not a distribution and a suite", argv[0]), error_hint(err, "write it as debian:trixie");
	if (parse_names(argv[0], &names, &wish.names_len, err) < 0)
		return -1;
	wish.names = names;
	*suite = '\0';
	wish.distribution = argv[0];
	wish.suite = suite + 1;
	platform_host(&wish.platform);
	if (platform && platform_parse(platform, &wish.platform, err) < 0)
		return -1;
	if (store_open(context->root, &store, err) < 0)
		return -1;
	wish.quiet = context->quiet;
	if (base_image_make(store, &wish, str_equal(progress, "plain") ? STDERR_FILENO : -1, &made, err) < 0)
		return -1;
	digest_print(&made.manifest, digest);
	if (context->format == FORMAT_JSON)
		printf("{\"digest\": \"%s\", \"cached\": %s}\n", digest, made.cached ? "true" : "false");
	else if (context->quiet)
		puts(digest);
	else
		for (size_t i = 0; i < tags.len; i++)
			printf("%s: %s%s\n", tags.items[i], digest, made.cached ? " (made before)" : "");
	return 0;
}

const struct command command_base = {
	.name = "base",
	.group = "Building",
	.usage = "[OPTIONS] DISTRIBUTION:SUITE",
	.summary = "Make a minimal base image for any platform",
	.details = "The root file system is made by mmdebstrap from the distribution's own packages; for a foreign platform their scripts run under QEMU.\n"
		   "The result is an ordinary image with one layer. A second call with the same options gives the same image at once.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.rootless_namespace = true,
	.run = run,
};
