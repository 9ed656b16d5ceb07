/* The settings of access: the section "access" of the file, and the flags that stand for parts of it.
 *
 *     { "access": {
 *         "anonymous": "pull",  "challenge": "bearer",  "htpasswd": "/etc/sampan/htpasswd",
 *         "groups": { "dev": ["alice", "bob"] },
 *         "rules": [ { "repositories": ["public/lib"], "users": ["anonymous"], "actions": ["pull", "catalog"] },
 *                    { "repositories": ["*"], "groups": ["dev"], "actions": ["pull", "push"] },
 *                    { "repositories": ["board1"], "users": ["cert:board1"], "actions": ["pull"] } ],
 *         "issuers": [ { "issuer": "https://ci.example", "audience": "sampan", "keys": "/etc/sampan/ci.jwks" } ],
 *         "realm": "https://ci.example/token",  "service": "sampan",  "token-seconds": 300 } }
 */
#include "base/json.h"
#include "registry/access.h"
#include "registry/config.h"

enum { ISSUERS_MAX = 16, TOKEN_SECONDS = 300, TOKEN_SECONDS_MIN = 60, TOKEN_SECONDS_MAX = 86400 };

struct access_settings *access_settings_new(void)
{
	struct access_settings *settings = xnew(struct access_settings);

	settings->token_seconds = TOKEN_SECONDS;
	return settings;
}

static struct access_settings *settings_of(struct registry_options *options)
{
	if (!options->access)
		options->access = access_settings_new();
	return options->access;
}

static void issuer_clear(struct access_issuer *issuer)
{
	free(issuer->issuer);
	free(issuer->audience);
	free(issuer->keys_at);
	strlist_free(&issuer->repositories);
	jwks_free(&issuer->keys);
	watch_clear(&issuer->watch);
}

void access_settings_free(struct access_settings **at)
{
	struct access_settings *settings = steal(*at);

	if (!settings)
		return;
	for (size_t i = 0; i < settings->groups_len; i++) {
		free(settings->groups[i].name);
		strlist_free(&settings->groups[i].members);
	}
	for (size_t i = 0; i < settings->issuers_len; i++)
		issuer_clear(&settings->issuers[i]);
	free(settings->groups);
	free(settings->issuers);
	rules_free(&settings->rules);
	free(settings->service);
	free(settings->realm);
	free(settings->htpasswd);
	free(settings);
}

/* ---- flags ---- */

int access_set_anonymous(struct registry_options *options, const char *text, struct error *err)
{
	static const struct {
		const char *name;
		unsigned actions;
	} levels[] = {
		{ "none", 0 },
		{ "pull", ACTION_BIT(ACTION_PULL) | ACTION_BIT(ACTION_CATALOG) },
		{ "push", ACTION_BIT(ACTION_PULL) | ACTION_BIT(ACTION_CATALOG) | ACTION_BIT(ACTION_PUSH) },
		{ "all", ACTIONS_ALL },
	};

	for (size_t i = 0; i < array_len(levels); i++)
		if (str_equal(text, levels[i].name)) {
			settings_of(options)->anonymous = levels[i].actions;
			settings_of(options)->anonymous_set = true;
			return 0;
		}
	return error_set(err, ERROR_INVALID, "what anonymous callers may do is none, pull, push or all, not '%.50s'", text);
}

void access_set_htpasswd(struct registry_options *options, const char *path)
{
	free(settings_of(options)->htpasswd);
	settings_of(options)->htpasswd = xstrdup(path);
}

/* ---- the section ---- */

static int read_text(const json_t *section, const char *key, char **at, struct error *err)
{
	const char *text;

	if (json_get_string(section, key, &text, err) < 0)
		return -1;
	if (text && !*at)
		*at = xstrdup(text);
	return 0;
}

static int read_challenge(const json_t *section, struct access_settings *settings, struct error *err)
{
	const char *text;

	if (json_get_string(section, "challenge", &text, err) < 0)
		return -1;
	settings->basic = str_equal(text, "basic");
	if (text && !settings->basic && !str_equal(text, "bearer"))
		return error_set(err, ERROR_INVALID, "'challenge' is bearer or basic, not '%.50s'", text);
	return 0;
}

static int read_groups(const json_t *section, struct access_settings *settings, struct error *err)
{
	json_t *groups, *members;
	const char *name;

	if (json_get_object(section, "groups", &groups, err) < 0)
		return -1;
	json_object_foreach(groups, name, members) {
		xgrow(settings->groups, settings->groups_len);
		struct access_group *group = &settings->groups[settings->groups_len++];
		*group = (struct access_group){ .name = xstrdup(name) };
		if (json_get_strlist(groups, name, &group->members, err) < 0)
			return error_wrap(err, "'groups'");
	}
	return 0;
}

