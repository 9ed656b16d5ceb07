/* Repositories, what they hold, and the graph of manifests.
 *
 * A repository holds a blob by a link; nothing can be read through a repository that has no link to it. manifest and edge rows
 * belong to the bytes and are the same for all repositories. Whoever makes something reachable (a tag, a pin, a parent) touches the links of
 * all that it reaches in the same transaction: gc, which decides from an older picture, looks at these times again before it takes. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/internal.h"

/* ---- repositories and links ---- */

static char *repository_label(const char *registry, const char *repository)
{
	return str_empty(registry) ? xstrdup(repository) : xprintf("%s/%s", registry, repository);
}

int repository_find(struct db *db, const char *registry, const char *repository, int64_t *ret, struct error *err)
{
	return query_number(db, "SELECT id FROM repository WHERE registry = ? AND name = ?", VALUES(TEXT(registry), TEXT(repository)), ret, err);
}

int repository_make(struct db *db, const char *registry, const char *repository, int64_t *ret, struct error *err)
{
	int found = repository_find(db, registry, repository, ret, err);

	if (found)
		return found < 0 ? -1 : 0;
	if (query_run(db, "INSERT INTO repository (registry, name) VALUES (?, ?)", VALUES(TEXT(registry), TEXT(repository)), err) < 0)
		return -1;
	*ret = sqlite3_last_insert_rowid(db->handle);
	return 0;
}

/* A blob may become a manifest as well, but a manifest stays one. */
int link_add(struct db *db, int64_t repository, int64_t blob, enum link_kind kind, struct error *err)
{
	return query_run(db,
			 "INSERT INTO link (repository, blob, kind, touched) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
			 " SET touched = excluded.touched, kind = iif(excluded.kind = 0, kind, excluded.kind)",
			 VALUES(INT(repository), INT(blob), INT(kind), INT(now_ms())), err) < 0 ? -1 : 0;
}

#define TREE "WITH RECURSIVE tree (blob) AS (SELECT ?1 UNION SELECT child FROM tree JOIN edge ON parent = blob AND edge.kind = 0)"

int tree_touch(struct db *db, int64_t repository, int64_t manifest, struct error *err)
{
	return query_run(db, TREE " UPDATE link SET touched = ?3 WHERE repository = ?2 AND blob IN (SELECT blob FROM tree)",
			 VALUES(INT(manifest), INT(repository), INT(now_ms())), err) < 0 ? -1 : 0;
}

int tree_touch_all(struct db *db, int64_t manifest, struct error *err)
{
	return query_run(db, TREE " UPDATE link SET touched = ?2 WHERE blob IN (SELECT blob FROM tree)", VALUES(INT(manifest), INT(now_ms())),
			 err) < 0 ? -1 : 0;
}

/* Links all that a manifest reaches, itself too. */
static int tree_link(struct db *db, int64_t repository, int64_t manifest, struct error *err)
{
	return query_run(db,
			 TREE " INSERT INTO link (repository, blob, kind, touched)"
			      " SELECT ?2, tree.blob, iif(manifest.blob IS NULL, 0, 2), ?3 FROM tree JOIN blob ON blob.id = tree.blob"
			      " LEFT JOIN manifest ON manifest.blob = tree.blob WHERE size IS NOT NULL"
			      " ON CONFLICT DO UPDATE SET touched = excluded.touched, kind = iif(kind = 0, excluded.kind, kind)",
			 VALUES(INT(manifest), INT(repository), INT(now_ms())), err) < 0 ? -1 : 0;
}

static int tree_missing(struct db *db, int64_t manifest, struct error *err)
{
	_cleanup_(freep) char *missing = NULL;
	int found = query_string(db, TREE " SELECT digest FROM tree JOIN blob ON id = blob WHERE size IS NULL LIMIT 1", VALUES(INT(manifest)),
				 &missing, err);

	return found > 0 ? error_set(err, ERROR_NOT_FOUND, "%s is not in the store", missing) : found;
}

struct link_row {
	int64_t repository, blob, kind, touched;
};

