/* What lists say of repositories and tags: a few questions to the tables, no walk over files. */
#include <dirent.h>
#include <stdio.h>

#include "base/fd.h"
#include "store/internal.h"

enum { DETAILS_PLATFORMS_MAX = 64 }; /* who may push may push thousands */

#define DESCRIPTION "org.opencontainers.image.description"

/* ---- repositories ---- */

void repository_rows_free(struct repository_row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(rows[i].name);
		free(rows[i].newest);
	}
	free(rows);
}

static int repository_rows(struct query *query, struct repository_row **ret, size_t *ret_len, struct error *err)
{
	struct repository_row *rows = NULL;
	size_t len = 0;
	int result;

	while ((result = query_step(query, err)) > 0) {
		xgrow(rows, len);
		rows[len++] = (struct repository_row){ .name = xstrdup(query_text(query, 0)), .tags = query_int(query, 1), .bytes = query_int(query, 2),
						       .newest = xstrdup(query_text(query, 3)), .updated = query_int(query, 4) / 1000 };
	}
	if (result < 0) {
		repository_rows_free(rows, len);
		return -1;
	}
	*ret = rows;
	*ret_len = len;
	return 0;
}

int store_repository_rows(struct store *store, const char *registry, const char *pattern, const char *last, size_t limit,
			  struct repository_row **ret, size_t *ret_len, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };

	if (query_begin(db,
			"SELECT name, (SELECT count(*) FROM tag WHERE tag.repository = repository.id),"
			" (SELECT coalesce(sum(size), 0) FROM link JOIN blob ON blob.id = link.blob WHERE link.repository = repository.id),"
			" (SELECT tag.name FROM tag WHERE tag.repository = repository.id ORDER BY updated DESC, tag.name DESC LIMIT 1),"
			" (SELECT max(updated) FROM tag WHERE tag.repository = repository.id)"
			" FROM repository WHERE registry = ?1 AND name > ?2 AND (?3 IS NULL OR name GLOB ?3)"
			" AND EXISTS (SELECT 1 FROM link WHERE link.repository = repository.id AND kind > 0) ORDER BY name LIMIT ?4",
			VALUES(TEXT(registry), TEXT(last ? last : ""), TEXT(pattern), INT(limit > INT32_MAX ? INT32_MAX : (int64_t)limit)), &query,
			err) < 0)
		return -1;
	return repository_rows(&query, ret, ret_len, err);
}

void repository_details_clear(struct repository_details *details)
{
	strlist_free(&details->platforms);
	*details = (struct repository_details){ 0 };
}

static int details_platforms(struct db *db, int64_t repository, struct strlist *ret, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	int result;

	if (query_begin(db,
			"SELECT DISTINCT platform FROM link JOIN manifest ON manifest.blob = link.blob WHERE repository = ? AND kind > 0"
			" AND platform IS NOT NULL AND platform <> 'unknown/unknown' ORDER BY platform LIMIT ?",
			VALUES(INT(repository), INT(DETAILS_PLATFORMS_MAX)), &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0)
		strlist_add(ret, query_text(&query, 0));
	return result;
}

int store_repository_details(struct store *store, const char *registry, const char *repository, struct repository_details *ret, struct error *err)
{
	struct repository_details details _cleanup_(repository_details_clear) = { 0 };
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	int64_t id;

	int found = repository_find(db, registry, repository, &id, err);
	if (found <= 0)
		return found < 0 ? -1 : error_set(err, ERROR_NOT_FOUND, "there is no repository %s", repository);
	if (details_platforms(db, id, &details.platforms, err) < 0 ||
	    query_number(db, "SELECT count(*) FROM cached WHERE repository = ?", VALUES(INT(id)), &details.cached, err) < 0 ||
	    query_number(db, "SELECT coalesce(max(pulled), 0) / 1000 FROM cached WHERE repository = ?", VALUES(INT(id)), &details.pulled, err) < 0)
		return -1;
	*ret = details;
	details = (struct repository_details){ 0 };
	return 0;
}

char *store_pattern_containing(const char *text)
{
	struct buf out _cleanup_(buf_free) = { 0 };

	buf_add_char(&out, '*');
	for (; *text; text++)
		buf_printf(&out, strchr("*?[", *text) ? "[%c]" : "%c", *text);
	buf_add_char(&out, '*');
	return buf_steal(&out);
}

/* ---- tags ---- */

void tag_rows_free(struct tag_row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(rows[i].name);
		free(rows[i].media_type);
		free(rows[i].platforms);
	}
	free(rows);
}

