/* The journal of tags, from which the database can be made anew: what blobs there are and what they mean can be read from the blobs
 * themselves, under which names they were stored can't.
 *
 * A line is "<operation> <registry or -> <repository> <tag or -> <digest>", the operation being tag, untag, keep (a manifest published without
 * a tag) or drop. It is appended and synced inside the write transaction, before its commit: so the journal may know of something that never
 * came to be (its manifest or its blobs are missing then, and the line is skipped), but never misses anything. When it has grown to
 * several times what is alive, it is replaced by what is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/internal.h"

enum { COMPACT_MIN = 256 << 10, COMPACT_FACTOR = 4 };

static bool journal_word(const char *word)
{
	return word && *word && !strpbrk(word, " \n");
}

static void journal_line(struct buf *buf, const char *operation, const char *registry, const char *repository, const char *tag,
			 const char *digest)
{
	if ((*registry && !journal_word(registry)) || !journal_word(repository) || (tag && !journal_word(tag)))
		return;
	buf_printf(buf, "%s %s %s %s %s\n", operation, *registry ? registry : "-", repository, tag ? tag : "-", digest);
}

static int journal_alive(struct db *db, struct buf *ret, struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	int result;

	if (query_begin(db,
			"SELECT registry, repository.name, tag.name, digest FROM tag JOIN repository ON repository.id = tag.repository"
			" JOIN blob ON blob.id = tag.manifest"
			" WHERE NOT EXISTS (SELECT 1 FROM cached WHERE cached.repository = tag.repository AND cached.manifest = tag.manifest) UNION ALL"
			" SELECT registry, name, NULL, digest FROM link JOIN repository ON repository.id = link.repository AND registry = ''"
			" JOIN blob ON blob.id = link.blob WHERE kind = 1",
			VALUES(), &query, err) < 0)
		return -1;
	while ((result = query_step(&query, err)) > 0)
		journal_line(ret, query_text(&query, 2) ? "tag" : "keep", query_text(&query, 0), query_text(&query, 1), query_text(&query, 2),
			     query_text(&query, 3));
	return result;
}

static int journal_compact(struct store *store, struct db *db, int64_t size, struct error *err)
{
	struct buf alive _cleanup_(buf_free) = { 0 };

	if (journal_alive(db, &alive, err) < 0)
		return -1;
	if ((int64_t)alive.len * COMPACT_FACTOR > size)
		return 0;
	return file_replace(store->dir, JOURNAL, alive.data ? alive.data : "", alive.len, 0600, err);
}

/* Opened each time, since another process may have replaced it. A line that is only half there after a crash is ended by the next. */
static int journal_append(struct store *store, const struct buf *line, int64_t *ret_size, struct error *err)
{
	struct stat st;
	char last = '\n';
	_cleanup_(fd_close) int fd = openat(store->dir, JOURNAL, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "cannot open %s/%s", store->path, JOURNAL);
	if (!st.st_size && dir_sync(store->dir, ".", err) < 0)
		return -1;
	if (st.st_size && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n' && fd_write_all(fd, "\n", 1, JOURNAL, err) < 0)
		return -1;
	if (fd_write_all(fd, line->data, line->len, JOURNAL, err) < 0)
		return -1;
	if (fdatasync(fd) < 0)
		return error_errno(err, errno, "cannot sync %s", JOURNAL);
	*ret_size = st.st_size;
	return 0;
}

int journal_add(struct store *store, struct db *db, const char *operation, int64_t repository, const char *tag, int64_t manifest,
		struct error *err)
{
	struct query query _cleanup_(query_end) = { 0 };
	struct buf line _cleanup_(buf_free) = { 0 };
	int64_t size = 0;

	if (query_begin(db, "SELECT registry, name, digest FROM repository, blob WHERE repository.id = ? AND blob.id = ?",
			VALUES(INT(repository), INT(manifest)), &query, err) < 0)
		return -1;
	int found = query_step(&query, err);
	if (found <= 0)
		return found;
	journal_line(&line, operation, query_text(&query, 0), query_text(&query, 1), tag, query_text(&query, 2));
	query_end(&query);
	if (line.len && journal_append(store, &line, &size, err) < 0)
		return -1;
	return size > COMPACT_MIN ? journal_compact(store, db, size, err) : 0;
}
