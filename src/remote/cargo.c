/* Loading a cargo: see cargo.h. */
#include "remote/cargo.h"

#include "remote/jobs.h"

enum { NESTING_MAX = 3, MANIFESTS_MAX = 2000 };

static void cargo_manifest_clear(struct cargo_manifest *one)
{
	free(one->media_type);
	buf_free(&one->text);
	manifest_clear(&one->manifest);
}

void cargo_clear(struct cargo *cargo)
{
	for (size_t i = 0; i < cargo->manifests_len; i++)
		cargo_manifest_clear(&cargo->manifests[i]);
	for (size_t i = 0; i < cargo->blobs_len; i++)
		descriptor_clear(&cargo->blobs[i]);
	free(cargo->manifests);
	free(cargo->blobs);
	*cargo = (struct cargo){ 0 };
}

const struct cargo_manifest *cargo_top(const struct cargo *cargo)
{
	return &cargo->manifests[cargo->manifests_len - 1];
}

void cargo_drop_top(struct cargo *cargo)
{
	cargo_manifest_clear(&cargo->manifests[--cargo->manifests_len]);
}

bool cargo_has(const struct cargo *cargo, const struct digest *digest)
{
	for (size_t i = 0; i < cargo->manifests_len; i++)
		if (digest_equal(&cargo->manifests[i].digest, digest))
			return true;
	return false;
}

char *digest_label(const struct digest *digest, char out[LABEL_SIZE])
{
	char hex[DIGEST_TEXT_SIZE];

	digest_hex(digest, hex);
	memcpy(out, hex, LABEL_SIZE - 1);
	out[LABEL_SIZE - 1] = '\0';
	return out;
}

/* Foreign layers stay where they are: their urls may lead anywhere (CVE-2020-15157). */
static void add_blob(struct cargo *cargo, const struct descriptor *blob)
{
	if (media_type_class(media_type_parse(blob->media_type)) == MEDIA_CLASS_FOREIGN_LAYER)
		return;
	for (size_t i = 0; i < cargo->blobs_len; i++)
		if (digest_equal(&cargo->blobs[i].digest, &blob->digest))
			return;
	xgrow(cargo->blobs, cargo->blobs_len);
	descriptor_copy(blob, &cargo->blobs[cargo->blobs_len++]);
}

static int verify(const struct buf *text, const struct digest *expected, struct error *err)
{
	struct digest digest;
	char wanted[DIGEST_TEXT_SIZE], got[DIGEST_TEXT_SIZE];

	digest_of(expected->algorithm, text->data ? text->data : "", text->len, &digest);
	if (digest_equal(&digest, expected))
		return 0;
	return error_set(err, ERROR_CORRUPT, "the manifest %s was altered: what came has the digest %s", digest_print(expected, wanted),
			 digest_print(&digest, got));
}

int cargo_add(struct cargo *cargo, struct buf *text, const char *media_type, const struct digest *expected, struct error *err)
{
	struct cargo_manifest one = { 0 };

	if (expected && verify(text, expected, err) < 0)
		return -1;
	if (manifest_parse(text->data ? text->data : "", text->len, media_type, &one.manifest, err) < 0)
		return -1;
	if (expected)
		one.digest = *expected;
	else
		digest_of(DIGEST_SHA256, text->data, text->len, &one.digest);
	if (cargo_has(cargo, &one.digest)) {
		manifest_clear(&one.manifest);
		return 0;
	}
	one.media_type = xstrdup(media_type_text(one.manifest.type));
	one.text = *text;
	*text = (struct buf){ 0 };
	if (!one.manifest.is_index) {
		add_blob(cargo, &one.manifest.config);
		for (size_t i = 0; i < one.manifest.layers_len; i++)
			add_blob(cargo, &one.manifest.layers[i]);
	}
	xgrow(cargo->manifests, cargo->manifests_len);
	cargo->manifests[cargo->manifests_len++] = one;
	return 0;
}

