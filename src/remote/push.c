/* Push: a registry as the destination of cargo.
 *
 * A registry that serves this very store says so with the header Sampan-Store; then a push is a copy between two repositories of the
 * database. Otherwise each blob costs: HEAD; POST, which mounts it from another repository where it is likely to be; PUT with all of
 * it. Manifests follow when every blob is there, what an index names before the index, the tag last. */
#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "remote/cargo.h"
#include "remote/config.h"
#include "remote/endpoint.h"
#include "remote/jobs.h"
#include "remote/publish.h"
#include "remote/transport.h"

enum { MOUNT_CANDIDATES_MAX = 100 };

struct pushing {
	const struct cargo *cargo;
	struct store *store;
	struct endpoint *endpoint;
	const struct reference *to;
	char *scope;
	struct progress_line **lines;
	struct strlist candidates; /* repositories of the same registry that we have images of: blobs may be mounted from there */
};

/* ---- one blob ---- */

struct sending {
	struct progress_line *line;
};

static void on_sent(void *data, int64_t done)
{
	progress_set(((struct sending *)data)->line, "Pushing", (uint64_t)done);
}

/* 1 if the registry has it. */
static int blob_exists(struct pushing *pushing, const char *digest, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("/v2/%s/blobs/%s", pushing->to->repository, digest);
	struct request request = { .method = "HEAD", .url = url, .scope = pushing->scope };
	struct answer answer _cleanup_(answer_clear) = { 0 };

	if (endpoint_request(pushing->endpoint, &request, &answer, NULL, err) < 0)
		return -1;
	if (answer.status == 404)
		return 0;
	return answer.status == 200 ? 1 : endpoint_failed(pushing->endpoint, &answer, err);
}

/* Another repository of ours at that registry that holds the blob, or NULL. Borrowed. */
static const char *mount_candidate(const struct pushing *pushing, const struct digest *digest)
{
	for (size_t i = 0; i < pushing->candidates.len; i++)
		if (!str_equal(pushing->candidates.items[i], pushing->to->repository) &&
		    store_blob_linked(pushing->store, pushing->to->registry, pushing->candidates.items[i], digest))
			return pushing->candidates.items[i];
	return NULL;
}

/* Begins an upload. 1: the blob was mounted from *from and is there; 0: *ret_location takes it. */
static int upload_start(struct pushing *pushing, const char *digest, const char *from, char **ret_location, struct error *err)
{
	_cleanup_(freep) char *escaped = from ? url_escape(from) : NULL;
	_cleanup_(freep) char *url = from ? xprintf("/v2/%s/blobs/uploads/?mount=%s&from=%s", pushing->to->repository, digest, escaped) :
					    xprintf("/v2/%s/blobs/uploads/", pushing->to->repository);
	_cleanup_(freep) char *scope = from ? xprintf("%s repository:%s:pull", pushing->scope, from) : NULL;
	struct request request = { .method = "POST", .url = url, .scope = scope ? scope : pushing->scope };
	struct answer answer _cleanup_(answer_clear) = { 0 };

	if (endpoint_request(pushing->endpoint, &request, &answer, NULL, err) < 0)
		return -1;
	if (from && answer.status == 201)
		return 1;
	if (answer.status != 202 && from) /* may not read there, say: then without it */
		return upload_start(pushing, digest, NULL, ret_location, err);
	if (answer.status != 202)
		return endpoint_failed(pushing->endpoint, &answer, err);
	const char *location = answer_header(&answer, "Location");
	*ret_location = location ? url_resolve(answer.url, location) : NULL;
	return *ret_location ? 0 : error_set(err, ERROR_INVALID, "the registry began an upload without saying where");
}

/* 1: done; 0: worth another try from the start; -1: failed. */
static int upload_send(struct pushing *pushing, const struct descriptor *blob, const char *digest, const char *location,
		       struct progress_line *line, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("%s%cdigest=%s", location, strchr(location, '?') ? '&' : '?', digest);
	struct strlist headers _cleanup_(strlist_free) = { 0 };
	struct answer answer _cleanup_(answer_clear) = { 0 };
	struct sending sending = { line };
	_cleanup_(fd_close) int fd = -1;
	int64_t size;
	bool again;

	fd = store_blob_open(pushing->store, &blob->digest, &size, err);
	if (fd < 0)
		return -1;
	if (size != blob->size)
		return error_set(err, ERROR_CORRUPT, "the blob %s has %lld bytes, its descriptor says %lld", digest, (long long)size, (long long)blob->size);
	strlist_add(&headers, "Content-Type: application/octet-stream");
	struct request request = {
		.method = "PUT", .url = url, .scope = pushing->scope, .headers = &headers, .body_fd = fd, .body_size = size,
		.sent = on_sent, .data = &sending, .once = true,
	};
	if (endpoint_request(pushing->endpoint, &request, &answer, &again, err) < 0)
		return again ? 0 : -1;
	if (answer.status >= 200 && answer.status < 300)
		return 1;
	endpoint_failed(pushing->endpoint, &answer, err);
	return again || answer.status == 404 ? 0 : -1; /* 404: the upload got lost in a restart, say */
}