static int link_find(struct db *db, const char *registry, const char *repository, const struct digest *digest, struct link_row *ret,
		     struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	char text[DIGEST_TEXT_SIZE];

	if (query_begin(db,
			"SELECT link.repository, link.blob, link.kind, min(link.touched, blob.touched) FROM repository"
			" JOIN blob ON digest = ?3 AND size IS NOT NULL"
			" JOIN link ON link.repository = repository.id AND link.blob = blob.id WHERE registry = ?1 AND name = ?2",
			VALUES(TEXT(registry), TEXT(repository), TEXT(digest_print(digest, text))), &query, err) < 0)
		return -1;
	int found = query_step(&query, err);
	if (found > 0)
		*ret = (struct link_row){ query_int(&query, 0), query_int(&query, 1), query_int(&query, 2), query_int(&query, 3) };
	return found;
}

static int link_find_now(struct store *store, const char *registry, const char *repository, const struct digest *digest, struct link_row *ret,
			 struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);

	return link_find(db, registry, repository, digest, ret, err);
}

int store_blob_link(struct store *store, const char *registry, const char *repository, const struct digest *digest, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	char text[DIGEST_TEXT_SIZE];
	struct blob_row row;
	int64_t id;

	if (store_blob_linked(store, registry, repository, digest))
		return 0;
	if (!store_blob_has(store, digest)) /* also looks for the file */
		return error_set(err, ERROR_NOT_FOUND, "blob %s is not in the store", digest_print(digest, text));
	if (write_begin(store, &write, err) < 0)
		return -1;
	int found = blob_row_find(write.db, digest, &row, err);
	if (found < 0)
		return -1;
	if (!found || row.size < 0)
		return error_set(err, ERROR_NOT_FOUND, "blob %s is not in the store", digest_print(digest, text));
	if (repository_make(write.db, registry, repository, &id, err) < 0 || link_add(write.db, id, row.id, LINK_BLOB, err) < 0)
		return -1;
	return write_commit(&write, err);
}

/* Says yes only for what is there after the touch, and whose file is there. */
bool store_blob_linked(struct store *store, const char *registry, const char *repository, const struct digest *digest)
{
	struct link_row link;
	int64_t now = now_ms();

	if (link_find_now(store, registry, repository, digest, &link, NULL) <= 0 || !store_blob_has(store, digest))
		return false;
	if (link.touched >= now - TOUCH_INTERVAL_MS)
		return true;
	struct write write _cleanup_(write_end) = { 0 };
	if (write_begin_lazy(store, &write, NULL) == 0 &&
	    query_run(write.db, "UPDATE link SET touched = ? WHERE repository = ? AND blob = ?",
		      VALUES(INT(now), INT(link.repository), INT(link.blob)), NULL) >= 0)
		write_commit(&write, NULL);
	write_end(&write);
	return link_find_now(store, registry, repository, digest, &link, NULL) > 0;
}

int store_blob_unlink(struct store *store, const char *registry, const char *repository, const struct digest *digest, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	char text[DIGEST_TEXT_SIZE];
	struct link_row link;

	if (write_begin(store, &write, err) < 0)
		return -1;
	int found = link_find(write.db, registry, repository, digest, &link, err);
	if (found < 0)
		return -1;
	if (!found || link.kind != LINK_BLOB)
		return error_set(err, ERROR_NOT_FOUND, "blob %s is not in %s", digest_print(digest, text), repository);
	if (query_run(write.db, "DELETE FROM link WHERE repository = ? AND blob = ?", VALUES(INT(link.repository), INT(link.blob)), err) < 0)
		return -1;
	return write_commit(&write, err);
}

/* ---- putting a manifest ---- */

struct put {
	struct store *store;
	struct db *db;
	int64_t repository, id; /* id: of the manifest's blob */
	const char *label;	/* of the repository, for errors */
	bool local, partial;	/* local: not what this store publishes */
	bool trusted;		/* by rebuild: needs no links beforehand */
	bool cached;		/* from an upstream: what it names may come later, or never */
	const struct manifest *manifest;
};

