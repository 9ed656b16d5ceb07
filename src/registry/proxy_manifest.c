/* Manifests of the pull-through cache: see proxy.h. */
#include "base/log.h"
#include "registry/internal.h"
#include "registry/proxy.h"

/* What is asked for, and what is known about it. */
struct wanted {
	struct mirror *mirror;
	struct store *store;
	const char *repository, *name, *item; /* here; at the upstream; tag or digest */
	struct note_key key;
	bool is_tag;
	int64_t since; /* when we began */
	bool here;   /* `digest` is in the store */
	bool pushed; /* and didn't come from the upstream */
	struct digest digest;
};

/* What was pushed before there was an upstream isn't the upstream's: it is served as it is, and never replaced. */
static void look(struct wanted *wanted)
{
	wanted->here = wanted->pushed = false;
	if (wanted->is_tag && store_tag_get(wanted->store, "", wanted->repository, wanted->item, &wanted->digest, NULL) < 0)
		return;
	wanted->here = store_cached_pulled(wanted->store, wanted->repository, &wanted->digest, NULL) == 0;
	if (!wanted->here)
		wanted->here = wanted->pushed = store_manifest_get(wanted->store, "", wanted->repository, &wanted->digest, NULL, NULL, NULL) == 0;
}

/* ---- asking the upstream ---- */

static int fetch(struct wanted *wanted, const char *name, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *media_type = NULL;
	const char *tag = wanted->is_tag ? wanted->item : NULL;
	struct digest digest;

	if (upstream_manifest(wanted->mirror->upstream, wanted->name, name, &text, &media_type, &digest, err) < 0 ||
	    store_cached_put(wanted->store, wanted->repository, text.data ? text.data : "", text.len, media_type, tag, &digest, err) < 0)
		return -1;
	wanted->digest = digest;
	return 0;
}

/* HEAD costs little, and counts for no limit at Docker Hub: so a tag that is here is only asked for its digest. */
static int refresh(struct wanted *wanted, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];
	struct digest digest;
	bool known;

	if (upstream_tag(wanted->mirror->upstream, wanted->name, wanted->item, &digest, &known, err) < 0)
		return -1;
	if (!known)
		return fetch(wanted, wanted->item, err);
	if (digest_equal(&digest, &wanted->digest))
		return 0;
	if (store_cached_tag(wanted->store, wanted->repository, wanted->item, &digest, NULL) == 0) {
		wanted->digest = digest;
		return 0;
	}
	return fetch(wanted, digest_print(&digest, text), err);
}

/* Is there a definite answer, so that what is here mustn't be served in its place? */
static bool is_definite(const struct error *err)
{
	return err->code == ERROR_NOT_FOUND || err->code == ERROR_DENIED || err->code == ERROR_UNAUTHORIZED;
}

static int ask(struct wanted *wanted, struct error *err)
{
	int result = wanted->is_tag && wanted->here ? refresh(wanted, err) : fetch(wanted, wanted->item, err);

	if (result == 0) {
		note_confirmed(wanted->mirror->proxy, &wanted->key);
		return 0;
	}
	note_failed(wanted->mirror->proxy, &wanted->key, err->code);
	if (wanted->is_tag && wanted->here && err->code == ERROR_NOT_FOUND)
		store_tag_delete(wanted->store, "", wanted->repository, wanted->item, NULL);
	return -1;
}

/* ---- deciding ---- */

/* Also what another request asked for while this one waited. */
static bool is_fresh(const struct wanted *wanted, const struct note *note)
{
	if (!wanted->here || !wanted->is_tag || wanted->pushed)
		return wanted->here;
	return note->checked && (note_now() - note->checked < wanted->mirror->ttl || note->checked > wanted->since);
}

/* An upstream that is away as a whole was told of when it went. */
static void tell_stale(const struct wanted *wanted, const struct error *err)
{
	if (wanted->here && !is_definite(err) && !upstream_rests(wanted->mirror->upstream))
		log_warn("%s:%s is served stale: %s", wanted->repository, wanted->item, err->message);
}

static bool serve_stale(struct request *request, const struct note *note)
{
	request->stale = true;
	request->stale_age = note->checked ? note_now() - note->checked : -1;
	return true;
}

static bool find(struct request *request, struct wanted *wanted)
{
	struct error err _cleanup_(error_clear) = { 0 };
	struct flight flight;
	struct note note;

	for (;;) {
		note = note_find(wanted->mirror->proxy, &wanted->key);
		look(wanted);
		if (is_fresh(wanted, &note))
			return true;
		if (note_forbids(&note, &err))
			break;
		if (!flight_begin(wanted->mirror->proxy, &wanted->key, &flight))
			continue;
		int result = ask(wanted, &err);
		flight_end(wanted->mirror->proxy, &flight);
		if (result == 0)
			return true;
		tell_stale(wanted, &err);
		break;
	}
	if (wanted->here && !is_definite(&err))
		return serve_stale(request, &note);
	proxy_fail(request, &err, "MANIFEST_UNKNOWN");
	return false;
}

bool proxy_manifest(struct request *request, struct digest *ret)
{
	struct wanted wanted = {
		.mirror = request->mirror,
		.store = request->server->store,
		.repository = request->target.repository,
		.name = request->mirror_name,
		.item = request->target.item,
		.is_tag = !strchr(request->target.item, ':'),
		.since = note_now(),
	};

	if (!wanted.is_tag && !request_digest(request, wanted.item, &wanted.digest))
		return false;
	if (wanted.is_tag && !tag_valid(wanted.item)) {
		request_fail(request, MHD_HTTP_NOT_FOUND, "MANIFEST_UNKNOWN", "that is neither a tag nor a digest");
		return false;
	}
	note_key_make(&wanted.key, "manifest", wanted.repository, wanted.item);
	if (!find(request, &wanted))
		return false;
	*ret = wanted.digest;
	return true;
}

void proxy_describe(struct request *request)
{
	if (!request->stale)
		return;
	request_set(request, "Warning", "299 - \"the upstream can't be asked: this is what it said last\"");
	if (request->stale_age >= 0)
		request_set(request, "Age", "%lld", (long long)request->stale_age);
}
