/* Answers of registries: see answer.h. */
#include "remote/answer.h"

#include <ctype.h>
#include <jansson.h>
#include <strings.h>

enum { CHALLENGE_TEXT_MAX = 8192, REASON_MAX = 300 };

void answer_clear(struct answer *answer)
{
	strlist_free(&answer->headers);
	buf_free(&answer->body);
	free(answer->url);
	*answer = (struct answer){ 0 };
}

const char *answer_header(const struct answer *answer, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < answer->headers.len; i++) {
		const char *line = answer->headers.items[i];
		if (!strncasecmp(line, name, len) && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	}
	return NULL;
}

/* One line of printable text: a registry mustn't be able to steer our user's terminal. */
static char *text_for_terminal(const char *text)
{
	struct buf clean = { 0 };

	for (const unsigned char *at = (const unsigned char *)text; *at && clean.len < REASON_MAX; at++)
		buf_add_char(&clean, *at < 0x20 || *at == 0x7f || (*at >= 0x80 && *at < 0xa0) ? ' ' : (char)*at);
	return buf_steal(&clean);
}

/* Whatever is missing or of another type is simply not said: the body is only for the message. */
static const char *reason_in(const json_t *root)
{
	const json_t *first = json_array_get(json_object_get(root, "errors"), 0);
	const char *message = json_string_value(json_object_get(first, "message"));

	if (str_empty(message))
		message = json_string_value(json_object_get(first, "code"));
	if (str_empty(message)) /* token servers and proxies */
		message = json_string_value(json_object_get(root, "details"));
	return str_empty(message) ? json_string_value(json_object_get(root, "message")) : message;
}

char *answer_reason(const struct answer *answer)
{
	json_t *root = answer->body.len ? json_loadb(answer->body.data, answer->body.len, 0, NULL) : NULL;
	const char *reason = reason_in(root);
	char *text = str_empty(reason) ? NULL : text_for_terminal(reason);

	json_decref(root);
	return text;
}

void challenge_clear(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct challenge){ 0 };
}

/* tchar of RFC 9110 and the characters of token68, which is accepted and ignored. */
static bool is_token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~/", c));
}

static const char *skip_blank(const char *at)
{
	return at + strspn(at, " \t");
}

static const char *take_token(const char *at, char **ret)
{
	const char *end = at;

	while (is_token_char(*end))
		end++;
	*ret = xstrndup(at, (size_t)(end - at));
	return end;
}

/* A quoted string or a token. NULL if the quotes never close or control characters are in it. */
static const char *take_value(const char *at, char **ret)
{
	struct buf value _cleanup_(buf_free) = { 0 };

	if (*at != '"')
		return take_token(at, ret);
	for (at++; *at != '"'; at++) {
		if (*at == '\\' && at[1])
			at++;
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return NULL;
		buf_add_char(&value, *at);
	}
	*ret = buf_steal(&value);
	return at + 1;
}

static int challenge_set(struct challenge *challenge, const char *name, char **value, struct error *err)
{
	char **at = !strcasecmp(name, "realm")	 ? &challenge->realm :
		    !strcasecmp(name, "service") ? &challenge->service :
		    !strcasecmp(name, "scope")	 ? &challenge->scope :
						   NULL;

	if (!at)
		return 0;
	if (*at)
		return error_set(err, ERROR_INVALID, "WWW-Authenticate gives '%s' twice", name);
	*at = steal(*value);
	return 0;
}

/* Ends a challenge: keeps it if it is better than the best so far. */
static int challenge_offer(struct challenge *best, struct challenge *offer, struct error *err)
{
	if (offer->scheme == CHALLENGE_BEARER && str_empty(offer->realm))
		return error_set(err, ERROR_INVALID, "WWW-Authenticate names no realm to get a token from");
	if (offer->scheme > best->scheme) {
		challenge_clear(best);
		*best = *offer;
		*offer = (struct challenge){ 0 };
	}
	challenge_clear(offer);
	return 0;
}

static enum challenge_scheme challenge_scheme(const char *name)
{
	return !strcasecmp(name, "Bearer") ? CHALLENGE_BEARER : !strcasecmp(name, "Basic") ? CHALLENGE_BASIC : CHALLENGE_NONE;
}

/* What follows `=`: a parameter's value, or only the padding of a token68. Returns where it ends, NULL on failure. */
static const char *challenge_param(struct challenge *current, const char *name, const char *at, struct error *err)
{
	_cleanup_(freep) char *value = NULL;

	at = skip_blank(at + 1);
	if (*at == '=' || *at == ',' || !*at)
		return at + strspn(at, "=");
	at = take_value(at, &value);
	if (!at) {
		error_set(err, ERROR_INVALID, "WWW-Authenticate breaks its grammar at '%s'", name);
		return NULL;
	}
	return challenge_set(current, name, &value, err) < 0 ? NULL : at;
}

