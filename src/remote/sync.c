/* Running the rules of sync: see sync.h.
 *
 * A rule becomes a list of images (tags that the source has and the rule wants), and each image is one job: ask both sides for the digest (HEAD), and
 * copy if they differ. A copy passes through the store, so that an interrupted one goes on; a blob that the destination has is never
 * fetched. When only some platforms of an index are copied, the destination gets another index: which one was made of which is remembered
 * as a record. */
#include "remote/sync.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "remote/cargo.h"
#include "remote/endpoint.h"
#include "remote/jobs.h"
#include "remote/transport.h"

enum { TAGS_MAX = 100000, PAGES_MAX = 1000, LIST_MAX = 4 << 20, PARALLEL_DEFAULT = 2 };
#define RECORD_SPACE "sync"

struct syncing {
	struct store *store;
	const struct sync_rule *rule;
	const struct sync_options *options;
	struct endpoint *source, *target; /* target NULL: the store */
	char *pull_scope, *push_scope;
	struct strlist tags; /* of the source */
	pthread_mutex_t lock; /* of the reports */
	atomic_size_t failed;
};

static void syncing_clear(struct syncing *syncing)
{
	endpoint_close(&syncing->source);
	endpoint_close(&syncing->target);
	free(syncing->pull_scope);
	free(syncing->push_scope);
	strlist_free(&syncing->tags);
	pthread_mutex_destroy(&syncing->lock);
}

/* ---- asking ---- */

/* The next page's address, or NULL. Owned by the caller. */
static char *next_page(const struct answer *answer)
{
	const char *link = answer_header(answer, "Link");
	_cleanup_(freep) char *target = link ? link_next_parse(link) : NULL;

	return target ? url_resolve(answer->url, target) : NULL;
}

static int add_tags(const struct answer *answer, struct strlist *ret, struct error *err)
{
	json_t *root _cleanup_(json_release) = json_parse(answer->body.data ? answer->body.data : "", answer->body.len, "list of tags", err);
	struct strlist page _cleanup_(strlist_free) = { 0 };

	if (!root || json_get_strlist(root, "tags", &page, err) < 0)
		return -1;
	for (size_t i = 0; i < page.len; i++)
		if (tag_valid(page.items[i]))
			strlist_add(ret, page.items[i]);
	return ret->len > TAGS_MAX ? error_set(err, ERROR_TOO_LARGE, "the repository has more than %d tags", TAGS_MAX) : 0;
}

static int list_tags(struct syncing *syncing, struct strlist *ret, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("/v2/%s/tags/list?n=1000", syncing->rule->from.repository);

	for (int page = 0; url && page < PAGES_MAX; page++) {
		struct answer answer _cleanup_(answer_clear) = { 0 };
		struct request request = { .method = "GET", .url = url, .scope = syncing->pull_scope, .limit = LIST_MAX };
		if (endpoint_request(syncing->source, &request, &answer, NULL, err) < 0)
			return -1;
		if (answer.status != 200)
			return endpoint_failed(syncing->source, &answer, err);
		if (add_tags(&answer, ret, err) < 0)
			return -1;
		free(url);
		url = next_page(&answer);
	}
	return 0;
}

static const enum media_type accepted[] = { MEDIA_OCI_MANIFEST, MEDIA_OCI_INDEX, MEDIA_DOCKER_MANIFEST, MEDIA_DOCKER_LIST };

/* What `name` is there. 1, or 0 if it isn't there; a registry that doesn't say the digest is asked for the text. */
static int ask_digest(struct endpoint *endpoint, const char *repository, const char *scope, const char *name, struct digest *ret, struct error *err)
{
	_cleanup_(freep) char *url = xprintf("/v2/%s/manifests/%s", repository, name);
	struct strlist headers _cleanup_(strlist_free) = { 0 };

	for (size_t i = 0; i < array_len(accepted); i++)
		strlist_printf(&headers, "Accept: %s", media_type_text(accepted[i]));
	for (int get = 0; get < 2; get++) {
		struct answer answer _cleanup_(answer_clear) = { 0 };
		struct request request = {
			.method = get ? "GET" : "HEAD", .url = url, .scope = scope, .headers = &headers, .limit = MANIFEST_SIZE_MAX,
		};
		if (endpoint_request(endpoint, &request, &answer, NULL, err) < 0)
			return -1;
		if (answer.status == 404)
			return 0;
		if (answer.status != 200 && (get || answer.status != 405))
			return endpoint_failed(endpoint, &answer, err);
		const char *text = answer_header(&answer, "Docker-Content-Digest");
		if (text && digest_parse(text, ret, NULL) == 0)
			return 1;
		if (get)
			digest_of(DIGEST_SHA256, answer.body.data ? answer.body.data : "", answer.body.len, ret);
	}
	return 1;
}

