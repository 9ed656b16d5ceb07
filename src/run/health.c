/* Health checks: see health.h.
 *
 * The command runs by `exec` in a child process that is ended, and with it the command, when it takes too long. Only a change of the status or of the
 * streak is written to the store, so a container in good health costs no write. */
#include "run/health.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/child.h"
#include "run/event.h"
#include "run/host_config.h"

enum { SECOND = 1000, DAY = 86400 * SECOND, DEFAULT_RETRIES = 3, DEFAULT_SECONDS = 30 };

static int64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000000;
}

static const json_t *check_of(const json_t *record)
{
	const json_t *check = json_object_get(record, "Healthcheck"), *test = json_object_get(check, "Test");
	const char *kind = json_string_value(json_array_get(test, 0));

	return str_equal(kind, "CMD") || str_equal(kind, "CMD-SHELL") ? check : NULL;
}

bool health_has_check(const json_t *record)
{
	return check_of(record) != NULL;
}

/* The record has nanoseconds. */
static int64_t milliseconds(const json_t *check, const char *key, int64_t otherwise)
{
	int64_t value = host_config_number(check, key) / 1000000;

	return value > 0 ? value : otherwise;
}

void health_begin(const json_t *record, struct health *ret)
{
	const json_t *check = check_of(record);
	int64_t retries = host_config_number(check, "Retries");

	*ret = (struct health){ .has_check = check != NULL, .interval = milliseconds(check, "Interval", DEFAULT_SECONDS * SECOND),
				.timeout = milliseconds(check, "Timeout", DEFAULT_SECONDS * SECOND),
				.start_period = milliseconds(check, "StartPeriod", 0), .retries = retries > 0 ? retries : DEFAULT_RETRIES,
				.began = clock_now() };
	ret->next = ret->began + ret->interval;
}

int health_due(const struct health *health)
{
	int64_t left = health->has_check ? health->next - clock_now() : DAY;

	return left < 0 ? 0 : left > DAY ? DAY : (int)left;
}

bool health_is_due(const struct health *health)
{
	return health->has_check && clock_now() >= health->next;
}

struct probe {
	const struct container *container;
	struct exec_options options;
};

static int work_probe(void *data, struct error *err)
{
	const struct probe *probe = data;

	return container_exec_in(probe->container, &probe->options, err);
}

/* The exit code, or -1 if it couldn't be run or took too long. */
static int run_probe(const struct container *container, int64_t timeout)
{
	_cleanup_(freep) char *pid_file = path_join(container->bundle, "health.pid");
	struct probe probe = { .container = container, .options = { .quiet = true, .pid_file = pid_file } };
	struct strlist test _cleanup_(strlist_free) = { 0 }, *argv = &probe.options.argv;
	struct child child;
	int code = -1;

	json_get_strlist(check_of(container->record), "Test", &test, NULL);
	if (test.len && str_equal(test.items[0], "CMD-SHELL")) {
		strlist_add(argv, "/bin/sh");
		strlist_add(argv, "-c");
	}
	for (size_t i = 1; i < test.len; i++)
		strlist_add(argv, test.items[i]);
	unlink(pid_file);
	if (child_start(work_probe, &probe, &child, NULL) == 0) {
		struct pollfd waiting = { child.report, POLLIN, 0 };
		if (poll(&waiting, 1, (int)timeout) > 0) {
			code = child_wait(&child, NULL);
		} else {
			/* the runtime's end is not the command's */
			int pid = bundle_number(container, "health.pid");
			if (pid > 0)
				kill(pid, SIGKILL);
			child_kill(&child);
		}
	}
	strlist_free(argv);
	return code;
}

static void note(struct store *store, struct container *container, const char *status, int64_t streak, int code)
{
	const json_t *old = json_object_get(container->record, "Health");
	char now[32];

	if (old && str_equal(json_string_at(old, "Status"), status) && host_config_number(old, "FailingStreak") == streak)
		return;
	json_object_set_new(container->record, "Health", json_pack("{s:s, s:I, s:[{s:s, s:i}]}", "Status", status, "FailingStreak", (json_int_t)streak,
								   "Log", "End", time_print(time(NULL), now), "ExitCode", code));
	container_save(store, container, NULL);
	_cleanup_(freep) char *action = xprintf("health_status: %s", status);
	if (!old || !str_equal(json_string_at(old, "Status"), status))
		container_event(store, container, action, NULL, NULL);
}

void health_check(struct store *store, const char *id, int64_t generation, struct health *health)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct container_status status;
	_cleanup_(fd_close) int lock = -1;

	if (container_load(store, id, &container, NULL) < 0)
		return;
	container_status(&container, &status);
	if (status.state == CONTAINER_PAUSED) { /* it is not asked, and so doesn't fail */
		health->next = clock_now() + health->interval;
		return;
	}
	int code = run_probe(&container, health->timeout);
	health->next = clock_now() + health->interval;
	/* The record is read again behind the check, which may have taken long, and under the lock that all who change it take. */
	container_clear(&container);
	if (container_load(store, id, &container, NULL) < 0 || container_lock(&container, &lock, NULL) < 0)
		return;
	container_clear(&container);
	if (container_load(store, id, &container, NULL) < 0 || host_config_number(container.record, "Generation") != generation)
		return;
	const json_t *old = json_object_get(container.record, "Health");
	int64_t streak = code == 0 ? 0 : host_config_number(old, "FailingStreak") + 1;
	const char *before = old ? json_string_at(old, "Status") : "starting";
	if (code != 0 && str_equal(before, "starting") && clock_now() - health->began < health->start_period)
		return; /* failures don't count yet */
	note(store, &container, code == 0 ? "healthy" : streak >= health->retries ? "unhealthy" : before, streak, code);
}
