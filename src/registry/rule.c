/* Rules: see rule.h. */
#include "registry/rule.h"

#include <assert.h>

#include "base/buf.h"
#include "base/json.h"
#include "oci/reference.h"
#include "registry/config.h"

enum { RULES_MAX = 1000 };

/* ---- actions ---- */

static const char *const action_names[] = {
	[ACTION_UNSET] = "", [ACTION_OPEN] = "", [ACTION_ENTER] = "", [ACTION_PULL] = "pull",
	[ACTION_PUSH] = "push", [ACTION_DELETE] = "delete", [ACTION_CATALOG] = "catalog",
};
static_assert(array_len(action_names) == ACTION_COUNT, "each action has a name");

const char *action_name(enum action action)
{
	return action_names[action];
}

unsigned action_bits(const char *name, size_t len)
{
	if (len == 1 && *name == '*')
		return ACTIONS_ALL;
	for (size_t i = ACTION_PULL; i < ACTION_COUNT; i++)
		if (strlen(action_names[i]) == len && !memcmp(action_names[i], name, len))
			return ACTION_BIT(i);
	return 0;
}

static void actions_list(unsigned actions, struct strlist *ret)
{
	for (size_t i = ACTION_PULL; i < ACTION_COUNT; i++)
		if (actions & ACTION_BIT(i))
			strlist_add(ret, action_names[i]);
}

/* ---- patterns ---- */

bool pattern_valid(const char *pattern)
{
	size_t len = strlen(pattern);
	_cleanup_(freep) char *stem = NULL;

	if (!len || pattern[len - 1] != '*')
		return repository_name_valid(pattern);
	/* What stands in front of the star must begin a name: it does if one more letter makes it one. */
	stem = xstrdup(pattern);
	stem[len - 1] = 'a';
	return repository_name_valid(stem);
}

bool pattern_matches(const char *pattern, const char *repository)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return !strncmp(pattern, repository, len - 1) && strlen(repository) >= len;
	return str_equal(pattern, repository);
}

bool patterns_match(const struct strlist *patterns, const char *repository)
{
	for (size_t i = 0; i < patterns->len; i++)
		if (pattern_matches(patterns->items[i], repository))
			return true;
	return false;
}

/* ---- reading and printing ---- */

static void rule_clear(struct rule *rule)
{
	strlist_free(&rule->repositories);
	strlist_free(&rule->users);
	strlist_free(&rule->groups);
	*rule = (struct rule){ 0 };
}

void rules_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->len; i++)
		rule_clear(&rules->items[i]);
	free(rules->items);
	*rules = (struct rules){ 0 };
}

static int actions_read(const struct strlist *names, unsigned *ret, struct error *err)
{
	static const char *const known[] = { "pull", "push", "delete", "catalog", "*", NULL };

	for (size_t i = 0; i < names->len; i++) {
		unsigned bits = action_bits(names->items[i], strlen(names->items[i]));
		if (!bits) {
			const char *near = str_nearest(names->items[i], known);
			error_set(err, ERROR_INVALID, "there is no action '%.100s'; there are pull, push, delete, catalog and *", names->items[i]);
			return near ? error_hint(err, "did you mean '%s'?", near) : -1;
		}
		*ret |= bits;
	}
	return *ret ? 0 : error_set(err, ERROR_INVALID, "a rule names no action");
}

static int repositories_check(const struct strlist *patterns, struct error *err)
{
	for (size_t i = 0; i < patterns->len; i++)
		if (!pattern_valid(patterns->items[i]))
			return error_set(err, ERROR_INVALID, "'%.200s' is no repository: write a name, 'name/*' for all below, or '*'", patterns->items[i]);
	return patterns->len ? 0 : error_set(err, ERROR_INVALID, "a rule names no repository");
}

static int rule_read(const json_t *object, bool whose, struct rule *ret, struct error *err)
{
	static const char *const keys[] = { "repositories", "actions", "users", "groups", NULL };
	static const char *const own_keys[] = { "repositories", "actions", NULL };
	struct strlist actions _cleanup_(strlist_free) = { 0 };

	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "a rule is not an object");
	if (config_check_keys(object, whose ? keys : own_keys, err) < 0 || json_get_strlist(object, "repositories", &ret->repositories, err) < 0 ||
	    json_get_strlist(object, "actions", &actions, err) < 0 || json_get_strlist(object, "users", &ret->users, err) < 0 ||
	    json_get_strlist(object, "groups", &ret->groups, err) < 0)
		return -1;
	if (repositories_check(&ret->repositories, err) < 0 || actions_read(&actions, &ret->actions, err) < 0)
		return -1;
	if (whose && !ret->users.len && !ret->groups.len) {
		error_set(err, ERROR_INVALID, "a rule is for nobody");
		return error_hint(err, "give it \"users\" or \"groups\"; \"anonymous\" and \"authenticated\" are users too");
	}
	return 0;
}

