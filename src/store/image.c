/* Images: local names and ids to manifests, the list of them, and new ones.
 *
 * An image that has no name at all lives in the repository <none> of the registry <none>, until gc. */
#include <stdio.h>
#include <string.h>

#include "store/internal.h"


enum { ID_DIGITS_MIN = 4, INDEX_DEPTH_MAX = 4 };

void image_clear(struct image *image)
{
	reference_clear(&image->reference);
	manifest_clear(&image->manifest);
	config_clear(&image->config);
	*image = (struct image){ 0 };
}

/* ---- from a name or an id to what it points to ---- */

struct found {
	char *registry, *repository, *tag; /* tag NULL: found by digest or id */
	struct digest top;
};

static void found_clear(struct found *found)
{
	free(found->registry);
	free(found->repository);
	free(found->tag);
	*found = (struct found){ 0 };
}

/* The statement's columns are registry, repository, tag, digest of the top, and what must be the same in all rows. */
static int found_read(struct db *db, const char *sql, const struct value *values, const char *name, struct found *ret, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	_cleanup_(freep) char *unique = NULL;
	int count = 0, result;

	if (query_begin(db, sql, values, &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0) {
		if (unique && !str_equal(unique, query_text(&query, 4)))
			return error_set(err, ERROR_INVALID, "'%s' is the start of more than one image id; give more digits", name);
		if (count++)
			continue;
		unique = xstrdup(query_text(&query, 4));
		if (digest_parse(query_text(&query, 3), &ret->top, err) < 0)
			return -1;
		ret->registry = xstrdup(query_text(&query, 0));
		ret->repository = xstrdup(query_text(&query, 1));
		ret->tag = xstrdup(query_text(&query, 2));
	}
	return result < 0 ? -1 : count > 0;
}

static int find_by_reference(struct db *db, const struct reference *reference, struct found *ret, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	if (reference->has_digest)
		return found_read(db,
				  "SELECT registry, name, NULL, digest, '' FROM repository JOIN blob ON digest = ?3 AND size IS NOT NULL"
				  " JOIN link ON link.repository = repository.id AND link.blob = blob.id AND kind > 0"
				  " WHERE registry = ?1 AND name = ?2",
				  VALUES(TEXT(reference->registry), TEXT(reference->repository), TEXT(digest_print(&reference->digest, text))), "",
				  ret, err);
	return found_read(db,
			  "SELECT registry, repository.name, tag.name, digest, '' FROM repository"
			  " JOIN tag ON tag.repository = repository.id AND tag.name = ?3 JOIN blob ON blob.id = tag.manifest"
			  " WHERE registry = ?1 AND repository.name = ?2",
			  VALUES(TEXT(reference->registry), TEXT(reference->repository), TEXT(reference->tag)), "", ret, err);
}

/* Tagged ones first. The digests' hex is lower case, so '~' sorts behind all of it. */
static int find_by_id(struct db *db, const char *name, struct found *ret, struct error *err)
{
	const char *hex = str_starts(name, "sha256:") ? name + 7 : name;
	size_t len = strspn(hex, "0123456789abcdef");

	if (len < ID_DIGITS_MIN || len > 64 || hex[len])
		return 0;
	_cleanup_(freep) char *from = xprintf("sha256:%s", hex), *to = xprintf("sha256:%s~", hex);
	return found_read(db,
			  "SELECT registry, repository.name, tag.name, top.digest, config.digest FROM blob AS config"
			  " JOIN manifest ON manifest.config = config.id JOIN blob AS top ON top.id = manifest.blob AND top.size IS NOT NULL"
			  " JOIN link ON link.blob = manifest.blob AND link.kind > 0"
			  " JOIN repository ON repository.id = link.repository AND registry <> ''"
			  " LEFT JOIN tag ON tag.repository = repository.id AND tag.manifest = manifest.blob"
			  " WHERE config.digest BETWEEN ?1 AND ?2 ORDER BY tag.name IS NULL, repository.id, tag.name",
			  VALUES(TEXT(from), TEXT(to)), name, ret, err);
}

static int image_not_found(const char *name, struct error *err)
{
	error_set(err, ERROR_NOT_FOUND, "there is no image %s in the store", name);
	return error_hint(err, "'sampan images' shows those that are there; 'sampan pull %s' fetches it", name);
}

static int image_locate(struct store *store, const char *name, struct found *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct reference reference _cleanup_(reference_clear) = { 0 };
	struct error why _cleanup_(error_clear) = { 0 };
	bool is_reference = reference_parse(name, &reference, &why) == 0;

	int found = is_reference ? find_by_reference(db, &reference, ret, err) : 0;
	if (!found)
		found = find_by_id(db, name, ret, err);
	if (found < 0)
		return -1;
	if (!found && !is_reference) {
		error_move(err, &why);
		return -1;
	}
	return found ? 0 : image_not_found(name, err);
}

/* ---- the platform of an index ---- */

/* The children of an index that are here, each with its platform, as an index of their own. */
static int children_here(struct store *store, const struct found *found, const struct manifest *index, struct manifest *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	char text[DIGEST_TEXT_SIZE];

	ret->is_index = true;
	for (size_t i = 0; i < index->children_len; i++) {
		const struct descriptor *child = &index->children[i];
		struct query query _cleanup_(query_end) = { 0 };
		if (query_begin(db,
				"SELECT platform FROM repository JOIN blob ON digest = ?3 AND size IS NOT NULL"
				" JOIN link ON link.repository = repository.id AND link.blob = blob.id AND kind > 0"
				" JOIN manifest ON manifest.blob = blob.id WHERE registry = ?1 AND name = ?2",
				VALUES(TEXT(found->registry), TEXT(found->repository), TEXT(digest_print(&child->digest, text))), &query, err) < 0)
			return -1;
		int there = query_step(&query, err);
		if (there < 0)
			return -1;
		if (!there)
			continue;
		manifest_add_child(ret, child);
		struct descriptor *copy = &ret->children[ret->children_len - 1];
		if (!copy->has_platform && query_text(&query, 0))
			copy->has_platform = platform_parse(query_text(&query, 0), &copy->platform, NULL) == 0;
	}
	return 0;
}

/* The only image among them, attestations (unknown/unknown) aside. */
static const struct descriptor *only_child(const struct manifest *here)
{
	const struct descriptor *only = NULL;

	for (size_t i = 0; i < here->children_len; i++) {
		if (here->children[i].has_platform && str_equal(here->children[i].platform.os, "unknown"))
			continue;
		if (only)
			return NULL;
		only = &here->children[i];
	}
	return only;
}

static char *platforms_text(const struct manifest *here)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };
	char text[PLATFORM_TEXT_SIZE];

	for (size_t i = 0; i < here->children_len; i++)
		if (here->children[i].has_platform && !str_equal(here->children[i].platform.os, "unknown"))
			strlist_add(&list, platform_print(&here->children[i].platform, text));
	return list.len ? strlist_join(&list, ", ") : xstrdup("no platform");
}

