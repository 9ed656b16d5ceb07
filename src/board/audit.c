/* Audit: see audit.h.
 *
 * One GET for a manifest tells the platforms of an index; an image for one platform needs a second one, for its configuration. What a place said about a name
 * is kept, so that a name is asked for once, however many platforms and files want it; and a registry that did not answer is not asked again. */
#include "board/audit.h"

#include "base/interrupt.h"
#include "base/json.h"
#include "remote/endpoint.h"

enum { TAGS_BODY_MAX = 4 << 20, TAGS_TRIED_MAX = 6 };

/* A registry as it was found. */
struct known {
	char *registry;
	struct endpoint *endpoint; /* NULL: it can't be asked */
	struct error failure;	   /* why */
};
/* What a place has of a name. */
struct offer {
	char *name; /* complete reference */
	enum audit_state state; /* PRESENT: platforms are known */
	struct platform *platforms;
	size_t len;
	char *reason;
};
struct audit_work {
	const struct audit_options *options;
	struct known *known;
	size_t known_len;
	struct offer **offers; /* pointers, since they are kept while the array grows */
	size_t offers_len;
};

static const char *const state_names[] = {
#define X(state, word) word,
	AUDIT_STATES(X)
#undef X
};

const char *audit_state_name(enum audit_state state)
{
	return state_names[state];
}

static void work_clear(struct audit_work *work)
{
	for (size_t i = 0; i < work->known_len; i++) {
		free(work->known[i].registry);
		endpoint_close(&work->known[i].endpoint);
		error_clear(&work->known[i].failure);
	}
	for (size_t i = 0; i < work->offers_len; i++) {
		free(work->offers[i]->name);
		free(work->offers[i]->platforms);
		free(work->offers[i]->reason);
		free(work->offers[i]);
	}
	free(work->known);
	free(work->offers);
}

void audit_clear(struct audit *audit)
{
	for (size_t i = 0; i < audit->len; i++) {
		free(audit->rows[i].where);
		free(audit->rows[i].detail);
	}
	free(audit->rows);
	*audit = (struct audit){ 0 };
}

int mirror_reference(const char *mirror, const struct reference *reference, struct reference *ret, struct error *err)
{
	const char *equals = strchrnul(mirror, '=');
	_cleanup_(freep) char *text = xprintf("%.*s/%s%s%s", (int)(equals - mirror), mirror, *equals ? equals + 1 : "", *equals ? "/" : "", reference->repository);
	struct reference there _cleanup_(reference_clear) = { 0 };

	bool good = reference_parse(text, &there, NULL) == 0 && strlen(there.registry) == (size_t)(equals - mirror) &&
		    !strncmp(there.registry, mirror, strlen(there.registry));
	if (!good) {
		error_set(err, ERROR_USAGE, "'%s' is no mirror", mirror);
		return error_hint(err, "a mirror is HOST:PORT, or HOST:PORT=PREFIX where it keeps images as PREFIX/NAME");
	}
	free(there.tag);
	there.tag = xstrdup(reference->tag);
	there.has_digest = reference->has_digest;
	there.digest = reference->digest;
	*ret = there;
	there = (struct reference){ 0 };
	return 0;
}

/* ---- asking ---- */

static struct known *find_registry(struct audit_work *work, const char *registry)
{
	for (size_t i = 0; i < work->known_len; i++)
		if (str_equal(work->known[i].registry, registry))
			return &work->known[i];
	xgrow(work->known, work->known_len);
	struct known *known = &work->known[work->known_len++];
	*known = (struct known){ .registry = xstrdup(registry) };
	endpoint_open(registry, NULL, &work->options->remote, &known->endpoint, &known->failure);
	return known;
}

static enum audit_state failed_state(const struct error *failure)
{
	return failure->code == ERROR_NOT_FOUND ? AUDIT_ABSENT :
	       failure->code == ERROR_DENIED || failure->code == ERROR_UNAUTHORIZED ? AUDIT_DENIED :
									   AUDIT_UNREACHABLE;
}