/* Only this store holds partial ones. */
int cargo_make_whole(struct cargo *cargo, struct error *err)
{
	const struct cargo_manifest *top = cargo_top(cargo);
	struct manifest index _cleanup_(manifest_clear) = { .type = top->manifest.type, .is_index = true };
	struct buf text _cleanup_(buf_free) = { 0 };

	if (!cargo->partial || !top->manifest.is_index)
		return 0;
	for (size_t i = 0; i < top->manifest.children_len; i++)
		if (cargo_has(cargo, &top->manifest.children[i].digest))
			manifest_add_child(&index, &top->manifest.children[i]);
	bool single = index.children_len == 1;
	if (top->manifest.annotations)
		index.annotations = json_incref(top->manifest.annotations);
	manifest_print(&index, &text);
	cargo_drop_top(cargo);
	cargo->partial = false;
	return single ? 0 : cargo_add(cargo, &text, media_type_text(index.type), NULL, err);
}

/* ---- manifests ---- */

static void list_platforms(const struct manifest *index, struct buf *ret)
{
	char text[PLATFORM_TEXT_SIZE];

	for (size_t i = 0; i < index->children_len; i++) {
		const struct descriptor *child = &index->children[i];
		if (!child->has_platform || str_equal(child->platform.os, "unknown"))
			continue; /* attestations */
		platform_print(&child->platform, text);
		if (!ret->len || !strstr(ret->data, text))
			buf_printf(ret, "%s%s", ret->len ? ", " : "", text);
	}
}

static int no_platform(const struct manifest *index, const struct platform *wish, struct error *err)
{
	struct buf list _cleanup_(buf_free) = { 0 };
	char text[PLATFORM_TEXT_SIZE];

	list_platforms(index, &list);
	error_set(err, ERROR_NOT_FOUND, "the image has no manifest for %s; it has %s", platform_print(wish, text), list.len ? list.data : "none with a platform");
	return error_hint(err, "choose one with --platform, or build it for %s with 'sampan build'", text);
}

static int load_children(const struct cargo_source *source, const struct manifest *index, const struct cargo_wish *wish, int depth, struct cargo *cargo,
			 struct error *err);

static int load_child(const struct cargo_source *source, const struct descriptor *child, const struct cargo_wish *wish, int depth, struct cargo *cargo,
		      struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };
	char digest[DIGEST_TEXT_SIZE];

	if (cargo_has(cargo, &child->digest))
		return 0;
	if (cargo->manifests_len >= MANIFESTS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the image has more than %d manifests", MANIFESTS_MAX);
	if (source->manifest(source->data, child, &text, err) < 0)
		return -1;
	if ((int64_t)text.len != child->size)
		return error_set(err, ERROR_CORRUPT, "the manifest %s has %zu bytes, its index says %lld", digest_print(&child->digest, digest), text.len,
				 (long long)child->size);
	if (verify(&text, &child->digest, err) < 0 || manifest_parse(text.data ? text.data : "", text.len, child->media_type, &manifest, err) < 0)
		return -1;
	if (manifest.is_index && load_children(source, &manifest, wish, depth + 1, cargo, err) < 0)
		return -1;
	return cargo_add(cargo, &text, child->media_type, &child->digest, err);
}

static int load_all_children(const struct cargo_source *source, const struct manifest *index, const struct cargo_wish *wish, int depth,
			     struct cargo *cargo, struct error *err)
{
	for (size_t i = 0; i < index->children_len; i++) {
		struct error failure _cleanup_(error_clear) = { 0 };
		if (load_child(source, &index->children[i], wish, depth, cargo, &failure) == 0)
			continue;
		if (!wish->lenient || failure.code != ERROR_NOT_FOUND) {
			error_move(err, &failure);
			return -1;
		}
		cargo->partial = true;
	}
	return 0;
}

/* Each of several platforms, as far as the index has it. */
static int load_several(const struct cargo_source *source, const struct manifest *index, const struct cargo_wish *wish, int depth, struct cargo *cargo,
			struct error *err)
{
	bool found = false;

	for (size_t i = 0; i < wish->several_len; i++) {
		const struct descriptor *child = manifest_choose(index, &wish->several[i]);
		if (child && load_child(source, child, wish, depth, cargo, err) < 0)
			return -1;
		found |= child != NULL;
	}
	for (size_t i = 0; i < index->children_len; i++)
		cargo->partial |= !cargo_has(cargo, &index->children[i].digest);
	return found ? 0 : no_platform(index, &wish->several[0], err);
}

static int load_children(const struct cargo_source *source, const struct manifest *index, const struct cargo_wish *wish, int depth, struct cargo *cargo,
			 struct error *err)
{
	struct platform host;