static int read_issuer(const json_t *object, struct access_issuer *ret, struct error *err)
{
	static const char *const keys[] = { "issuer", "audience", "keys", "repositories", NULL };

	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "an issuer is not an object");
	if (config_check_keys(object, keys, err) < 0 || read_text(object, "issuer", &ret->issuer, err) < 0 ||
	    read_text(object, "audience", &ret->audience, err) < 0 || read_text(object, "keys", &ret->keys_at, err) < 0 ||
	    json_get_strlist(object, "repositories", &ret->repositories, err) < 0)
		return -1;
	if (!ret->issuer || !ret->audience || !ret->keys_at)
		return error_set(err, ERROR_INVALID, "an issuer needs \"issuer\", \"audience\" and \"keys\", where its keys are (JWKS): a file or an https address");
	for (size_t i = 0; i < ret->repositories.len; i++)
		if (!pattern_valid(ret->repositories.items[i]))
			return error_set(err, ERROR_INVALID, "'%.200s' is no repository: write a name, 'name/*' for all below, or '*'", ret->repositories.items[i]);
	if (!ret->repositories.len)
		strlist_add(&ret->repositories, "*");
	return 0;
}

static int read_issuers(const json_t *section, struct access_settings *settings, struct error *err)
{
	json_t *list, *object;
	size_t i;

	if (json_get_array(section, "issuers", &list, err) < 0)
		return -1;
	if (json_array_size(list) > ISSUERS_MAX)
		return error_set(err, ERROR_INVALID, "there may be %d issuers", ISSUERS_MAX);
	settings->issuers = xcalloc(json_array_size(list) + 1, sizeof *settings->issuers);
	json_array_foreach(list, i, object) {
		struct access_issuer *issuer = &settings->issuers[settings->issuers_len++];
		if (read_issuer(object, issuer, err) < 0)
			return error_wrap(err, "issuer %zu", i + 1);
	}
	return 0;
}

static int read_rules(const json_t *section, struct access_settings *settings, struct error *err)
{
	const json_t *rules = json_object_get(section, "rules");

	settings->rules_set = rules != NULL;
	return rules ? rules_read(rules, true, &settings->rules, err) : 0;
}

static int read_numbers(const json_t *section, struct access_settings *settings, struct error *err)
{
	int found = json_get_int(section, "token-seconds", &settings->token_seconds, err);

	if (found < 0)
		return -1;
	if (!found)
		settings->token_seconds = TOKEN_SECONDS;
	if (settings->token_seconds < TOKEN_SECONDS_MIN || settings->token_seconds > TOKEN_SECONDS_MAX)
		return error_set(err, ERROR_INVALID, "'token-seconds' is from %d to %d", TOKEN_SECONDS_MIN, TOKEN_SECONDS_MAX);
	return 0;
}

int access_read(struct registry_options *options, const json_t *section, struct error *err)
{
	static const char *const keys[] = { "anonymous", "challenge", "htpasswd", "groups",  "rules",
					    "issuers",	 "realm",     "service",  "token-seconds", NULL };
	struct access_settings *settings = settings_of(options);
	const char *anonymous;

	if (!json_is_object(section))
		return error_set(err, ERROR_INVALID, "it must be an object");
	if (config_check_keys(section, keys, err) < 0 || json_get_string(section, "anonymous", &anonymous, err) < 0)
		return -1;
	if (anonymous && !settings->anonymous_set && access_set_anonymous(options, anonymous, err) < 0)
		return -1;
	return read_challenge(section, settings, err) < 0 || read_text(section, "htpasswd", &settings->htpasswd, err) < 0 ||
			       read_text(section, "realm", &settings->realm, err) < 0 || read_text(section, "service", &settings->service, err) < 0 ||
			       read_groups(section, settings, err) < 0 || read_rules(section, settings, err) < 0 ||
			       read_issuers(section, settings, err) < 0 || read_numbers(section, settings, err) < 0 ?
		       -1 :
		       0;
}

void access_reads(const struct access_settings *settings, struct strlist *ret_files, bool *ret_outgoing)
{
	if (!settings)
		return;
	if (settings->htpasswd)
		strlist_add(ret_files, settings->htpasswd);
	for (size_t i = 0; i < settings->issuers_len; i++)
		if (strstr(settings->issuers[i].keys_at, "://"))
			*ret_outgoing = true;
		else
			strlist_add(ret_files, settings->issuers[i].keys_at);
}
