/* A few threads that work off a list: see jobs.h. */
#include "remote/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/interrupt.h"

enum { THREADS_MAX = 16, THREADS_DEFAULT = 4 };

struct shared {
	const struct jobs *jobs;
	pthread_mutex_t lock; /* guards the rest */
	size_t next;
	bool failed;
	struct error first;
};

static bool take(struct shared *shared, size_t *ret)
{
	pthread_mutex_lock(&shared->lock);
	bool more = !shared->failed && shared->next < shared->jobs->count;
	if (more)
		*ret = shared->next++;
	pthread_mutex_unlock(&shared->lock);
	return more;
}

static void fail(struct shared *shared, struct error *err)
{
	pthread_mutex_lock(&shared->lock);
	bool first = !shared->failed;
	shared->failed = true;
	if (first)
		error_move(&shared->first, err);
	pthread_mutex_unlock(&shared->lock);
	if (first && shared->jobs->stop)
		shared->jobs->stop(shared->jobs->data);
	error_clear(err);
}

static void *work(void *data)
{
	struct shared *shared = data;
	size_t item;

	while (take(shared, &item)) {
		struct error err = { 0 };
		if (interrupt_check(&err) < 0 || shared->jobs->run(shared->jobs->data, item, &err) < 0)
			fail(shared, &err);
	}
	return NULL;
}

int jobs_run(const struct jobs *jobs, struct error *err)
{
	struct shared shared = { .jobs = jobs, .lock = PTHREAD_MUTEX_INITIALIZER };
	size_t want = jobs->threads > 0 ? (size_t)jobs->threads : THREADS_DEFAULT, started = 0;
	pthread_t threads[THREADS_MAX];

	want = want > THREADS_MAX ? THREADS_MAX : want;
	want = want > jobs->count ? jobs->count : want;
	/* This thread is one of them; fewer than wanted are fine, too. */
	while (started + 1 < want && pthread_create(&threads[started], NULL, work, &shared) == 0)
		started++;
	work(&shared);
	while (started)
		pthread_join(threads[--started], NULL);
	pthread_mutex_destroy(&shared.lock);
	if (!shared.failed)
		return 0;
	if (err)
		error_move(err, &shared.first);
	else
		error_clear(&shared.first);
	return -1;
}