int rules_read(const json_t *array, bool whose, struct rules *ret, struct error *err)
{
	struct rules rules _cleanup_(rules_free) = { 0 };
	json_t *object;
	size_t i;

	if (!json_is_array(array) || json_array_size(array) > RULES_MAX)
		return error_set(err, ERROR_INVALID, "rules are not a list of at most %d", RULES_MAX);
	json_array_foreach((json_t *)array, i, object) {
		xgrow(rules.items, rules.len);
		rules.items[rules.len++] = (struct rule){ 0 };
		if (rule_read(object, whose, &rules.items[i], err) < 0)
			return error_wrap(err, "rule %zu", i + 1);
	}
	*ret = rules;
	rules = (struct rules){ 0 };
	return 0;
}

json_t *rules_print(const struct rules *rules)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rules->len; i++) {
		struct strlist actions _cleanup_(strlist_free) = { 0 };
		actions_list(rules->items[i].actions, &actions);
		json_array_append_new(array, json_pack("{s:o, s:o}", "repositories", json_from_strlist(&rules->items[i].repositories), "actions",
						       json_from_strlist(&actions)));
	}
	return array;
}

int rules_add_text(struct rules *rules, const char *text, struct error *err)
{
	struct strlist actions _cleanup_(strlist_free) = { 0 };
	struct rule rule _cleanup_(rule_clear) = { 0 };
	const char *colon = strrchr(text, ':');

	if (!colon) {
		error_set(err, ERROR_USAGE, "'%.200s' is no rule", text);
		return error_hint(err, "write REPOSITORY:ACTION,…, such as 'team/*:pull,push'");
	}
	_cleanup_(freep) char *repositories = xstrndup(text, (size_t)(colon - text));
	strlist_split(&rule.repositories, repositories, ',');
	strlist_split(&actions, colon + 1, ',');
	if (repositories_check(&rule.repositories, err) < 0 || actions_read(&actions, &rule.actions, err) < 0)
		return -1;
	xgrow(rules->items, rules->len);
	rules->items[rules->len++] = rule;
	rule = (struct rule){ 0 };
	return 0;
}

char *rules_text(const struct rules *rules)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	for (size_t i = 0; i < rules->len; i++) {
		struct strlist actions _cleanup_(strlist_free) = { 0 };
		actions_list(rules->items[i].actions, &actions);
		_cleanup_(freep) char *where = strlist_join(&rules->items[i].repositories, ","), *what = strlist_join(&actions, ",");
		buf_printf(&text, "%s%s:%s", i ? " " : "", where, what);
	}
	return buf_steal(&text);
}

/* ---- matching ---- */

static bool rule_is_for(const struct rule *rule, const struct subject *subject)
{
	if (!subject->name)
		return strlist_has(&rule->users, "anonymous");
	/* Who is known may do what everybody may. */
	if (strlist_has(&rule->users, "anonymous") || strlist_has(&rule->users, "authenticated") || strlist_has(&rule->users, subject->name))
		return true;
	for (size_t i = 0; subject->groups && i < subject->groups->len; i++)
		if (strlist_has(&rule->groups, subject->groups->items[i]))
			return true;
	return false;
}

static unsigned actions_in(const struct rule *rule, const char *repository)
{
	return !repository || patterns_match(&rule->repositories, repository) ? rule->actions : 0;
}

unsigned rules_actions(const struct rules *rules, const struct subject *subject, const char *repository)
{
	unsigned actions = 0;

	for (size_t i = 0; i < rules->len; i++)
		if (rule_is_for(&rules->items[i], subject))
			actions |= actions_in(&rules->items[i], repository);
	return actions;
}

unsigned rules_own_actions(const struct rules *rules, const char *repository)
{
	unsigned actions = 0;

	for (size_t i = 0; i < rules->len; i++)
		actions |= actions_in(&rules->items[i], repository);
	return actions;
}

