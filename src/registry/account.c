/* Accounts: see account.h. */
#include "registry/account.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "registry/config.h"
#include "registry/password.h"

enum { NAME_MAX_LEN = 64, KEY_SIZE = 32 };

void account_clear(struct account *account)
{
	free(account->name);
	free(account->hash);
	strlist_free(&account->groups);
	rules_free(&account->rules);
	*account = (struct account){ 0 };
}

void accounts_free(struct accounts *accounts)
{
	for (size_t i = 0; i < accounts->len; i++)
		account_clear(&accounts->items[i]);
	free(accounts->items);
	*accounts = (struct accounts){ 0 };
}

bool account_name_valid(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+-";
	size_t len = strlen(name);

	return len && len <= NAME_MAX_LEN && !strchr("._@+-", *name) && strspn(name, letters) == len && !str_equal(name, "anonymous") &&
	       !str_equal(name, "authenticated");
}

static struct account *find(const struct accounts *accounts, const char *name)
{
	for (size_t i = 0; i < accounts->len; i++)
		if (str_equal(accounts->items[i].name, name))
			return &accounts->items[i];
	return NULL;
}

/* Takes what is in `account`. */
static int add(struct accounts *accounts, struct account *account, struct error *err)
{
	if (!account_name_valid(account->name))
		return error_set(err, ERROR_INVALID, "'%.100s' is no user name: it has 1 to %d letters, digits and . _ @ + -", account->name, NAME_MAX_LEN);
	if (accounts->len >= ACCOUNTS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "there are more than %d accounts", ACCOUNTS_MAX);
	if (find(accounts, account->name))
		return error_set(err, ERROR_EXISTS, "there is an account '%s' already", account->name);
	xgrow(accounts->items, accounts->len);
	accounts->items[accounts->len++] = *account;
	*account = (struct account){ 0 };
	return 0;
}

/* ---- accounts.json ---- */

static int read_time(const json_t *object, const char *key, time_t *ret, struct error *err)
{
	struct timespec when;
	const char *text;
	int found = json_get_string(object, key, &text, err);

	if (found == 1 && time_parse(text, &when, err) < 0)
		return -1;
	*ret = found == 1 ? when.tv_sec : 0;
	return found < 0 ? -1 : 0;
}

static int account_read(const json_t *object, struct account *ret, struct error *err)
{
	static const char *const keys[] = { "name", "hash", "secret", "groups", "created", "expires", "rules", NULL };
	const char *name, *hash, *secret;
	struct digest digest;
	json_t *rules;

	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "an account is not an object");
	if (config_check_keys(object, keys, err) < 0 || json_get_string(object, "name", &name, err) < 0 || json_get_string(object, "hash", &hash, err) < 0 ||
	    json_get_string(object, "secret", &secret, err) < 0 || json_get_strlist(object, "groups", &ret->groups, err) < 0 ||
	    read_time(object, "created", &ret->created, err) < 0 || read_time(object, "expires", &ret->expires, err) < 0 ||
	    json_get_array(object, "rules", &rules, err) < 0)
		return -1;
	if (!name || !hash == !secret)
		return error_set(err, ERROR_INVALID, "an account needs a name, and either a hash or a secret");
	if (hash ? password_hash_check(hash, err) < 0 : digest_parse(secret, &digest, err) < 0)
		return error_wrap(err, "account '%.100s'", name);
	ret->name = xstrdup(name);
	ret->hash = xstrdup(hash ? hash : secret);
	ret->robot = secret != NULL;
	return rules ? rules_read(rules, false, &ret->rules, err) : 0;
}

int accounts_parse(const char *text, size_t len, struct accounts *ret, struct error *err)
{
	json_t *root _cleanup_(json_release) = json_parse(text, len, "list of accounts", err), *list, *object;
	struct accounts accounts _cleanup_(accounts_free) = { 0 };
	size_t i;

	if (!root || json_get_array(root, "accounts", &list, err) < 0)
		return -1;
	json_array_foreach(list, i, object) {
		struct account account _cleanup_(account_clear) = { 0 };
		if (account_read(object, &account, err) < 0 || add(&accounts, &account, err) < 0)
			return -1;
	}
	*ret = accounts;
	accounts = (struct accounts){ 0 };
	return 0;
}

static void put_time(json_t *object, const char *key, time_t when)
{
	char text[32];

	if (when)
		json_object_set_new(object, key, json_string(time_print(when, text)));
}

