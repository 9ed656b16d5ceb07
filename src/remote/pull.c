/* Pull: a registry as a source of cargo. How a blob comes is in fetch.c. */
#include "base/interrupt.h"
#include "remote/cargo.h"
#include "remote/fetch.h"

struct registry_source {
	struct endpoint *endpoint;
	const struct reference *reference;
	char *scope;
};

/* ---- manifests ---- */

static const enum media_type accepted[] = { MEDIA_OCI_MANIFEST, MEDIA_OCI_INDEX, MEDIA_DOCKER_MANIFEST, MEDIA_DOCKER_LIST };

static int manifest_get(const struct registry_source *source, const char *name, struct answer *ret, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("/v2/%s/manifests/%s", source->reference->repository, name);
	struct strlist headers _cleanup_(strlist_free) = { 0 };
	struct answer answer _cleanup_(answer_clear) = { 0 };
	struct request request = { .method = "GET", .url = url, .scope = source->scope, .headers = &headers, .limit = MANIFEST_SIZE_MAX };

	for (size_t i = 0; i < array_len(accepted); i++)
		strlist_printf(&headers, "Accept: %s", media_type_text(accepted[i]));
	if (endpoint_request(source->endpoint, &request, &answer, NULL, err) < 0)
		return -1;
	if (answer.status != 200)
		return endpoint_failed(source->endpoint, &answer, err);
	*ret = answer;
	answer = (struct answer){ 0 };
	return 0;
}

/* A registry that names the digest of what it sends must be right about it: else something between us altered the text. */
static int check_digest_header(const struct answer *answer, struct error *err)
{
	const char *text = answer_header(answer, "Docker-Content-Digest");
	struct digest said, is;

	if (!text || digest_parse(text, &said, NULL) < 0)
		return 0;
	digest_of(said.algorithm, answer->body.data ? answer->body.data : "", answer->body.len, &is);
	return digest_equal(&said, &is) ? 0 : error_set(err, ERROR_CORRUPT, "the manifest %s was altered or cut off on its way", text);
}

static int source_top(void *data, struct buf *ret, char **ret_media_type, struct digest *ret_expected, bool *ret_has_expected, struct error *err)
{
	const struct registry_source *source = data;
	const struct reference *reference = source->reference;
	struct answer answer _cleanup_(answer_clear) = { 0 };
	char digest[DIGEST_TEXT_SIZE];

	const char *name = reference->has_digest ? digest_print(&reference->digest, digest) : reference->tag;
	if (manifest_get(source, name, &answer, err) < 0 || check_digest_header(&answer, err) < 0)
		return -1;
	if (reference->has_digest) {
		*ret_expected = reference->digest;
		*ret_has_expected = true;
	}
	const char *media_type = answer_header(&answer, "Content-Type");
	/* Some servers call every JSON application/json: the text itself says more. */
	*ret_media_type = media_type && media_type_parse(media_type) != MEDIA_UNKNOWN ? xstrdup(media_type) : NULL;
	*ret = answer.body;
	answer.body = (struct buf){ 0 };
	return 0;
}

static int source_manifest(void *data, const struct descriptor *descriptor, struct buf *ret, struct error *err)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };
	char digest[DIGEST_TEXT_SIZE];

	if (manifest_get(data, digest_print(&descriptor->digest, digest), &answer, err) < 0)
		return -1;
	buf_add(ret, answer.body.data, answer.body.len);
	return 0;
}

/* ---- blobs ---- */

static int show(void *data, struct upload *upload, int64_t have, int64_t size, struct error *err)
{
	(void)upload, (void)size, (void)err;
	progress_set(data, "Downloading", (uint64_t)have);
	return 0;
}

static int source_blob(void *data, struct store *store, const struct descriptor *descriptor, struct progress_line *line, struct error *err)
{
	struct registry_source *source = data;
	struct fetch fetch = {
		.store = store,
		.endpoint = source->endpoint,
		.repository = source->reference->repository,
		.scope = source->scope,
		.digest = descriptor->digest,
		.size = descriptor->size,
		.patient = true,
		.moved = show,
		.data = line,
	};

	return fetch_blob(&fetch, err);
}

static void source_stop(void *data)
{
	endpoint_stop(((struct registry_source *)data)->endpoint);
}

/* ---- the whole ---- */

int cargo_load_registry(struct store *store, const struct reference *reference, const struct cargo_wish *wish, const struct remote_options *options,
			struct cargo *ret, bool *ret_fetched, struct error *err)
{
	struct endpoint *endpoint _cleanup_(endpoint_close) = NULL;
	_cleanup_(freep) char *scope = xprintf("repository:%s:pull", reference->repository);
	struct cargo_wish own = *wish;

	if (endpoint_open(reference->registry, reference->repository, options, &endpoint, err) < 0)
		return -1;
	struct registry_source data = { endpoint, reference, scope };
	struct cargo_source source = { source_top, source_manifest, source_blob, source_stop, &data };
	own.jobs = options->jobs;
	return cargo_load(&source, store, &own, options->progress, ret, ret_fetched, err);
}

/* An image that is for one platform alone must be the one that was asked for; without a question it is what it is. */
static int check_platform(struct store *store, const struct cargo *cargo, const struct platform *wish, struct error *err)
{
	const struct manifest *manifest = &cargo_top(cargo)->manifest;
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	char wanted[PLATFORM_TEXT_SIZE], is[PLATFORM_TEXT_SIZE];

	if (!wish || manifest->is_index || media_type_class(media_type_parse(manifest->config.media_type)) != MEDIA_CLASS_CONFIG)
		return 0;
	if (store_blob_read(store, &manifest->config.digest, CONFIG_SIZE_MAX, &text, err) < 0 ||
	    config_parse(text.data ? text.data : "", text.len, &config, err) < 0)
		return -1;
	if (platform_match(wish, &config.platform) > 0)
		return 0;
	error_set(err, ERROR_NOT_FOUND, "the image is for %s alone, not for %s", platform_print(&config.platform, is), platform_print(wish, wanted));
	return error_hint(err, "leave out --platform to take it as it is, or build it for %s with 'sampan build'", wanted);
}

static int pull(struct store *store, const struct reference *reference, const struct cargo_wish *wish, const struct remote_options *options,
		struct pull_result *ret, struct error *err)
{
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };
	struct strlist tags _cleanup_(strlist_free) = { 0 };
	struct digest before;
	bool fetched;

	if (cargo_load_registry(store, reference, wish, options, &cargo, &fetched, err) < 0 || interrupt_check(err) < 0 ||
	    check_platform(store, &cargo, wish->platform, err) < 0)
		return -1;
	const struct digest *digest = &cargo_top(&cargo)->digest;
	bool same = reference->tag ? store_tag_get(store, reference->registry, reference->repository, reference->tag, &before, NULL) == 0 &&
					     digest_equal(&before, digest) :
				     !fetched;
	if (reference->tag)
		strlist_add(&tags, reference->tag);
	if (cargo_unload_local(&cargo, store, reference->registry, reference->repository, &tags, err) < 0)
		return -1;
	*ret = (struct pull_result){ .digest = *digest, .fresh = fetched || !same };
	return 0;
}

int remote_pull(struct store *store, const struct reference *reference, const struct platform *platform, bool all_platforms,
		const struct remote_options *options, struct pull_result *ret, struct error *err)
{
	struct cargo_wish wish = { .platform = platform, .all = all_platforms };

	if (pull(store, reference, &wish, options, ret, err) == 0)
		return 0;
	_cleanup_(freep) char *name = reference_print_familiar(reference);
	return error_wrap(err, "cannot pull %s", name);
}
