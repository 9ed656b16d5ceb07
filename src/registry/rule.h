/* Who may do what: actions, rules, grants. Pure.
 *
 * A *rule* is the administrator's: these callers may do these actions in these repositories. A *grant* is what a bearer token says of
 * itself. Where there are both, a request needs both. Nothing takes a right away, so the order of rules does not matter. */
#ifndef REGISTRY_RULE_H
#define REGISTRY_RULE_H
#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

/* What an operation of the registry is, for access. The first three are no rights: */
enum action {
	ACTION_UNSET, /* an operation that forgot to say: always refused */
	ACTION_OPEN,  /* for everybody: the operation asks for itself, or has nothing to hide */
	ACTION_ENTER, /* the base address: for whoever is known; anonymous callers are told how to become so */
	ACTION_PULL,
	ACTION_PUSH, /* includes moving a tag that is there */
	ACTION_DELETE,
	ACTION_CATALOG,
	ACTION_COUNT
};
/* Sets of actions are bits. */
#define ACTION_BIT(action) (1u << (action))
#define ACTIONS_REPOSITORY (ACTION_BIT(ACTION_PULL) | ACTION_BIT(ACTION_PUSH) | ACTION_BIT(ACTION_DELETE))
#define ACTIONS_ALL (ACTIONS_REPOSITORY | ACTION_BIT(ACTION_CATALOG))

const char *action_name(enum action action);
/* "pull", …; "*" is all of them. 0 if there is none of that name. `len` is its length. */
unsigned action_bits(const char *name, size_t len);

/* "team/app", "team/" followed by a star (all below), "*" (all): a star stands at the end only. */
bool pattern_valid(const char *pattern);
bool pattern_matches(const char *pattern, const char *repository);
bool patterns_match(const struct strlist *patterns, const char *repository);

struct rule {
	struct strlist repositories, users, groups;
	unsigned actions;
};
struct rules {
	struct rule *items;
	size_t len;
};
void rules_free(struct rules *rules);
/* From [{"repositories": […], "users": […], "groups": […], "actions": […]}]. An account's own rules have no users and groups: `whose`
 * says whether the array's do. */
int rules_read(const json_t *array, bool whose, struct rules *ret, struct error *err);
json_t *rules_print(const struct rules *rules);
/* "REPOSITORIES:ACTIONS", both lists separated by commas: "team/app,team/lib:pull,push". Appends. */
int rules_add_text(struct rules *rules, const char *text, struct error *err);
/* The inverse, for people: "team/app:pull,push team/lib:pull". Owned by the caller. */
char *rules_text(const struct rules *rules);

/* For whom rules are matched. `name` NULL: anonymous. */
struct subject {
	const char *name; /* "alice", "cert:board1" */
	const struct strlist *groups; /* or NULL */
};
/* Actions that the rules give the subject in a repository; NULL: in any. */
unsigned rules_actions(const struct rules *rules, const struct subject *subject, const char *repository);
/* The same of an account's own rules, which name nobody. */
unsigned rules_own_actions(const struct rules *rules, const char *repository);

/* ---- grants: the scopes of distribution's token specification (spec/auth/scope.md, jwt.md) ---- */

enum { GRANTS_MAX = 128, SCOPE_TEXT_MAX = 16 << 10 };

struct grant {
	char *repository; /* NULL: the catalog */
	unsigned actions;
};
struct grants {
	struct grant *items;
	size_t len;
};
void grants_free(struct grants *grants);
/* Adds those of a scope text, "repository:team/app:pull,push registry:catalog:*"; '+' separates as a blank does. Types, names and
 * actions that this registry does not have are left out; what breaks the grammar is ERROR_INVALID. */
int grants_add_scope(struct grants *grants, const char *text, struct error *err);
/* Of the "access" claim of a token: [{"type": …, "name": …, "actions": […]}]. NULL is no grant. */
int grants_add_claim(struct grants *grants, const json_t *access, struct error *err);
json_t *grants_print(const struct grants *grants); /* as the claim */
/* The actions granted in a repository; NULL: of the catalog. */
unsigned grants_actions(const struct grants *grants, const char *repository);
#endif
