/* sampan copy: an image from any place to any other. */
#include "base/json.h"
#include "cmd/remote.h"
#include "store/store.h"

static const char *platform, *from_credentials, *to_credentials;
static bool all_platforms;
static bool from_plain, to_plain, from_verify = true, to_verify = true;

static const struct option_spec options[] = {
	{ 0, "platform", OPTION_STRING, &platform, "OS/ARCH", "of an image for many, this one (default: this machine's)" },
	{ 'a', "all-platforms", OPTION_FLAG, &all_platforms, NULL, "all platforms of the image" },
	{ 0, "src-creds", OPTION_STRING, &from_credentials, "USER:PASSWORD", "credentials where it comes from" },
	{ 0, "dest-creds", OPTION_STRING, &to_credentials, "USER:PASSWORD", "credentials where it goes" },
	{ 0, "src-plain-http", OPTION_FLAG, &from_plain, NULL, "speak HTTP where it comes from" },
	{ 0, "dest-plain-http", OPTION_FLAG, &to_plain, NULL, "speak HTTP where it goes" },
	{ 0, "src-tls-verify", OPTION_FLAG, &from_verify, NULL, "check the certificate where it comes from (=false: do not)" },
	{ 0, "dest-tls-verify", OPTION_FLAG, &to_verify, NULL, "check the certificate where it goes (=false: do not)" },
	REMOTE_OPTIONS,
	{ 0 },
};

/* The flags of one side win over those for both. */
static int side(const char *credentials, bool plain, bool verify, struct progress *progress, struct remote_options *ret, struct error *err)
{
	const char *both = remote_flags.credentials;

	remote_flags.credentials = credentials ? credentials : both;
	int result = remote_flags_read(progress, ret, err);
	remote_flags.credentials = both;
	ret->plain_http |= plain;
	ret->skip_verify |= !verify;
	return result;
}

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
	if (side(from_credentials, from_plain, from_verify, progress, &from, err) < 0 ||
	    side(to_credentials, to_plain, to_verify, progress, &to, err) < 0 || (platform && platform_parse(platform, &wish, err) < 0))
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
