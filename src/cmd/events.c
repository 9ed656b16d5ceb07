/* sampan events: what happens to containers, images, volumes and networks. */
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/template.h"
#include "store/events.h"

static const char *since, *until, *format;
static struct strlist filters;

static const struct option_spec options[] = {
	{ 0, "since", OPTION_STRING, &since, "TIME", "also what was before: 10m, 2h, or 2026-01-02T03:04:05Z" },
	{ 0, "until", OPTION_STRING, &until, "TIME", "end there instead of waiting for more" },
	{ 'f', "filter", OPTION_LIST, &filters, "KEY=VALUE", "type, event, container, image, volume, network, label" },
	{ 0, "format", OPTION_STRING, &format, "json|TEMPLATE", "JSON, or a line for each like '{{.Type}} {{.Action}}'" },
	{ 0 },
};

struct span {
	int64_t since, until; /* nanoseconds; until INT64_MAX: for ever */
};

static int64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A time, or how long ago. */
static int read_time(const char *flag, const char *text, int64_t *ret, struct error *err)
{
	struct timespec when;
	int64_t ago;

	if (time_parse(text, &when, NULL) == 0) {
		*ret = (int64_t)when.tv_sec * 1000000000 + when.tv_nsec;
		return 0;
	}
	if (str_to_int(text, 1000000000, INT32_MAX, &ago, NULL) == 0) { /* seconds since 1970, as scripts for docker have them */
		*ret = ago * 1000000000;
		return 0;
	}
	if (period_parse(text, &ago, NULL) < 0)
		return error_set(err, ERROR_USAGE, "--%s %s: a time like 2026-01-02T03:04:05Z is needed, or how long ago: 10m", flag, text);
	*ret = clock_now() - ago * 1000000000;
	return 0;
}

enum { FILTER_TYPE, FILTER_EVENT, FILTER_CONTAINER, FILTER_IMAGE, FILTER_VOLUME, FILTER_NETWORK, FILTER_LABEL };
static const char *const filter_names[] = { "type", "event", "container", "image", "volume", "network", "label", NULL };

static const char *attribute(const json_t *event, const char *key)
{
	return json_string_at(json_object_get(json_object_get(event, "Actor"), "Attributes"), key);
}

/* Of a kind, with this name or the start of this id. */
static bool is_actor(const json_t *event, const char *type, const char *value)
{
	const char *id = json_string_at(json_object_get(event, "Actor"), "ID");

	return str_equal(json_string_at(event, "Type"), type) && (str_equal(attribute(event, "name"), value) || str_starts(id, value));
}

/* "exec_start" is also "exec_start: ls". */
static bool action_is(const json_t *event, const char *value)
{
	const char *action = json_string_at(event, "Action");
	size_t len = strlen(value);

	return str_equal(action, value) || (str_starts(action, value) && action[len] == ':');
}

static bool label_is(const json_t *event, const char *value)
{
	_cleanup_(freep) char *name = xstrndup(value, strcspn(value, "="));
	const json_t *found = json_object_get(json_object_get(json_object_get(event, "Actor"), "Attributes"), name);

	return found && (!value[strlen(name)] || str_equal(json_string_value(found), value + strlen(name) + 1));
}

static bool filter_matches(const json_t *event, size_t filter, const char *value)
{
	switch (filter) {
	case FILTER_TYPE: return str_equal(json_string_at(event, "Type"), value);
	case FILTER_EVENT: return action_is(event, value);
	case FILTER_CONTAINER: return is_actor(event, "container", value);
	case FILTER_IMAGE: return is_actor(event, "image", value) || str_equal(attribute(event, "image"), value);
	case FILTER_VOLUME: return is_actor(event, "volume", value);
	case FILTER_NETWORK: return is_actor(event, "network", value);
	default: return label_is(event, value);
	}
}

/* The number of a filter's key, and its value; -1 with what is wrong. */
static int filter_key(const char *text, const char **ret_value, struct error *err)
{
	const char *equals = strchr(text, '=');
	_cleanup_(freep) char *key = xstrndup(text, equals ? (size_t)(equals - text) : strlen(text));
	const char *near = str_nearest(key, filter_names);

	for (int i = 0; filter_names[i] && equals; i++)
		if (str_equal(filter_names[i], key)) {
			*ret_value = equals + 1;
			return i;
		}
	error_set(err, ERROR_USAGE, equals ? "--filter %s: there is no such key" : "--filter %s: write KEY=VALUE", text);
	return near ? error_hint(err, "did you mean %s=?", near) : -1;
}

