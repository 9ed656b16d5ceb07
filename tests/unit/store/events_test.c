/* The journal of events: what is written is read, in order, over the journal's beginning anew, whatever else stands in it. */
#include "store/events.h"

#include <unistd.h>

#include "base/fd.h"
#include "fixture.h"
#include "tap.h"

static char *next(struct event_reader *reader)
{
	json_t *event = NULL;

	if (event_next(reader, &event, NULL) <= 0)
		return NULL;
	char *id = xstrdup(json_string_value(json_object_get(json_object_get(event, "Actor"), "ID")));
	json_decref(event);
	return id;
}

static void expect(struct event_reader *reader, const char *id, const char *what)
{
	_cleanup_(freep) char *got = next(reader);

	is_str(got, id, what);
}

static void append_text(struct store *store, const char *text, int times)
{
	_cleanup_(fd_close) int fd = openat(store_dir(store), "events.log", O_WRONLY | O_APPEND | O_CLOEXEC);

	for (int i = 0; i < times; i++)
		fd_write_all(fd, text, strlen(text), "events.log", NULL);
}

static void test_all(struct store *store)
{
	struct event_reader *early _cleanup_(event_reader_close) = NULL, *late _cleanup_(event_reader_close) = NULL;

	is_int(event_reader_open(store, &early, NULL), 0, "a journal that isn't there yet");
	expect(early, NULL, "has nothing");
	event_add(store, "volume", "create", "a", NULL);
	expect(early, "a", "the first comes");
	append_text(store, "{\"broken\":", 1);
	event_add(store, "container", "start", "b", json_pack("{s:s}", "image", "x\ny"));
	append_text(store, "no json\n\n[]\n", 1);
	event_add(store, "volume", "create", "c", NULL);
	expect(early, "b", "what broke off is skipped");
	expect(early, "c", "and what is no event");
	expect(early, NULL, "no more");
	append_text(store, "0123456789012345678901234567890123456789012345678901234567890123\n", 20000);
	event_add(store, "volume", "create", "d", NULL);
	event_add(store, "volume", "create", "e", NULL);
	expect(early, "d", "over the beginning anew");
	expect(early, "e", "the next");
	expect(early, NULL, "no more");
	is_int(event_reader_open(store, &late, NULL), 0, "another reader");
	expect(late, "a", "begins with the older file");
	expect(late, "b", "goes on");
	expect(late, "c", "and on");
	expect(late, "d", "into the newer one");
	expect(late, "e", "to its end");
	expect(late, NULL, "no more");
}

int main(void)
{
	struct store *store = fixture_open();

	test_all(store);
	store_close(&store);
	return done();
}