	if (depth > NESTING_MAX)
		return error_set(err, ERROR_INVALID, "the image has indexes nested more than %d deep", NESTING_MAX);
	if (wish->all)
		return load_all_children(source, index, wish, depth, cargo, err);
	if (wish->several_len)
		return load_several(source, index, wish, depth, cargo, err);
	platform_host(&host);
	const struct platform *platform = wish->platform ? wish->platform : &host;
	const struct descriptor *child = manifest_choose(index, platform);
	if (!child)
		return no_platform(index, platform, err);
	cargo->partial |= index->children_len > 1;
	return load_child(source, child, wish, depth, cargo, err);
}

static int load_manifests(const struct cargo_source *source, const struct cargo_wish *wish, struct cargo *cargo, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct manifest top _cleanup_(manifest_clear) = { 0 };
	_cleanup_(freep) char *media_type = NULL;
	struct digest expected;
	bool has_expected = false;

	if (source->top(source->data, &text, &media_type, &expected, &has_expected, err) < 0)
		return -1;
	if (has_expected && verify(&text, &expected, err) < 0)
		return -1;
	if (manifest_parse(text.data ? text.data : "", text.len, media_type, &top, err) < 0)
		return -1;
	if (top.is_index && load_children(source, &top, wish, 0, cargo, err) < 0)
		return -1;
	return cargo_add(cargo, &text, media_type, has_expected ? &expected : NULL, err);
}

/* ---- blobs ---- */

struct loading {
	const struct cargo_source *source;
	const struct cargo_wish *wish;
	struct store *store;
	struct cargo *cargo;
	struct progress_line **lines;
	bool *here;
};

static int load_blob(void *data, size_t item, struct error *err)
{
	struct loading *loading = data;
	const struct descriptor *blob = &loading->cargo->blobs[item];

	if (loading->here[item])
		return 0;
	if (loading->wish->elsewhere && loading->wish->elsewhere(loading->wish->elsewhere_data, blob)) {
		progress_done(loading->lines[item], "Already exists");
		return 0;
	}
	if (loading->source->blob(loading->source->data, loading->store, blob, loading->lines[item], err) < 0)
		return -1;
	progress_done(loading->lines[item], "Pull complete");
	return 0;
}

static void stop_loading(void *data)
{
	const struct loading *loading = data;

	if (loading->source->stop)
		loading->source->stop(loading->source->data);
}

static bool is_layer(const struct descriptor *blob)
{
	return media_type_class(media_type_parse(blob->media_type)) == MEDIA_CLASS_LAYER;
}

static bool look_for_blobs(struct loading *loading)
{
	bool missing = false;

	for (size_t i = 0; i < loading->cargo->blobs_len; i++) {
		loading->here[i] = store_blob_has(loading->store, &loading->cargo->blobs[i].digest);
		missing |= !loading->here[i];
	}
	return missing;
}

/* All lines at once, in the order of the layers, as docker shows them. */
static void show_blobs(struct loading *loading, struct progress *progress)
{
	for (size_t i = 0; i < loading->cargo->blobs_len; i++) {
		const struct descriptor *blob = &loading->cargo->blobs[i];
		char label[LABEL_SIZE];
		loading->lines[i] = progress_add(is_layer(blob) ? progress : NULL, digest_label(&blob->digest, label), (uint64_t)blob->size);
		if (loading->here[i])
			progress_done(loading->lines[i], "Already exists");
		else
			progress_set(loading->lines[i], "Pulling fs layer", 0);
	}
}

int cargo_load(const struct cargo_source *source, struct store *store, const struct cargo_wish *wish, struct progress *progress, struct cargo *ret,
	       bool *ret_fetched, struct error *err)
{
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };

	if (load_manifests(source, wish, &cargo, err) < 0)
		return -1;
	_cleanup_(freep) struct progress_line **lines = xcalloc(cargo.blobs_len + 1, sizeof *lines);
	_cleanup_(freep) bool *here = xcalloc(cargo.blobs_len + 1, sizeof *here);
	struct loading loading = { source, wish, store, &cargo, lines, here };
	bool missing = look_for_blobs(&loading);
	if (missing)
		show_blobs(&loading, progress);
	struct jobs jobs = { cargo.blobs_len, wish->jobs, load_blob, stop_loading, &loading };
	if (missing && jobs_run(&jobs, err) < 0)
		return -1;
	if (ret_fetched)
		*ret_fetched = missing;
	*ret = cargo;
	cargo = (struct cargo){ 0 };
	return 0;
}
