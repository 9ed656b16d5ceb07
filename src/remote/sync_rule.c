/* Rules of sync: see sync.h. Pure, but for reading the file. */
#include "remote/sync.h"

#include <fnmatch.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/json.h"

enum { FILE_MAX = 4 << 20 };
#define STORE_PREFIX "store:"

static void rule_clear(struct sync_rule *rule)
{
	reference_clear(&rule->from);
	reference_clear(&rule->to);
	strlist_free(&rule->tags);
	if (rule->match)
		regfree(&rule->expression);
	free(rule->match);
	free(rule->platforms);
	*rule = (struct sync_rule){ 0 };
}

void sync_rules_clear(struct sync_rules *rules)
{
	for (size_t i = 0; i < rules->len; i++)
		rule_clear(&rules->rules[i]);
	free(rules->rules);
	*rules = (struct sync_rules){ 0 };
}

/* ---- reading ---- */

/* A reference whose tag is missing unless it is written. */
static int read_place(const json_t *object, const char *key, bool *ret_store, struct reference *ret, struct error *err)
{
	const char *text;

	if (json_get_string(object, key, &text, err) < 0)
		return -1;
	if (str_empty(text))
		return error_set(err, ERROR_INVALID, "a rule needs '%s'", key);
	bool store = ret_store && str_starts(text, STORE_PREFIX);
	const char *name = store ? text + strlen(STORE_PREFIX) : text;
	if (reference_parse(name, ret, err) < 0)
		return error_wrap(err, "'%s'", key);
	if (ret_store)
		*ret_store = store;
	if (ret->has_digest)
		return error_set(err, ERROR_INVALID, "'%s': a digest names one image for ever: copy it with 'sampan copy'", key);
	const char *slash = strrchr(name, '/');
	if (!strchr(slash ? slash : name, ':'))
		free(steal(ret->tag));
	return 0;
}

static int read_match(const json_t *object, struct sync_rule *rule, struct error *err)
{
	const char *text;
	char why[256];

	if (json_get_string(object, "match", &text, err) < 0)
		return -1;
	if (!text)
		return 0;
	_cleanup_(freep) char *whole = xprintf("^(%s)$", text);
	int failed = regcomp(&rule->expression, whole, REG_EXTENDED | REG_NOSUB);
	if (failed) {
		regerror(failed, &rule->expression, why, sizeof why);
		return error_set(err, ERROR_INVALID, "'match': %s", why);
	}
	rule->match = xstrdup(text);
	return 0;
}

static int read_platforms(const json_t *object, struct sync_rule *rule, struct error *err)
{
	struct strlist texts _cleanup_(strlist_free) = { 0 };

	if (json_get_strlist(object, "platforms", &texts, err) < 0)
		return -1;
	rule->platforms = xcalloc(texts.len + 1, sizeof *rule->platforms);
	for (; rule->platforms_len < texts.len; rule->platforms_len++)
		if (platform_parse(texts.items[rule->platforms_len], &rule->platforms[rule->platforms_len], err) < 0)
			return error_wrap(err, "'platforms'");
	return 0;
}

static int rule_read(const json_t *object, struct sync_rule *rule, struct error *err)
{
	static const char *const known[] = { "from", "to", "tags", "match", "newest", "platforms", "referrers", NULL };

	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "a rule is an object with 'from' and 'to'");
	if (json_check_keys(object, known, "key", err) < 0 || read_place(object, "from", NULL, &rule->from, err) < 0 ||
	    read_place(object, "to", &rule->to_store, &rule->to, err) < 0 || json_get_strlist(object, "tags", &rule->tags, err) < 0 ||
	    read_match(object, rule, err) < 0 || json_get_int(object, "newest", &rule->newest, err) < 0 || read_platforms(object, rule, err) < 0 ||
	    json_get_bool(object, "referrers", &rule->referrers, err) < 0)
		return -1;
	if (rule->newest < 0)
		return error_set(err, ERROR_INVALID, "'newest' must be a number of tags");
	if (rule->from.tag && (rule->tags.len || rule->match || rule->newest))
		return error_set(err, ERROR_INVALID, "'from' names a tag, so 'tags', 'match' and 'newest' have nothing to choose");
	if (rule->to.tag && !rule->from.tag)
		return error_set(err, ERROR_INVALID, "'to' names a tag, but 'from' may have several");
	return 0;
}

int sync_rules_add(struct sync_rules *rules, const json_t *object, struct error *err)
{
	struct sync_rule rule _cleanup_(rule_clear) = { 0 };

	if (rule_read(object, &rule, err) < 0)
		return -1;
	xgrow(rules->rules, rules->len);
	rules->rules[rules->len++] = rule;
	rule = (struct sync_rule){ 0 };
	return 0;
}

/* The one JSON reader wants an object, so the list becomes one. */
int sync_rules_parse(const char *text, size_t len, struct sync_rules *ret, struct error *err)
{
	struct sync_rules rules _cleanup_(sync_rules_clear) = { 0 };
	struct buf whole _cleanup_(buf_free) = { 0 };
	json_t *list, *object;
	size_t i;

	buf_add_str(&whole, "{\"rules\":");
	buf_add(&whole, text, len);
	buf_add_char(&whole, '}');
	json_t *root _cleanup_(json_release) = json_parse(whole.data, whole.len, "list of rules", err);
	if (!root || json_get_array(root, "rules", &list, err) < 0)
		return -1;
	json_array_foreach(list, i, object)
		if (sync_rules_add(&rules, object, err) < 0)
			return error_wrap(err, "rule %zu", i + 1);
	*ret = rules;
	rules = (struct sync_rules){ 0 };
	return 0;
}

int sync_rules_read(const char *file, struct sync_rules *ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };

	if (file_read(AT_FDCWD, file, FILE_MAX, &text, err) < 0)
		return -1;
	return sync_rules_parse(text.data ? text.data : "", text.len, ret, err) < 0 ? error_wrap(err, "cannot use %s", file) : 0;
}

/* ---- choosing ---- */

static bool rule_wants(const struct sync_rule *rule, const char *tag)
{
	bool wanted = !rule->tags.len || rule->tags.items[0][0] == '!';

	for (size_t i = 0; i < rule->tags.len; i++) {
		const char *glob = rule->tags.items[i];
		bool away = *glob == '!';
		if (fnmatch(glob + away, tag, 0) == 0)
			wanted = !away;
	}
	return wanted && (!rule->match || regexec(&rule->expression, tag, 0, NULL, 0) == 0);
}

/* "7.2-rc1" comes before "7.2": what follows a hyphen is less than nothing where the rest is equal (semver 11). */
static int version_order(const void *a, const void *b)
{
	const char *left = *(char *const *)a, *right = *(char *const *)b;
	size_t left_len = strcspn(left, "-"), right_len = strcspn(right, "-");

	if (left_len == right_len && !strncmp(left, right, left_len) && !left[left_len] != !right[right_len])
		return left[left_len] ? 1 : -1;
	return strverscmp(right, left);
}

void sync_rule_choose(const struct sync_rule *rule, const struct strlist *tags, struct strlist *ret)
{
	for (size_t i = 0; i < tags->len; i++)
		if (rule_wants(rule, tags->items[i]))
			strlist_add(ret, tags->items[i]);
	if (!rule->newest)
		return;
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, version_order);
	while (ret->len > (size_t)rule->newest)
		free(steal(ret->items[--ret->len]));
}
