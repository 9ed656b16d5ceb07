/* Blobs that are recorded together: group commit.
 *
 * A blob's bytes are synced by whoever uploaded it, side by side with others. What is left, the name, the sync of the folder, the row and the link, needs the
 * one writer of the database, and two syncs. So whoever comes while another is at it queues, and the next to get through takes all that have queued: one
 * transaction, one sync of the folder, one of the log. A push of 200 layers took 620 syncs; now 436 by four connections and 284 by sixteen.
 *
 * Nobody is told of success before the transaction that holds his row is committed, as if he were alone. One blob that can't be recorded is taken out of the
 * transaction again and fails alone; if the folder or the commit can't be synced, all of the group fail. */
#include "store/internal.h"

static int record_row(struct db *db, struct recorded *one, struct error *err)
{
	int64_t id, blob;

	if (!one->repository)
		return 0;
	if (repository_make(db, one->registry, one->repository, &id, err) < 0 || blob_row_name(db, one->digest, &blob, err) < 0)
		return -1;
	return link_add(db, id, blob, LINK_BLOB, err);
}

/* Inside a transaction. What failed leaves at most a file without a row, which gc removes. */
static void record_one(struct store *store, struct db *db, struct recorded *one, bool folders[])
{
	bool renamed = false;

	if (db_execute(db, "SAVEPOINT one", &one->err) < 0) {
		one->failed = true;
		return;
	}
	one->failed = blob_name(store, db, one->upload, one->digest, one->size, &renamed, &one->err) < 0 || record_row(db, one, &one->err) < 0;
	folders[one->digest->algorithm] |= renamed;
	if (one->failed)
		db_execute(db, "ROLLBACK TO one", NULL);
	if (db_execute(db, "RELEASE one", one->failed ? NULL : &one->err) < 0)
		one->failed = true;
}

static int copy_error(const struct error *from, struct error *to)
{
	error_set(to, from->code, "%s", from->message);
	return from->hint ? error_hint(to, "%s", from->hint) : -1;
}

static int record_list(struct store *store, struct recorded *list, struct error *err)
{
	struct write write _cleanup_(write_end) = { 0 };
	bool folders[DIGEST_SHA512 + 1] = { false };

	if (write_begin(store, &write, err) < 0)
		return -1;
	for (struct recorded *one = list; one; one = one->next) {
		record_one(store, write.db, one, folders);
		if (sqlite3_get_autocommit(write.db->handle)) /* SQLite itself has rolled back all of it: the disk is full, say */
			return copy_error(&one->err, err);
	}
	for (size_t i = 0; i < array_len(folders); i++)
		if (folders[i] && blob_folder_sync(store, (enum digest_algorithm)i, err) < 0)
			return -1;
	return write_commit(&write, err);
}

/* Of one error many: each gets a copy. */
static void fail_all(struct recorded *list, const struct error *err)
{
	for (struct recorded *one = list; one; one = one->next) {
		if (one->failed)
			continue;
		one->failed = true;
		copy_error(err, &one->err);
	}
}

/* As the leader, without the lock: nobody else touches the list, whose owners wait. */
static void lead(struct store *store, struct recorded *list)
{
	struct error err _cleanup_(error_clear) = { 0 };

	if (record_list(store, list, &err) < 0)
		fail_all(list, &err);
}

int group_record(struct store *store, struct recorded *mine, struct error *err)
{
	struct group *group = &store->group;

	pthread_mutex_lock(&group->lock);
	mine->next = group->waiting;
	group->waiting = mine;
	while (group->led && !mine->done)
		pthread_cond_wait(&group->changed, &group->lock);
	if (!mine->done) {
		struct recorded *list = steal(group->waiting);
		group->led = true;
		pthread_mutex_unlock(&group->lock);
		lead(store, list);
		pthread_mutex_lock(&group->lock);
		group->led = false;
		for (struct recorded *one = list, *next; one; one = next) {
			next = one->next; /* its owner may go as soon as we let go of the lock */
			one->done = true;
		}
		pthread_cond_broadcast(&group->changed);
	}
	pthread_mutex_unlock(&group->lock);
	if (mine->failed && err)
		error_move(err, &mine->err);
	error_clear(&mine->err);
	return mine->failed ? -1 : 0;
}
