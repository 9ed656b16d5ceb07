/* The threads that work off a list: each item once, the first error wins and stops the rest. */
#include "remote/jobs.h"

#include <stdatomic.h>
#include <unistd.h>

#include "tap.h"

enum { COUNT = 200 };

struct work {
	atomic_int done[COUNT];
	atomic_int stops, begun;
	int bad; /* item that fails, or -1 */
};

static int run(void *data, size_t item, struct error *err)
{
	struct work *work = data;

	atomic_fetch_add(&work->begun, 1);
	atomic_fetch_add(&work->done[item], 1);
	if ((int)item == work->bad)
		return error_set(err, ERROR_CORRUPT, "item %zu", item);
	usleep(100);
	return 0;
}

static void stop(void *data)
{
	atomic_fetch_add(&((struct work *)data)->stops, 1);
}

static void all(int threads)
{
	static struct work work;
	struct jobs jobs = { COUNT, threads, run, stop, &work };
	struct error err = { 0 };
	int once = 0;

	work = (struct work){ .bad = -1 };
	works(jobs_run(&jobs, &err), &err, "all items");
	for (int i = 0; i < COUNT; i++)
		once += work.done[i] == 1;
	is_int(once, COUNT, "  each once");
	is_int(work.stops, 0, "  nothing was stopped");
}

static void failing(int threads)
{
	static struct work work;
	struct jobs jobs = { COUNT, threads, run, stop, &work };
	struct error err = { 0 };

	work = (struct work){ .bad = 5 };
	fails(jobs_run(&jobs, &err), &err, ERROR_CORRUPT, "item 5", "a failing item");
	is_int(work.stops, 1, "  stops the rest, once");
	ok(work.begun < COUNT, "  which is not begun");
	is_int(jobs_run(&jobs, NULL), -1, "  also without an error to fill in");
}

int main(void)
{
	struct jobs none = { .count = 0, .run = run };
	struct error err = { 0 };

	for (int threads = 0; threads < 20; threads += 3) {
		all(threads);
		failing(threads);
	}
	works(jobs_run(&none, &err), &err, "nothing to do");
	return done();
}
