/* sampan copy: an image from any place to any other. */
#include "base/json.h"
#include "cmd/remote.h"
#include "store/store.h"

static const char *platform;
static bool all_platforms;

static const struct option_spec options[] = {
	{ 0, "platform", OPTION_STRING, &platform, "OS/ARCH", "of an image for many, this one (default: this machine's)" },
	{ 'a', "all-platforms", OPTION_FLAG, &all_platforms, NULL, "all platforms of the image" },
	REMOTE_OPTIONS_SIDES,
	REMOTE_OPTIONS,
	{ 0 },
};

static void print(const struct context *context, const struct digest *digest)
{
	char text[DIGEST_TEXT_SIZE];

	digest_print(digest, text);
	if (context->format == FORMAT_JSON)
		printf("{\"digest\":\"%s\"}\n", text);
	else
		printf("%s%s\n", context->quiet ? "" : "Digest: ", text);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct progress *progress _cleanup_(progress_free) = progress_new(stdout, context->quiet || context->format == FORMAT_JSON);
	struct remote_options from = { 0 }, to = { 0 };
	struct platform wish;
	struct digest digest;

	(void)argc;
	if (remote_sides_read(progress, &from, &to, err) < 0 || (platform && platform_parse(platform, &wish, err) < 0))
		return -1;
	if (store_open(context->root, &store, err) < 0)
		return -1;
	if (remote_copy(store, argv[0], argv[1], platform ? &wish : NULL, all_platforms, &from, &to, &digest, err) < 0)
		return -1;
	progress_free(&progress);
	print(context, &digest);
	return 0;
}

const struct command command_copy = {
	.name = "copy",
	.group = "Images",
	.usage = "[OPTIONS] FROM TO",
	.summary = "Copy an image between registries, folders, files and the store",
	.details = "FROM and TO are docker://REFERENCE (or only REFERENCE), oci:DIR[:TAG], oci-archive:FILE[:TAG],\n"
		   "docker-archive:FILE[:REFERENCE] or store:REFERENCE (this store). What comes from elsewhere passes\n"
		   "through the store, verified, and stays there until the next gc unless it has a name.",
	.options = options,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