#define TREE(top) "WITH RECURSIVE tree (blob) AS (SELECT " top " UNION SELECT child FROM tree JOIN edge ON parent = blob AND edge.kind = 0)"
/* Attestations give themselves the platform unknown/unknown. */
#define PLATFORMS                                                                                                      \
	" SELECT group_concat(DISTINCT platform) FROM tree JOIN manifest AS part ON part.blob = tree.blob"             \
	" WHERE platform IS NOT NULL AND platform <> 'unknown/unknown'"

static const char tags_sql[] =
	"SELECT tag.name, top.media_type, digest, updated,"
	" (" TREE("tag.manifest") " SELECT coalesce(sum(size), 0) FROM tree JOIN blob AS part ON part.id = tree.blob),"
	" (" TREE("tag.manifest") PLATFORMS ")"
	" FROM repository JOIN tag ON tag.repository = repository.id JOIN manifest AS top ON top.blob = tag.manifest"
	" JOIN blob ON blob.id = tag.manifest"
	" WHERE registry = ?1 AND repository.name = ?2 AND tag.name > ?3 ORDER BY tag.name LIMIT ?4";

int store_tag_rows(struct store *store, const char *registry, const char *repository, const char *last, size_t limit, struct tag_row **ret,
		   size_t *ret_len, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };
	struct tag_row *rows = NULL;
	size_t len = 0;
	int result;

	if (query_begin(db, tags_sql, VALUES(TEXT(registry), TEXT(repository), TEXT(last ? last : ""), INT(limit > INT32_MAX ? INT32_MAX : (int64_t)limit)),
			&query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0) {
		struct tag_row row = { .updated = query_int(&query, 3) / 1000, .bytes = query_int(&query, 4) };
		if ((result = digest_parse(query_text(&query, 2), &row.digest, err)) < 0)
			break;
		row.name = xstrdup(query_text(&query, 0));
		row.media_type = xstrdup(query_text(&query, 1));
		row.platforms = xstrdup(query_text(&query, 5) ? query_text(&query, 5) : "");
		xgrow(rows, len);
		rows[len++] = row;
	}
	if (result < 0) {
		tag_rows_free(rows, len);
		return -1;
	}
	*ret = rows;
	*ret_len = len;
	return 0;
}

void tag_details_clear(struct tag_details *details)
{
	free(details->artifact_type);
	*details = (struct tag_details){ 0 };
}

int store_tag_details(struct store *store, const char *registry, const char *repository, const char *tag, struct tag_details *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	struct query query _cleanup_(query_end) = { 0 };

	if (query_begin(db,
			"SELECT top.artifact_type, (" TREE("tag.manifest") " SELECT max(created) FROM tree JOIN manifest AS part ON part.blob = tree.blob),"
			" (SELECT pulled / 1000 FROM cached WHERE cached.repository = tag.repository AND cached.manifest = tag.manifest)"
			" FROM repository JOIN tag ON tag.repository = repository.id AND tag.name = ?3 JOIN manifest AS top ON top.blob = tag.manifest"
			" WHERE registry = ?1 AND repository.name = ?2",
			VALUES(TEXT(registry), TEXT(repository), TEXT(tag)), &query, err) < 0)
		return -1;
	int found = query_step(&query, err);
	if (found <= 0)
		return found < 0 ? -1 : error_set(err, ERROR_NOT_FOUND, "there is no tag %s in %s", tag, repository);
	*ret = (struct tag_details){ xstrdup(query_text(&query, 0)), query_int(&query, 1), query_int(&query, 2) };
	return 0;
}

int store_image_platforms(struct store *store, const struct digest *top, char **ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	char text[DIGEST_TEXT_SIZE];
	char *platforms = NULL;

	if (query_string(db, TREE("(SELECT id FROM blob WHERE digest = ?)") PLATFORMS, VALUES(TEXT(digest_print(top, text))), &platforms, err) < 0)
		return -1;
	*ret = platforms ? platforms : xstrdup("");
	return 0;
}

