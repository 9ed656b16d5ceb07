/* Freezing a container: see freeze.h.
 *
 * The freezer of its cgroup does it where there is one (v1, v2): nobody inside can tell. Otherwise each of its processes is sent SIGSTOP, and
 * again until a walk finds none that runs, since they may fork meanwhile. Signals need no cgroup, which a rootless user and many boards do not
 * have; but a parent inside may see that its child stopped. From outside of the namespace the first process can't refuse the signal either. */
#include "run/freeze.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "run/cgroup.h"
#include "run/processes.h"

enum { ROUNDS = 100 };

/* Returns how many had to be told. */
static int signal_all(int pid, bool freeze, struct error *err)
{
	struct process_row *rows = NULL;
	size_t len = 0;
	int told = 0;

	if (processes_of(pid, &rows, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		if ((strchr("TtZX", rows[i].state) != NULL) != freeze)
			told += kill(rows[i].pid, freeze ? SIGSTOP : SIGCONT) == 0;
	processes_free(rows, len);
	return told;
}

static int too_fast(const struct container *container, struct error *err)
{
	return error_set(err, ERROR_BUSY, "container %s starts processes faster than they can be paused", container_text(container, "Name"));
}

int freeze_container(const struct container *container, int pid, bool freeze, struct error *err)
{
	int frozen = cgroup_freeze(container->id, pid, freeze);

	if (frozen)
		return frozen < 0 ? too_fast(container, err) : 0;
	if (freeze)
		log_info("there is no cgroup freezer for it: its processes get SIGSTOP, which their parents can see");
	for (int round = 0; round < ROUNDS; round++) {
		int told = signal_all(pid, freeze, err);
		if (told <= 0 || !freeze)
			return told < 0 ? -1 : 0;
		usleep(1000);
	}
	signal_all(pid, false, NULL);
	return too_fast(container, err);
}
