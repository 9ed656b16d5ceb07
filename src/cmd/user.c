/* sampan user: who may log in to the registry of this store. A running server sees a change at its next request.
 *
 * A password is read from stdin, or made here; what is made is printed on stdout, once, and nothing else is, so that a script can keep it. */
#include <stdio.h>
#include <time.h>

#include "cmd/command.h"
#include "cmd/prompt.h"
#include "registry/account.h"
#include "registry/password.h"
#include "registry/privilege.h"
#include "store/store.h"

enum { LIFETIME_MAX = 36500 };

static struct strlist groups, allow;
static const char *expires;
static bool password_stdin;

static const struct option_spec options[] = {
	{ 'g', "group", OPTION_LIST, &groups, "NAME", "add: put the user into a group of the settings; 'admin' may do everything; may be repeated" },
	{ 0, "password-stdin", OPTION_FLAG, &password_stdin, NULL, "add, passwd: read the password from stdin instead of making one" },
	{ 0, "allow", OPTION_LIST, &allow, "REPOSITORIES:ACTIONS", "token: what it is for, such as 'team/*:pull,push'; may be repeated" },
	{ 0, "expires", OPTION_STRING, &expires, "WHEN", "token: 90d, 12h, 2027-01-31T00:00:00Z or never (90d)" },
	{ 0 },
};

/* ---- reading ---- */

/* The hash of the password from stdin, or of a new one, which *ret_made is. */
static int read_password(char **ret_hash, char **ret_made, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	if (!password_stdin) {
		*ret_made = password_make();
		return password_hash(*ret_made, ret_hash, err);
	}
	if (prompt_password_stdin(&text, err) < 0)
		return -1;
	int result = password_hash(text.data, ret_hash, err);
	explicit_bzero(text.data, text.cap);
	return result;
}