static int platform_missing(const char *name, const char *there, const struct platform *wish, struct error *err)
{
	char text[PLATFORM_TEXT_SIZE];

	error_set(err, ERROR_NOT_FOUND, "image %s is here for %s, not for %s", name, there, platform_print(wish, text));
	return error_hint(err, "fetch it with 'sampan pull --platform %s %s'", platform_print(wish, text), name);
}

static int image_choose(struct store *store, const char *name, const struct platform *platform, const struct found *found, struct image *image,
			struct error *err)
{
	struct manifest here _cleanup_(manifest_clear) = { 0 };
	struct platform wish;

	platform_host(&wish);
	if (platform)
		wish = *platform;
	if (children_here(store, found, &image->manifest, &here, err) < 0)
		return -1;
	const struct descriptor *child = manifest_choose(&here, &wish);
	if (!child && !platform)
		child = only_child(&here);
	if (child) {
		image->digest = child->digest;
		return 0;
	}
	_cleanup_(freep) char *there = platforms_text(&here);
	return platform_missing(name, there, &wish, err);
}

/* ---- reading the image ---- */

static int image_read_manifest(struct store *store, const struct found *found, struct image *image, struct error *err)
{
	_cleanup_(freep) char *media_type = NULL;
	struct buf text _cleanup_(buf_free) = { 0 };

	if (store_manifest_get(store, found->registry, found->repository, &image->digest, &text, &media_type, err) < 0)
		return -1;
	manifest_clear(&image->manifest);
	return manifest_parse(text.data, text.len, media_type, &image->manifest, err);
}

static int image_read_config(struct store *store, const char *name, struct image *image, struct error *err)
{
	const struct descriptor *config = &image->manifest.config;
	struct buf text _cleanup_(buf_free) = { 0 };

	if (media_type_class(media_type_parse(config->media_type)) != MEDIA_CLASS_CONFIG)
		return error_set(err, ERROR_UNSUPPORTED, "%s is not a container image, but an artifact of type %s", name, config->media_type);
	if (store_blob_read(store, &config->digest, CONFIG_SIZE_MAX, &text, err) < 0)
		return -1;
	image->id = config->digest;
	return config_parse(text.data, text.len, &image->config, err);
}