static char *accounts_print(const struct accounts *accounts)
{
	json_t *list = json_array(), *root _cleanup_(json_release) = json_pack("{s:o}", "accounts", list);

	for (size_t i = 0; i < accounts->len; i++) {
		const struct account *account = &accounts->items[i];
		json_t *object = json_pack("{s:s, s:s}", "name", account->name, account->robot ? "secret" : "hash", account->hash);
		if (account->groups.len)
			json_object_set_new(object, "groups", json_from_strlist(&account->groups));
		put_time(object, "created", account->created);
		put_time(object, "expires", account->expires);
		if (account->robot)
			json_object_set_new(object, "rules", rules_print(&account->rules));
		json_array_append_new(list, object);
	}
	char *text = json_dumps(root, JSON_INDENT(1));
	if (!text)
		abort();
	return text;
}

/* ---- htpasswd: NAME:HASH, a line each ---- */

static int htpasswd_line(const char *line, struct accounts *accounts, struct error *err)
{
	const char *colon = strchr(line, ':');
	struct account account _cleanup_(account_clear) = { 0 };

	if (!*line || *line == '#')
		return 0;
	if (!colon)
		return error_set(err, ERROR_INVALID, "it is not NAME:HASH");
	account.name = xstrndup(line, (size_t)(colon - line));
	account.hash = xstrndup(colon + 1, strcspn(colon + 1, ":"));
	if (password_hash_check(account.hash, err) < 0)
		return error_wrap(err, "user '%.64s'", account.name);
	return add(accounts, &account, err);
}

int htpasswd_parse(const char *text, size_t len, struct accounts *ret, struct error *err)
{
	struct accounts accounts _cleanup_(accounts_free) = { 0 };
	const char *end = text + len;

	for (size_t number = 1; text < end; number++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((stop ? stop : end) - text);
		if (memchr(text, '\0', length))
			return error_set(err, ERROR_INVALID, "line %zu holds a NUL", number);
		_cleanup_(freep) char *line = xstrndup(text, length - (length && text[length - 1] == '\r'));
		if (htpasswd_line(line, &accounts, err) < 0)
			return error_wrap(err, "line %zu", number);
		text = stop ? stop + 1 : end;
	}
	*ret = accounts;
	accounts = (struct accounts){ 0 };
	return 0;
}

/* ---- editing ---- */

