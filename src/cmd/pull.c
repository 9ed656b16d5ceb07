/* sampan pull: an image from a registry into the store. */
#include "cmd/image_event.h"
#include "cmd/remote.h"

#include "store/store.h"

static const char *platform;
static bool all_platforms;

static const struct option_spec options[] = {
	{ 0, "platform", OPTION_STRING, &platform, "OS/ARCH", "of an image for many, this one (default: this machine's)" },
	{ 'a', "all-platforms", OPTION_FLAG, &all_platforms, NULL, "all platforms of the image" },
	REMOTE_OPTIONS,
	{ 0 },
};

static int pull_one(struct context *context, struct store *store, const struct reference *reference, struct error *err)
{
	bool lines = !context->quiet && context->format == FORMAT_TEXT;
	struct progress *progress _cleanup_(progress_free) = progress_new(stdout, !lines);
	struct remote_options remote;
	struct platform wish;
	struct pull_result result;

	if (remote_flags_read(progress, &remote, err) < 0 || (platform && platform_parse(platform, &wish, err) < 0))
		return -1;
	if (lines) {
		printf("%s: Pulling from %s\n", reference->tag ? reference->tag : "digest", reference->repository);
		fflush(stdout);
	}
	if (remote_pull(store, reference, platform ? &wish : NULL, all_platforms, &remote, &result, err) < 0)
		return -1;
	progress_free(&progress);
	pull_print(context, reference, &result);
	_cleanup_(freep) char *name = reference_print_familiar(reference);
	image_event(store, "pull", name, name);
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;

	if (platform && all_platforms)
		return error_set(err, ERROR_USAGE, "--platform and --all-platforms exclude each other");
	if (store_open(context->root, &store, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++) {
		struct reference reference _cleanup_(reference_clear) = { 0 };
		if (reference_parse(argv[i], &reference, err) < 0 || pull_one(context, store, &reference, err) < 0)
			return -1;
	}
	return 0;
}

const struct command command_pull = {
	.name = "pull",
	.group = "Images",
	.usage = "[OPTIONS] IMAGE…",
	.summary = "Fetch an image from a registry",
	.details = "A pull that was interrupted goes on where it stopped. Layers that the store has are not fetched again.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