static int get(struct endpoint *endpoint, const struct reference *reference, const char *path, size_t limit, struct answer *ret, struct error *err)
{
	static const enum media_type accepted[] = { MEDIA_OCI_INDEX, MEDIA_DOCKER_LIST, MEDIA_OCI_MANIFEST, MEDIA_DOCKER_MANIFEST };
	_cleanup_(freep) char *url = xprintf("/v2/%s/%s", reference->repository, path), *scope = xprintf("repository:%s:pull", reference->repository);
	struct strlist headers _cleanup_(strlist_free) = { 0 };
	struct request request = { .method = "GET", .url = url, .scope = scope, .headers = &headers, .limit = limit };
	struct answer answer _cleanup_(answer_clear) = { 0 };

	for (size_t i = 0; i < array_len(accepted); i++)
		strlist_printf(&headers, "Accept: %s", media_type_text(accepted[i]));
	if (endpoint_request(endpoint, &request, &answer, NULL, err) < 0)
		return -1;
	if (answer.status != 200)
		return endpoint_failed(endpoint, &answer, err);
	buf_reserve(&answer.body, 0);
	*ret = answer;
	answer = (struct answer){ 0 };
	return 0;
}

static void offer_add(struct offer *offer, const struct platform *platform)
{
	xgrow(offer->platforms, offer->len);
	offer->platforms[offer->len++] = *platform;
}

