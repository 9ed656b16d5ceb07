/* The database's tables, and how an older store becomes a newer one.
 *
 * PRAGMA user_version counts the steps below that a store has been through. A step that was released is never edited: a new
 * one is added behind it. All steps run in one transaction. A store from a newer sampan is refused, not guessed at.
 *
 * blob.size is NULL for a digest that is only named (by a partial index, by a referrer that came before its subject); so
 * edges, subjects and pins are small numbers and not 71 bytes of text. edge.kind 1 leads from a referrer to its subject, all
 * others (0) from a manifest to what it needs. Times are milliseconds since 1970. */
#include "store/internal.h"

static const char *const steps[] = {
	/* 1 */
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

	"CREATE TABLE blob (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, size INTEGER, touched INTEGER NOT NULL);"

	"CREATE TABLE repository (id INTEGER PRIMARY KEY, registry TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (registry, name));"

	"CREATE TABLE link (repository INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE, blob INTEGER NOT NULL REFERENCES blob,"
	" kind INTEGER NOT NULL, touched INTEGER NOT NULL, PRIMARY KEY (repository, blob)) WITHOUT ROWID;"
	"CREATE INDEX link_blob ON link (blob);"

	"CREATE TABLE manifest (blob INTEGER PRIMARY KEY REFERENCES blob ON DELETE CASCADE, media_type TEXT NOT NULL,"
	" is_index INTEGER NOT NULL, subject INTEGER REFERENCES blob, artifact_type TEXT, config INTEGER REFERENCES blob,"
	" platform TEXT, created INTEGER, chain TEXT);"
	"CREATE INDEX manifest_subject ON manifest (subject) WHERE subject IS NOT NULL;"
	"CREATE INDEX manifest_config ON manifest (config) WHERE config IS NOT NULL;"
	"CREATE INDEX manifest_chain ON manifest (chain) WHERE chain IS NOT NULL;"

	"CREATE TABLE edge (parent INTEGER NOT NULL REFERENCES manifest ON DELETE CASCADE, child INTEGER NOT NULL REFERENCES blob,"
	" kind INTEGER NOT NULL, PRIMARY KEY (parent, child)) WITHOUT ROWID;"
	"CREATE INDEX edge_child ON edge (child);"

	"CREATE TABLE tag (repository INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE, name TEXT NOT NULL,"
	" manifest INTEGER NOT NULL REFERENCES manifest, updated INTEGER NOT NULL, PRIMARY KEY (repository, name)) WITHOUT ROWID;"
	"CREATE INDEX tag_manifest ON tag (manifest);"

	"CREATE TABLE layer (n INTEGER PRIMARY KEY, chain TEXT NOT NULL UNIQUE, diff_id TEXT NOT NULL,"
	" parent INTEGER REFERENCES layer ON UPDATE CASCADE, blob TEXT, size INTEGER NOT NULL, touched INTEGER NOT NULL);"
	"CREATE INDEX layer_parent ON layer (parent) WHERE parent IS NOT NULL;"

	"CREATE TABLE record (space TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, pin INTEGER REFERENCES blob,"
	" touched INTEGER NOT NULL, PRIMARY KEY (space, key)) WITHOUT ROWID;"
	"CREATE INDEX record_pin ON record (pin) WHERE pin IS NOT NULL;",

	/* 2: manifests that came from an upstream, which may be fetched again: see cached.c */
	"CREATE TABLE cached (repository INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE,"
	" manifest INTEGER NOT NULL REFERENCES manifest ON DELETE CASCADE, pulled INTEGER NOT NULL, PRIMARY KEY (repository, manifest)) WITHOUT ROWID;"
	"CREATE INDEX cached_manifest ON cached (manifest);",
};

static int schema_version(struct db *db, int64_t *ret, struct error *err)
{
	if (query_number(db, "PRAGMA user_version", VALUES(), ret, err) < 0)
		return -1;
	if (*ret <= (int64_t)array_len(steps))
		return 0;
	error_set(err, ERROR_UNSUPPORTED, "the store was made by a newer sampan (schema %lld, this one knows %zu)", (long long)*ret, array_len(steps));
	return error_hint(err, "update sampan on this machine, or use another store with --root");
}

int schema_current(struct db *db, struct error *err)
{
	int64_t version = 0;

	if (schema_version(db, &version, err) < 0)
		return -1;
	return version == (int64_t)array_len(steps);
}

int schema_migrate(struct db *db, struct error *err)
{
	int64_t version = 0;

	if (schema_version(db, &version, err) < 0)
		return -1;
	for (size_t i = (size_t)version; i < array_len(steps); i++)
		if (db_execute(db, steps[i], err) < 0)
			return -1;
	_cleanup_(freep) char *set = xprintf("PRAGMA user_version = %zu", array_len(steps));
	return db_execute(db, set, err);
}