void summary_read_config(struct store *store, const struct digest *digest, struct summary *ret)
{
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	struct timespec created = { 0 };
	struct digest chain;

	if (store_blob_read(store, digest, CONFIG_SIZE_MAX, &text, NULL) < 0 || config_parse(text.data ? text.data : "", text.len, &config, NULL) < 0)
		return;
	ret->known = true;
	platform_print(&config.platform, ret->platform);
	config_chain_id(config.diff_ids, config.diff_ids_len, &chain);
	digest_print(&chain, ret->chain);
	if (config.created && time_parse(config.created, &created, NULL) == 0)
		ret->created = created.tv_sec;
}

static void summary_read(struct store *store, const struct manifest *manifest, struct summary *ret)
{
	if (!manifest->is_index && media_type_class(media_type_parse(manifest->config.media_type)) == MEDIA_CLASS_CONFIG)
		summary_read_config(store, &manifest->config.digest, ret);
}

/* A child (config, layer, manifest) must be here, and readable through the repository if that is published. 1: there. */
static int put_check(struct put *put, const struct descriptor *child, bool is_manifest, int64_t *ret_blob, struct error *err)
{
	char text[DIGEST_TEXT_SIZE], path[BLOB_PATH_SIZE];
	struct blob_row row;
	int64_t kind = 0;
	int found = blob_row_find(put->db, &child->digest, &row, err);

	if (found < 0)
		return -1;
	digest_print(&child->digest, text);
	bool here = found && row.size >= 0 && faccessat(put->store->dir, blob_path(&child->digest, path), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (here && is_manifest && query_number(put->db, "SELECT 1 FROM manifest WHERE blob = ?", VALUES(INT(row.id)), &kind, err) <= 0)
		here = false;
	if (here && !put->local && !put->trusted && !put->cached) {
		found = query_number(put->db, "SELECT kind FROM link WHERE repository = ? AND blob = ?", VALUES(INT(put->repository), INT(row.id)),
				     &kind, err);
		if (found < 0)
			return -1;
		here = found && (!is_manifest || kind != LINK_BLOB);
	}
	if (!here && (put->cached || (put->manifest->is_index && put->partial)))
		return blob_row_name(put->db, &child->digest, ret_blob, err);
	if (!here)
		return error_set(err, ERROR_NOT_FOUND, "%s %s is not in %s", is_manifest ? "manifest" : "blob", text,
				 put->local ? "the store" : put->label);
	if (row.size != child->size)
		return error_set(err, ERROR_INVALID, "the manifest says that %s has %lld bytes, but it has %lld", text, (long long)child->size,
				 (long long)row.size);
	*ret_blob = row.id;
	return 1;
}

static int put_child(struct put *put, const struct descriptor *child, bool is_manifest, struct error *err)
{
	int64_t blob;

	if (put_check(put, child, is_manifest, &blob, err) < 0)
		return -1;
	return query_run(put->db, "INSERT INTO edge (parent, child, kind) VALUES (?, ?, 0) ON CONFLICT DO NOTHING", VALUES(INT(put->id), INT(blob)),
			 err) < 0 ? -1 : 0;
}

/* BuildKit keeps its caches as indexes of layers and of a configuration (--cache-to type=registry): what a child's type doesn't call a manifest
 * is a blob. */
static bool names_manifest(const struct descriptor *child)
{
	enum media_class class = media_type_class(media_type_parse(child->media_type));

	return class == MEDIA_CLASS_MANIFEST || class == MEDIA_CLASS_INDEX;
}

static int put_children(struct put *put, struct error *err)
{
	const struct manifest *manifest = put->manifest;

	if (!manifest->is_index && put_child(put, &manifest->config, false, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->layers_len; i++) {
		const struct descriptor *layer = &manifest->layers[i];
		if (media_type_class(media_type_parse(layer->media_type)) == MEDIA_CLASS_FOREIGN_LAYER)
			continue;
		if (put_child(put, layer, false, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < manifest->children_len; i++)
		if (put_child(put, &manifest->children[i], names_manifest(&manifest->children[i]), err) < 0)
			return -1;
	return 0;
}

static int put_row(struct put *put, const struct summary *summary, struct error *err)
{
	const struct manifest *manifest = put->manifest;
	const char *artifact = manifest->artifact_type ? manifest->artifact_type : manifest->is_index ? NULL : manifest->config.media_type;
	int64_t subject = 0, config = 0;

	if (manifest->has_subject && blob_row_name(put->db, &manifest->subject.digest, &subject, err) < 0)
		return -1;
	if (!manifest->is_index && blob_row_name(put->db, &manifest->config.digest, &config, err) < 0)
		return -1;
	if (query_run(put->db,
		      "INSERT INTO manifest (blob, media_type, is_index, subject, artifact_type, config, platform, created, chain)"
		      " VALUES (?, ?, ?, nullif(?, 0), ?, nullif(?, 0), ?, ?, ?) ON CONFLICT DO UPDATE SET platform = excluded.platform,"
		      " created = excluded.created, chain = excluded.chain",
		      VALUES(INT(put->id), TEXT(media_type_text(manifest->type)), INT(manifest->is_index), INT(subject), TEXT(artifact), INT(config),
			     TEXT(summary->known ? summary->platform : NULL), INT(summary->created), TEXT(summary->known ? summary->chain : NULL)),
		      err) < 0)
		return -1;
	if (!subject || subject == put->id)
		return 0;
	return query_run(put->db, "INSERT INTO edge (parent, child, kind) VALUES (?, ?, 1) ON CONFLICT DO NOTHING", VALUES(INT(put->id), INT(subject)),
			 err) < 0 ? -1 : 0;
}

/* Who is named by an index, or speaks about a subject that is here, lives and goes with it: see enum link_kind. */
static int put_links(struct put *put, struct error *err)
{
	int64_t subject_here = 0;

	/* That a manifest of an upstream names a blob which is here from elsewhere gives nobody the right to read it. */
	if (put->cached)
		return link_add(put->db, put->repository, put->id, LINK_LOOSE, err) < 0 ? -1 : cached_write(put->db, put->repository, put->id, err);
	if (query_number(put->db,
			 "SELECT 1 FROM manifest JOIN link ON link.blob = manifest.subject AND link.repository = ?2 AND link.kind > 0"
			 " WHERE manifest.blob = ?1",
			 VALUES(INT(put->id), INT(put->repository)), &subject_here, err) < 0)
		return -1;
	/* What is published was linked when it was pushed, and what was deleted since stays so: naming it again gives nobody the right to read it. */
	int linked = put->local || put->trusted ? tree_link(put->db, put->repository, put->id, err) : tree_touch(put->db, put->repository, put->id, err);
	if (linked < 0 || link_add(put->db, put->repository, put->id, put->local || subject_here ? LINK_LOOSE : LINK_KEPT, err) < 0)
		return -1;
	return query_run(put->db,
			 "UPDATE link SET kind = 2 WHERE repository = ?2 AND kind = 1 AND (blob IN (SELECT child FROM edge WHERE parent = ?1)"
			 " OR blob IN (SELECT blob FROM manifest WHERE subject = ?1))"
			 " AND NOT EXISTS (SELECT 1 FROM tag WHERE tag.repository = ?2 AND tag.manifest = link.blob)",
			 VALUES(INT(put->id), INT(put->repository)), err) < 0 ? -1 : 0;
}

/* The bytes as a blob: `temporary` in uploads/, or "" if they were there a moment ago. */
static int put_bytes(struct put *put, const void *bytes, size_t len, const struct digest *digest, char temporary[48], struct error *err)
{
	struct blob_row row;
	int found = *temporary ? 0 : blob_row_find(put->db, digest, &row, err);

	if (found < 0)
		return -1;
	if (!*temporary && !(found && row.size >= 0) && blob_write_temporary(put->store, bytes, len, temporary, err) < 0)
		return -1;
	return *temporary ? blob_adopt(put->store, put->db, temporary, digest, (int64_t)len, err) : 0;
}

static int put_tags(struct put *put, const struct strlist *tags, struct error *err)
{
	for (size_t i = 0; tags && i < tags->len; i++)
		if (put->cached ? tag_write_cached(put->db, put->repository, tags->items[i], put->id, err) < 0 :
				  tag_write(put->store, put->db, put->repository, tags->items[i], put->id, err) < 0)
			return -1;
	return 0;
}

static int put_commit(struct put *put, const char *registry, const char *repository, const void *bytes, size_t len,
		      const struct digest *digest, char temporary[48], const struct strlist *tags, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	struct summary summary = { 0 };

	summary_read(put->store, put->manifest, &summary);
	if (write_begin(put->store, &write, err) < 0)
		return -1;
	put->db = write.db;
	/* The bytes come in when all else is known to be right: a file doesn't go away with the transaction. */
	if (repository_make(put->db, registry, repository, &put->repository, err) < 0 || blob_row_name(put->db, digest, &put->id, err) < 0 ||
	    put_row(put, &summary, err) < 0 || put_children(put, err) < 0 || put_bytes(put, bytes, len, digest, temporary, err) < 0 ||
	    put_links(put, err) < 0 || put_tags(put, tags, err) < 0)
		return -1;
	if (!put->local && !put->cached && (!tags || !tags->len) && journal_add(put->store, put->db, "keep", put->repository, NULL, put->id, err) < 0)
		return -1;
	return write_commit(&write, err);
}

static int manifest_put(struct store *store, struct put *put, const char *registry, const char *repository, const void *bytes, size_t len,
			const char *media_type, const struct strlist *tags, const struct digest *digest, struct error *err)
{
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };
	_cleanup_(freep) char *label = repository_label(registry, repository);
	char temporary[48] = "", wanted[DIGEST_TEXT_SIZE];
	struct digest got;

	if (len > MANIFEST_SIZE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the manifest has %zu bytes, more than the %d that are allowed", len, MANIFEST_SIZE_MAX);
	digest_of(digest->algorithm, bytes, len, &got);
	if (!digest_equal(&got, digest))
		return error_set(err, ERROR_CORRUPT, "the manifest's bytes do not match its digest %s", digest_print(digest, wanted));
	if (manifest_parse(bytes, len, media_type, &manifest, err) < 0)
		return -1;
	put->store = store;
	put->label = label;
	put->local = *registry;
	put->manifest = &manifest;
	if (!store_blob_has(store, digest) && blob_write_temporary(store, bytes, len, temporary, err) < 0)
		return -1;
	if (put_commit(put, registry, repository, bytes, len, digest, temporary, tags, err) < 0) {
		uploads_drop(store, temporary);
		return -1;
	}
	return 0;
}

int store_manifest_put_as(struct store *store, const char *registry, const char *repository, const void *bytes, size_t len,
			  const char *media_type, bool partial, const struct strlist *tags, const struct digest *digest, struct error *err)
{
	struct put put = { .partial = partial };

	return manifest_put(store, &put, registry, repository, bytes, len, media_type, tags, digest, err);
}

int store_cached_put(struct store *store, const char *repository, const void *bytes, size_t len, const char *media_type, const char *tag,
		     const struct digest *digest, struct error *err)
{
	struct put put = { .partial = true, .cached = true };
	struct strlist tags _cleanup_(strlist_free) = { 0 };

	if (tag)
		strlist_add(&tags, tag);
	return manifest_put(store, &put, "", repository, bytes, len, media_type, &tags, digest, err);
}

int manifest_put_trusted(struct store *store, const char *registry, const char *repository, const struct buf *text,
			 const struct strlist *tags, const struct digest *digest, struct error *err)
{
	struct put put = { .partial = true, .trusted = true };

	return manifest_put(store, &put, registry, repository, text->data, text->len, NULL, tags, digest, err);
}

int store_manifest_put(struct store *store, const char *registry, const char *repository, const void *bytes, size_t len,
		       const char *media_type, bool partial, const struct strlist *tags, struct digest *ret, struct error *err)
{
	struct digest digest = { 0 };

	if (len <= MANIFEST_SIZE_MAX)
		digest_of(DIGEST_SHA256, bytes, len, &digest);
	if (store_manifest_put_as(store, registry, repository, bytes, len, media_type, partial, tags, &digest, err) < 0)
		return -1;
	*ret = digest;
	return 0;
}

/* ---- reading and removing ---- */

static int manifest_missing(const char *registry, const char *repository, const struct digest *digest, struct error *err)
{
	_cleanup_(freep) char *label = repository_label(registry, repository);
	char text[DIGEST_TEXT_SIZE];

	return error_set(err, ERROR_NOT_FOUND, "manifest %s is not in %s", digest_print(digest, text), label);
}

static int manifest_media_type(struct store *store, const char *registry, const char *repository, const struct digest *digest, char **ret,
			       struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	char text[DIGEST_TEXT_SIZE];

	return query_string(db,
			    "SELECT media_type FROM repository JOIN blob ON digest = ?3 AND size IS NOT NULL"
			    " JOIN link ON link.repository = repository.id AND link.blob = blob.id AND link.kind > 0"
			    " JOIN manifest ON manifest.blob = blob.id WHERE registry = ?1 AND name = ?2",
			    VALUES(TEXT(registry), TEXT(repository), TEXT(digest_print(digest, text))), ret, err);
}

int store_manifest_get(struct store *store, const char *registry, const char *repository, const struct digest *digest,
		       struct buf *ret, char **ret_media_type, struct error *err)
{
	_cleanup_(freep) char *media_type = NULL;
	int found = manifest_media_type(store, registry, repository, digest, &media_type, err);

	if (found < 0)
		return -1;
	if (!found)
		return manifest_missing(registry, repository, digest, err);
	if (ret && store_blob_read(store, digest, MANIFEST_SIZE_MAX, ret, err) < 0)
		return -1;
	if (ret_media_type)
		*ret_media_type = steal(media_type);
	return 0;
}

static int manifest_delete(struct store *store, const char *registry, const char *repository, const struct digest *digest, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	struct link_row link;

	if (write_begin(store, &write, err) < 0)
		return -1;
	int found = link_find(write.db, registry, repository, digest, &link, err);
	if (found < 0)
		return -1;
	if (!found || link.kind == LINK_BLOB)
		return manifest_missing(registry, repository, digest, err);
	const struct value *values = VALUES(INT(link.repository), INT(link.blob));
	if (query_run(write.db, "DELETE FROM tag WHERE repository = ? AND manifest = ?", values, err) < 0 ||
	    query_run(write.db, "DELETE FROM link WHERE repository = ? AND blob = ?", values, err) < 0 ||
	    journal_add(store, write.db, "drop", link.repository, NULL, link.blob, err) < 0)
		return -1;
	return write_commit(&write, err);
}

int store_manifest_delete(struct store *store, const char *registry, const char *repository, const struct digest *digest, struct error *err)
{
	struct error failure = { 0 };
	int result;

	do
		result = manifest_delete(store, registry, repository, digest, &failure);
	while (result < 0 && reserve_spend(store, &failure));
	if (result < 0)
		error_move(err, &failure);
	return result;
}

int store_tag_copy(struct store *store, const char *from_registry, const char *from_repository, const struct digest *manifest,
		   const char *to_registry, const char *to_repository, const char *tag, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	struct link_row link;
	int64_t to;

	if (write_begin(store, &write, err) < 0)
		return -1;
	int found = link_find(write.db, from_registry, from_repository, manifest, &link, err);
	if (found < 0)
		return -1;
	if (!found || link.kind == LINK_BLOB)
		return manifest_missing(from_registry, from_repository, manifest, err);
	bool local = *to_registry;
	if (!local && tree_missing(write.db, link.blob, err) < 0)
		return -1;
	if (repository_make(write.db, to_registry, to_repository, &to, err) < 0 || tree_link(write.db, to, link.blob, err) < 0 ||
	    link_add(write.db, to, link.blob, local ? LINK_LOOSE : LINK_KEPT, err) < 0 ||
	    (tag && tag_write(store, write.db, to, tag, link.blob, err) < 0))
		return -1;
	return write_commit(&write, err);
}
