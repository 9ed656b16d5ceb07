/* Headers and bodies of answers: the case file has
 * "challenge" (WWW-Authenticate, scheme, realm, service, scope), "bad-challenge" (text, part of the message),
 * "range" (Content-Range, first, last, total), "bad-range" (text),
 * "retry" (Retry-After at 2015-10-21T07:28:00Z, seconds or -1),
 * "link" (Link, the next one's target or none),
 * "reason" (body, what is shown of it; %e% is the escape character). */
#include "remote/answer.h"

#include "cases.h"

enum { NOW = 1445412480 };

static const char *or_none(const char *text)
{
	return text ? text : "none";
}

static void run_challenge(const struct strlist *f)
{
	static const char *const names[] = { "none", "basic", "bearer" };
	struct challenge challenge _cleanup_(challenge_clear) = { 0 };
	struct error err = { 0 };

	if (!works(challenge_parse(f->items[1], &challenge, &err), &err, f->items[1]))
		return;
	is_str(names[challenge.scheme], f->items[2], "  scheme");
	is_str(or_none(challenge.realm), f->items[3], "  realm");
	is_str(or_none(challenge.service), f->items[4], "  service");
	is_str(or_none(challenge.scope), f->items[5], "  scope");
}

static void run_bad_challenge(const struct strlist *f)
{
	struct challenge challenge = { 0 };
	struct error err = { 0 };

	fails(challenge_parse(f->items[1], &challenge, &err), &err, ERROR_INVALID, f->items[2], f->items[1]);
	ok(!challenge.scheme && !challenge.realm, "  leaves the output alone");
}

static void run_range(const struct strlist *f)
{
	struct content_range range = { 0 };
	struct error err = { 0 };

	if (!works(content_range_parse(f->items[1], &range, &err), &err, f->items[1]))
		return;
	is_int(range.first, atoll(f->items[2]), "  first");
	is_int(range.last, atoll(f->items[3]), "  last");
	is_int(range.total, atoll(f->items[4]), "  total");
}

static void run_reason(const struct strlist *f)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };

	buf_add_str(&answer.body, f->items[1]);
	_cleanup_(freep) char *reason = answer_reason(&answer);
	is_str(or_none(reason), f->items[2], f->items[1]);
}

static void run_link(const struct strlist *f)
{
	_cleanup_(freep) char *next = link_next_parse(f->items[1]);

	is_str(or_none(next), f->items[2], f->items[1]);
}

static void run(const struct strlist *f)
{
	struct content_range range;
	struct error err = { 0 };

	if (str_equal(f->items[0], "challenge"))
		run_challenge(f);
	else if (str_equal(f->items[0], "bad-challenge"))
		run_bad_challenge(f);
	else if (str_equal(f->items[0], "range"))
		run_range(f);
	else if (str_equal(f->items[0], "bad-range"))
		fails(content_range_parse(f->items[1], &range, &err), &err, ERROR_INVALID, "Content-Range", f->items[1]);
	else if (str_equal(f->items[0], "retry"))
		is_int(retry_after_parse(f->items[1], NOW), atoll(f->items[2]), f->items[1]);
	else if (str_equal(f->items[0], "link"))
		run_link(f);
	else if (str_equal(f->items[0], "reason"))
		run_reason(f);
	else
		ok(false, "unknown case %s", f->items[0]);
}

static void headers(void)
{
	struct answer answer _cleanup_(answer_clear) = { 0 };

	strlist_add(&answer.headers, "Content-Type:  text/plain");
	strlist_add(&answer.headers, "Content-Type-More: x");
	strlist_add(&answer.headers, "LOCATION: /a");
	is_str(answer_header(&answer, "content-type"), "text/plain", "a header by name, whatever its case");
	is_str(answer_header(&answer, "location"), "/a", "another");
	is_str(answer_header(&answer, "content"), NULL, "the whole name counts");
}

static void limits(void)
{
	struct challenge challenge = { 0 };
	struct error err = { 0 };
	_cleanup_(freep) char *text = xcalloc(10001, 1);

	memset(text, 'a', 10000);
	fails(challenge_parse(text, &challenge, &err), &err, ERROR_TOO_LARGE, "longer than", "a challenge of 10000 bytes");
	struct answer answer _cleanup_(answer_clear) = { 0 };
	buf_printf(&answer.body, "{\"errors\":[{\"message\":\"%s\"}]}", text);
	_cleanup_(freep) char *reason = answer_reason(&answer);
	is_int((long long)strlen(reason), 300, "a long reason is cut");
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		case_file(argv[i], run);
	headers();
	limits();
	return done();
}