static int read_config(struct endpoint *endpoint, const struct reference *reference, const struct manifest *manifest, struct offer *offer, struct error *err)
{
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct answer answer _cleanup_(answer_clear) = { 0 };
	char digest[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *path = xprintf("blobs/%s", digest_print(&manifest->config.digest, digest));

	if (get(endpoint, reference, path, CONFIG_SIZE_MAX, &answer, err) < 0 || config_parse(answer.body.data, answer.body.len, &config, err) < 0)
		return -1;
	offer_add(offer, &config.platform);
	return 0;
}

static int read_offer(struct endpoint *endpoint, const struct reference *reference, struct offer *offer, struct error *err)
{
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };
	struct answer answer _cleanup_(answer_clear) = { 0 };
	char digest[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *path = xprintf("manifests/%s", reference->has_digest ? digest_print(&reference->digest, digest) : reference->tag);

	if (get(endpoint, reference, path, MANIFEST_SIZE_MAX, &answer, err) < 0)
		return -1;
	const char *type = answer_header(&answer, "Content-Type");
	bool known = type && media_type_parse(type) != MEDIA_UNKNOWN;
	if (manifest_parse(answer.body.data, answer.body.len, known ? type : NULL, &manifest, err) < 0)
		return -1;
	if (!manifest.is_index)
		return read_config(endpoint, reference, &manifest, offer, err);
	for (size_t i = 0; i < manifest.children_len; i++)
		if (manifest.children[i].has_platform)
			offer_add(offer, &manifest.children[i].platform);
	return 0;
}

/* What the reference's own registry says of it. Never NULL; kept. */
static const struct offer *ask(struct audit_work *work, const struct reference *reference)
{
	_cleanup_(freep) char *name = reference_print(reference);
	struct error failure _cleanup_(error_clear) = { 0 };

	for (size_t i = 0; i < work->offers_len; i++)
		if (str_equal(work->offers[i]->name, name))
			return work->offers[i];
	struct offer *offer = xnew(struct offer);
	xgrow(work->offers, work->offers_len);
	work->offers[work->offers_len++] = offer;
	offer->name = steal(name);
	const struct known *known = find_registry(work, reference->registry);
	if (!known->endpoint) {
		offer->state = failed_state(&known->failure) == AUDIT_DENIED ? AUDIT_DENIED : AUDIT_UNREACHABLE;
		offer->reason = xstrdup(known->failure.message);
	} else if (read_offer(known->endpoint, reference, offer, &failure) < 0) {
		offer->state = failed_state(&failure);
		offer->reason = xstrdup(failure.message);
	}
	return offer;
}

static bool offers(const struct offer *offer, const struct platform *platform)
{
	for (size_t i = 0; i < offer->len; i++)
		if (platform_match(platform, &offer->platforms[i]) > 0)
			return true;
	return false;
}

/* ---- tags ---- */

static size_t common_prefix(const char *a, const char *b)
{
	size_t len = 0;

	while (a[len] && a[len] == b[len])
		len++;
	return len;
}

/* The tags most like ours, best first. */
static int nearest_tags(struct audit_work *work, const struct reference *reference, const char *best[TAGS_TRIED_MAX], json_t **ret_root)
{
	const struct known *known = find_registry(work, reference->registry);
	struct answer answer _cleanup_(answer_clear) = { 0 };
	json_t *tags = NULL, *tag;
	size_t at;
	int count = 0;

	if (!known->endpoint || get(known->endpoint, reference, "tags/list?n=1000", TAGS_BODY_MAX, &answer, NULL) < 0)
		return 0;
	*ret_root = json_parse(answer.body.data, answer.body.len, "list of tags", NULL);
	if (!*ret_root || json_get_array(*ret_root, "tags", &tags, NULL) <= 0)
		return 0;
	json_array_foreach(tags, at, tag) {
		const char *text = json_string_value(tag);
		if (!text || !tag_valid(text) || str_equal(text, reference->tag))
			continue;
		int place = count < TAGS_TRIED_MAX ? count++ : TAGS_TRIED_MAX;
		for (; place > 0 && common_prefix(text, reference->tag) > common_prefix(best[place - 1], reference->tag); place--)
			if (place < TAGS_TRIED_MAX)
				best[place] = best[place - 1];
		if (place < TAGS_TRIED_MAX)
			best[place] = text;
	}
	return count;
}

static char *find_tag(struct audit_work *work, const struct reference *reference, const struct platform *platform)
{
	const char *best[TAGS_TRIED_MAX] = { NULL };
	json_t *root _cleanup_(json_release) = NULL;
	int count = reference->tag && !reference->has_digest ? nearest_tags(work, reference, best, &root) : 0;

	for (int i = 0; i < count && !interrupt_pending(); i++) {
		struct reference other = { 0 };
		reference_copy(reference, &other);
		free(other.tag);
		other.tag = xstrdup(best[i]);
		bool has = offers(ask(work, &other), platform);
		reference_clear(&other);
		if (has)
			return xprintf("tag %s has it", best[i]);
	}
	return NULL;
}

/* ---- rows ---- */

/* The mirrors first, then the registry itself. What is known for sure beats what is not: missing is said only if all answered. */
static int judge(struct audit_work *work, const struct reference *reference, struct audit_row *row, struct error *err)
{
	enum audit_state state = AUDIT_ABSENT;

	for (size_t i = 0; i <= work->options->mirrors.len; i++) {
		struct reference there _cleanup_(reference_clear) = { 0 };
		bool own = i == work->options->mirrors.len;
		if (own)
			reference_copy(reference, &there);
		else if (mirror_reference(work->options->mirrors.items[i], reference, &there, err) < 0)
			return -1;
		const struct offer *offer = ask(work, &there);
		if (interrupt_check(err) < 0)
			return -1;
		if (offers(offer, &row->platform)) {
			row->state = AUDIT_PRESENT;
			row->where = xstrdup(there.registry);
			free(steal(row->detail));
			return 0;
		}
		enum audit_state one = offer->state == AUDIT_PRESENT ? AUDIT_MISSING : offer->state;
		bool unknown = one == AUDIT_UNREACHABLE || one == AUDIT_DENIED;
		if (unknown && state != AUDIT_UNREACHABLE && state != AUDIT_DENIED) {
			free(row->detail);
			row->detail = xprintf("%s: %s", there.registry, offer->reason ? offer->reason : audit_state_name(one));
		}
		if (unknown || (one == AUDIT_MISSING && state == AUDIT_ABSENT))
			state = one;
	}
	row->state = state;
	if (state == AUDIT_MISSING && work->options->tags)
		row->detail = find_tag(work, reference, &row->platform);
	return 0;
}

static int add_row(struct audit_work *work, struct audit *audit, const struct image_use *use, const struct platform *platform, struct error *err)
{
	struct reference reference _cleanup_(reference_clear) = { 0 };
	struct error failure _cleanup_(error_clear) = { 0 };
	struct audit_row row = { .use = use, .platform = *platform };

	for (size_t i = 0; i < audit->len; i++)
		if (str_equal(audit->rows[i].use->reference, use->reference) && platform_equal(&audit->rows[i].platform, platform))
			return 0;
	int result = 0;
	if (reference_parse(use->reference, &reference, &failure) < 0) {
		row.state = AUDIT_INVALID;
		row.detail = xstrdup(failure.message);
	} else {
		result = judge(work, &reference, &row, err);
	}
	xgrow(audit->rows, audit->len);
	audit->rows[audit->len++] = row;
	return result;
}

int audit_run(const struct image_list *list, const struct audit_options *options, struct audit *ret, struct error *err)
{
	struct audit_work work _cleanup_(work_clear) = { .options = options };
	struct audit audit _cleanup_(audit_clear) = { 0 };

	for (size_t i = 0; i < list->len; i++) {
		const struct image_use *use = &list->items[i];
		const struct platform *platforms = use->has_platform ? &use->platform : options->platforms;
		size_t len = use->has_platform ? 1 : options->platforms_len;
		for (size_t k = 0; k < len; k++)
			if (add_row(&work, &audit, use, &platforms[k], err) < 0)
				return -1;
	}
	*ret = audit;
	audit = (struct audit){ 0 };
	return 0;
}
