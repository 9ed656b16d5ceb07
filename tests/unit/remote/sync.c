/* The rules of sync: which tags they choose, and which texts are no rules. */
#include "remote/sync.h"

#include "tap.h"

static struct error err;

/* The tags that a rule with these members chooses, in a line. */
static char *choose(const char *members, const char *tags)
{
	_cleanup_(freep) char *text = xprintf("[{\"from\": \"h.io/a\", \"to\": \"h.io/b\"%s%s}]", *members ? ", " : "", members);
	struct sync_rules rules _cleanup_(sync_rules_clear) = { 0 };
	struct strlist all _cleanup_(strlist_free) = { 0 }, chosen _cleanup_(strlist_free) = { 0 };

	if (sync_rules_parse(text, strlen(text), &rules, &err) < 0) {
		printf("# %s\n", err.message);
		error_clear(&err);
		return xstrdup("no rule");
	}
	strlist_split(&all, tags, ' ');
	sync_rule_choose(&rules.rules[0], &all, &chosen);
	return strlist_join(&chosen, " ");
}

static const struct {
	const char *members, *tags, *chosen;
} cases[] = {
	{ "", "1 latest", "1 latest" },
	{ "\"tags\": []", "1 2", "1 2" },
	{ "\"tags\": [\"7.*\"]", "6.9 7 7.0 7.2-rc1 17.0", "7.0 7.2-rc1" },
	{ "\"tags\": [\"7.*\", \"!*-rc*\"]", "7.0 7.2-rc1 8", "7.0" },
	{ "\"tags\": [\"!*-rc*\"]", "7.0 7.2-rc1 8", "7.0 8" },
	{ "\"tags\": [\"7.*\", \"!*-rc*\", \"7.2-rc1\"]", "7.0 7.2-rc1 7.2-rc2", "7.0 7.2-rc1" },
	{ "\"match\": \"[0-9]+[.][0-9]+\"", "7 7.0 7.0.1 v7.0 7.0-rc1", "7.0" },
	{ "\"match\": \"a|b\"", "a b ab ba", "a b" },
	{ "\"newest\": 2", "1.9 1.10 1.2", "1.10 1.9" },
	{ "\"newest\": 2", "1.2-rc1 1.2 1.1", "1.2 1.2-rc1" },
	{ "\"newest\": 2", "v1.2.0 v1.2.0-rc.2 v1.2.0-rc.10", "v1.2.0 v1.2.0-rc.10" },
	{ "\"newest\": 5", "b a", "b a" },
	{ "\"newest\": 1, \"tags\": [\"7.*\"]", "7.1 8.0 7.3", "7.3" },
	{ "\"newest\": 3", "", "" },
};

static const struct {
	const char *text, *part;
} wrong[] = {
	{ "", "not valid JSON" },
	{ "{}", "not an array" },
	{ "[1]", "a rule is an object" },
	{ "[], \"a\": 1", "" },
	{ "[{}]", "needs 'from'" },
	{ "[{\"from\": \"h.io/a\"}]", "rule 1: a rule needs 'to'" },
	{ "[{\"from\": \"h.io/A\", \"to\": \"h.io/b\"}]", "'from'" },
	{ "[{\"from\": \"store:h.io/a\", \"to\": \"h.io/b\"}]", "'from'" },
	{ "[{\"from\": \"h.io/a:1\", \"to\": \"h.io/b\", \"newest\": 1}]", "nothing to choose" },
	{ "[{\"from\": \"h.io/a\", \"to\": \"h.io/b:1\"}]", "'to' names a tag" },
	{ "[{\"from\": \"h.io/a\", \"to\": \"h.io/b\", \"match\": \"(\"}]", "'match'" },
	{ "[{\"from\": \"h.io/a\", \"to\": \"h.io/b\", \"newest\": -1}]", "'newest'" },
	{ "[{\"from\": \"h.io/a\", \"to\": \"h.io/b\", \"platforms\": [\"a/b/c/d\"]}]", "'platforms'" },
	{ "[{\"from\": \"h.io/a\", \"to\": \"h.io/b\", \"tag\": [\"1\"]}]", "no key 'tag'" },
};

int main(void)
{
	struct sync_rules rules = { 0 };

	for (size_t i = 0; i < array_len(cases); i++) {
		_cleanup_(freep) char *chosen = choose(cases[i].members, cases[i].tags), *name = xprintf("{%s} of %s", cases[i].members, cases[i].tags);
		is_str(chosen, cases[i].chosen, name);
	}
	for (size_t i = 0; i < array_len(wrong); i++)
		if (*wrong[i].part)
			fails(sync_rules_parse(wrong[i].text, strlen(wrong[i].text), &rules, &err), &err, ERROR_INVALID, wrong[i].part, wrong[i].text);
	static const char good[] = "[{\"from\": \"h.io:5000/a:1\", \"to\": \"store:redis:2\", \"referrers\": true}]";
	ok(sync_rules_parse(good, strlen(good), &rules, &err) == 0 && rules.len == 1, "a good one");
	ok(rules.rules[0].to_store && rules.rules[0].referrers, "into the store");
	is_str(rules.rules[0].from.tag, "1", "from a tag");
	is_str(rules.rules[0].to.tag, "2", "to another");
	sync_rules_clear(&rules);
	return done();
}
