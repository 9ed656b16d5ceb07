/* Tags, listings, referrers. */
#include <stdio.h>

#include "store/internal.h"

int tag_write_cached(struct db *db, int64_t repository, const char *tag, int64_t manifest, struct error *err)
{
	if (query_run(db,
		      "INSERT INTO tag (repository, name, manifest, updated) VALUES (?, ?, ?, ?)"
		      " ON CONFLICT DO UPDATE SET manifest = excluded.manifest, updated = excluded.updated",
		      VALUES(INT(repository), TEXT(tag), INT(manifest), INT(now_ms())), err) < 0)
		return -1;
	return tree_touch(db, repository, manifest, err);
}

int tag_write(struct store *store, struct db *db, int64_t repository, const char *tag, int64_t manifest, struct error *err)
{
	if (journal_add(store, db, "tag", repository, tag, manifest, err) < 0)
		return -1;
	return tag_write_cached(db, repository, tag, manifest, err);
}

static int tag_missing(const char *registry, const char *repository, const char *tag, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "%s%s%s:%s is not in the store", registry, *registry ? "/" : "", repository, tag);
}

int store_tag_get(struct store *store, const char *registry, const char *repository, const char *tag, struct digest *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };

	if (query_begin(db,
			"SELECT digest FROM repository JOIN tag ON tag.repository = repository.id AND tag.name = ?3"
			" JOIN blob ON blob.id = tag.manifest WHERE registry = ?1 AND repository.name = ?2",
			VALUES(TEXT(registry), TEXT(repository), TEXT(tag)), &query, err) < 0)
		return -1;
	int found = query_step(&query, err);
	if (found < 0)
		return -1;
	if (!found)
		return tag_missing(registry, repository, tag, err);
	return digest_parse(query_text(&query, 0), ret, err);
}

int store_tag_set(struct store *store, const char *registry, const char *repository, const char *tag, const struct digest *manifest,
		  struct error *err)
{
	return store_tag_copy(store, registry, repository, manifest, registry, repository, tag, err);
}

/* Someone who removes the last tag by name wants the space back: the manifest becomes loose. One whose tag only moved on stays, since
 * deployments name it by digest. */
int tag_remove(struct store *store, struct db *db, int64_t repository, const char *tag, int64_t manifest, struct error *err)
{
	if (query_run(db, "DELETE FROM tag WHERE repository = ? AND name = ?", VALUES(INT(repository), TEXT(tag)), err) < 0 ||
	    query_run(db,
		      "UPDATE link SET kind = 2 WHERE repository = ?1 AND blob = ?2"
		      " AND NOT EXISTS (SELECT 1 FROM tag WHERE tag.repository = ?1 AND tag.manifest = ?2)",
		      VALUES(INT(repository), INT(manifest)), err) < 0)
		return -1;
	return journal_add(store, db, "untag", repository, tag, manifest, err);
}

static int tag_delete(struct store *store, const char *registry, const char *repository, const char *tag, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	int64_t id, manifest;

	if (write_begin(store, &write, err) < 0)
		return -1;
	int found = repository_find(write.db, registry, repository, &id, err);
	if (found > 0)
		found = query_number(write.db, "SELECT manifest FROM tag WHERE repository = ? AND name = ?", VALUES(INT(id), TEXT(tag)), &manifest, err);
	if (found < 0)
		return -1;
	if (!found)
		return tag_missing(registry, repository, tag, err);
	return tag_remove(store, write.db, id, tag, manifest, err) < 0 ? -1 : write_commit(&write, err);
}

int store_tag_delete(struct store *store, const char *registry, const char *repository, const char *tag, struct error *err)
{
	struct error failure = { 0 };
	int result;

	do
		result = tag_delete(store, registry, repository, tag, &failure);
	while (result < 0 && reserve_spend(store, &failure));
	if (result < 0)
		error_move(err, &failure);
	return result;
}

/* ---- listings ---- */

static int list_texts(struct store *store, const char *sql, const struct value *values, struct strlist *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };
	struct strlist list _cleanup_(strlist_free) = { 0 };
	int result;

	if (query_begin(db, sql, values, &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0)
		strlist_add(&list, query_text(&query, 0));
	if (result < 0)
		return -1;
	strlist_add_all(ret, &list);
	return 0;
}

static int64_t limit_of(size_t limit)
{
	return limit > INT32_MAX ? INT32_MAX : (int64_t)limit;
}

int store_tags(struct store *store, const char *registry, const char *repository, const char *last, size_t limit, struct strlist *ret,
	       struct error *err)
{
	return list_texts(store,
			  "SELECT tag.name FROM repository JOIN tag ON tag.repository = repository.id AND tag.name > ?3"
			  " WHERE registry = ?1 AND repository.name = ?2 ORDER BY tag.name LIMIT ?4",
			  VALUES(TEXT(registry), TEXT(repository), TEXT(last ? last : ""), INT(limit_of(limit))), ret, err);
}

