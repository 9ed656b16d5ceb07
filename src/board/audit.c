/* Audit: see audit.h.
 *
 * One GET for a manifest tells the platforms of an index; an image for one platform needs a second one, for its configuration. What a place said about a name
 * is kept, so that a name is asked for once, however many platforms and files want it; and a registry that did not answer is not asked again.
 *
 * Places are asked one after the other, the mirrors first, and of each only what no place before it has: so a hub that counts requests sees few. What is
 * asked of one place is asked by several threads. */
#include "board/audit.h"

#include "base/interrupt.h"
#include "base/json.h"
#include "remote/endpoint.h"
#include "remote/jobs.h"

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
	struct reference reference;
	bool asked;
	enum audit_state state; /* once asked; PRESENT: platforms are known */
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

bool audit_state_is_unknown(enum audit_state state)
{
	return state == AUDIT_UNREACHABLE || state == AUDIT_DENIED || state == AUDIT_BROKEN;
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
		reference_clear(&work->offers[i]->reference);
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

static bool is_mirror(const struct audit_options *options, const char *registry)
{
	size_t len = strlen(registry);

	for (size_t i = 0; i < options->mirrors.len; i++)
		if (str_starts(options->mirrors.items[i], registry) && strchr("=", options->mirrors.items[i][len]))
			return true;
	return false;
}

static struct known *find_registry(struct audit_work *work, const char *registry)
{
	for (size_t i = 0; i < work->known_len; i++)
		if (str_equal(work->known[i].registry, registry))
			return &work->known[i];
	struct remote_options remote = work->options->remote;
	remote.plain_http &= !work->options->mirrors.len || is_mirror(work->options, registry);
	xgrow(work->known, work->known_len);
	struct known *known = &work->known[work->known_len++];
	*known = (struct known){ .registry = xstrdup(registry) };
	endpoint_open(registry, NULL, &remote, &known->endpoint, &known->failure);
	return known;
}

static enum audit_state failed_state(const struct error *failure)
{
	switch (failure->code) {
	case ERROR_NOT_FOUND:
		return AUDIT_ABSENT;
	case ERROR_DENIED:
	case ERROR_UNAUTHORIZED:
		return AUDIT_DENIED;
	case ERROR_INVALID:
	case ERROR_CORRUPT:
	case ERROR_TOO_LARGE:
	case ERROR_UNSUPPORTED:
		return AUDIT_BROKEN;
	default:
		return AUDIT_UNREACHABLE;
	}
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

/* What is known, or will be asked, of a reference. Never NULL; kept. */
static struct offer *find_offer(struct audit_work *work, const struct reference *reference)
{
	_cleanup_(freep) char *name = reference_print(reference);

	for (size_t i = 0; i < work->offers_len; i++)
		if (str_equal(work->offers[i]->name, name))
			return work->offers[i];
	struct offer *offer = xnew(struct offer);
	offer->name = steal(name);
	reference_copy(reference, &offer->reference);
	xgrow(work->offers, work->offers_len);
	work->offers[work->offers_len++] = offer;
	return offer;
}

/* Its registry was opened before, so threads change nothing but their offer. */
static void ask(struct audit_work *work, struct offer *offer)
{
	const struct known *known = find_registry(work, offer->reference.registry);
	struct error failure _cleanup_(error_clear) = { 0 };

	if (offer->asked)
		return;
	offer->asked = true;
	if (!known->endpoint) {
		offer->state = failed_state(&known->failure);
		if (offer->state == AUDIT_ABSENT) /* the host, or its /v2/: that says nothing of the image */
			offer->state = AUDIT_UNREACHABLE;
		offer->reason = xstrdup(known->failure.message);
	} else if (read_offer(known->endpoint, &offer->reference, offer, &failure) < 0) {
		offer->state = failed_state(&failure);
		offer->reason = xstrdup(failure.message);
	}
}

static int ask_item(void *data, size_t item, struct error *err)
{
	struct audit_work *work = data;

	ask(work, work->offers[item]);
	return interrupt_check(err);
}

static int ask_all(struct audit_work *work, struct error *err)
{
	struct jobs jobs = { .count = work->offers_len, .threads = work->options->remote.jobs, .run = ask_item, .data = work };

	for (size_t i = 0; i < work->offers_len; i++) {
		find_registry(work, work->offers[i]->reference.registry);
		if (interrupt_check(err) < 0)
			return -1;
	}
	return jobs_run(&jobs, err);
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
		struct offer *offer = find_offer(work, &other);
		reference_clear(&other);
		ask(work, offer);
		bool has = offers(offer, platform);
		if (has)
			return xprintf("tag %s has it", best[i]);
	}
	return NULL;
}

/* ---- rows ---- */

static int reference_at(const struct audit_options *options, size_t place, const struct reference *reference, struct reference *ret, struct error *err)
{
	if (place < options->mirrors.len)
		return mirror_reference(options->mirrors.items[place], reference, ret, err);
	reference_copy(reference, ret);
	return 0;
}

/* What a place said changes what is known of a row: missing is said only if all places answered. */
static void settle(struct audit_row *row, const struct offer *offer)
{
	enum audit_state one = offer->state == AUDIT_PRESENT ? AUDIT_MISSING : offer->state;

	if (offers(offer, &row->platform)) {
		row->state = AUDIT_PRESENT;
		row->where = xstrdup(offer->reference.registry);
		free(steal(row->detail));
	} else if (audit_state_is_unknown(one)) {
		free(row->detail);
		row->detail = xprintf("%s: %s", offer->reference.registry, offer->reason ? offer->reason : audit_state_name(one));
		row->state = one;
	} else if (one == AUDIT_MISSING && !audit_state_is_unknown(row->state)) {
		row->state = one;
	}
}

/* One place is asked for what no place before it has. `references` are the rows'. */
static int ask_place(struct audit_work *work, size_t place, struct audit *audit, const struct reference *references, struct error *err)
{
	_cleanup_(freep) struct offer **answers = xcalloc(audit->len + 1, sizeof *answers);

	for (size_t i = 0; i < audit->len; i++) {
		struct reference there _cleanup_(reference_clear) = { 0 };
		if (audit->rows[i].state == AUDIT_PRESENT || audit->rows[i].state == AUDIT_INVALID)
			continue;
		if (reference_at(work->options, place, &references[i], &there, err) < 0)
			return -1;
		answers[i] = find_offer(work, &there);
	}
	if (ask_all(work, err) < 0)
		return -1;
	for (size_t i = 0; i < audit->len; i++)
		if (answers[i])
			settle(&audit->rows[i], answers[i]);
	return 0;
}

static void add_row(struct audit *audit, const struct image_use *use, const struct platform *platform)
{
	for (size_t i = 0; i < audit->len; i++)
		if (str_equal(audit->rows[i].use->reference, use->reference) && platform_equal(&audit->rows[i].platform, platform))
			return;
	xgrow(audit->rows, audit->len);
	audit->rows[audit->len++] = (struct audit_row){ .use = use, .platform = *platform, .state = AUDIT_ABSENT };
}

static void add_rows(struct audit *audit, const struct image_list *list, const struct audit_options *options)
{
	for (size_t i = 0; i < list->len; i++) {
		const struct image_use *use = &list->items[i];
		const struct platform *platforms = use->has_platform ? &use->platform : options->platforms;
		size_t len = use->has_platform ? 1 : options->platforms_len;
		for (size_t k = 0; k < len; k++)
			add_row(audit, use, &platforms[k]);
	}
}

/* What is no reference is told apart before anything is asked. */
static void parse_rows(struct audit *audit, struct reference *references)
{
	for (size_t i = 0; i < audit->len; i++) {
		struct error failure _cleanup_(error_clear) = { 0 };
		if (reference_parse(audit->rows[i].use->reference, &references[i], &failure) == 0)
			continue;
		audit->rows[i].state = AUDIT_INVALID;
		audit->rows[i].detail = xstrdup(failure.message);
	}
}

static int fill_rows(struct audit_work *work, struct audit *audit, const struct reference *references, struct error *err)
{
	for (size_t place = 0; place <= work->options->mirrors.len; place++)
		if (ask_place(work, place, audit, references, err) < 0)
			return -1;
	for (size_t i = 0; work->options->tags && i < audit->len; i++)
		if (audit->rows[i].state == AUDIT_MISSING)
			audit->rows[i].detail = find_tag(work, &references[i], &audit->rows[i].platform);
	return interrupt_check(err);
}

int audit_run(const struct image_list *list, const struct audit_options *options, struct audit *ret, struct error *err)
{
	struct audit_work work _cleanup_(work_clear) = { .options = options };
	struct audit audit _cleanup_(audit_clear) = { 0 };

	add_rows(&audit, list, options);
	struct reference *references = xcalloc(audit.len + 1, sizeof *references);
	parse_rows(&audit, references);
	int result = fill_rows(&work, &audit, references, err);
	for (size_t i = 0; i < audit.len; i++)
		reference_clear(&references[i]);
	free(references);
	if (result < 0)
		return -1;
	*ret = audit;
	audit = (struct audit){ 0 };
	return 0;
}
