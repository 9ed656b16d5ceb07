/* Options that pull, push, copy and login have in common: see remote.h. */
#include "cmd/remote.h"

#include "base/json.h"

struct remote_flags remote_flags = { .tls_verify = true };
struct side_flags from_flags = { .tls_verify = true }, to_flags = { .tls_verify = true };
static struct strlist user_names; /* cut off --creds; they live as long as the program */

int remote_flags_read(struct progress *progress, struct remote_options *ret, struct error *err)
{
	struct remote_options options = {
		.plain_http = remote_flags.plain_http,
		.skip_verify = !remote_flags.tls_verify,
		.ca_file = remote_flags.ca_file,
		.auth_file = remote_flags.auth_file,
		.progress = progress,
	};
	int64_t jobs = 0;

	if (remote_flags.jobs && str_to_int(remote_flags.jobs, 1, 16, &jobs, err) < 0)
		return error_wrap(err, "--jobs");
	options.jobs = (int)jobs;
	if (remote_flags.credentials) {
		const char *colon = strchr(remote_flags.credentials, ':');
		if (!colon)
			return error_set(err, ERROR_USAGE, "--creds needs USER:PASSWORD");
		strlist_take(&user_names, xstrndup(remote_flags.credentials, (size_t)(colon - remote_flags.credentials)));
		options.username = user_names.items[user_names.len - 1];
		options.password = colon + 1;
	}
	*ret = options;
	return 0;
}

static int side_read(const struct side_flags *flags, struct progress *progress, struct remote_options *ret, struct error *err)
{
	const char *both = remote_flags.credentials;

	remote_flags.credentials = flags->credentials ? flags->credentials : both;
	int result = remote_flags_read(progress, ret, err);
	remote_flags.credentials = both;
	ret->plain_http |= flags->plain_http;
	ret->skip_verify |= !flags->tls_verify;
	return result;
}

int remote_sides_read(struct progress *progress, struct remote_options *ret_from, struct remote_options *ret_to, struct error *err)
{
	return side_read(&from_flags, progress, ret_from, err) < 0 ? -1 : side_read(&to_flags, progress, ret_to, err);
}

static void print_json(const struct reference *reference, const struct pull_result *result)
{
	char digest[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *name = reference_print(reference);
	json_t *root _cleanup_(json_release) = json_pack("{s:s s:s s:b}", "reference", name, "digest", digest_print(&result->digest, digest), "fresh",
							 result->fresh);
	_cleanup_(freep) char *text = json_text(root);

	puts(text);
}

void pull_print(const struct context *context, const struct reference *reference, const struct pull_result *result)
{
	char digest[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *name = reference_print(reference), *familiar = reference_print_familiar(reference);

	if (context->format == FORMAT_JSON) {
		print_json(reference, result);
		return;
	}
	if (!context->quiet) {
		printf("Digest: %s\n", digest_print(&result->digest, digest));
		printf(result->fresh ? "Status: Downloaded newer image for %s\n" : "Status: Image is up to date for %s\n", familiar);
	}
	printf("%s\n", name);
}
