/* sampan build: an image from a Dockerfile, with docker's options. */
#include <stdio.h>

#include "base/fd.h"
#include "build/build.h"
#include "cmd/build_check.h"
#include "cmd/command.h"
#include "emu/twin_mirror.h"

static const char *file, *platform, *target, *network, *progress, *iid_file, *twins, *twin_mirror, *twin_set;
static struct strlist tags, build_args, labels, secrets;
enum { PLATFORMS_MAX = 32 };
static struct platform platforms[PLATFORMS_MAX];
static size_t platforms_len;
static bool no_cache, pull, plain_http, check;

static const struct option_spec options[] = {
	{ 'f', "file", OPTION_STRING, &file, "PATH", "the Dockerfile (default: CONTEXT/Dockerfile; - is stdin)" },
	{ 't', "tag", OPTION_LIST, &tags, "NAME[:TAG]", "name of the image; may be repeated" },
	{ 0, "platform", OPTION_STRING, &platform, "OS/ARCH,…", "build for another platform, e.g. linux/riscv64; or several, with commas: an index" },
	{ 0, "build-arg", OPTION_LIST, &build_args, "NAME[=VALUE]", "value of an ARG" },
	{ 0, "target", OPTION_STRING, &target, "STAGE", "build up to this stage" },
	{ 0, "network", OPTION_STRING, &network, "default|host|none", "network of RUN" },
	{ 0, "no-cache", OPTION_FLAG, &no_cache, NULL, "run every step, cached or not" },
	{ 0, "pull", OPTION_FLAG, &pull, NULL, "look for newer base images" },
	{ 0, "label", OPTION_LIST, &labels, "KEY=VALUE", "label of the image" },
	{ 0, "secret", OPTION_LIST, &secrets, "id=ID[,src=FILE]", "for RUN --mount=type=secret; env=NAME takes a variable" },
	{ 0, "twins", OPTION_STRING, &twins, "auto|off|verify", "programs of this machine for emulated steps; verify builds both ways and compares" },
	{ 0, "twin-mirror", OPTION_STRING, &twin_mirror, "URL", "the archive of this machine's packages, where the image's own has none (Ubuntu's are known)" },
	{ 0, "twin-set", OPTION_STRING, &twin_set, "IMAGE", "take the twins from this image of the store, whatever the base image is (doc/twins.md)" },
	{ 0, "progress", OPTION_STRING, &progress, "auto|plain|tty", "how it shows what it does" },
	{ 0, "iidfile", OPTION_STRING, &iid_file, "PATH", "write the image's id to a file" },
	{ 0, "check", OPTION_FLAG, &check, NULL, "only look for mistakes in the Dockerfile; build nothing" },
	{ 0, "plain-http", OPTION_FLAG, &plain_http, NULL, "pull base images over HTTP" },
	{ 0 },
};

static int read_progress(enum output_mode *ret, struct error *err)
{
	static const struct {
		const char *name;
		enum output_mode mode;
	} modes[] = { { "auto", OUTPUT_AUTO }, { "plain", OUTPUT_PLAIN }, { "tty", OUTPUT_TERMINAL }, { "quiet", OUTPUT_QUIET } };

	for (size_t i = 0; i < array_len(modes); i++)
		if (!progress || str_equal(modes[i].name, progress)) {
			*ret = modes[i].mode;
			return 0;
		}
	return error_set(err, ERROR_USAGE, "--progress is auto, plain or tty, not '%s'", progress);
}

/* "linux/amd64,linux/riscv64"; one that is named twice counts once. */
static int read_platforms(struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	strlist_split(&names, platform, ',');
	if (names.len > PLATFORMS_MAX)
		return error_set(err, ERROR_USAGE, "--platform names more than %d platforms", PLATFORMS_MAX);
	for (size_t i = 0; i < names.len; i++) {
		bool known = false;
		if (platform_parse(names.items[i], &platforms[platforms_len], err) < 0)
			return error_wrap(err, "--platform %s", platform);
		for (size_t j = 0; j < platforms_len; j++)
			known = known || platform_equal(&platforms[j], &platforms[platforms_len]);
		platforms_len += !known;
	}
	return 0;
}

