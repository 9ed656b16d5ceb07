/* .dockerignore: see ignore.h. */
#include "build/ignore.h"

#include <ctype.h>

#include "base/fd.h"
#include "build/pattern.h"

struct rule {
	struct pattern *pattern;
	bool takes_back; /* `!` */
};

struct ignore {
	struct rule *rules;
	size_t len;
	bool any_takes_back;
};

void ignore_free(struct ignore **at)
{
	struct ignore *ignore = *at;

	if (!ignore)
		return;
	for (size_t i = 0; i < ignore->len; i++)
		pattern_free(&ignore->rules[i].pattern);
	free(ignore->rules);
	free(ignore);
	*at = NULL;
}

static char *trim(const char *text, size_t len)
{
	while (len && isspace((unsigned char)*text)) {
		text++;
		len--;
	}
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	return xstrndup(text, len);
}

/* One pattern, with or without `!`; an empty one adds nothing. */
static int ignore_add(struct ignore *ignore, const char *text, size_t len, struct error *err)
{
	struct rule rule = { 0 };

	if (len > IGNORE_PATTERN_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a pattern is longer than %d bytes", IGNORE_PATTERN_MAX);
	_cleanup_(freep) char *word = trim(text, len);
	if (!*word)
		return 0;
	rule.takes_back = *word == '!';
	_cleanup_(freep) char *rest = trim(word + rule.takes_back, strlen(word) - rule.takes_back);
	if (!*rest) {
		error_set(err, ERROR_INVALID, "there is no pattern behind '!'");
		return error_hint(err, "write '!name' to take 'name' back");
	}
	_cleanup_(freep) char *clean = path_clean(rest);
	if (pattern_compile_path(clean[0] == '/' && clean[1] ? clean + 1 : clean, &rule.pattern, err) < 0)
		return -1;
	xgrow(ignore->rules, ignore->len);
	ignore->rules[ignore->len++] = rule;
	ignore->any_takes_back |= rule.takes_back;
	return 0;
}

static int ignore_add_line(struct ignore *ignore, const char *line, size_t len, struct error *err)
{
	if (len && *line == '#')
		return 0;
	if (memchr(line, '\0', len))
		return error_set(err, ERROR_INVALID, "there is a NUL byte in the line");
	if (ignore->len == IGNORE_PATTERNS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "there are more than %d patterns", IGNORE_PATTERNS_MAX);
	return ignore_add(ignore, line, len, err);
}

int ignore_parse(const char *text, size_t len, const char *file_name, struct ignore **ret, struct error *err)
{
	_cleanup_(ignore_free) struct ignore *ignore = xnew(struct ignore);
	const char *end = text + len;

	if (len > IGNORE_SIZE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "%s is longer than %d KiB", file_name, IGNORE_SIZE_MAX >> 10);
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	for (int number = 1; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;
		if (ignore_add_line(ignore, text, (size_t)(line_end - text), err) < 0)
			return error_wrap(err, "line %d of %s", number, file_name);
		text = line_end + 1;
	}
	*ret = steal(ignore);
	return 0;
}

int ignore_from_list(const struct strlist *patterns, struct ignore **ret, struct error *err)
{
	_cleanup_(ignore_free) struct ignore *ignore = xnew(struct ignore);

	for (size_t i = 0; i < patterns->len; i++)
		if (ignore_add(ignore, patterns->items[i], strlen(patterns->items[i]), err) < 0)
			return -1;
	*ret = steal(ignore);
	return 0;
}

static bool match_plain(const struct ignore *ignore, const char *path)
{
	for (size_t i = 0; i < ignore->len; i++)
		if (pattern_match_path(ignore->rules[i].pattern, path) >= PATH_MATCH_WHOLE)
			return true;
	return false;
}

/* One level of match_levels: a path, where `held` says which rules matched a directory above it. */
static bool match_level(const struct ignore *ignore, const char *path, bool *held)
{
	bool ignored = false;

	for (size_t i = 0; i < ignore->len; i++) {
		const struct rule *rule = &ignore->rules[i];
		/* A rule that would not change the answer isn't asked, and so isn't held for what is beneath. */
		if (!held[i] && rule->takes_back == ignored)
			held[i] = pattern_match_path(rule->pattern, path) == PATH_MATCH_WHOLE;
		if (held[i])
			ignored = !rule->takes_back;
	}
	return ignored;
}

/* With `!` rules docker's answer depends on the directories above: `!dir` takes back what is in dir only where dir itself was ignored by a
 * rule before it. */
static bool match_levels(const struct ignore *ignore, const char *path)
{
	_cleanup_(freep) bool *held = xcalloc(ignore->len, sizeof *held);
	_cleanup_(freep) char *prefix = xstrdup(path);

	for (char *slash = strchr(prefix, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		match_level(ignore, prefix, held);
		*slash = '/';
	}
	return match_level(ignore, prefix, held);
}

bool ignore_match(const struct ignore *ignore, const char *path)
{
	if (!ignore || !ignore->len)
		return false;
	return ignore->any_takes_back ? match_levels(ignore, path) : match_plain(ignore, path);
}

bool ignore_may_descend(const struct ignore *ignore, const char *path)
{
	if (!ignore_match(ignore, path))
		return true;
	for (size_t i = 0; ignore->any_takes_back && i < ignore->len; i++)
		if (ignore->rules[i].takes_back && pattern_match_path(ignore->rules[i].pattern, path) != PATH_MATCH_NONE)
			return true;
	return false;
}

bool ignore_pattern_match(const char *text, const char *path)
{
	_cleanup_(pattern_free) struct pattern *pattern = NULL;

	return pattern_compile_path(text, &pattern, NULL) == 0 && pattern_match_path(pattern, path) == PATH_MATCH_WHOLE;
}