/* So that a gc that is under way spares it, at most once a minute. */
static void image_touch(struct store *store, const struct found *found)
{
	struct write write _cleanup_(write_end) = { 0 };
	char text[DIGEST_TEXT_SIZE];
	int64_t blob, stale = 0;
	struct db *db = db_acquire(&store->reader);

	int found_stale = query_number(db, "SELECT 1 FROM blob JOIN link ON link.blob = blob.id WHERE digest = ? AND link.touched < ? LIMIT 1",
				       VALUES(TEXT(digest_print(&found->top, text)), INT(now_ms() - TOUCH_INTERVAL_MS)), &stale, NULL);
	db_release(&db);
	if (found_stale <= 0 || write_begin_lazy(store, &write, NULL) < 0)
		return;
	if (query_number(write.db, "SELECT id FROM blob WHERE digest = ?", VALUES(TEXT(text)), &blob, NULL) > 0 &&
	    tree_touch_all(write.db, blob, NULL) == 0)
		write_commit(&write, NULL);
}

static void image_name(const struct found *found, const struct reference *asked, struct image *image)
{
	image->reference.registry = xstrdup(found->registry);
	image->reference.repository = xstrdup(found->repository);
	image->reference.tag = xstrdup(found->tag);
	if (asked && asked->has_digest) {
		image->reference.has_digest = true;
		image->reference.digest = asked->digest;
	}
}

static int image_open(struct store *store, const char *name, const struct platform *platform, const struct found *found, struct image *image,
		      struct error *err)
{
	image->top = image->digest = found->top;
	for (int depth = 0;; depth++) {
		if (image_read_manifest(store, found, image, err) < 0)
			return -1;
		if (!image->manifest.is_index)
			break;
		if (depth == INDEX_DEPTH_MAX)
			return error_set(err, ERROR_INVALID, "image %s: indexes are nested too deep", name);
		if (image_choose(store, name, platform, found, image, err) < 0)
			return -1;
	}
	if (image_read_config(store, name, image, err) < 0)
		return -1;
	char there[PLATFORM_TEXT_SIZE];
	if (platform && !platform_match(platform, &image->config.platform))
		return platform_missing(name, platform_print(&image->config.platform, there), platform, err);
	return 0;
}

int store_image_find(struct store *store, const char *name, const struct platform *platform, struct image *ret, struct error *err)
{
	struct found found _cleanup_(found_clear) = { 0 };
	struct image image _cleanup_(image_clear) = { 0 };
	struct reference asked _cleanup_(reference_clear) = { 0 };

	if (image_locate(store, name, &found, err) < 0)
		return -1;
	image_touch(store, &found);
	if (image_open(store, name, platform, &found, &image, err) < 0)
		return error_wrap(err, "cannot use image %s", name);
	bool parsed = reference_parse(name, &asked, NULL) == 0;
	image_name(&found, parsed && asked.has_digest ? &asked : NULL, &image);
	*ret = image;
	image = (struct image){ 0 };
	return 0;
}

/* ---- the list ---- */

void image_rows_free(struct image_row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(rows[i].registry);
		free(rows[i].repository);
		free(rows[i].tag);
	}
	free(rows);
}