/* Returns the last word of its line, NULL for failure. */
static const char *blob_try(struct pushing *pushing, const struct descriptor *blob, struct progress_line *line, bool *ret_again, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *location = NULL;

	*ret_again = false;
	digest_print(&blob->digest, digest);
	int here = blob_exists(pushing, digest, err);
	if (here)
		return here < 0 ? NULL : "Layer already exists";
	const char *from = mount_candidate(pushing, &blob->digest);
	int mounted = upload_start(pushing, digest, from, &location, err);
	if (mounted)
		return mounted < 0 ? NULL : "Mounted from another repository";
	int sent = upload_send(pushing, blob, digest, location, line, err);
	*ret_again = sent == 0;
	return sent > 0 ? "Pushed" : NULL;
}

static int push_blob(void *data, size_t item, struct error *err)
{
	struct pushing *pushing = data;
	const struct descriptor *blob = &pushing->cargo->blobs[item];
	char label[LABEL_SIZE];

	for (int attempt = 1;; attempt++) {
		struct error failure _cleanup_(error_clear) = { 0 };
		bool again;
		const char *word = blob_try(pushing, blob, pushing->lines[item], &again, &failure);
		if (word) {
			progress_done(pushing->lines[item], word);
			return 0;
		}
		if (!again || attempt == ENDPOINT_TRIES) {
			error_move(err, &failure);
			return error_wrap(err, "cannot push %s", digest_label(&blob->digest, label));
		}
		log_debug("%s", failure.message);
		if (endpoint_wait(pushing->endpoint, attempt, NULL, err) < 0)
			return -1;
	}
}

static void stop_pushing(void *data)
{
	endpoint_stop(((struct pushing *)data)->endpoint);
}

static bool is_layer(const struct descriptor *blob)
{
	return media_type_class(media_type_parse(blob->media_type)) == MEDIA_CLASS_LAYER;
}

static void add_lines(const struct cargo *cargo, struct progress *progress, struct progress_line **ret)
{
	char label[LABEL_SIZE];

	for (size_t i = 0; i < cargo->blobs_len; i++) {
		const struct descriptor *blob = &cargo->blobs[i];
		ret[i] = progress_add(is_layer(blob) ? progress : NULL, digest_label(&blob->digest, label), (uint64_t)blob->size);
		progress_set(ret[i], "Preparing", 0);
	}
}

/* ---- manifests ---- */

static int push_manifest(struct pushing *pushing, const struct cargo_manifest *one, const char *name, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("/v2/%s/manifests/%s", pushing->to->repository, name);
	struct strlist headers _cleanup_(strlist_free) = { 0 };
	struct answer answer _cleanup_(answer_clear) = { 0 };
	struct digest stored;

	strlist_printf(&headers, "Content-Type: %s", one->media_type);
	struct request request = {
		.method = "PUT", .url = url, .scope = pushing->scope, .headers = &headers, .body = one->text.data, .body_size = (int64_t)one->text.len,
	};
	if (endpoint_request(pushing->endpoint, &request, &answer, NULL, err) < 0)
		return -1;
	if (answer.status < 200 || answer.status > 299)
		return endpoint_failed(pushing->endpoint, &answer, err), error_wrap(err, "the registry refuses the manifest");
	const char *said = answer_header(&answer, "Docker-Content-Digest");
	if (said && digest_parse(said, &stored, NULL) == 0 && stored.algorithm == one->digest.algorithm && !digest_equal(&stored, &one->digest))
		return error_set(err, ERROR_CORRUPT, "the registry stored the manifest as %s, so something altered it on its way", said);
	return 0;
}

static int push_manifests(struct pushing *pushing, struct error *err)
{
	const struct cargo *cargo = pushing->cargo;
	char digest[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < cargo->manifests_len; i++) {
		const struct cargo_manifest *one = &cargo->manifests[i];
		const char *tag = one == cargo_top(cargo) ? pushing->to->tag : NULL;
		if (interrupt_check(err) < 0 || push_manifest(pushing, one, tag ? tag : digest_print(&one->digest, digest), err) < 0)
			return -1;
	}
	return 0;
}

static int push_upload(struct pushing *pushing, const struct remote_options *options, struct error *err)
{
	const struct cargo *cargo = pushing->cargo;
	_cleanup_(freep) struct progress_line **lines = xcalloc(cargo->blobs_len + 1, sizeof *lines);
	struct jobs jobs = { cargo->blobs_len, options->jobs, push_blob, stop_pushing, pushing };

	add_lines(cargo, options->progress, lines);
	pushing->lines = lines;
	return jobs_run(&jobs, err) < 0 ? -1 : push_manifests(pushing, err);
}

/* ---- the same store ---- */