/* ---- descriptions ---- */

static int read_manifest(struct store *store, const struct digest *digest, struct manifest *ret)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	if (store_blob_read(store, digest, MANIFEST_SIZE_MAX, &text, NULL) < 0)
		return -1;
	return manifest_parse(text.data, text.len, NULL, ret, NULL);
}

static char *description_of(struct store *store, const struct manifest *manifest)
{
	const char *said = json_string_value(json_object_get(manifest->annotations, DESCRIPTION));
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };

	if (said || manifest->is_index)
		return xstrdup(said);
	if (media_type_class(media_type_parse(manifest->config.media_type)) != MEDIA_CLASS_CONFIG ||
	    store_blob_read(store, &manifest->config.digest, CONFIG_SIZE_MAX, &text, NULL) < 0 ||
	    config_parse(text.data, text.len, &config, NULL) < 0)
		return NULL;
	return xstrdup(strlist_env_get(&config.labels, DESCRIPTION));
}

/* An index that says nothing lets its first image that is here speak. */
char *store_image_description(struct store *store, const struct digest *top)
{
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };

	if (read_manifest(store, top, &manifest) < 0)
		return NULL;
	char *said = description_of(store, &manifest);
	for (size_t i = 0; !said && i < manifest.children_len; i++) {
		struct manifest child _cleanup_(manifest_clear) = { 0 };
		if (read_manifest(store, &manifest.children[i].digest, &child) == 0)
			return description_of(store, &child);
	}
	return said;
}

/* ---- numbers ---- */

/* Other connections' commits, our own writer's among them, change what the reader is told. */
int64_t store_changes(struct store *store)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	int64_t version = 0;

	query_number(db, "PRAGMA data_version", VALUES(), &version, NULL);
	return version;
}

/* The database's two connections share one index of its log, which lies in memory that all processes share. Its header (48 bytes, the first of two
 * copies: sqlite.org/walformat.html, 2.2) is written anew by each commit, before that returns: it holds a counter of transactions, and the
 * checksum and the salt of the log's last frame. A copy that is torn by a commit is equal to none. */
bool store_version(struct store *store, struct store_version *ret)
{
	if (!store->log_index)
		return false;
	for (size_t i = 0; i < array_len(ret->words); i++)
		ret->words[i] = __atomic_load_n(&store->log_index[i], __ATOMIC_ACQUIRE);
	return true;
}

bool store_version_equal(const struct store_version *a, const struct store_version *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

int store_totals(struct store *store, struct store_totals *ret, struct error *err)
{
	struct strlist uploads _cleanup_(strlist_free) = { 0 };

	if (dir_names(store->dir, "uploads", &uploads, err) < 0)
		return -1;
	ret->uploads = (int64_t)uploads.len;
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	if (query_number(db, "SELECT count(*) FROM blob WHERE size IS NOT NULL", VALUES(), &ret->blobs, err) < 0 ||
	    query_number(db, "SELECT coalesce(sum(size), 0) FROM blob", VALUES(), &ret->bytes, err) < 0 ||
	    query_number(db, "SELECT count(*) FROM repository WHERE registry = ''", VALUES(), &ret->repositories, err) < 0 ||
	    query_number(db, "SELECT count(*) FROM tag JOIN repository ON repository.id = tag.repository WHERE registry = ''", VALUES(),
			 &ret->tags, err) < 0)
		return -1;
	return 0;
}

/* Names are ASCII, so every name with the prefix sorts before the prefix and a 0xff-like end. */
int store_prefix_bytes(struct store *store, const char *prefix, int64_t *ret, struct error *err)
{
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);
	_cleanup_(freep) char *end = xprintf("%s\x7f", prefix);

	return query_number(db,
			    "SELECT coalesce(sum(size), 0) FROM blob WHERE id IN (SELECT blob FROM link JOIN repository ON repository.id = link.repository"
			    " WHERE registry = '' AND name >= ?1 AND name < ?2)",
			    VALUES(TEXT(prefix), TEXT(end)), ret, err) < 0 ? -1 : 0;
}
