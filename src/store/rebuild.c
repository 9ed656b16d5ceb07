/* fsck --rebuild: the database made anew, from the blobs and the journal of tags.
 *
 * Every blob whose bytes match its name is taken in, then the journal is replayed: a manifest gives back its graph and its links. Containers,
 * build cache and unpacked layers are not in the journal; layers are unpacked again, the rest is lost. The old database moves to quarantine/.
 * The journal's other name marks a rebuild that was interrupted: nobody opens the store until one was finished. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "store/internal.h"

enum { REPLAY_DEPTH_MAX = 4, JOURNAL_SIZE_MAX = 256 << 20, STEP_BLOBS = 256 };

struct rebuild {
	struct store *store;
	void (*report)(void *data, const char *text);
	void *data;
	size_t blobs, names;
};

static void say(struct rebuild *rebuild, char *text)
{
	if (rebuild->report)
		rebuild->report(rebuild->data, text);
	free(text);
}

/* Before the new database is opened. Doing it twice is fine. */
static int put_aside(struct store *store, void *data, struct error *err)
{
	static const char *const files[] = { "sampan.db", "sampan.db-wal", "sampan.db-shm" };

	(void)data;
	if (faccessat(store->dir, JOURNAL_OLD, F_OK, 0) < 0 && renameat(store->dir, JOURNAL, store->dir, JOURNAL_OLD) < 0 &&
	    (errno != ENOENT || file_replace(store->dir, JOURNAL_OLD, "", 0, 0600, err) < 0))
		return error_errno(err, errno, "cannot rename %s", JOURNAL);
	if (dir_sync(store->dir, ".", err) < 0)
		return -1;
	unlinkat(store->dir, JOURNAL, 0);
	for (size_t i = 0; i < array_len(files); i++) {
		_cleanup_(freep) char *away = xprintf("quarantine/%s", files[i]);
		if (renameat(store->dir, files[i], store->dir, away) < 0 && errno != ENOENT)
			return error_errno(err, errno, "cannot move %s to quarantine", files[i]);
	}
	return 0;
}

/* ---- blobs ---- */

