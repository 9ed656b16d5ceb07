/* sampan registry inspect: what a tag or digest of this store, or of another registry, leads to. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/registry.h"

static const struct option_spec options[] = { REMOTE_OPTIONS_CONNECTION, { 0 } };

struct found {
	struct digest digest;
	struct buf text;
	struct manifest manifest;
};

static void found_clear(struct found *found)
{
	buf_free(&found->text);
	manifest_clear(&found->manifest);
}

static int find_local(const struct registry_name *name, struct found *ret, struct error *err)
{
	const struct reference *reference = &name->reference;
	const char *tag = reference->tag ? reference->tag : "latest";

	ret->digest = reference->digest;
	if (!reference->has_digest && store_tag_get(name->store, "", reference->repository, tag, &ret->digest, err) < 0)
		return -1;
	return store_manifest_get(name->store, "", reference->repository, &ret->digest, &ret->text, NULL, err);
}

/* The digest is what we make of the bytes, not what the registry says of them. */
static int find_remote(const struct registry_name *name, struct found *ret, struct error *err)
{
	const struct reference *reference = &name->reference;
	struct answer answer _cleanup_(answer_clear) = { 0 };
	char digest[DIGEST_TEXT_SIZE];
	const char *item = reference->has_digest ? digest_print(&reference->digest, digest) : reference->tag ? reference->tag : "latest";
	_cleanup_(freep) char *url = xprintf("/v2/%s/manifests/%s", reference->repository, item);
	_cleanup_(freep) char *scope = xprintf("repository:%s:pull", reference->repository);

	if (registry_ask(name->endpoint, "GET", url, scope, MANIFEST_SIZE_MAX, &answer, err) < 0)
		return error_wrap(err, "cannot read %s", url);
	buf_add(&ret->text, answer.body.data, answer.body.len);
	digest_of(reference->has_digest ? reference->digest.algorithm : DIGEST_SHA256, ret->text.data, ret->text.len, &ret->digest);
	if (reference->has_digest && !digest_equal(&ret->digest, &reference->digest))
		return error_set(err, ERROR_CORRUPT, "the registry sent other bytes than %s", item);
	return 0;
}

static void print_part(const char *what, const struct descriptor *part)
{
	char digest[DIGEST_TEXT_SIZE], size[16], platform[PLATFORM_TEXT_SIZE];
	_cleanup_(freep) char *type = str_make_printable(xstrdup(part->artifact_type ? part->artifact_type : part->media_type));

	printf("%-10s %s  %9s  %s\n", part->has_platform ? platform_print(&part->platform, platform) : what, digest_print(&part->digest, digest),
	       size_print((uint64_t)part->size, size), type);
}

static void print_annotations(const json_t *annotations)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)annotations, key, value) {
		_cleanup_(freep) char *line = str_make_printable(xprintf("%s=%.200s", key, json_string_value(value)));
		printf("Annotation %s\n", line);
	}
}

static int print_referrers(struct store *store, const char *repository, const struct digest *subject, struct error *err)
{
	struct manifest index _cleanup_(manifest_clear) = { 0 };
	bool more;

	if (store_referrers(store, "", repository, subject, NULL, NULL, &index, &more, err) < 0)
		return -1;
	for (size_t i = 0; i < index.children_len; i++)
		print_part("Referrer", &index.children[i]);
	return 0;
}

static int print_text(const struct registry_name *name, const struct found *found, struct error *err)
{
	const struct manifest *manifest = &found->manifest;
	char digest[DIGEST_TEXT_SIZE];

	printf("Digest:    %s\nType:      %s\n", digest_print(&found->digest, digest), media_type_text(manifest->type));
	print_annotations(manifest->annotations);
	if (manifest->has_subject)
		print_part("Subject", &manifest->subject);
	if (!manifest->is_index)
		print_part("Config", &manifest->config);
	for (size_t i = 0; i < manifest->layers_len; i++)
		print_part("Layer", &manifest->layers[i]);
	for (size_t i = 0; i < manifest->children_len; i++)
		print_part("Manifest", &manifest->children[i]);
	return name->store ? print_referrers(name->store, name->reference.repository, &found->digest, err) : 0;
}

static int print_json(const struct registry_name *name, const struct found *found, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];
	json_t *manifest = json_parse(found->text.data, found->text.len, "manifest", err);

	if (!manifest)
		return -1;
	_cleanup_(json_release) json_t *object =
		json_pack("{s:s, s:s, s:s, s:I, s:o}", "repository", name->reference.repository, "digest", digest_print(&found->digest, digest),
			  "media_type", media_type_text(found->manifest.type), "size", (json_int_t)found->text.len, "manifest", manifest);
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct registry_name name _cleanup_(registry_name_close) = { 0 };
	struct found found _cleanup_(found_clear) = { 0 };

	(void)argc;
	if (registry_name_open(context, argv[0], &name, err) < 0 ||
	    (name.store ? find_local(&name, &found, err) : find_remote(&name, &found, err)) < 0 ||
	    manifest_parse(found.text.data ? found.text.data : "", found.text.len, NULL, &found.manifest, err) < 0)
		return -1;
	return context->format == FORMAT_JSON ? print_json(&name, &found, err) : print_text(&name, &found, err);
}

const struct command command_registry_inspect = {
	.name = "registry inspect",
	.usage = "REPOSITORY[:TAG|@DIGEST]",
	.summary = "Show what a manifest or index is made of",
	.details = "Without a tag it is 'latest'. --format json prints the manifest itself, too.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
