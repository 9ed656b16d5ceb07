/* Pull: a registry as a source of cargo.
 *
 * A blob is hashed as it comes (upload_write) and becomes visible only when its digest is right (upload_commit). When the connection
 * breaks, what came stays as an upload that is known by the wanted digest, and the next try, of this process or of a later one, asks for the
 * rest with Range. What follows is spliced on only as a 206 whose Content-Range begins and ends exactly where we asked and whose total is the
 * descriptor's size; a server that ignores Range makes us start over. */
#include "base/interrupt.h"
#include "base/log.h"
#include "remote/cargo.h"
#include "remote/endpoint.h"

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

struct download {
	struct registry_source *source;
	struct store *store;
	const struct descriptor *blob;
	struct progress_line *line;
	struct upload *upload;
	int64_t offset;	    /* what we had when we asked */
	bool checked;	    /* the head of the answer was seen to fit */
	bool resumed;	    /* bytes of an earlier try are in it */
	bool start_over;    /* the answer can't be spliced on */
};

static int check_head(struct download *download, const struct answer *head, struct error *err)
{
	const char *text = answer_header(head, "Content-Range");
	struct content_range range;

	download->checked = true;
	if (answer_header(head, "Content-Encoding") && !str_equal(answer_header(head, "Content-Encoding"), "identity"))
		return error_set(err, ERROR_INVALID, "the registry sends a blob with a content encoding that was not asked for");
	if (head->status == 200 && !download->offset)
		return 0;
	if (head->status == 206 && download->offset && text && content_range_parse(text, &range, NULL) == 0 && range.first == download->offset &&
	    range.last == download->blob->size - 1 && (range.total < 0 || range.total == download->blob->size))
		return 0;
	download->start_over = true;
	return error_set(err, ERROR_NETWORK, "the registry can't continue the blob where it stopped");
}

static int take_bytes(void *data, const struct answer *head, const void *bytes, size_t len, struct error *err)
{
	struct download *download = data;
	int64_t have = upload_size(download->upload);
	char digest[DIGEST_TEXT_SIZE];

	if (!download->checked && check_head(download, head, err) < 0)
		return -1;
	if ((int64_t)len > download->blob->size - have)
		return error_set(err, ERROR_CORRUPT, "the blob %s is longer than the %lld bytes of its descriptor",
				 digest_print(&download->blob->digest, digest), (long long)download->blob->size);
	if (upload_write(download->upload, bytes, len, err) < 0)
		return -1;
	progress_set(download->line, "Downloading", (uint64_t)have + len);
	return 0;
}

static int begin_fresh(struct download *download, struct error *err)
{
	upload_cancel(&download->upload);
	download->resumed = false;
	if (upload_begin(download->store, &download->upload, err) < 0)
		return -1;
	upload_set_wanted(download->upload, &download->blob->digest);
	return 0;
}

/* Goes on with what an earlier pull left, if it left something that can be. */
static int begin(struct download *download, struct error *err)
{
	_cleanup_(freep) char *id = upload_find(download->store, &download->blob->digest);

	if (id && upload_resume(download->store, id, &download->upload, NULL) == 0) {
		download->resumed = upload_size(download->upload) > 0;
		if (upload_size(download->upload) <= download->blob->size)
			return 0;
	}
	return begin_fresh(download, err);
}

/* One GET for what is missing. 1 if it is whole, 0 if another try may help (*last is the answer, then), -1 for good. */
static int download_try(struct download *download, struct answer *last, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *url =
		xprintf("/v2/%s/blobs/%s", download->source->reference->repository, digest_print(&download->blob->digest, digest));
	struct strlist headers _cleanup_(strlist_free) = { 0 };
	bool again;

	download->offset = upload_size(download->upload);
	download->checked = download->start_over = false;
	if (download->offset == download->blob->size)
		return 1;
	if (download->offset)
		strlist_printf(&headers, "Range: bytes=%lld-%lld", (long long)download->offset, (long long)download->blob->size - 1);
	struct request request = {
		.method = "GET", .url = url, .scope = download->source->scope, .headers = &headers, .sink = take_bytes, .data = download, .once = true,
	};
	answer_clear(last);
	int result = endpoint_request(download->source->endpoint, &request, last, &again, err);
	if (upload_size(download->upload) == download->blob->size && !download->start_over && (result < 0 ? err->code == ERROR_NETWORK : true))
		return error_clear(err), 1;
	if (download->start_over || (result == 0 && last->status == 416)) {
		if (result == 0)
			error_set(err, ERROR_NETWORK, "the registry can't continue the blob where it stopped");
		struct error failure _cleanup_(error_clear) = { 0 };
		return begin_fresh(download, &failure);
	}
	if (result < 0)
		return again ? 0 : -1;
	if (last->status == 200 || last->status == 206) {
		error_set(err, ERROR_CORRUPT, "the blob %s was cut off after %lld of %lld bytes", digest, (long long)upload_size(download->upload),
			  (long long)download->blob->size);
		return 0;
	}
	endpoint_failed(download->source->endpoint, last, err);
	error_wrap(err, "cannot get the blob %s", digest);
	return again ? 0 : -1;
}

/* Until all bytes are here. On failure the upload is left for a later pull. */
static int download_bytes(struct download *download, struct error *err)
{
	struct answer last _cleanup_(answer_clear) = { 0 };

	for (int attempt = 1;; attempt++) {
		struct error failure _cleanup_(error_clear) = { 0 };
		int result = download_try(download, &last, &failure);
		if (result > 0)
			return 0;
		if (result < 0 || attempt == ENDPOINT_TRIES) {
			error_move(err, &failure);
			return -1;
		}
		log_debug("%s", failure.message);
		if (endpoint_wait(download->source->endpoint, attempt, last.status ? &last : NULL, err) < 0)
			return -1;
	}
}

/* The bytes and their digest. A resumed blob that is wrong may have had a bad beginning: then once more from the start. */
static int download_blob(struct download *download, struct error *err)
{
	struct digest digest;
	struct error failure _cleanup_(error_clear) = { 0 };
	char text[DIGEST_TEXT_SIZE];

	for (;;) {
		if (download_bytes(download, err) < 0) {
			if (err->code == ERROR_CORRUPT)
				upload_cancel(&download->upload);
			else
				upload_suspend(&download->upload);
			return -1;
		}
		error_clear(&failure);
		if (upload_commit(&download->upload, &download->blob->digest, &digest, &failure) == 0)
			return 0;
		if (failure.code != ERROR_CORRUPT || !download->resumed) {
			error_move(err, &failure);
			if (err->code == ERROR_CORRUPT)
				error_wrap(err, "the blob %s came altered", digest_print(&download->blob->digest, text));
			return -1;
		}
		if (begin_fresh(download, err) < 0)
			return -1;
	}
}

static int source_blob(void *data, struct store *store, const struct descriptor *descriptor, struct progress_line *line, struct error *err)
{
	struct download download = { .source = data, .store = store, .blob = descriptor, .line = line };

	if (begin(&download, err) < 0)
		return -1;
	return download_blob(&download, err);
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
