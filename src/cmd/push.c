/* sampan push: an image of the store to the registry that its name says. */
#include "base/json.h"
#include "cmd/image_event.h"
#include "cmd/remote.h"
#include "store/store.h"

static bool over_quota;

static const struct option_spec options[] = {
	REMOTE_OPTIONS,
	{ 0, "over-quota", OPTION_FLAG, &over_quota, NULL, "into this very store, whatever the quotas of its registry say" },
	{ 0 },
};

static void print_json(const struct reference *reference, const struct push_result *result, const char *digest)
{
	_cleanup_(freep) char *name = reference_print(reference);
	json_t *root _cleanup_(json_release) = json_pack("{s:s s:s s:I s:b}", "reference", name, "digest", digest, "size", (json_int_t)result->size,
							 "sameStore", result->same_store);
	_cleanup_(freep) char *text = json_text(root);

	puts(text);
}

static void print(const struct context *context, const struct reference *reference, const struct push_result *result)
{
	char digest[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *name = reference_print(reference);

	digest_print(&result->digest, digest);
	if (context->format == FORMAT_JSON)
		print_json(reference, result, digest);
	else if (context->quiet)
		printf("%s\n", name);
	else
		printf("%s: digest: %s size: %lld\n", reference->tag ? reference->tag : digest, digest, (long long)result->size);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct reference reference _cleanup_(reference_clear) = { 0 };
	bool lines = !context->quiet && context->format == FORMAT_TEXT;
	struct remote_options remote;
	struct push_result result;

	(void)argc;
	if (reference_parse(argv[0], &reference, err) < 0 || store_open(context->root, &store, err) < 0)
		return -1;
	struct progress *progress _cleanup_(progress_free) = progress_new(stdout, !lines);
	if (remote_flags_read(progress, &remote, err) < 0)
		return -1;
	remote.over_quota = over_quota;
	if (lines) {
		_cleanup_(freep) char *name = xprintf("%s/%s", reference.registry, reference.repository);
		printf("The push refers to repository [%s]\n", name);
		fflush(stdout);
	}
	if (remote_push(store, &reference, &remote, &result, err) < 0)
		return -1;
	progress_free(&progress);
	print(context, &reference, &result);
	_cleanup_(freep) char *name = reference_print_familiar(&reference);
	image_event(store, "push", name, name);
	return 0;
}

const struct command command_push = {
	.name = "push",
	.group = "Images",
	.usage = "[OPTIONS] IMAGE",
	.summary = "Send an image to a registry",
	.details = "To a registry that serves this very store no byte is moved; its quotas hold, and its webhooks are told.\n"
		   "Of an image for many platforms those that are here are sent.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
