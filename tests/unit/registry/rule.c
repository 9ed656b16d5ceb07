/* Patterns, scopes and rules, from tests/corpus/registry/rule.txt; and who a rule is for. */
#include "registry/rule.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/json.h"
#include "registry/account.h"
#include "registry/internal.h"
#include "tap.h"

static char *pattern(char *text)
{
	char *repository = strchr(text, ' ');

	*repository++ = '\0';
	if (!pattern_valid(text))
		return xstrdup("invalid");
	return xstrdup(pattern_matches(text, repository) ? "yes" : "no");
}

static char *actions_print(unsigned actions)
{
	struct strlist names _cleanup_(strlist_free) = { 0 };

	for (int i = ACTION_PULL; i < ACTION_COUNT; i++)
		if (actions & ACTION_BIT(i))
			strlist_add(&names, action_name(i));
	return strlist_join(&names, ",");
}

static char *scope(const char *text)
{
	struct grants grants _cleanup_(grants_free) = { 0 }, again _cleanup_(grants_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	struct buf out _cleanup_(buf_free) = { 0 };

	if (grants_add_scope(&grants, text, &err) < 0)
		return xstrdup("invalid");
	json_t *claim _cleanup_(json_release) = grants_print(&grants);
	if (grants_add_claim(&again, claim, &err) < 0 || again.len != grants.len)
		return xstrdup("not the same as a claim");
	for (size_t i = 0; i < grants.len; i++) {
		_cleanup_(freep) char *actions = actions_print(grants.items[i].actions);
		if (again.items[i].actions != grants.items[i].actions)
			return xstrdup("other actions as a claim");
		if (grants.items[i].repository)
			buf_printf(&out, "%s%s=%s", i ? " " : "", grants.items[i].repository, actions);
		else
			buf_printf(&out, "%scatalog", i ? " " : "");
	}
	return buf_steal(&out);
}

static char *rule(const char *text)
{
	struct rules rules _cleanup_(rules_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };

	return rules_add_text(&rules, text, &err) < 0 ? xstrdup("invalid") : rules_text(&rules);
}

static void corpus(const char *path)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	ok(file_read(AT_FDCWD, path, 1 << 20, &text, NULL) == 0, "the corpus");
	strlist_split(&lines, text.data ? text.data : "", '\n');
	for (size_t i = 0; i < lines.len; i++) {
		char *line = lines.items[i], *arrow = strstr(line, " -> "), *input = strchr(line, ' ');
		if (*line == '#' || !arrow)
			continue;
		_cleanup_(freep) char *what = xstrdup(line);
		*arrow = '\0';
		input++;
		_cleanup_(freep) char *got = str_starts(line, "pattern ") ? pattern(input) : str_starts(line, "scope ") ? scope(input) : rule(input);
		is_str(got, arrow + 4, what);
	}
}

static void check(const struct rules *rules, const char *name, const char *group, const char *repository, const char *want)
{
	struct strlist groups _cleanup_(strlist_free) = { 0 };
	struct subject subject = { .name = name, .groups = &groups };

	if (group)
		strlist_add(&groups, group);
	_cleanup_(freep) char *got = actions_print(rules_actions(rules, &subject, repository)), *what =
		xprintf("%s%s%s in %s", name ? name : "nobody", group ? " of " : "", group ? group : "", repository ? repository : "the catalog");
	is_str(got, want, what);
}

static void whom(void)
{
	static const char text[] = "{\"rules\":["
				   "{\"repositories\":[\"public/*\"],\"users\":[\"anonymous\"],\"actions\":[\"pull\"]},"
				   "{\"repositories\":[\"inner/*\"],\"users\":[\"authenticated\"],\"actions\":[\"pull\",\"catalog\"]},"
				   "{\"repositories\":[\"*\"],\"groups\":[\"dev\"],\"actions\":[\"push\"]},"
				   "{\"repositories\":[\"board\"],\"users\":[\"cert:b1\",\"bob\"],\"actions\":[\"*\"]}]}";
	json_t *root _cleanup_(json_release) = json_parse(text, strlen(text), "rules", NULL);
	struct rules rules _cleanup_(rules_free) = { 0 };
	struct error err = { 0 };

	works(rules_read(json_object_get(root, "rules"), true, &rules, &err), &err, "rules");
	check(&rules, NULL, NULL, "public/a", "pull");
	check(&rules, NULL, NULL, "inner/a", "");
	check(&rules, NULL, NULL, "other", "");
	check(&rules, NULL, NULL, NULL, "pull");
	check(&rules, "bob", NULL, "public/a", "pull");
	check(&rules, "bob", NULL, "inner/a", "pull,catalog");
	check(&rules, "bob", NULL, "board", "pull,push,delete,catalog");
	check(&rules, "eve", NULL, "board", "");
	check(&rules, "eve", "dev", "board", "push");
	check(&rules, "eve", "deva", "board", "");
	check(&rules, "cert:b1", NULL, "board", "pull,push,delete,catalog");
	check(&rules, "b1", NULL, "board", "");
	check(&rules, "anonymous", NULL, "other", "");
}

static void bad_rules(void)
{
	static const char *const texts[] = { "{\"rules\":{}}", "{\"rules\":[1]}", "{\"rules\":[{}]}",
					     "{\"rules\":[{\"repositories\":[\"a\"],\"users\":[\"b\"]}]}",
					     "{\"rules\":[{\"repositories\":[],\"users\":[\"b\"],\"actions\":[\"pull\"]}]}",
					     "{\"rules\":[{\"repositories\":[\"a\"],\"actions\":[\"pull\"]}]}",
					     "{\"rules\":[{\"repositories\":[\"a\"],\"user\":[\"b\"],\"actions\":[\"pull\"]}]}",
					     "{\"rules\":[{\"repositories\":[\"a\"],\"users\":[\"b\"],\"actions\":[\"pulll\"]}]}" };

	for (size_t i = 0; i < array_len(texts); i++) {
		json_t *root _cleanup_(json_release) = json_parse(texts[i], strlen(texts[i]), "rules", NULL);
		struct rules rules _cleanup_(rules_free) = { 0 };
		struct error err _cleanup_(error_clear) = { 0 };
		ok(rules_read(json_object_get(root, "rules"), true, &rules, &err) < 0 && err.message, "refused: %s", texts[i]);
	}
}

static bool may_be_open(enum route route)
{
	static const enum route open[] = { ROUTE_TOKEN, ROUTE_AUTHORITY, ROUTE_JOIN, ROUTE_PING, ROUTE_HEALTH, ROUTE_READY, ROUTE_PAGE };

	for (size_t i = 0; i < array_len(open); i++)
		if (route == open[i])
			return true;
	return false;
}

/* No row of the server's table may forget what it is; and what writes or deletes is never something less. */
static void all_operations(void)
{
	for (const struct operation *operation = operations; operation->method; operation++) {
		ok(operation->action != ACTION_UNSET && operation->action < ACTION_COUNT, "%s of route %d says its action", operation->method, operation->route);
		bool reads = str_equal(operation->method, "GET"), open = operation->action == ACTION_OPEN;
		bool writes = operation->action == ACTION_PUSH || operation->action == ACTION_DELETE;
		ok(reads || open || writes, "and it is one that fits the method");
		ok(!open || may_be_open(operation->route), "nothing else is open to everybody");
	}
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	corpus(argv[1]);
	whom();
	bad_rules();
	all_operations();
	return done();
}
