/* Changes to a machine's settings: see change.h. */
#include "board/change.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "board/diff.h"
#include "oci/digest.h"

enum { JOURNAL_MAX = 16 << 20 };

/* ---- files beneath the root ---- */

int change_set_open(const char *prefix, struct change_set *ret, struct error *err)
{
	int root = open(prefix, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return error_errno(err, errno, "cannot open %s", prefix);
	*ret = (struct change_set){ .prefix = path_clean(prefix), .root = root };
	return 0;
}

void change_set_clear(struct change_set *set)
{
	for (size_t i = 0; i < set->len; i++) {
		free(set->items[i].path);
		buf_free(&set->items[i].old);
		buf_free(&set->items[i].new);
	}
	free(set->items);
	free(set->prefix);
	strlist_free(&set->secrets);
	if (set->root > 0)
		close(set->root);
	*set = (struct change_set){ 0 };
}

bool change_set_has(const struct change_set *set, const char *path)
{
	_cleanup_(fd_close) int fd = path_open_in_root(set->root, path, O_PATH | O_CLOEXEC, 0, NULL);

	return fd >= 0;
}

/* 1 with its content and status, 0 if there is no such file. */
static int file_get(const struct change_set *set, const char *path, size_t limit, struct buf *ret, struct stat *ret_status, struct error *err)
{
	_cleanup_(fd_close) int dir = -1, fd = -1;
	struct error failure _cleanup_(error_clear) = { 0 };
	const char *name;

	if (path_parent_in_root(set->root, path, false, &dir, &name, &failure) < 0) {
		if (failure.code == ERROR_NOT_FOUND)
			return 0;
		error_move(err, &failure);
		return -1;
	}
	if (fstatat(dir, name, ret_status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at %s", path);
	if (S_ISLNK(ret_status->st_mode)) {
		error_set(err, ERROR_UNSUPPORTED, "%s is a symbolic link: something else manages it", path);
		return error_hint(err, "make it a file, or make the change where it is managed");
	}
	if (!S_ISREG(ret_status->st_mode))
		return error_set(err, ERROR_UNSUPPORTED, "%s is no regular file", path);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return error_errno(err, errno, "cannot read %s", path);
	return fd_read_all(fd, limit, ret, path, err) < 0 ? -1 : 1;
}

static int file_put(const struct change_set *set, const char *path, const struct buf *text, mode_t mode, const struct change *like, struct error *err)
{
	_cleanup_(fd_close) int dir = -1;
	const char *name;

	if (path_parent_in_root(set->root, path, true, &dir, &name, err) < 0 ||
	    file_replace(dir, name, text->data ? text->data : "", text->len, mode, err) < 0)
		return error_wrap(err, "cannot write %s", path);
	if (like->owner != geteuid() || like->group != getegid())
		if (fchownat(dir, name, like->owner, like->group, AT_SYMLINK_NOFOLLOW) < 0 && errno != EPERM)
			return error_errno(err, errno, "cannot give %s back to its owner", path);
	return 0;
}

/* Not there is fine. */
static int file_drop(const struct change_set *set, const char *path, struct error *err)
{
	_cleanup_(fd_close) int dir = -1;
	const char *name;

	if (path_parent_in_root(set->root, path, false, &dir, &name, NULL) < 0)
		return 0;
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot remove %s", path);
	return dir_sync(dir, ".", err);
}

/* ---- the set ---- */

static bool is_text(const struct buf *text)
{
	json_t *string _cleanup_(json_release) = text->len ? json_stringn(text->data, text->len) : json_object();

	return string && !(text->len && memchr(text->data, '\0', text->len));
}

int change_set_file(struct change_set *set, const char *path, mode_t mode, struct buf **ret, struct error *err)
{
	struct change change = { .mode = mode, .new_mode = mode, .owner = geteuid(), .group = getegid() };
	struct stat status;

	for (size_t i = 0; i < set->len; i++)
		if (str_equal(set->items[i].path, path)) {
			*ret = &set->items[i].new;
			return 0;
		}
	int found = file_get(set, path, CHANGE_FILE_MAX, &change.old, &status, err);
	if (found >= 0 && !is_text(&change.old))
		found = error_set(err, ERROR_INVALID, "%s is no UTF-8 text", path);
	if (found < 0) {
		buf_free(&change.old);
		return -1;
	}
	if (found) {
		change.existed = true;
		change.mode = change.new_mode = status.st_mode & 07777;
		change.owner = status.st_uid;
		change.group = status.st_gid;
	}
	buf_add(&change.new, change.old.data ? change.old.data : "", change.old.len);
	change.path = xstrdup(path);
	xgrow(set->items, set->len);
	set->items[set->len] = change;
	*ret = &set->items[set->len++].new;
	return 0;
}

bool change_differs(const struct change *change)
{
	if (!change->existed)
		return change->new.len > 0;
	return change->old.len != change->new.len || (change->old.len && memcmp(change->old.data, change->new.data, change->old.len) != 0);
}

void change_set_keep_private(struct change_set *set, const char *path)
{
	for (size_t i = 0; i < set->len; i++)
		if (str_equal(set->items[i].path, path))
			set->items[i].new_mode &= 0600;
}

bool change_set_differs(const struct change_set *set, const char *path)
{
	for (size_t i = 0; i < set->len; i++)
		if (str_equal(set->items[i].path, path))
			return change_differs(&set->items[i]);
	return false;
}

bool change_set_is_empty(const struct change_set *set)
{
	for (size_t i = 0; i < set->len; i++)
		if (change_differs(&set->items[i]))
			return false;
	return true;
}

static void hide_secrets(const struct change_set *set, const struct buf *text, struct buf *ret)
{
	for (size_t at = 0; at < text->len;) {
		size_t len = 0;
		for (size_t i = 0; i < set->secrets.len; i++) {
			size_t n = strlen(set->secrets.items[i]);
			if (n > len && n <= text->len - at && !memcmp(text->data + at, set->secrets.items[i], n))
				len = n;
		}
		if (len)
			buf_add_str(ret, "********");
		else
			buf_add_char(ret, text->data[at]);
		at += len ? len : 1;
	}
}

void change_print(const struct change_set *set, const struct change *change, struct buf *ret)
{
	struct buf old _cleanup_(buf_free) = { 0 }, new _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *path = str_equal(set->prefix, "/") ? xstrdup(change->path) : xprintf("%s%s", set->prefix, change->path);

	hide_secrets(set, &change->old, &old);
	hide_secrets(set, &change->new, &new);
	diff_print(&old, &new, change->existed ? path : "/dev/null", path, ret);
}

/* ---- the journal: {"steps": [{"path", "old": text or null, "mode", "new": digest}, …], "folders": […]} ---- */

static char *digest_text(const struct buf *text)
{
	char printed[DIGEST_TEXT_SIZE];
	struct digest digest;

	digest_of(DIGEST_SHA256, text->data ? text->data : "", text->len, &digest);
	return xstrdup(digest_print(&digest, printed));
}

/* A new reference; an empty journal if there is none. */
static json_t *journal_read(const struct change_set *set, const char *path, bool *ret_found, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct stat status;
	int found = file_get(set, path, JOURNAL_MAX, &text, &status, err);

	*ret_found = found > 0;
	if (found < 0)
		return NULL;
	json_t *root = found ? json_parse(text.data ? text.data : "", text.len, "journal", err) : json_pack("{s:[], s:[]}", "steps", "folders");
	if (root && (!json_is_array(json_object_get(root, "steps")) || !json_is_array(json_object_get(root, "folders")))) {
		error_set(err, ERROR_INVALID, "it lacks steps or folders");
		json_release(&root);
	}
	if (!root)
		error_wrap(err, "cannot use the journal %s", path);
	return root;
}

static int journal_write(const struct change_set *set, const char *path, const json_t *root, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct change like = { .owner = geteuid(), .group = getegid() };
	char *printed = json_dumps(root, JSON_INDENT(1));

	buf_add_str(&text, printed);
	free(printed);
	return file_put(set, path, &text, 0600, &like, err);
}

static void journal_add(json_t *root, const struct change *change)
{
	_cleanup_(freep) char *digest = digest_text(&change->new);
	json_t *old = change->existed ? json_stringn(change->old.data ? change->old.data : "", change->old.len) : json_null();

	json_array_append_new(json_object_get(root, "steps"),
			      json_pack("{s:s s:o s:i s:i s:i s:s}", "path", change->path, "old", old, "mode", (int)change->mode, "owner", (int)change->owner,
					"group", (int)change->group, "new", digest));
}

/* The folders that writing `path` will make, outermost first. */
static void journal_add_folders(const struct change_set *set, json_t *root, const char *path)
{
	json_t *folders = json_object_get(root, "folders");

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_(freep) char *folder = xstrndup(path, (size_t)(slash - path));
		if (!change_set_has(set, folder))
			json_array_append_new(folders, json_string(folder));
	}
}

static void drop_folders(const struct change_set *set, const json_t *root)
{
	const json_t *folders = json_object_get(root, "folders");

	for (size_t i = json_array_size(folders); i-- > 0;) {
		const char *path = json_string_value(json_array_get(folders, i)), *name;
		_cleanup_(fd_close) int dir = -1;
		if (path && *path == '/' && path_parent_in_root(set->root, path, false, &dir, &name, NULL) == 0)
			unlinkat(dir, name, AT_REMOVEDIR); /* what is not empty stays */
	}
}

/* ---- doing it ---- */

/* Somebody may have edited a file while the difference was being read. */
static int check_unchanged(const struct change_set *set, const struct change *change, struct error *err)
{
	struct buf now _cleanup_(buf_free) = { 0 };
	struct stat status;
	int found = file_get(set, change->path, CHANGE_FILE_MAX, &now, &status, err);

	if (found < 0)
		return -1;
	if ((found > 0) == change->existed && now.len == change->old.len && (!now.len || !memcmp(now.data, change->old.data, now.len)))
		return 0;
	error_set(err, ERROR_BUSY, "%s was changed by somebody else just now", change->path);
	return error_hint(err, "nothing was changed; run the command again");
}

static void roll_back(struct change_set *set, size_t done)
{
	while (done-- > 0) {
		struct change *change = &set->items[done];
		if (!change_differs(change))
			continue;
		if (change->existed)
			file_put(set, change->path, &change->old, change->mode, change, NULL);
		else
			file_drop(set, change->path, NULL);
	}
}

/* One change of this root at a time. Ends with the descriptor. */
static int lock_root(const struct change_set *set, struct error *err)
{
	_cleanup_(fd_close) int fd = open(set->prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", set->prefix);
	return file_lock(fd, true, true, set->prefix, err) < 0 ? -1 : fd_steal(&fd);
}

int change_set_apply(struct change_set *set, const char *journal, struct error *err)
{
	_cleanup_(fd_close) int lock = lock_root(set, err);
	bool had_journal;

	if (lock < 0)
		return -1;
	json_t *before _cleanup_(json_release) = journal_read(set, journal, &had_journal, err);
	json_t *after _cleanup_(json_release) = before ? json_deep_copy(before) : NULL;
	size_t at = 0;

	if (!after)
		return -1;
	journal_add_folders(set, after, journal);
	for (size_t i = 0; i < set->len; i++)
		if (change_differs(&set->items[i])) {
			if (check_unchanged(set, &set->items[i], err) < 0)
				return -1;
			journal_add_folders(set, after, set->items[i].path);
			journal_add(after, &set->items[i]);
		}
	if (journal_write(set, journal, after, err) < 0) {
		drop_folders(set, after);
		return geteuid() ? error_hint(err, "nothing was changed; run it as root") : -1;
	}
	int result = 0;
	for (; at < set->len && result == 0; at++)
		if (change_differs(&set->items[at]))
			result = file_put(set, set->items[at].path, &set->items[at].new, set->items[at].new_mode, &set->items[at], err);
	if (result == 0)
		return 0;
	roll_back(set, at);
	if (had_journal)
		journal_write(set, journal, before, NULL);
	else
		file_drop(set, journal, NULL);
	drop_folders(set, after);
	return error_hint(err, "nothing was changed");
}

/* ---- taking it back ---- */

struct step {
	const char *path, *digest;
	const json_t *old;
	struct change like;
};

static int step_read(const json_t *item, struct step *ret, struct error *err)
{
	int64_t mode, owner, group;
	struct step step = { .old = json_object_get(item, "old") };

	if (json_get_string(item, "path", &step.path, err) <= 0 || json_get_string(item, "new", &step.digest, err) <= 0 ||
	    json_get_int(item, "mode", &mode, err) <= 0 || json_get_int(item, "owner", &owner, err) <= 0 ||
	    json_get_int(item, "group", &group, err) <= 0 || *step.path != '/' || !(json_is_string(step.old) || json_is_null(step.old)))
		return error_set(err, ERROR_INVALID, "the journal is damaged");
	step.like = (struct change){ .mode = (mode_t)mode & 07777, .owner = (uid_t)owner, .group = (gid_t)group };
	*ret = step;
	return 0;
}

static bool is_old(const struct step *step, bool found, const struct buf *now)
{
	if (json_is_null(step->old))
		return !found;
	return found && json_string_length(step->old) == now->len && (!now->len || !memcmp(json_string_value(step->old), now->data, now->len));
}

/* `now` is what the file holds, or held after the later steps were taken back; it becomes what it held before this one. */
static enum undo_state step_judge(const struct step *step, bool *found, struct buf *now)
{
	_cleanup_(freep) char *digest = digest_text(now);

	if (!(*found && str_equal(digest, step->digest)))
		return is_old(step, *found, now) ? UNDO_ALREADY : UNDO_CHANGED;
	buf_clear(now);
	*found = !json_is_null(step->old);
	if (*found)
		buf_add(now, json_string_value(step->old), json_string_length(step->old));
	return *found ? UNDO_RESTORED : UNDO_REMOVED;
}

/* All steps of one path, the latest first. A step that doesn't fit may be one that somebody took back by hand: what counts is whether the first one fits. */
static int undo_path(struct change_set *set, json_t *steps, const char *path, bool dry, undo_report *report, void *data, struct error *err)
{
	struct buf now _cleanup_(buf_free) = { 0 }, first _cleanup_(buf_free) = { 0 };
	enum undo_state state = UNDO_ALREADY;
	struct step step, last = { 0 };
	struct stat status;
	int got = file_get(set, path, CHANGE_FILE_MAX * 2, &now, &status, err);
	bool found = got > 0, stuck = false;

	if (got < 0)
		return -1;
	buf_add(&first, now.data ? now.data : "", now.len);
	for (size_t i = json_array_size(steps); i-- > 0;) {
		if (step_read(json_array_get(steps, i), &step, err) < 0)
			return -1;
		if (!str_equal(step.path, path))
			continue;
		enum undo_state one = step_judge(&step, &found, &now);
		stuck = one == UNDO_CHANGED;
		if (one == UNDO_RESTORED || one == UNDO_REMOVED) {
			state = one;
			last = step;
		}
	}
	if (last.path && !dry && (found ? file_put(set, path, &now, last.like.mode, &last.like, err) : file_drop(set, path, err)) < 0)
		return -1;
	report(path, stuck ? UNDO_CHANGED : state, &first, &now, data);
	return stuck;
}

/* Takes the steps of a path off the list. */
static void forget(json_t *steps, const char *path)
{
	for (size_t i = json_array_size(steps); i-- > 0;)
		if (str_equal(json_string_value(json_object_get(json_array_get(steps, i), "path")), path))
			json_array_remove(steps, i);
}

static int undo_all(struct change_set *set, json_t *root, bool dry, undo_report *report, void *data, struct error *err)
{
	json_t *left = json_object_get(root, "steps"), *kept = json_array();
	int changed = 0, result = 0;

	while (json_array_size(left) && result >= 0) {
		const char *name = json_string_value(json_object_get(json_array_get(left, json_array_size(left) - 1), "path"));
		_cleanup_(freep) char *path = xstrdup(name ? name : "");
		result = *path == '/' ? undo_path(set, left, path, dry, report, data, err) : error_set(err, ERROR_INVALID, "the journal is damaged");
		for (size_t i = 0; result > 0 && i < json_array_size(left); i++)
			if (str_equal(json_string_value(json_object_get(json_array_get(left, i), "path")), path))
				json_array_append(kept, json_array_get(left, i));
		changed |= result > 0;
		if (result >= 0)
			forget(left, path);
	}
	json_array_extend(left, kept);
	json_decref(kept);
	return result < 0 ? -1 : changed;
}

int change_undo(struct change_set *set, const char *journal, bool dry, undo_report *report, void *data, struct error *err)
{
	_cleanup_(fd_close) int lock = lock_root(set, err);
	bool found;

	if (lock < 0)
		return -1;
	json_t *root _cleanup_(json_release) = journal_read(set, journal, &found, err);
	if (!root)
		return -1;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "there is nothing to undo: %s is not there", journal);
	int result = undo_all(set, root, dry, report, data, err);
	if (dry)
		return result;
	if (result != 0) { /* what is not done yet stays on record */
		if (journal_write(set, journal, root, result < 0 ? NULL : err) < 0 && result >= 0)
			return -1;
		return result;
	}
	if (file_drop(set, journal, err) < 0)
		return -1;
	drop_folders(set, root);
	return 0;
}