/* 1, or 0. */
static int target_digest(struct syncing *syncing, const struct reference *to, struct digest *ret, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	const char *name = to->tag ? to->tag : digest_print(&to->digest, text);
	if (syncing->target)
		return ask_digest(syncing->target, to->repository, syncing->push_scope, name, ret, err);
	*ret = to->digest;
	return to->tag ? store_tag_get(syncing->store, to->registry, to->repository, to->tag, ret, NULL) == 0 :
			 store_manifest_get(syncing->store, to->registry, to->repository, &to->digest, NULL, NULL, NULL) == 0;
}

static bool target_has_blob(void *data, const struct descriptor *blob)
{
	struct syncing *syncing = data;
	char text[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *url = xprintf("/v2/%s/blobs/%s", syncing->rule->to.repository, digest_print(&blob->digest, text));
	struct request request = { .method = "HEAD", .url = url, .scope = syncing->push_scope };
	struct answer answer _cleanup_(answer_clear) = { 0 };

	return endpoint_request(syncing->target, &request, &answer, NULL, NULL) == 0 && answer.status == 200;
}

/* ---- what a part of an index became ---- */

static char *part_key(const struct sync_rule *rule, const struct reference *from, const struct reference *to)
{
	_cleanup_(freep) char *source = reference_print(from), *target = reference_print(to);
	struct buf key = { 0 };
	char text[PLATFORM_TEXT_SIZE];

	buf_printf(&key, "%s %s%s", source, rule->to_store ? "store:" : "", target);
	for (size_t i = 0; i < rule->platforms_len; i++)
		buf_printf(&key, " %s", platform_print(&rule->platforms[i], text));
	return buf_steal(&key);
}

static char *part_value(const struct digest *source, const struct digest *target)
{
	char a[DIGEST_TEXT_SIZE], b[DIGEST_TEXT_SIZE];

	return xprintf("%s %s", digest_print(source, a), digest_print(target, b));
}

static bool part_is_same(struct syncing *syncing, const char *key, const struct digest *source, const struct digest *target)
{
	_cleanup_(freep) char *wanted = part_value(source, target), *got = NULL;

	return store_record_get(syncing->store, RECORD_SPACE, key, &got, NULL) == 0 && str_equal(got, wanted);
}

/* ---- copying ---- */

static int copy(struct syncing *syncing, const struct reference *from, const struct reference *to, struct digest *ret, struct error *err)
{
	const struct sync_rule *rule = syncing->rule;
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };
	struct strlist tags _cleanup_(strlist_free) = { 0 };
	struct cargo_wish wish = {
		.all = !rule->platforms_len || from->has_digest,
		.several = rule->platforms,
		.several_len = rule->platforms_len,
		.elsewhere = syncing->target ? target_has_blob : NULL,
		.elsewhere_data = syncing,
	};

	if (cargo_load_registry(syncing->store, from, &wish, syncing->options->from, &cargo, NULL, err) < 0)
		return -1;
	if (to->tag)
		strlist_add(&tags, to->tag);
	if (syncing->target ?
		    cargo_make_whole(&cargo, err) < 0 || cargo_push(&cargo, syncing->store, NULL, to, syncing->options->to, NULL, err) < 0 :
		    cargo_unload_local(&cargo, syncing->store, to->registry, to->repository, &tags, err) < 0)
		return -1;
	*ret = cargo_top(&cargo)->digest;
	return 0;
}