/* The bytes that the repository doesn't hold yet. */
static int same_store_fits(const struct cargo *cargo, struct store *store, const char *repository, struct error *err)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < cargo->blobs_len; i++)
		bytes += store_blob_linked(store, "", repository, &cargo->blobs[i].digest) ? 0 : cargo->blobs[i].size;
	for (size_t i = 0; i < cargo->manifests_len; i++)
		bytes += store_blob_linked(store, "", repository, &cargo->manifests[i].digest) ? 0 : (int64_t)cargo->manifests[i].text.len;
	if (publish_fits(store, repository, bytes, err) == 0)
		return 0;
	if (err->code == ERROR_DENIED)
		error_hint(err, "delete tags that are not needed, then 'sampan registry gc'; or, since this store is yours, 'sampan push --over-quota'");
	return -1;
}

static void same_store_note(const struct cargo *cargo, struct store *store, const struct reference *to)
{
	char digest[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < cargo->manifests_len; i++) {
		const struct cargo_manifest *one = &cargo->manifests[i];
		publish_note(store, &(struct publish_notice){ .action = "push", .repository = to->repository, .tag = one == cargo_top(cargo) ? to->tag : NULL,
							      .digest = digest_print(&one->digest, digest), .media_type = one->media_type,
							      .size = (int64_t)one->text.len });
	}
}

static int push_same_store(const struct cargo *cargo, struct store *store, const struct reference *from, const struct reference *to,
			   const struct remote_options *options, struct error *err)
{
	struct strlist tags _cleanup_(strlist_free) = { 0 };
	_cleanup_(freep) struct progress_line **lines = xcalloc(cargo->blobs_len + 1, sizeof *lines);
	const struct cargo_manifest *top = cargo_top(cargo);

	if (!options->over_quota && same_store_fits(cargo, store, to->repository, err) < 0)
		return -1;

	if (to->tag)
		strlist_add(&tags, to->tag);
	for (size_t i = 0; i < cargo->manifests_len; i++) {
		const struct cargo_manifest *one = &cargo->manifests[i];
		struct digest digest;
		/* An index may be new, made of what is here: it has no copy in the local repository. */
		if (one->manifest.is_index ?
			    store_manifest_put(store, "", to->repository, one->text.data, one->text.len, one->media_type, false,
					       one == top ? &tags : NULL, &digest, err) < 0 :
			    store_tag_copy(store, from->registry, from->repository, &one->digest, "", to->repository, one == top ? to->tag : NULL, err) < 0)
			return -1;
	}
	same_store_note(cargo, store, to);
	add_lines(cargo, options->progress, lines);
	for (size_t i = 0; i < cargo->blobs_len; i++)
		progress_done(lines[i], "Layer already exists");
	return 0;
}

/* ---- the whole ---- */

int cargo_push(const struct cargo *cargo, struct store *store, const struct reference *from, const struct reference *to,
	       const struct remote_options *options, bool *ret_same_store, struct error *err)
{
	struct endpoint *endpoint _cleanup_(endpoint_close) = NULL;
	_cleanup_(freep) char *scope = xprintf("repository:%s:pull,push", to->repository);
	struct pushing pushing = { .cargo = cargo, .store = store, .to = to, .scope = scope };

	if (endpoint_open(to->registry, to->repository, options, &endpoint, err) < 0)
		return -1;
	bool same = from && str_equal(endpoint_store(endpoint), store_id(store));
	if (ret_same_store)
		*ret_same_store = same;
	if (same)
		return push_same_store(cargo, store, from, to, options, err);
	pushing.endpoint = endpoint;
	store_catalog(store, to->registry, NULL, MOUNT_CANDIDATES_MAX, &pushing.candidates, NULL);
	int result = push_upload(&pushing, options, err);
	strlist_free(&pushing.candidates);
	return result;
}

static int push(struct store *store, const struct reference *reference, const struct remote_options *options, struct push_result *ret, struct error *err)
{
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };
	struct digest top;
	bool same;

	if (local_resolve(store, reference, &top, err) < 0 ||
	    cargo_load_local(store, reference->registry, reference->repository, &top, NULL, &cargo, err) < 0 ||
	    cargo_push(&cargo, store, reference, reference, options, &same, err) < 0)
		return -1;
	*ret = (struct push_result){ cargo_top(&cargo)->digest, (int64_t)cargo_top(&cargo)->text.len, same };
	return 0;
}

int remote_push(struct store *store, const struct reference *reference, const struct remote_options *options, struct push_result *ret, struct error *err)
{
	if (push(store, reference, options, ret, err) == 0)
		return 0;
	_cleanup_(freep) char *name = reference_print_familiar(reference);
	return error_wrap(err, "cannot push %s", name);
}

int remote_login(const char *registry, const char *username, const char *password, const struct remote_options *options, struct error *err)
{
	struct endpoint *endpoint _cleanup_(endpoint_close) = NULL;
	struct remote_options own = *options;

	own.username = username;
	own.password = password;
	if (endpoint_open(registry, NULL, &own, &endpoint, err) < 0 || endpoint_login(endpoint, err) < 0)
		return error_wrap(err, "cannot log in to %s", registry);
	return credentials_store(registry, username, password, options, err);
}

int remote_logout(const char *registry, const struct remote_options *options, struct error *err)
{
	return credentials_store(registry, NULL, NULL, options, err);
}