static int take_blob(struct rebuild *rebuild, struct db *db, const struct digest *digest, struct error *err)
{
	char path[BLOB_PATH_SIZE], text[DIGEST_TEXT_SIZE], hex[DIGEST_TEXT_SIZE];
	struct stat st;
	bool good;

	if (fstatat(rebuild->store->dir, blob_path(digest, path), &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (blob_file_check(rebuild->store, digest, st.st_size, &good, err) < 0)
		return -1;
	digest_print(digest, text);
	if (!good) {
		_cleanup_(freep) char *away = xprintf("quarantine/%s-%s", digest_algorithm_name(digest->algorithm), digest_hex(digest, hex));
		say(rebuild, xprintf("blob %s is damaged: moved to quarantine", text));
		return renameat(rebuild->store->dir, path, rebuild->store->dir, away) < 0 ? error_errno(err, errno, "cannot move %s", path) : 0;
	}
	rebuild->blobs++;
	return query_run(db, "INSERT INTO blob (digest, size, touched) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET size = excluded.size",
			 VALUES(TEXT(text), INT(st.st_size), INT(now_ms())), err) < 0 ? -1 : 0;
}

static int take_blobs(struct rebuild *rebuild, enum digest_algorithm algorithm, struct error *err)
{
	_cleanup_(freep) char *folder = xprintf("blobs/%s", digest_algorithm_name(algorithm));
	struct strlist names _cleanup_(strlist_free) = { 0 };

	if (dir_names(rebuild->store->dir, folder, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len;) {
		struct write write _cleanup_(write_end) = { 0 };
		if (write_begin_lazy(rebuild->store, &write, err) < 0)
			return -1;
		for (size_t end = i + STEP_BLOBS; i < names.len && i < end; i++) {
			_cleanup_(freep) char *text = xprintf("%s:%s", digest_algorithm_name(algorithm), names.items[i]);
			struct digest digest;
			if (interrupt_check(err) < 0 || (digest_parse(text, &digest, NULL) == 0 && take_blob(rebuild, write.db, &digest, err) < 0))
				return -1;
		}
		if (write_commit(&write, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- names ---- */

/* An index's children first, those that are here. */
static int replay_put(struct rebuild *rebuild, const char *registry, const char *repository, const struct strlist *tags,
		      const struct digest *digest, int depth, struct error *err)
{
	struct manifest manifest _cleanup_(manifest_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };

	if (store_blob_read(rebuild->store, digest, MANIFEST_SIZE_MAX, &text, err) < 0 ||
	    manifest_parse(text.data, text.len, NULL, &manifest, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest.children_len && depth < REPLAY_DEPTH_MAX; i++)
		if (store_blob_has(rebuild->store, &manifest.children[i].digest))
			replay_put(rebuild, registry, repository, NULL, &manifest.children[i].digest, depth + 1, NULL);
	return manifest_put_trusted(rebuild->store, registry, repository, &text, tags, digest, err);
}

/* Lines that can't be followed any more are skipped: see journal.c. */
static void replay_line(struct rebuild *rebuild, const char *line)
{
	struct strlist words _cleanup_(strlist_free) = { 0 }, tags _cleanup_(strlist_free) = { 0 };
	struct digest digest;

	strlist_split(&words, line, ' ');
	if (words.len != 5 || digest_parse(words.items[4], &digest, NULL) < 0)
		return;
	const char *registry = str_equal(words.items[1], "-") ? "" : words.items[1], *repository = words.items[2], *tag = words.items[3];
	if (str_equal(words.items[0], "untag"))
		store_tag_delete(rebuild->store, registry, repository, tag, NULL);
	if (str_equal(words.items[0], "drop"))
		store_manifest_delete(rebuild->store, registry, repository, &digest, NULL);
	bool is_tag = str_equal(words.items[0], "tag");
	if (!is_tag && !str_equal(words.items[0], "keep"))
		return;
	if (is_tag)
		strlist_add(&tags, tag);
	struct error why _cleanup_(error_clear) = { 0 };
	if (replay_put(rebuild, registry, repository, &tags, &digest, 0, &why) < 0)
		say(rebuild, xprintf("%s%s%s%s%s can't be restored: %s", registry, *registry ? "/" : "", repository, is_tag ? ":" : "",
				     is_tag ? tag : "", why.message));
	else
		rebuild->names += is_tag;
}

static int replay(struct rebuild *rebuild, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	if (file_read(rebuild->store->dir, JOURNAL_OLD, JOURNAL_SIZE_MAX, &text, err) < 0)
		return -1;
	strlist_split(&lines, text.data ? text.data : "", '\n');
	for (size_t i = 0; i < lines.len; i++) {
		if (interrupt_check(err) < 0)
			return -1;
		replay_line(rebuild, lines.items[i]);
	}
	return 0;
}

int store_rebuild(const char *root, void (*report)(void *data, const char *text), void *data, struct error *err)
{
	_cleanup_(store_close) struct store *store = NULL;
	struct rebuild rebuild = { .report = report, .data = data };

	if (store_open_alone(root, put_aside, NULL, &store, err) < 0)
		return error_wrap(err, "cannot rebuild the store %s", root);
	rebuild.store = store;
	if (take_blobs(&rebuild, DIGEST_SHA256, err) < 0 || take_blobs(&rebuild, DIGEST_SHA512, err) < 0 || replay(&rebuild, err) < 0)
		return error_wrap(err, "cannot rebuild the store %s", root);
	if (unlinkat(store->dir, JOURNAL_OLD, 0) < 0 || dir_sync(store->dir, ".", NULL) < 0)
		return error_errno(err, errno, "cannot remove %s", JOURNAL_OLD);
	say(&rebuild, xprintf("rebuilt from %zu blobs and %zu lines of tags", rebuild.blobs, rebuild.names));
	return 0;
}
