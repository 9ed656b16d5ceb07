/* What a store takes on disk. */
#include "base/fd.h"
#include "store/internal.h"

/* Bytes on disk of a tree, without what is mounted in it; what can't be read doesn't count. */
static int64_t tree_bytes(int dir, const char *name, dev_t device, int depth)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != device)
		return 0;
	int64_t sum = (int64_t)st.st_blocks * 512;
	if (!S_ISDIR(st.st_mode) || depth > 200)
		return sum;
	_cleanup_(fd_close) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || dir_names(fd, ".", &names, NULL) < 0)
		return sum;
	for (size_t i = 0; i < names.len; i++)
		sum += tree_bytes(fd, names.items[i], device, depth + 1);
	return sum;
}

static int usage_uploads(struct store *store, struct store_usage *usage, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };
	struct stat st;

	if (dir_names(store->dir, "uploads", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		_cleanup_(freep) char *path = path_join("uploads", names.items[i]);
		if (fstatat(store->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		usage->uploads++;
		usage->uploads_bytes += st.st_size;
	}
	return 0;
}

/* What a gc without grace would free of the blobs: those that no tag, kept manifest or pin leads to. */
static const char reclaimable_sql[] =
	"WITH RECURSIVE live (blob) AS (SELECT manifest FROM tag UNION SELECT blob FROM link WHERE kind = 1"
	" UNION SELECT pin FROM record WHERE pin IS NOT NULL"
	" UNION SELECT child FROM live JOIN edge ON edge.parent = live.blob"
	" UNION SELECT parent FROM live JOIN edge ON edge.child = live.blob AND edge.kind = 1)"
	" SELECT coalesce(sum(size), 0) FROM blob WHERE id NOT IN (SELECT blob FROM live)";

static int usage_rows(struct store *store, struct store_usage *usage, struct error *err)
{
	const struct {
		const char *sql;
		int64_t *ret;
	} questions[] = {
		{ "SELECT count(*) FROM blob WHERE size IS NOT NULL", &usage->blobs },
		{ "SELECT coalesce(sum(size), 0) FROM blob", &usage->blobs_bytes },
		{ "SELECT count(*) FROM layer", &usage->layers },
		{ "SELECT coalesce(sum(size), 0) FROM layer", &usage->layers_bytes },
		{ "SELECT count(*) FROM record WHERE space = 'container'", &usage->containers },
		{ "SELECT count(*) FROM record WHERE space = 'build-cache'", &usage->cache_entries },
		{ reclaimable_sql, &usage->reclaimable_bytes },
	};
	_cleanup_(db_release) struct db *db = db_acquire(&store->reader);

	for (size_t i = 0; i < array_len(questions); i++)
		if (query_number(db, questions[i].sql, VALUES(), questions[i].ret, err) < 0)
			return -1;
	return 0;
}

int store_usage(struct store *store, struct store_usage *ret, struct error *err)
{
	struct store_usage usage = { 0 };
	struct stat st;

	if (usage_rows(store, &usage, err) < 0 || usage_uploads(store, &usage, err) < 0)
		return -1;
	if (usage.containers && fstat(store->dir, &st) == 0)
		usage.containers_bytes = tree_bytes(store->dir, "containers", st.st_dev, 0);
	*ret = usage;
	return 0;
}