static int check_filters(struct error *err)
{
	const char *value;

	for (size_t i = 0; i < filters.len; i++)
		if (filter_key(filters.items[i], &value, err) < 0)
			return -1;
	return 0;
}

/* Values of one key are alternatives, keys must all match. */
static bool is_wanted(const json_t *event)
{
	bool asked[array_len(filter_names)] = { false }, found[array_len(filter_names)] = { false };

	for (size_t i = 0; i < filters.len; i++) {
		const char *value = "";
		int key = filter_key(filters.items[i], &value, NULL);
		if (key < 0)
			continue;
		asked[key] = true;
		found[key] |= filter_matches(event, (size_t)key, value);
	}
	for (size_t i = 0; i < array_len(asked); i++)
		if (asked[i] && !found[i])
			return false;
	return true;
}

/* "2026-01-02T03:04:05.123456789Z container start ID (image=…, name=…)" */
static void print_text(const json_t *event)
{
	int64_t when = json_integer_value(json_object_get(event, "timeNano"));
	struct buf list _cleanup_(buf_free) = { 0 };
	char seconds[32];
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(json_object_get(event, "Actor"), "Attributes"), key, value)
		buf_printf(&list, "%s%s=%s", list.len ? ", " : "", key, json_string_value(value));
	time_print((time_t)(when / 1000000000), seconds);
	_cleanup_(freep) char *line = xprintf("%.19s.%09lldZ %s %s %s (%s)", seconds, (long long)(when % 1000000000), json_string_at(event, "Type"),
					      json_string_at(event, "Action"), json_string_at(json_object_get(event, "Actor"), "ID"), list.data ? list.data : "");
	puts(str_make_printable(line));
}

static int print_event(const struct context *context, const json_t *event, struct error *err)
{
	struct buf line _cleanup_(buf_free) = { 0 };

	if (context->format == FORMAT_JSON || str_equal(format, "json")) {
		_cleanup_(freep) char *text = json_text(event);
		puts(text);
	} else if (format) {
		if (template_print(format, event, &line, err) < 0)
			return -1;
		puts(line.data ? line.data : "");
	} else {
		print_text(event);
	}
	return fflush(stdout) ? error_set(err, ERROR_IO, "cannot write to the standard output") : 0;
}

/* Prints what there is. 1 if one was behind the end of the span. */
static int print_there(const struct context *context, struct event_reader *reader, const struct span *span, struct error *err)
{
	int more;

	for (;;) {
		json_t *event _cleanup_(json_release) = NULL;
		more = event_next(reader, &event, err);
		if (more <= 0)
			return more;
		int64_t when = json_integer_value(json_object_get(event, "timeNano"));
		if (when > span->until)
			return 1;
		if (when >= span->since && is_wanted(event) && print_event(context, event, err) < 0)
			return -1;
		if (interrupt_check(err) < 0)
			return -1;
	}
}

static int follow(const struct context *context, struct event_reader *reader, const struct span *span, struct error *err)
{
	for (;;) {
		int done = print_there(context, reader, span, err);
		int64_t left = span->until == INT64_MAX ? 3600000 : (span->until - clock_now()) / 1000000;
		if (done || left < 0)
			return done < 0 ? -1 : 0;
		struct pollfd waiting[2] = { { event_reader_fd(reader), POLLIN, 0 }, { interrupt_fd(), POLLIN, 0 } };
		if (event_reader_fd(reader) < 0 && left > 500)
			left = 500;
		poll(waiting, 2, left > 3600000 ? 3600000 : (int)left + 1);
		if (interrupt_check(err) < 0)
			return -1;
	}
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct event_reader *reader _cleanup_(event_reader_close) = NULL;
	struct span span = { .since = clock_now(), .until = INT64_MAX };

	(void)argc, (void)argv;
	if (check_filters(err) < 0 || (since && read_time("since", since, &span.since, err) < 0) || (until && read_time("until", until, &span.until, err) < 0))
		return -1;
	if (store_open(context->root, &store, err) < 0 || event_reader_open(store, &reader, err) < 0)
		return -1;
	return follow(context, reader, &span, err);
}

const struct command command_events = {
	.name = "events",
	.group = "Containers",
	.usage = "[OPTIONS]",
	.summary = "Show what happens to containers, images, volumes and networks",
	.details = "It waits for more until ^C, or --until. The store remembers the last megabyte or two of events, in docker's words.",
	.options = options,
	.run = run,
};