/* `source` is what the source has under that name, and becomes what the destination has. */
static int sync_image(struct syncing *syncing, const struct reference *from, const struct reference *to, struct digest *source,
		      enum sync_result *ret, struct error *err)
{
	bool part = syncing->rule->platforms_len && !from->has_digest;
	_cleanup_(freep) char *key = part_key(syncing->rule, from, to);
	struct digest target, made;
	int there = target_digest(syncing, to, &target, err);

	if (there < 0)
		return -1;
	*ret = SYNC_SAME;
	if (there && (part ? part_is_same(syncing, key, source, &target) : digest_equal(source, &target))) {
		*source = target;
		return 0;
	}
	*ret = SYNC_WOULD_COPY;
	if (syncing->options->dry_run)
		return 0;
	*ret = SYNC_COPIED;
	if (copy(syncing, from, to, &made, err) < 0)
		return -1;
	if (part) {
		_cleanup_(freep) char *value = part_value(source, &made);
		store_record_put(syncing->store, RECORD_SPACE, key, value, NULL);
	}
	*source = made;
	return 0;
}

static void report(struct syncing *syncing, const struct reference *from, const struct reference *to, enum sync_result result,
		   const struct digest *digest, const struct error *error)
{
	_cleanup_(freep) char *source = reference_print(from), *target = reference_print(to);
	_cleanup_(freep) char *named = syncing->rule->to_store ? xprintf("store:%s", target) : xstrdup(target);
	struct sync_report one = { source, named, result, digest, error };

	if (result == SYNC_FAILED)
		atomic_fetch_add(&syncing->failed, 1);
	pthread_mutex_lock(&syncing->lock);
	syncing->options->report(syncing->options->data, &one);
	pthread_mutex_unlock(&syncing->lock);
}

/* ---- referrers ---- */