/* Orders those who edit; who only reads sees the old file or the new one. */
static int folder_lock(int root, struct error *err)
{
	_cleanup_(fd_close) int fd = -1;

	if (mkdirat(root, ACCESS_FOLDER, 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "cannot make the folder " ACCESS_FOLDER);
	fd = openat(root, ACCESS_FOLDER "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_errno(err, errno, "cannot open " ACCESS_FOLDER "/lock");
	return file_lock(fd, true, true, ACCESS_FOLDER "/lock", err) < 0 ? -1 : fd_steal(&fd);
}

int accounts_load(int root, struct accounts *ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct error mine _cleanup_(error_clear) = { 0 };

	if (file_read(root, ACCOUNTS_FILE, ACCOUNTS_TEXT_MAX, &text, &mine) < 0) {
		if (mine.code == ERROR_NOT_FOUND)
			return 0;
		error_move(err, &mine);
		return -1;
	}
	return accounts_parse(text.data ? text.data : "", text.len, ret, err) < 0 ? error_wrap(err, "cannot use " ACCOUNTS_FILE) : 0;
}

static int accounts_save(int root, const struct accounts *accounts, struct error *err)
{
	_cleanup_(freep) char *text = accounts_print(accounts);

	return file_replace(root, ACCOUNTS_FILE, text, strlen(text), 0600, err);
}

static void account_copy(const struct account *from, struct account *to)
{
	struct account copy = { .name = xstrdup(from->name), .hash = xstrdup(from->hash), .robot = from->robot, .created = from->created,
				.expires = from->expires };

	strlist_add_all(&copy.groups, &from->groups);
	for (size_t i = 0; i < from->rules.len; i++) {
		xgrow(copy.rules.items, copy.rules.len);
		struct rule *rule = &copy.rules.items[copy.rules.len++];
		*rule = (struct rule){ .actions = from->rules.items[i].actions };
		strlist_add_all(&rule->repositories, &from->rules.items[i].repositories);
	}
	*to = copy;
}

int accounts_add(int root, const struct account *account, struct error *err)
{
	_cleanup_(fd_close) int lock = folder_lock(root, err);
	struct accounts accounts _cleanup_(accounts_free) = { 0 };
	struct account copy _cleanup_(account_clear) = { 0 };

	account_copy(account, &copy);
	if (lock < 0 || accounts_load(root, &accounts, err) < 0 || add(&accounts, &copy, err) < 0)
		return -1;
	return accounts_save(root, &accounts, err);
}

static struct account *find_or_fail(const struct accounts *accounts, const char *name, struct error *err)
{
	struct account *account = find(accounts, name);

	if (!account) {
		error_set(err, ERROR_NOT_FOUND, "there is no account '%s'", name);
		error_hint(err, "'sampan user ls' lists them");
	}
	return account;
}

int accounts_remove(int root, const char *name, struct error *err)
{
	_cleanup_(fd_close) int lock = folder_lock(root, err);
	struct accounts accounts _cleanup_(accounts_free) = { 0 };

	if (lock < 0 || accounts_load(root, &accounts, err) < 0)
		return -1;
	struct account *account = find_or_fail(&accounts, name, err);
	if (!account)
		return -1;
	account_clear(account);
	*account = accounts.items[--accounts.len];
	return accounts_save(root, &accounts, err);
}

int accounts_set_hash(int root, const char *name, const char *hash, struct error *err)
{
	_cleanup_(fd_close) int lock = folder_lock(root, err);
	struct accounts accounts _cleanup_(accounts_free) = { 0 };

	if (lock < 0 || accounts_load(root, &accounts, err) < 0)
		return -1;
	struct account *account = find_or_fail(&accounts, name, err);
	if (!account)
		return -1;
	if (account->robot) {
		error_set(err, ERROR_USAGE, "'%s' has a token and no password", name);
		return error_hint(err, "remove it and make a new one: sampan user rm %s; sampan user token %s …", name, name);
	}
	free(account->hash);
	account->hash = xstrdup(hash);
	return accounts_save(root, &accounts, err);
}

int access_key_load(int root, unsigned char ret[32], struct error *err)
{
	static const char name[] = ACCESS_FOLDER "/token.key";
	_cleanup_(fd_close) int lock = folder_lock(root, err);
	struct buf bytes _cleanup_(buf_free) = { 0 };
	struct error mine _cleanup_(error_clear) = { 0 };

	if (lock < 0)
		return -1;
	if (file_read(root, name, KEY_SIZE, &bytes, &mine) == 0) {
		if (bytes.len != KEY_SIZE) {
			error_set(err, ERROR_CORRUPT, "%s has %zu bytes, not %d", name, bytes.len, KEY_SIZE);
			return error_hint(err, "remove it: a new one is made, and everybody logs in again");
		}
		memcpy(ret, bytes.data, KEY_SIZE);
		explicit_bzero(bytes.data, bytes.len);
		return 0;
	}
	if (mine.code != ERROR_NOT_FOUND) {
		error_move(err, &mine);
		return -1;
	}
	if (getrandom(ret, KEY_SIZE, 0) != KEY_SIZE)
		abort();
	return file_replace(root, name, ret, KEY_SIZE, 0600, err);
}

/* ---- a file that may change ---- */

static int refresh(struct account_file *file, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct accounts accounts = { 0 };
	struct error mine _cleanup_(error_clear) = { 0 };

	int changed = watch_read(&file->watch, ACCOUNTS_TEXT_MAX, &text, &mine);
	if (!changed)
		return 0;
	bool gone = changed < 0 && mine.code == ERROR_NOT_FOUND;
	if (gone)
		accounts_free(&file->accounts);
	if (gone && file->optional)
		return 0;
	if (changed < 0 || file->parse(text.data ? text.data : "", text.len, &accounts, &mine) < 0) {
		error_move(err, &mine);
		return error_wrap(err, "cannot use %s", file->watch.path);
	}
	accounts_free(&file->accounts);
	file->accounts = accounts;
	return 0;
}

int account_file_open(struct account_file *file, const char *path, bool htpasswd, struct error *err)
{
	*file = (struct account_file){ .lock = PTHREAD_MUTEX_INITIALIZER, .parse = htpasswd ? htpasswd_parse : accounts_parse,
				       .optional = !htpasswd, .watch = { .path = xstrdup(path) } };
	return refresh(file, err);
}

void account_file_close(struct account_file *file)
{
	accounts_free(&file->accounts);
	watch_clear(&file->watch);
}

static void refresh_or_log(struct account_file *file)
{
	struct error err _cleanup_(error_clear) = { 0 };

	if (refresh(file, &err) < 0)
		log_failure(&err);
}

int account_file_find(struct account_file *file, const char *name, struct account *ret)
{
	pthread_mutex_lock(&file->lock);
	refresh_or_log(file);
	const struct account *account = find(&file->accounts, name);
	if (account)
		account_copy(account, ret);
	pthread_mutex_unlock(&file->lock);
	return account != NULL;
}

size_t account_file_count(struct account_file *file)
{
	pthread_mutex_lock(&file->lock);
	refresh_or_log(file);
	size_t count = file->accounts.len;
	pthread_mutex_unlock(&file->lock);
	return count;
}

char *account_file_model(struct account_file *file)
{
	char *model = NULL;

	pthread_mutex_lock(&file->lock);
	for (size_t i = 0; i < file->accounts.len && !model; i++)
		if (!file->accounts.items[i].robot)
			model = xstrdup(file->accounts.items[i].hash);
	pthread_mutex_unlock(&file->lock);
	return model;
}
