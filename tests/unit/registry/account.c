/* Accounts: both files, editing, and files that change. */
#include "registry/account.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "registry/password.h"
#include "tap.h"

/* The user "bob" with the password "right"; cost 4, as 'htpasswd -B' writes it. */
#define BOB "bob:$2y$04$abcdefghijklmnopqrstuuFmEfrkTQnczNzw475xE2VhDrK1uwJiC"

static void names(void)
{
	static const char *const good[] = { "a", "alice", "Bob2", "a.b_c-d+e@example.org" };
	static const char *const bad[] = { "", ".a", "-a", "a:b", "a b", "a/b", "anonymous", "authenticated", "é", "a\tb", "cert:a",
					   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	for (size_t i = 0; i < array_len(good); i++)
		ok(account_name_valid(good[i]), "a name: %s", good[i]);
	for (size_t i = 0; i < array_len(bad); i++)
		ok(!account_name_valid(bad[i]), "no name: '%s'", bad[i]);
}

static void htpasswd(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "not kept as bcrypt" }, { "bob:$apr1$aaaaaaaa$bbbbbbbbbbbbbbbbbbbbbb", "not kept as bcrypt" },
		{ "bob:$6$salt$hash", "not kept as bcrypt" }, { "bob:secret", "not kept as bcrypt" },
		{ "bob:", "not kept as bcrypt" }, { "bob", "NAME:HASH" }, { BOB "\n" BOB, "already" },
		{ "bob:$2y$31$abcdefghijklmnopqrstuudyLUN1qHiCCdqoGM3o6AmFvXnG1.h9a", "cost" }, { ":$2y$04$abcdefghijklmnopqrstuuFmEfrkTQnczNzw475xE2VhDrK1uwJiC", "no user name" },
	};
	static const char text[] = "# users\n\n" BOB "\r\nalice:$2b$10$abcdefghijklmnopqrstuudyLUN1qHiCCdqoGM3o6AmFvXnG1.h9a:more\n";
	struct accounts accounts _cleanup_(accounts_free) = { 0 };
	struct error err = { 0 };

	works(htpasswd_parse(text, strlen(text), &accounts, &err), &err, "an htpasswd file");
	ok(accounts.len == 2 && str_equal(accounts.items[0].name, "bob") && str_equal(accounts.items[1].name, "alice"), "has two users");
	for (size_t i = 0; i < array_len(bad); i++)
		fails(htpasswd_parse(bad[i].text, strlen(bad[i].text), &accounts, &err), &err,
			     strstr(bad[i].why, "bcrypt") || strstr(bad[i].why, "cost") ? ERROR_UNSUPPORTED : strstr(bad[i].why, "already") ? ERROR_EXISTS : ERROR_INVALID, bad[i].why, bad[i].why);
}

static void editing(int root)
{
	struct account user _cleanup_(account_clear) = { .name = xstrdup("alice"), .created = 1000 };
	struct account robot _cleanup_(account_clear) = { .name = xstrdup("ci"), .robot = true, .expires = 2000000000 };
	struct accounts accounts _cleanup_(accounts_free) = { 0 };
	_cleanup_(freep) char *secret = secret_make();
	struct error err = { 0 };
	struct stat info;

	works(accounts_load(root, &accounts, &err), &err, "no file is no accounts");
	works(password_hash("right", &user.hash, &err), &err, "a password");
	robot.hash = secret_hash(secret);
	works(rules_add_text(&robot.rules, "team/*:pull", &err), &err, "a robot's rule");
	works(accounts_add(root, &user, &err), &err, "a user");
	works(accounts_add(root, &robot, &err), &err, "a robot");
	fails(accounts_add(root, &user, &err), &err, ERROR_EXISTS, "already", "the user again");
	works(accounts_load(root, &accounts, &err), &err, "read again");
	is_int((long long)accounts.len, 2, "there are two");
	ok(!accounts.items[0].robot && accounts.items[0].created == 1000 && str_equal(accounts.items[0].hash, user.hash), "the user is as it was");
	ok(accounts.items[1].robot && accounts.items[1].expires == 2000000000 && rules_own_actions(&accounts.items[1].rules, "team/a") == ACTION_BIT(ACTION_PULL),
	   "the robot is");
	ok(fstatat(root, ACCOUNTS_FILE, &info, 0) == 0 && (info.st_mode & 0777) == 0600, "the file is for its owner alone");
	ok(fstatat(root, ACCESS_FOLDER, &info, 0) == 0 && (info.st_mode & 0777) == 0700, "and so is its folder");
	fails(accounts_set_hash(root, "ci", user.hash, &err), &err, ERROR_USAGE, "has a token", "a robot has no password");
	fails(accounts_set_hash(root, "eve", user.hash, &err), &err, ERROR_NOT_FOUND, "no account", "a password for nobody");
	works(accounts_remove(root, "alice", &err), &err, "removed");
	fails(accounts_remove(root, "alice", &err), &err, ERROR_NOT_FOUND, "no account", "and gone");
}

static void key(int root)
{
	unsigned char first[32], second[32], none[32] = { 0 };
	struct error err = { 0 };

	works(access_key_load(root, first, &err), &err, "a key is made");
	works(access_key_load(root, second, &err), &err, "and found again");
	ok(!memcmp(first, second, 32) && memcmp(first, none, 32), "the same, and not zero");
	works(file_replace(root, ACCESS_FOLDER "/token.key", "short", 5, 0600, &err), &err, "a damaged key");
	fails(access_key_load(root, first, &err), &err, ERROR_CORRUPT, "5 bytes", "is not used");
}

static bool there(struct account_file *file, const char *name)
{
	struct account account _cleanup_(account_clear) = { 0 };

	return account_file_find(file, name, &account);
}

static void changing(int root, const char *folder)
{
	_cleanup_(freep) char *path = path_join(folder, "htpasswd");
	struct account_file file = { 0 };
	struct error err = { 0 };

	fails(account_file_open(&file, path, true, &err), &err, ERROR_NOT_FOUND, "htpasswd", "an htpasswd file that isn't there");
	account_file_close(&file);
	file_replace(root, "htpasswd", BOB, strlen(BOB), 0600, &err);
	works(account_file_open(&file, path, true, &err), &err, "one that is");
	ok(there(&file, "bob") && !there(&file, "eve"), "bob is in it");
	file_replace(root, "htpasswd", BOB "x:y", strlen(BOB) + 3, 0600, &err);
	ok(there(&file, "bob"), "what it becomes broken, what was there is kept");
	file_replace(root, "htpasswd", "# nobody\n", 9, 0600, &err);
	ok(!there(&file, "bob"), "he is out at once");
	file_replace(root, "htpasswd", BOB, strlen(BOB), 0600, &err);
	ok(there(&file, "bob"), "and in again");
	unlinkat(root, "htpasswd", 0);
	ok(!there(&file, "bob"), "nobody is in a file that has gone");
	account_file_close(&file);
}

int main(void)
{
	char folder[] = "/tmp/sampan-account.XXXXXX";
	struct error err = { 0 };

	if (!mkdtemp(folder))
		return 2;
	_cleanup_(fd_close) int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	names();
	htpasswd();
	editing(root);
	key(root);
	changing(root, folder);
	works(dir_remove(AT_FDCWD, folder, &err), &err, "cleaned up");
	return done();
}