/* ---- grants ---- */

void grants_free(struct grants *grants)
{
	for (size_t i = 0; i < grants->len; i++)
		free(grants->items[i].repository);
	free(grants->items);
	*grants = (struct grants){ 0 };
}

/* "repository" and "repository(class)" are repositories of ours, "registry" with the name "catalog" the catalog; others aren't here. */
static int grants_add(struct grants *grants, const char *type, const char *name, unsigned actions, struct error *err)
{
	size_t len = strcspn(type, "(");
	bool catalog = str_equal(type, "registry") && str_equal(name, "catalog");
	bool repository = len == strlen("repository") && !strncmp(type, "repository", len) && repository_name_valid(name);

	actions &= catalog ? ACTION_BIT(ACTION_CATALOG) : ACTIONS_REPOSITORY;
	if (!actions || (!catalog && !repository))
		return 0;
	for (size_t i = 0; i < grants->len; i++)
		if (str_equal(grants->items[i].repository, catalog ? NULL : name)) {
			grants->items[i].actions |= actions;
			return 0;
		}
	if (grants->len == GRANTS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a token may be for %d repositories", GRANTS_MAX);
	xgrow(grants->items, grants->len);
	grants->items[grants->len++] = (struct grant){ catalog ? NULL : xstrdup(name), actions };
	return 0;
}

/* TYPE:NAME:ACTION,…; a name may begin with HOST:PORT. */
static int grants_add_one(struct grants *grants, char *text, struct error *err)
{
	char *first = strchr(text, ':'), *last = strrchr(text, ':');
	unsigned actions = 0;

	if (!first || first == last || first == text || last == first + 1)
		return error_set(err, ERROR_INVALID, "'%.100s' is no scope; it is written repository:NAME:ACTION,…", text);
	*first = *last = '\0';
	for (const char *at = last + 1;; at += strcspn(at, ",") + 1) {
		actions |= action_bits(at, strcspn(at, ","));
		if (!at[strcspn(at, ",")])
			break;
	}
	return grants_add(grants, text, first + 1, actions, err);
}

int grants_add_scope(struct grants *grants, const char *text, struct error *err)
{
	_cleanup_(freep) char *copy = NULL;
	char *at;

	if (strlen(text) > SCOPE_TEXT_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the scope is too long");
	at = copy = xstrdup(text);
	for (char *part; (part = strsep(&at, " +"));)
		if (*part && grants_add_one(grants, part, err) < 0)
			return -1;
	return 0;
}

int grants_add_claim(struct grants *grants, const json_t *access, struct error *err)
{
	json_t *entry, *action;
	size_t i, j;

	if (access && !json_is_null(access) && !json_is_array(access))
		return error_set(err, ERROR_INVALID, "the token's 'access' is not a list");
	json_array_foreach((json_t *)access, i, entry) {
		const char *type, *name;
		json_t *actions;
		unsigned bits = 0;
		if (!json_is_object(entry) || json_get_string(entry, "type", &type, err) < 0 || json_get_string(entry, "name", &name, err) < 0 ||
		    json_get_array(entry, "actions", &actions, err) < 0)
			return error_set(err, ERROR_INVALID, "the token's 'access' holds something that is no grant");
		json_array_foreach(actions, j, action)
			if (json_is_string(action))
				bits |= action_bits(json_string_value(action), json_string_length(action));
		if (type && name && grants_add(grants, type, name, bits, err) < 0)
			return -1;
	}
	return 0;
}

json_t *grants_print(const struct grants *grants)
{
	json_t *array = json_array();

	for (size_t i = 0; i < grants->len; i++) {
		const struct grant *grant = &grants->items[i];
		struct strlist actions _cleanup_(strlist_free) = { 0 };
		if (grant->repository)
			actions_list(grant->actions, &actions);
		else
			strlist_add(&actions, "*");
		json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "type", grant->repository ? "repository" : "registry", "name",
						       grant->repository ? grant->repository : "catalog", "actions", json_from_strlist(&actions)));
	}
	return array;
}

unsigned grants_actions(const struct grants *grants, const char *repository)
{
	for (size_t i = 0; i < grants->len; i++)
		if (str_equal(grants->items[i].repository, repository))
			return grants->items[i].actions;
	return 0;
}