static int read_expires(const char *text, time_t now, time_t *ret, struct error *err)
{
	_cleanup_(freep) char *number = NULL;
	struct timespec when;
	size_t len = strlen(text);
	int64_t count;

	if (str_equal(text, "never")) {
		*ret = 0;
		return 0;
	}
	number = xstrndup(text, len ? len - 1 : 0);
	if (len && strchr("dh", text[len - 1]) && str_to_int(number, 1, LIFETIME_MAX, &count, NULL) == 0) {
		*ret = now + count * (text[len - 1] == 'd' ? 86400 : 3600);
		return 0;
	}
	if (time_parse(text, &when, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--expires is a number of days (90d) or hours (12h), a time (2027-01-31T00:00:00Z) or never, not '%s'", text);
	if (when.tv_sec <= now)
		return error_set(err, ERROR_USAGE, "--expires %s is over", text);
	*ret = when.tv_sec;
	return 0;
}

/* ---- the subcommands ---- */

static int user_add(struct context *context, struct store *store, int argc, char **names, struct error *err)
{
	struct account account _cleanup_(account_clear) = { .name = xstrdup(names[0]), .created = time(NULL) };
	_cleanup_(freep) char *made = NULL;

	(void)context, (void)argc;
	if (read_password(&account.hash, &made, err) < 0)
		return -1;
	strlist_add_all(&account.groups, &groups);
	if (accounts_add(store_dir(store), &account, err) < 0)
		return -1;
	if (made)
		puts(made);
	return 0;
}

static int user_passwd(struct context *context, struct store *store, int argc, char **names, struct error *err)
{
	_cleanup_(freep) char *hash = NULL, *made = NULL;

	(void)context, (void)argc;
	if (read_password(&hash, &made, err) < 0 || accounts_set_hash(store_dir(store), names[0], hash, err) < 0)
		return -1;
	if (made)
		puts(made);
	return 0;
}

static int user_token(struct context *context, struct store *store, int argc, char **names, struct error *err)
{
	struct account account _cleanup_(account_clear) = { .name = xstrdup(names[0]), .robot = true, .created = time(NULL) };
	_cleanup_(freep) char *secret = secret_make();

	(void)context, (void)argc;
	for (size_t i = 0; i < allow.len; i++)
		if (rules_add_text(&account.rules, allow.items[i], err) < 0)
			return -1;
	if (!allow.len) {
		error_set(err, ERROR_USAGE, "a token needs to know what it is for");
		return error_hint(err, "such as --allow 'team/*:pull,push'");
	}
	if (read_expires(expires ? expires : "90d", account.created, &account.expires, err) < 0)
		return -1;
	account.hash = secret_hash(secret);
	if (accounts_add(store_dir(store), &account, err) < 0)
		return -1;
	puts(secret);
	return 0;
}

static int user_rm(struct context *context, struct store *store, int argc, char **names, struct error *err)
{
	(void)context, (void)argc;
	for (; *names; names++)
		if (accounts_remove(store_dir(store), *names, err) < 0)
			return -1;
	return 0;
}

static const struct table_column columns[] = {
	{ "NAME", "name" }, { "KIND", "kind" }, { "GROUPS", "groups" }, { "ALLOW", "allow" }, { "CREATED", "created" }, { "EXPIRES", "expires" },
};

static void print_account(struct table *table, const struct account *account, enum output_format format)
{
	_cleanup_(freep) char *joined = strlist_join(&account->groups, ","), *rules = rules_text(&account->rules);
	time_t now = time(NULL);
	char created[32], ends[32];

	if (format == FORMAT_JSON)
		time_print(account->created, created);
	else
		age_print(account->created, now, created);
	time_print(account->expires, ends);
	table_cell(table, account->name);
	table_cell(table, account->robot ? "token" : "user");
	table_cell(table, joined);
	table_cell(table, rules);
	table_cell(table, account->created ? created : NULL);
	if (format == FORMAT_TEXT && account->expires && account->expires <= now)
		table_cell(table, "ended");
	else
		table_cell(table, account->expires ? ends : NULL);
}

static int user_ls(struct context *context, struct store *store, int argc, char **names, struct error *err)
{
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct accounts accounts _cleanup_(accounts_free) = { 0 };

	(void)argc, (void)names;
	if (accounts_load(store_dir(store), &accounts, err) < 0)
		return -1;
	for (size_t i = 0; i < accounts.len; i++)
		print_account(table, &accounts.items[i], context->format);
	table_print(table, context->format, stdout);
	return 0;
}

static const struct subcommand subcommands[] = {
	{ "add", 1, 1, user_add }, { "ls", 0, 0, user_ls }, { "passwd", 1, 1, user_passwd }, { "rm", 1, -1, user_rm }, { "token", 1, 1, user_token }, { 0 },
};

/* Root makes the store's files for their owner, as whom the server will read them. It stays so: what follows is for that owner too. */
static int open_store(const char *root, struct store **ret, struct error *err)
{
	struct privilege privilege _cleanup_(privilege_clear) = { 0 };

	return privilege_choose(root, NULL, &privilege, err) < 0 || privilege_lend(&privilege, err) < 0 ? -1 : store_open(root, ret, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	const struct subcommand *subcommand = subcommand_choose("user", subcommands, argc, argv, err);

	return !subcommand || open_store(context->root, &store, err) < 0 ? -1 : subcommand->run(context, store, argc - 1, argv + 1, err);
}

const struct command command_user = {
	.name = "user",
	.group = "Registry",
	.usage = "add|ls|passwd|rm|token [OPTIONS] [NAME]",
	.summary = "Say who may log in to this store's registry",
	.details = "  add NAME        a user; the password is made and printed, or read with --password-stdin\n"
		   "  passwd NAME     another password; whoever logged in with the old one is out at once\n"
		   "  token NAME      a robot account with rules and an end: log in as NAME with what is printed as the password\n"
		   "  ls              all of them, without secrets\n"
		   "  rm NAME…        takes them away at once\n\n"
		   "Users may pull, push and delete, unless the settings of 'serve' have rules ('access'). An htpasswd file may have more users.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