static int list_referrers(struct syncing *syncing, const struct digest *subject, struct manifest *ret, struct error *err)
{
	char text[DIGEST_TEXT_SIZE], hex[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *api = xprintf("/v2/%s/referrers/%s", syncing->rule->from.repository, digest_print(subject, text));
	_cleanup_(freep) char *tag = xprintf("/v2/%s/manifests/%s-%s", syncing->rule->from.repository, digest_algorithm_name(subject->algorithm),
					     digest_hex(subject, hex));
	struct strlist headers _cleanup_(strlist_free) = { 0 };
	char *const urls[] = { api, tag }; /* a registry without the one has the other (distribution-spec, Unavailable Referrers API) */

	strlist_printf(&headers, "Accept: %s", media_type_text(MEDIA_OCI_INDEX));
	for (size_t i = 0; i < array_len(urls); i++) {
		struct answer answer _cleanup_(answer_clear) = { 0 };
		struct request request = { .method = "GET", .url = urls[i], .scope = syncing->pull_scope, .headers = &headers, .limit = LIST_MAX };
		if (endpoint_request(syncing->source, &request, &answer, NULL, err) < 0)
			return -1;
		if (answer.status == 200)
			return manifest_parse(answer.body.data ? answer.body.data : "", answer.body.len, media_type_text(MEDIA_OCI_INDEX), ret, err);
		if (answer.status != 404)
			return endpoint_failed(syncing->source, &answer, err);
	}
	return 0;
}

static void sync_referrer(struct syncing *syncing, const struct descriptor *one)
{
	struct reference from _cleanup_(reference_clear) = { 0 }, to _cleanup_(reference_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	struct digest digest = one->digest;
	enum sync_result result;

	reference_copy(&syncing->rule->from, &from);
	reference_copy(&syncing->rule->to, &to);
	free(steal(from.tag));
	free(steal(to.tag));
	from.has_digest = to.has_digest = true;
	from.digest = to.digest = digest;
	if (sync_image(syncing, &from, &to, &digest, &result, &err) < 0)
		report(syncing, &from, &to, SYNC_FAILED, NULL, &err);
	else if (result != SYNC_SAME)
		report(syncing, &from, &to, result, &digest, NULL);
}

static int sync_referrers(struct syncing *syncing, const struct digest *subject, struct error *err)
{
	struct manifest index _cleanup_(manifest_clear) = { 0 };

	if (list_referrers(syncing, subject, &index, err) < 0)
		return error_wrap(err, "cannot list what refers to it");
	for (size_t i = 0; i < index.children_len; i++)
		sync_referrer(syncing, &index.children[i]);
	return 0;
}

/* ---- one image, one rule, all ---- */

static int sync_tag(struct syncing *syncing, const struct reference *from, const struct reference *to, enum sync_result *ret,
		    struct digest *ret_digest, struct error *err)
{
	struct digest subject;
	int there = ask_digest(syncing->source, from->repository, syncing->pull_scope, from->tag, &subject, err);

	if (there <= 0)
		return there < 0 ? -1 : error_set(err, ERROR_NOT_FOUND, "the source has no such tag");
	*ret_digest = subject;
	if (sync_image(syncing, from, to, ret_digest, ret, err) < 0)
		return -1;
	return syncing->rule->referrers ? sync_referrers(syncing, &subject, err) : 0;
}

static int run_tag(void *data, size_t item, struct error *err)
{
	struct syncing *syncing = data;
	struct reference from _cleanup_(reference_clear) = { 0 }, to _cleanup_(reference_clear) = { 0 };
	struct error failure _cleanup_(error_clear) = { 0 };
	struct digest digest;
	enum sync_result result;

	reference_copy(&syncing->rule->from, &from);
	reference_copy(&syncing->rule->to, &to);
	free(from.tag);
	from.tag = xstrdup(syncing->tags.items[item]);
	if (!to.tag)
		to.tag = xstrdup(from.tag);
	if (sync_tag(syncing, &from, &to, &result, &digest, &failure) == 0)
		report(syncing, &from, &to, result, &digest, NULL);
	else if (failure.code != ERROR_INTERRUPTED)
		report(syncing, &from, &to, SYNC_FAILED, NULL, &failure);
	return interrupt_check(err);
}

static int choose_tags(struct syncing *syncing, struct error *err)
{
	struct strlist all _cleanup_(strlist_free) = { 0 };

	if (syncing->rule->from.tag) {
		strlist_add(&syncing->tags, syncing->rule->from.tag);
		return 0;
	}
	if (list_tags(syncing, &all, err) < 0)
		return -1;
	sync_rule_choose(syncing->rule, &all, &syncing->tags);
	return 0;
}

static int begin_rule(struct syncing *syncing, struct error *err)
{
	const struct sync_rule *rule = syncing->rule;

	syncing->pull_scope = xprintf("repository:%s:pull", rule->from.repository);
	syncing->push_scope = xprintf("repository:%s:pull,push", rule->to.repository);
	if (endpoint_open(rule->from.registry, rule->from.repository, syncing->options->from, &syncing->source, err) < 0 ||
	    (!rule->to_store && endpoint_open(rule->to.registry, rule->to.repository, syncing->options->to, &syncing->target, err) < 0))
		return -1;
	return choose_tags(syncing, err);
}

static int run_rule(struct store *store, const struct sync_rule *rule, const struct sync_options *options, size_t *failed, struct error *err)
{
	struct syncing syncing _cleanup_(syncing_clear) = {
		.store = store, .rule = rule, .options = options, .lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct error failure _cleanup_(error_clear) = { 0 };
	int result = 0;

	if (begin_rule(&syncing, &failure) == 0) {
		struct jobs jobs = { syncing.tags.len, options->parallel ? options->parallel : PARALLEL_DEFAULT, run_tag, NULL, &syncing };
		result = jobs_run(&jobs, err);
	} else if (failure.code != ERROR_INTERRUPTED) {
		report(&syncing, &rule->from, &rule->to, SYNC_FAILED, NULL, &failure);
	}
	*failed += atomic_load(&syncing.failed);
	return result < 0 ? -1 : interrupt_check(err);
}

int sync_run(struct store *store, const struct sync_rules *rules, const struct sync_options *options, size_t *ret_failed, struct error *err)
{
	*ret_failed = 0;
	for (size_t i = 0; i < rules->len; i++)
		if (run_rule(store, &rules->rules[i], options, ret_failed, err) < 0)
			return -1;
	return 0;
}