/* Only repositories that hold a manifest: one that blobs are just being pushed to isn't there yet. */
int store_catalog(struct store *store, const char *registry, const char *last, size_t limit, struct strlist *ret, struct error *err)
{
	return list_texts(store,
			  "SELECT name FROM repository WHERE registry = ? AND name > ?"
			  " AND EXISTS (SELECT 1 FROM link WHERE link.repository = repository.id AND kind > 0) ORDER BY name LIMIT ?",
			  VALUES(TEXT(registry), TEXT(last ? last : ""), INT(limit_of(limit))), ret, err);
}

int store_blob_repositories(struct store *store, const char *registry, const struct digest *digest, size_t limit, struct strlist *ret, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	if (!store_blob_has(store, digest))
		return 0;
	return list_texts(store,
			  "SELECT repository.name FROM blob JOIN link ON link.blob = blob.id"
			  " JOIN repository ON repository.id = link.repository AND registry = ?2 WHERE digest = ?1 AND size IS NOT NULL LIMIT ?3",
			  VALUES(TEXT(digest_print(digest, text)), TEXT(registry), INT(limit_of(limit))), ret, err);
}

bool store_repository_exists(struct store *store, const char *registry, const char *repository)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	int64_t id;

	return query_number(db,
			    "SELECT id FROM repository WHERE registry = ? AND name = ?"
			    " AND EXISTS (SELECT 1 FROM link WHERE link.repository = repository.id)",
			    VALUES(TEXT(registry), TEXT(repository)), &id, NULL) > 0;
}

/* ---- referrers ---- */

enum { REFERRERS_PAGE = 1000, DESCRIPTOR_BYTES = 512 /* a descriptor without its annotations takes less */ };

static int referrers_find(struct store *store, const char *registry, const char *repository, const struct digest *subject,
			  const char *artifact_type, const struct digest *last, struct manifest *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };
	char text[DIGEST_TEXT_SIZE], behind[DIGEST_TEXT_SIZE] = "";
	int result;

	if (last)
		digest_print(last, behind);

	if (query_begin(db,
			"SELECT blob.digest, blob.size, media_type, artifact_type FROM repository"
			" JOIN blob AS subject ON subject.digest = ?3 JOIN manifest ON manifest.subject = subject.id"
			" JOIN link ON link.repository = repository.id AND link.blob = manifest.blob AND link.kind > 0"
			" JOIN blob ON blob.id = manifest.blob AND blob.size IS NOT NULL"
			" WHERE registry = ?1 AND name = ?2 AND (?4 IS NULL OR artifact_type = ?4)"
			" AND blob.id > coalesce((SELECT id FROM blob WHERE digest = ?5), 0) ORDER BY blob.id LIMIT ?6",
			VALUES(TEXT(registry), TEXT(repository), TEXT(digest_print(subject, text)), TEXT(artifact_type), TEXT(behind),
			       INT(REFERRERS_PAGE + 1)),
			&query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0) {
		struct descriptor descriptor _cleanup_(descriptor_clear) = { 0 };
		if (digest_parse(query_text(&query, 0), &descriptor.digest, err) < 0)
			return -1;
		descriptor.size = query_int(&query, 1);
		descriptor.media_type = xstrdup(query_text(&query, 2));
		descriptor.artifact_type = xstrdup(query_text(&query, 3));
		manifest_add_child(ret, &descriptor);
	}
	return result;
}

/* A descriptor carries its manifest's annotations; one whose text can't be read is listed without. */
static void referrer_annotate(struct store *store, struct descriptor *descriptor)
{
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };

	if (store_blob_read(store, &descriptor->digest, MANIFEST_SIZE_MAX, &text, NULL) == 0 &&
	    manifest_parse(text.data, text.len, descriptor->media_type, &manifest, NULL) == 0)
		descriptor->annotations = json_incref(manifest.annotations);
}

/* Annotations are a part of their manifest, whose size bounds them. */
static bool referrers_cut(struct manifest *index)
{
	int64_t room = MANIFEST_SIZE_MAX;
	size_t len = 0, found = index->children_len;

	for (; len < found && len < REFERRERS_PAGE; len++) {
		room -= DESCRIPTOR_BYTES + index->children[len].size;
		if (room < 0 && len)
			break;
	}
	while (index->children_len > len)
		descriptor_clear(&index->children[--index->children_len]);
	return len < found;
}

int store_referrers(struct store *store, const char *registry, const char *repository, const struct digest *subject,
		    const char *artifact_type, const struct digest *last, struct manifest *ret, bool *ret_more, struct error *err)
{
	struct manifest index _cleanup_(manifest_clear) = { .type = MEDIA_OCI_INDEX, .is_index = true };

	if (referrers_find(store, registry, repository, subject, artifact_type, last, &index, err) < 0)
		return -1;
	*ret_more = referrers_cut(&index);
	for (size_t i = 0; i < index.children_len; i++)
		referrer_annotate(store, &index.children[i]);
	*ret = index;
	index = (struct manifest){ 0 };
	return 0;
}