/* What the list shows of a top: the manifest itself, or the child of an index that suits this machine best. */
static int row_describe(struct db *db, int64_t top, const struct platform *host, struct image_row *row, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	int best = -1, result;

	if (query_begin(db,
			"WITH RECURSIVE tree (blob) AS (SELECT ?1 UNION SELECT child FROM tree JOIN edge ON parent = blob AND edge.kind = 0)"
			" SELECT config.digest, platform, created FROM tree JOIN manifest ON manifest.blob = tree.blob AND is_index = 0"
			" JOIN blob ON blob.id = manifest.blob AND blob.size IS NOT NULL JOIN blob AS config ON config.id = manifest.config",
			VALUES(INT(top)), &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0) {
		struct platform platform = { 0 };
		if (query_text(&query, 1) && platform_parse(query_text(&query, 1), &platform, NULL) < 0)
			platform = (struct platform){ 0 };
		int match = platform_match(host, &platform);
		if (match <= best)
			continue;
		best = match;
		if (digest_parse(query_text(&query, 0), &row->id, err) < 0)
			return -1;
		row->platform = platform;
		row->created = query_int(&query, 2);
	}
	return result;
}

static int row_size(struct db *db, int64_t top, int64_t *ret, struct error *err)
{
	return query_number(db,
			    "WITH RECURSIVE tree (blob) AS (SELECT ?1 UNION SELECT child FROM tree JOIN edge ON parent = blob AND edge.kind = 0)"
			    " SELECT coalesce(sum(size), 0) FROM tree JOIN blob ON id = tree.blob",
			    VALUES(INT(top)), ret, err) < 0 ? -1 : 0;
}

struct rows {
	struct image_row *items;
	size_t len;
};

static void rows_clear(struct rows *rows)
{
	image_rows_free(rows->items, rows->len);
	*rows = (struct rows){ 0 };
}

/* Tags, and manifests that nothing leads to. */
static const char images_sql[] =
	"SELECT * FROM (SELECT registry, repository.name AS name, tag.name AS tag, digest, blob.id FROM repository JOIN tag ON tag.repository = repository.id"
	" JOIN blob ON blob.id = tag.manifest WHERE registry <> ''"
	" UNION ALL SELECT registry, name, NULL, digest, blob.id FROM repository JOIN link ON link.repository = repository.id AND link.kind > 0"
	" JOIN blob ON blob.id = link.blob JOIN manifest ON manifest.blob = blob.id AND subject IS NULL WHERE registry <> ''"
	" AND NOT EXISTS (SELECT 1 FROM tag WHERE tag.repository = link.repository AND tag.manifest = link.blob)"
	" AND NOT EXISTS (SELECT 1 FROM edge JOIN link AS up ON up.repository = link.repository AND up.blob = edge.parent"
	"  WHERE edge.child = link.blob AND edge.kind = 0)"
	") ORDER BY registry, name, tag IS NULL, tag, digest";

int store_images(struct store *store, struct image_row **ret, size_t *ret_len, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };
	struct rows rows _cleanup_(rows_clear) = { 0 };
	struct platform host;
	int result;

	platform_host(&host);
	if (query_begin(db, images_sql, VALUES(), &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0) {
		xgrow(rows.items, rows.len);
		struct image_row *row = &rows.items[rows.len++];
		*row = (struct image_row){ .registry = xstrdup(query_text(&query, 0)), .repository = xstrdup(query_text(&query, 1)),
					   .tag = xstrdup(query_text(&query, 2)) };
		if (digest_parse(query_text(&query, 3), &row->digest, err) < 0 ||
		    row_describe(db, query_int(&query, 4), &host, row, err) < 0 || row_size(db, query_int(&query, 4), &row->size, err) < 0)
			return -1;
	}
	if (result < 0)
		return -1;
	*ret = steal(rows.items);
	*ret_len = rows.len;
	rows.len = 0;
	return 0;
}

/* ---- new images ---- */

static int commit_config(struct store *store, const struct image_config *config, struct descriptor *ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	config_print(config, &text);
	if (store_blob_put(store, text.data, text.len, &ret->digest, err) < 0)
		return -1;
	ret->media_type = xstrdup(media_type_text(MEDIA_OCI_CONFIG));
	ret->size = (int64_t)text.len;
	return 0;
}

/* The same text into the repository of each name, or where what is nameless goes. */
static int put_everywhere(struct store *store, const struct manifest *manifest, const struct reference *names, size_t names_len, struct digest *ret,
			  struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	const char *type = media_type_text(manifest->type);

	manifest_print(manifest, &text);
	if (!names_len)
		return store_manifest_put(store, STORE_NAMELESS, STORE_NAMELESS, text.data, text.len, type, false, NULL, ret, err);
	for (size_t i = 0; i < names_len; i++) {
		struct strlist tags _cleanup_(strlist_free) = { 0 };
		if (names[i].tag)
			strlist_add(&tags, names[i].tag);
		if (store_manifest_put(store, names[i].registry, names[i].repository, text.data, text.len, type, false, &tags, ret, err) < 0)
			return -1;
	}
	return 0;
}

int store_image_commit(struct store *store, const struct image_config *config, const struct descriptor *layers, size_t layers_len,
		       const struct reference *names, size_t names_len, struct digest *ret_manifest, struct error *err)
{
	struct manifest manifest _cleanup_(manifest_clear) = { .type = MEDIA_OCI_MANIFEST };

	if (commit_config(store, config, &manifest.config, err) < 0)
		return -1;
	for (size_t i = 0; i < layers_len; i++)
		manifest_add_layer(&manifest, &layers[i]);
	for (size_t i = 0; i < manifest.layers_len; i++)
		descriptor_make_oci(&manifest.layers[i]);
	return put_everywhere(store, &manifest, names, names_len, ret_manifest, err);
}

int store_index_commit(struct store *store, const struct index_child *children, size_t children_len, const struct reference *names,
		       size_t names_len, struct digest *ret, struct error *err)
{
	struct manifest index _cleanup_(manifest_clear) = { .type = MEDIA_OCI_INDEX, .is_index = true };
	const char *registry = names_len ? names[0].registry : STORE_NAMELESS, *repository = names_len ? names[0].repository : STORE_NAMELESS;

	for (size_t i = 0; i < children_len; i++) {
		struct buf text _cleanup_(buf_free) = { 0 };
		if (store_manifest_get(store, registry, repository, &children[i].manifest, &text, NULL, err) < 0)
			return -1;
		const struct descriptor child = { .media_type = (char *)media_type_text(MEDIA_OCI_MANIFEST), .digest = children[i].manifest,
						  .size = (int64_t)text.len, .has_platform = true, .platform = children[i].platform };
		manifest_add_child(&index, &child);
	}
	return put_everywhere(store, &index, names, names_len, ret, err);
}