static int read_tags(struct build_options *to, struct error *err)
{
	to->names = xcalloc(tags.len + 1, sizeof *to->names);
	for (size_t i = 0; i < tags.len; i++, to->names_len++) {
		if (reference_parse(tags.items[i], &to->names[i], err) < 0)
			return error_wrap(err, "-t %s", tags.items[i]);
		if (to->names[i].has_digest)
			return error_set(err, ERROR_USAGE, "-t %s: a name with a digest can't be given to an image", tags.items[i]);
	}
	return 0;
}

static int read_epoch(struct build_options *to, struct error *err)
{
	const char *text = strlist_env_get(&build_args, "SOURCE_DATE_EPOCH");

	to->epoch = -1;
	if (!text)
		text = getenv("SOURCE_DATE_EPOCH");
	if (str_empty(text))
		return 0;
	return str_to_int(text, 0, INT64_C(253402300799), &to->epoch, err) < 0 ? error_wrap(err, "SOURCE_DATE_EPOCH") : 0;
}

static int read_options(struct build_options *to, struct error *err)
{
	if (platform && read_platforms(err) < 0)
		return -1;
	to->has_platform = platforms_len == 1;
	to->platform = platforms[0];
	to->twin_mirror = twin_mirror;
	to->twin_set = twin_set;
	if (twin_mirror && twin_mirror_check(twin_mirror, err) < 0)
		return -1;
	if (twins && twins_mode_parse(twins, &to->twins, err) < 0)
		return -1;
	if (network && network_mode_parse(network, &to->network, err) < 0)
		return -1;
	return read_progress(&to->progress, err) < 0 || read_tags(to, err) < 0 || read_epoch(to, err) < 0 ? -1 : 0;
}

static int print_result(const struct context *context, const struct build_result *result, struct error *err)
{
	char id[DIGEST_TEXT_SIZE], manifest[DIGEST_TEXT_SIZE];

	digest_print(&result->id, id);
	if (iid_file && file_replace(AT_FDCWD, iid_file, id, strlen(id), 0644, err) < 0)
		return -1;
	if (context->format == FORMAT_JSON)
		printf("{\"id\":\"%s\",\"manifest\":\"%s\",\"steps\":%zu,\"cached\":%zu,\"processorSeconds\":%.2f,\"twins\":%u,\"emulated\":%u}\n", id,
		       digest_print(&result->manifest, manifest), result->steps, result->cached, result->seconds, result->twinned, result->emulated);
	else if (context->quiet)
		printf("%s\n", id);
	return 0;
}

static int build(struct context *context, struct build_options *to, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct build_result result;

	if (read_options(to, err) < 0 || build_enter_namespace(err) < 0 || store_open(context->root, &store, err) < 0 ||
	    (platforms_len > 1 ? build_run_platforms(store, to, platforms, platforms_len, &result, err) : build_run(store, to, &result, err)) < 0)
		return -1;
	return print_result(context, &result, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct build_options to = {
		.context = argv[0],
		.file = file,
		.build_args = build_args,
		.labels = labels,
		.secrets = secrets,
		.target = target,
		.no_cache = no_cache,
		.quiet = context->quiet,
		.pull = pull ? PULL_ALWAYS : PULL_MISSING,
		.remote.plain_http = plain_http,
	};

	(void)argc;
	int result = check ? build_check(context, argv[0], file, err) : build(context, &to, err);
	for (size_t i = 0; i < to.names_len; i++)
		reference_clear(&to.names[i]);
	free(to.names);
	strlist_free(&tags);
	strlist_free(&build_args);
	strlist_free(&labels);
	strlist_free(&secrets);
	return result;
}

const struct command command_build = {
	.name = "build",
	.group = "Building",
	.usage = "[OPTIONS] CONTEXT",
	.summary = "Build an image from a Dockerfile",
	.details = "CONTEXT is a folder, or - for standard input: a Dockerfile without any files, or a tar.\n"
		   "With SOURCE_DATE_EPOCH in the environment the same input gives the same digest.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.rootless_namespace = true,
	.run = run,
};