static int challenge_scan(const char *at, struct challenge *best, struct challenge *current, struct error *err)
{
	bool begun = false;

	for (at += strspn(at, " \t,"); *at; at += strspn(at, " \t,")) {
		_cleanup_(freep) char *name = NULL;
		const char *end = take_token(at, &name);
		if (end == at)
			return error_set(err, ERROR_INVALID, "WWW-Authenticate breaks its grammar");
		at = skip_blank(end);
		if (*at == '=' && begun) {
			at = challenge_param(current, name, at, err);
			if (!at)
				return -1;
			continue;
		}
		if (challenge_offer(best, current, err) < 0)
			return -1;
		current->scheme = challenge_scheme(name);
		begun = true;
		at = end;
		if (*at && !strchr(" \t,", *at))
			return error_set(err, ERROR_INVALID, "WWW-Authenticate breaks its grammar behind '%s'", name);
	}
	return challenge_offer(best, current, err);
}

int challenge_parse(const char *text, struct challenge *ret, struct error *err)
{
	struct challenge best _cleanup_(challenge_clear) = { 0 }, current _cleanup_(challenge_clear) = { 0 };

	if (strlen(text) > CHALLENGE_TEXT_MAX)
		return error_set(err, ERROR_TOO_LARGE, "WWW-Authenticate is longer than %d bytes", CHALLENGE_TEXT_MAX);
	if (challenge_scan(text, &best, &current, err) < 0)
		return -1;
	*ret = best;
	best = (struct challenge){ 0 };
	return 0;
}

/* Digits up to `end`, as a number that fits. */
static bool take_number(const char **at, int64_t *ret)
{
	const char *digit = *at;
	int64_t value = 0;

	for (; isdigit((unsigned char)*digit); digit++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *digit - '0', &value))
			return false;
	if (digit == *at)
		return false;
	*at = digit;
	*ret = value;
	return true;
}

int content_range_parse(const char *text, struct content_range *ret, struct error *err)
{
	struct content_range range = { .total = -1 };
	const char *at = text;

	if (strncasecmp(at, "bytes ", 6))
		goto invalid;
	at = skip_blank(at + 6);
	if (!take_number(&at, &range.first) || *at++ != '-' || !take_number(&at, &range.last) || *at++ != '/')
		goto invalid;
	if (*at == '*')
		at++;
	else if (!take_number(&at, &range.total))
		goto invalid;
	if (*skip_blank(at) || range.last < range.first || (range.total >= 0 && range.last >= range.total))
		goto invalid;
	*ret = range;
	return 0;
invalid:
	return error_set(err, ERROR_INVALID, "not a Content-Range of bytes");
}

/* The parameters behind a link's target; returns what follows them. */
static const char *link_parameters(const char *at, bool *ret_next)
{
	while (*(at = skip_blank(at)) == ';') {
		at = skip_blank(at + 1);
		size_t name = strcspn(at, "=;, \t");
		bool rel = name == 3 && !strncasecmp(at, "rel", 3);
		at = skip_blank(at + name);
		if (*at != '=')
			continue;
		at = skip_blank(at + 1);
		bool quoted = *at == '"';
		at += quoted;
		size_t value = strcspn(at, quoted ? "\"" : ";, \t");
		*ret_next |= rel && value == 4 && !strncasecmp(at, "next", 4);
		at += value;
		at += quoted && *at == '"';
	}
	return at;
}

char *link_next(const char *text)
{
	const char *at = text;

	while (*(at = skip_blank(at)) == '<') {
		const char *target = at + 1, *end = strchr(target, '>');
		bool next = false;
		if (!end)
			return NULL;
		at = link_parameters(end + 1, &next);
		if (next && end > target)
			return xstrndup(target, (size_t)(end - target));
		if (*at++ != ',')
			return NULL;
	}
	return NULL;
}

int retry_after_parse(const char *text, time_t now)
{
	const char *at = skip_blank(text);
	int64_t seconds;
	struct tm date = { 0 };

	if (isdigit((unsigned char)*at)) {
		size_t digits = strspn(at, "0123456789");
		if (*skip_blank(at + digits))
			return -1;
		return take_number(&at, &seconds) && seconds < RETRY_AFTER_MAX ? (int)seconds : RETRY_AFTER_MAX;
	}
	at = strptime(at, "%a, %d %b %Y %H:%M:%S GMT", &date);
	if (!at || *skip_blank(at))
		return -1;
	seconds = (int64_t)timegm(&date) - now;
	return seconds < 0 ? 0 : seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (int)seconds;
}
